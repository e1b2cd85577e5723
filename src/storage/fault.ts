import type { Digest, Height } from "../primitives/index.js";

/** What the disk did to us. `path` is the store's directory. */
export type StoreFault =
  /** Another process, or another opening in this one, holds the store. */
  | { readonly code: "STORE_LOCKED"; readonly path: string }
  /** Bytes that were written are gone or differ; they are never served. */
  | { readonly code: "STORE_CORRUPT"; readonly path: string; readonly detail: string; readonly height?: Height }
  /** No space, or the quota is used up. */
  | { readonly code: "STORE_FULL"; readonly path: string }
  | { readonly code: "STORE_IO"; readonly path: string; readonly detail: string }
  /** Written by a version of this program with another layout. */
  | { readonly code: "STORE_VERSION"; readonly path: string; readonly want: number; readonly got: number }
  /** Belongs to another chain. */
  | { readonly code: "STORE_FOREIGN"; readonly path: string; readonly want: Digest; readonly got: Digest }
  | { readonly code: "STORE_MISSING"; readonly path: string }
  /** Used after `close`. */
  | { readonly code: "STORE_CLOSED"; readonly path: string };

/** The disk let us down. Match on `fault.code`, which is stable; the message is a sentence for operators. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly fault: StoreFault;

  constructor(fault: StoreFault, options?: ErrorOptions) {
    super(describe(fault), options);
    this.fault = fault;
  }
}

function describe(fault: StoreFault): string {
  switch (fault.code) {
    case "STORE_LOCKED":
      return `the store ${fault.path} is in use by another process`;
    case "STORE_CORRUPT":
      return `the store ${fault.path} is damaged: ${fault.detail}${fault.height === undefined ? "" : ` (height ${fault.height})`}`;
    case "STORE_FULL":
      return `no space is left for the store ${fault.path}`;
    case "STORE_IO":
      return `the store ${fault.path} failed: ${fault.detail}`;
    case "STORE_VERSION":
      return `the store ${fault.path} has layout ${fault.got}, this program reads ${fault.want}`;
    case "STORE_FOREIGN":
      return `the store ${fault.path} belongs to chain ${fault.got}, not ${fault.want}`;
    case "STORE_MISSING":
      return `there is no store at ${fault.path}`;
    case "STORE_CLOSED":
      return `the store ${fault.path} is closed`;
  }
}

/** Bytes that do not say what was written. */
export function corrupt(path: string, detail: string, height?: Height): StoreError {
  return new StoreError({ code: "STORE_CORRUPT", path, detail, ...(height === undefined ? {} : { height }) });
}

/**
 * Turns what the file system or LevelDB threw into a fault. LevelDB's codes lie on the cause when opening
 * failed, and its full disk is known by its message only.
 *
 * @throws what it was given if that is no failure of the machine but a mistake of ours
 */
export function classify(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const chain: Error[] = [];
  for (let link = error; link instanceof Error && chain.length < 8; link = link.cause) chain.push(link);
  const codes = chain.map((link) => (link as NodeJS.ErrnoException).code).filter((code) => typeof code === "string");
  if (codes.length === 0) throw error;
  const detail = chain[chain.length - 1]?.message ?? "unknown";
  const options = { cause: error };
  if (codes.includes("LEVEL_LOCKED")) return new StoreError({ code: "STORE_LOCKED", path }, options);
  const full = /no space left|quota exceeded/i;
  if (codes.some((code) => code === "ENOSPC" || code === "EDQUOT") || chain.some((link) => full.test(link.message))) {
    return new StoreError({ code: "STORE_FULL", path }, options);
  }
  // A directory is made before it is used, so a file that is not there was lost.
  const damaged = /^Corruption|no such file/i;
  if (
    codes.includes("LEVEL_CORRUPTION") ||
    codes.includes("ENOENT") ||
    chain.some((link) => damaged.test(link.message))
  ) {
    return new StoreError({ code: "STORE_CORRUPT", path, detail }, options);
  }
  return new StoreError({ code: "STORE_IO", path, detail }, options);
}

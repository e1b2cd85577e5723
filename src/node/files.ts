import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { HomeError } from "./home-error.js";

/** Which file, and what it is to the reader of an error. */
export interface FileName {
  readonly path: string;
  readonly what: string;
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "unknown error";

/** The bytes of a file of at most `bytesMax`. */
export function readBounded(file: FileName, bytesMax: number): Uint8Array {
  try {
    if (statSync(file.path).size > bytesMax) {
      throw new HomeError({ code: "FILE_UNREADABLE", ...file, detail: `it is longer than ${bytesMax} bytes` });
    }
    return readFileSync(file.path);
  } catch (error) {
    if (error instanceof HomeError) throw error;
    if (codeOf(error) === "ENOENT") throw new HomeError({ code: "FILE_MISSING", ...file }, { cause: error });
    throw new HomeError({ code: "FILE_UNREADABLE", ...file, detail: codeOf(error) }, { cause: error });
  }
}

/** Like `readBounded`, for a secret: a file that its group or everybody can read is refused. */
export function readSecret(file: FileName, bytesMax: number): Uint8Array {
  const bytes = readBounded(file, bytesMax);
  if ((statSync(file.path).mode & 0o077) !== 0) throw new HomeError({ code: "FILE_EXPOSED", ...file });
  return bytes;
}

/** Creates a file that is not there yet, for its owner alone, and waits until the disk has it. */
export function createFile(file: FileName, content: string | Uint8Array): void {
  try {
    writeSynced(file.path, "wx", content);
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw new HomeError({ code: "FILE_EXISTS", ...file }, { cause: error });
    throw new HomeError({ code: "FILE_UNWRITABLE", ...file, detail: codeOf(error) }, { cause: error });
  }
}

/** Replaces a file as a whole: after a crash either the old or the new content is there. */
export function replaceFile(file: FileName, content: string | Uint8Array): void {
  try {
    writeSynced(`${file.path}.new`, "w", content);
    renameSync(`${file.path}.new`, file.path);
    syncDirectory(dirname(file.path));
  } catch (error) {
    throw new HomeError({ code: "FILE_UNWRITABLE", ...file, detail: codeOf(error) }, { cause: error });
  }
}

/** Creates a directory, and those above it, for its owner alone. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new HomeError(
      { code: "FILE_UNWRITABLE", path, what: "a directory", detail: codeOf(error) },
      { cause: error },
    );
  }
}

function writeSynced(path: string, flag: "wx" | "w", content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  const descriptor = openSync(path, flag, 0o600);
  try {
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(descriptor, bytes, offset);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  syncDirectory(dirname(path));
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

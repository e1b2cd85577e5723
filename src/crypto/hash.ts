import { hash } from "node:crypto";
import type { Sha256 } from "./interface.js";

/** SHA-256 by OpenSSL. The digest has a buffer of its own. */
export const sha256: Sha256 = (bytes) => {
  const digest = hash("sha256", bytes, "buffer");
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength);
};

/**
 * The same bytes outside shared memory: native addons may read another thread's memory wrongly or
 * while it changes, so views of a SharedArrayBuffer are copied first.
 */
export const unshared = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer instanceof SharedArrayBuffer ? new Uint8Array(bytes) : bytes;

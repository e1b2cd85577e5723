import { closeSync, fsyncSync, openSync, readSync, writev, writevSync } from "node:fs";
import { promisify } from "node:util";

const writevAsync = promisify(writev);

/** Makes the names in a directory durable. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A write may be short, near a full disk for example; the rest then either goes through or says why not. */
export async function writeAll(fd: number, parts: readonly Uint8Array[], position: number): Promise<void> {
  let rest = parts.filter((part) => part.length > 0);
  let offset = position;
  while (rest.length > 0) {
    const { bytesWritten } = await writevAsync(fd, rest, offset);
    offset += bytesWritten;
    rest = skipBytes(rest, bytesWritten);
  }
}

/** `writeAll` for few bytes, which the kernel takes sooner than a thread would. */
export function writeAllNow(fd: number, parts: readonly Uint8Array[], position: number): void {
  for (let rest = parts, offset = position; rest.length > 0; ) {
    const written = writevSync(fd, rest as Uint8Array[], offset);
    offset += written;
    rest = skipBytes(rest, written);
  }
}

function skipBytes(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const rest: Uint8Array[] = [];
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return rest;
}

/** Reads until the buffer is full or the file ends; returns the bytes read. */
export function readFully(fd: number, buffer: Uint8Array, position: number): number {
  let done = 0;
  while (done < buffer.length) {
    const count = readSync(fd, buffer, done, buffer.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

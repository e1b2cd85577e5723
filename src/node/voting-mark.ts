import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createFile, type FileName, readBounded } from "./files.js";

const MARK_BYTES_MAX = 256;

/**
 * Decides whether a consensus key may vote (SAFE-11). A key that may have voted must not vote without
 * the record of what it said: if its data are gone, only a new key, or an operator who knows that nothing
 * was signed and removes `keys/consensus.voted`, may go on.
 *
 * A name for the data is drawn when they are made, and kept beside the data and beside the key, both
 * durable before the first vote: a key whose data have another name, or none, has lost its record.
 *
 * @param data the data directory, which exists
 * @throws {HomeError} FILE_UNWRITABLE, FILE_UNREADABLE
 */
export function mayVote(home: string, data: string): boolean {
  const name = { path: join(data, "name"), what: "the name of these data" };
  const mark = { path: join(home, "keys", "consensus.voted"), what: "the name of the data with which this key votes" };
  if (existsSync(mark.path)) return existsSync(name.path) && read(name) === read(mark);
  if (!existsSync(name.path)) createFile(name, `${randomBytes(16).toString("hex")}\n`);
  createFile(mark, `${read(name)}\n`);
  return true;
}

const read = (file: FileName): string => new TextDecoder().decode(readBounded(file, MARK_BYTES_MAX)).trim();

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createFile, type FileName, readBounded, replaceFile } from "./files.js";

/** Room for the keys that one bank may have in a lifetime. */
const MARK_BYTES_MAX = 65_536;

/**
 * Decides whether a consensus key may vote (SAFE-11). A key that may have voted must not vote without
 * the record of what it said: if its data are gone, only a new key, or an operator who knows that nothing
 * was signed and removes `keys/consensus.voted`, may go on.
 *
 * A name for the data is drawn when they are made, and kept beside the data and, with each key that votes with them,
 * beside the keys, both durable before the first vote: a key whose data have another name, or none, has lost its record.
 * A key that is new in this home has nothing to lose, and earlier ones stay marked.
 *
 * @param data the data directory, which exists
 * @param publicKey of the key in use, hex
 * @throws {HomeError} FILE_UNWRITABLE, FILE_UNREADABLE
 */
export function mayVote(home: string, data: string, publicKey: string): boolean {
  const name = { path: join(data, "name"), what: "the name of these data" };
  const mark = { path: join(home, "keys", "consensus.voted"), what: "the names of the data with which keys vote here" };
  const marks = existsSync(mark.path) ? read(mark).split("\n") : [];
  const own = marks.map((line) => line.split(" ")).find(([, key]) => key === undefined || key === publicKey);
  if (own !== undefined) return existsSync(name.path) && read(name) === own[0];
  if (!existsSync(name.path)) createFile(name, `${randomBytes(16).toString("hex")}\n`);
  replaceFile(mark, [...marks, `${read(name)} ${publicKey}`, ""].join("\n"));
  return true;
}

const read = (file: FileName): string => new TextDecoder().decode(readBounded(file, MARK_BYTES_MAX)).trim();

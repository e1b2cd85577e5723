import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { CommandFailure } from "./failure.js";

/** Parses an option that is a whole number within bounds. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = /^(?:0|[1-9][0-9]{0,15})$/u.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };

/** Parses an option that is a list of names with commas. */
export function nameList(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.some((name) => name === "")) throw new InvalidArgumentError("It must be names with commas between them.");
  return names;
}

/** Parses an option that is one of a closed list of words. */
export const oneOf =
  <const T extends string>(...words: readonly T[]) =>
  (text: string): T => {
    const word = words.find((known) => known === text);
    if (word !== undefined) return word;
    throw new InvalidArgumentError(`It must be ${words.join(" or ")}.`);
  };

/** Certificate schemes that a consortium may choose. */
export const schemeName = oneOf("bls12381", "ed25519");

/** A file that the user named on the command line. */
export function readInput(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === "ENOENT" ? "is not there" : `cannot be read (${code})`;
    throw new CommandFailure(2, `${what} ${path} ${why}`);
  }
}

/** The same as text; a file that is not UTF-8 is refused. */
export function readTextInput(path: string, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readInput(path, what));
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(2, `${what} ${path} is not UTF-8 text`);
  }
}

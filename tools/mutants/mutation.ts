import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One place that changes. The text to search for stands exactly once in its file. */
export interface Edit {
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}

/** Where a mutation is looked for: seeds 1 … `seeds` of the swarm or of a named scenario, or a file of tests. */
export type Look = HistoryLook | TestLook;

export type HistoryLook =
  | { readonly swarm: number; readonly seeds: number }
  | { readonly scenario: string; readonly validators?: number; readonly seeds: number };

/** For rules of the ledger that drawn work meets too seldom. */
export interface TestLook {
  readonly test: string;
  readonly seeds: 1;
}

export const isTest = (look: Look): look is TestLook => "test" in look;
export const isHistory = (look: Look): look is HistoryLook => !isTest(look);

/** The same look, longer or shorter; a file of tests is one. */
export const withSeeds = (look: Look, seeds: number): Look => (isTest(look) ? look : { ...look, seeds });

/** One rule taken out of our own code. */
export interface Mutation {
  readonly name: string;
  /** Number of the rule (docs/protocol.md, src/ledger/index.ts). */
  readonly rule: string;
  readonly edits: readonly Edit[];
  /** In this order, until one history breaks a checked rule. */
  readonly looks: readonly Look[];
}

/** A change after which nothing that anybody can see is different, and why. */
export interface EquivalentMutation extends Omit<Mutation, "looks"> {
  readonly because: string;
}

/** A mutation that no longer fits the code that it was written for. */
export class MutationError extends Error {
  override readonly name = "MutationError";
}

/** @throws {MutationError} unless the searched text stands in the file exactly once and would change */
export function edited(source: string, { file, search, replace }: Edit, mutation: string): string {
  const found = source.split(search).length - 1;
  if (found !== 1) throw new MutationError(`${mutation}: ${found} places in ${file} read ${JSON.stringify(search)}`);
  if (search === replace) throw new MutationError(`${mutation}: changes nothing in ${file}`);
  return source.replace(search, () => replace);
}

/** The files of a tree with all edits made; nothing is written. @throws {MutationError} */
export function mutatedFiles(root: string, { name, edits }: Pick<Mutation, "name" | "edits">): Map<string, string> {
  const files = new Map<string, string>();
  for (const edit of edits) {
    const source = files.get(edit.file) ?? readFileSync(join(root, edit.file), "utf8");
    files.set(edit.file, edited(source, edit, name));
  }
  return files;
}

/** Makes the edits in a tree. @returns a function that takes them back */
export function mutate(root: string, mutation: Pick<Mutation, "name" | "edits">): () => void {
  const mutated = mutatedFiles(root, mutation);
  const originals = [...mutated.keys()].map((file) => [file, readFileSync(join(root, file), "utf8")] as const);
  for (const [file, source] of mutated) writeFileSync(join(root, file), source);
  return () => {
    for (const [file, source] of originals) writeFileSync(join(root, file), source);
  };
}

export function lookName(look: Look): string {
  if (isTest(look)) return look.test;
  if ("swarm" in look) return `swarm of ${look.swarm}`;
  return `${look.scenario}${look.validators === undefined ? "" : ` of ${look.validators}`}`;
}

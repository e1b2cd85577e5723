import type { Rulebook } from "../formats/index.js";
import { rulebookFaults } from "../ledger/index.js";

/**
 * Everything that speaks against a rulebook by itself, a sentence each: what the ledger refuses, and names that mean
 * two things. Whether it fits the accounts and participants of a ledger only that ledger can say.
 */
export const rulebookProblems = (rulebook: Rulebook): readonly string[] => [
  ...rulebookFaults(rulebook),
  ...ambiguousNames(rulebook),
];

/** People name assets and rails by word: a word must mean one of them. */
export function ambiguousNames(rulebook: Rulebook): readonly string[] {
  const words = [
    ...rulebook.assets.map(({ code }) => `asset ${code}`),
    ...rulebook.rails.map(({ name }) => `rail ${name}`),
  ];
  return words.filter((word, index) => words.indexOf(word) !== index).map((word) => `${word} is listed twice`);
}

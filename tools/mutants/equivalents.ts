import type { EquivalentMutation } from "./mutation.js";

/** Each is made nowhere: the sentence says what takes its place. */
export const EQUIVALENTS: readonly EquivalentMutation[] = [
  {
    name: "votes-below-the-record",
    rule: "SAFE-3",
    edits: [
      {
        file: "src/consensus/signer.ts",
        search: "if (subject.epoch !== record.epoch || subject.view !== record.view) return false;",
        replace: "",
      },
    ],
    because:
      "a replica votes in its current view only, which never lies below the record's; the core asserts it after each event",
  },
];

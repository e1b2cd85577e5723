import { describe, expect, test } from "vitest";
import type { SafetyRecord } from "../../../src/consensus/index.js";
import { allows, recordedVotes, withVote } from "../../../src/consensus/signer.js";
import type { VoteKind, VoteSubject } from "../../../src/formats/index.js";
import { epoch, view, ZERO_DIGEST } from "../../../src/primitives/index.js";
import { digest } from "./core-cluster.js";

const A = digest("block A");
const B = digest("block B");
const vote = (kind: VoteKind, at: number, hash = A, inEpoch = 0): VoteSubject => ({
  kind,
  epoch: epoch(inEpoch),
  view: view(at),
  hash: kind === "TIMEOUT" ? ZERO_DIGEST : hash,
});
const after = (...votes: readonly VoteSubject[]): SafetyRecord | undefined =>
  votes.reduce<SafetyRecord | undefined>((record, next) => withVote(record, next), undefined);

describe("SAFE-3: what a record lets a validator sign", () => {
  const table: readonly (readonly [string, readonly VoteSubject[], VoteSubject, boolean])[] = [
    ["the first vote of all", [], vote("PREPARE", 5), true],
    ["COMMIT after PREPARE for the same block", [vote("PREPARE", 5)], vote("COMMIT", 5), true],
    ["COMMIT without PREPARE", [], vote("COMMIT", 5), true],
    ["TIMEOUT after PREPARE", [vote("PREPARE", 5)], vote("TIMEOUT", 5), true],
    ["PREPARE after TIMEOUT", [vote("TIMEOUT", 5)], vote("PREPARE", 5), true],
    ["PREPARE twice", [vote("PREPARE", 5)], vote("PREPARE", 5), false],
    ["PREPARE for another block", [vote("PREPARE", 5)], vote("PREPARE", 5, B), false],
    ["COMMIT for another block than PREPARE's", [vote("PREPARE", 5)], vote("COMMIT", 5, B), false],
    ["PREPARE for another block than COMMIT's", [vote("COMMIT", 5)], vote("PREPARE", 5, B), false],
    ["COMMIT after TIMEOUT", [vote("TIMEOUT", 5)], vote("COMMIT", 5), false],
    ["TIMEOUT after COMMIT", [vote("COMMIT", 5)], vote("TIMEOUT", 5), false],
    ["attack 23: any vote in an earlier view", [vote("PREPARE", 5)], vote("TIMEOUT", 4), false],
    ["a vote in a later view after everything", [vote("PREPARE", 5), vote("COMMIT", 5)], vote("TIMEOUT", 6), true],
    ["a low view of a later epoch", [vote("COMMIT", 5)], vote("PREPARE", 1, B, 1), true],
    ["attack 24: a high view of an earlier epoch", [vote("COMMIT", 1, A, 1)], vote("PREPARE", 9, A, 0), false],
  ];
  test.each(table)("%s", (_name, before, next, allowed) => {
    expect(allows(after(...before), next)).toBe(allowed);
  });

  test("a new view starts an empty record", () => {
    expect(after(vote("PREPARE", 5), vote("COMMIT", 5), vote("TIMEOUT", 6))).toEqual({
      epoch: 0,
      view: 6,
      hash: undefined,
      prepared: false,
      committed: false,
      timedOut: true,
    });
  });

  test("LIVE-4: the record gives back exactly the votes that were cast", () => {
    const cast = [vote("PREPARE", 5), vote("COMMIT", 5)];
    expect(recordedVotes(after(...cast) as SafetyRecord)).toEqual(cast);
    const left = [vote("PREPARE", 7), vote("TIMEOUT", 7)];
    expect(recordedVotes(after(...left) as SafetyRecord)).toEqual(left);
  });
});

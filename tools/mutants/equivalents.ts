import type { EquivalentMutation } from "./mutation.js";

/** Not looked for: each reason says what else stands in the way, or that time alone is lost. */
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
  {
    name: "restart-in-a-view-below-the-record",
    rule: "SAFE-11",
    edits: [
      {
        file: "src/consensus/state.ts",
        search: "Math.max(state.head.view + 1, viewOfRecord(state))",
        replace: "state.head.view + 1",
      },
    ],
    because: "the certificate with which that view was entered is durable with the record, and leads to the same view",
  },
  {
    name: "parent-below-the-head",
    rule: "SAFE-5",
    edits: [
      {
        file: "src/consensus/proposals.ts",
        search:
          'if (header.parentView < state.head.view) return { type: "refuse", reason: "it forks before the finalised head" };',
        replace: "",
      },
    ],
    because:
      "the walk from the parent to the head finds the conflict by itself; this answer needs no blocks to be fetched",
  },
  {
    name: "signers-beyond-the-set-accepted",
    rule: "SAFE-2",
    edits: [
      {
        file: "src/formats/certificate.ts",
        search: "if (n < 32 && certificate.signers >= 2 ** n) return undefined;",
        replace: "",
      },
    ],
    because: "each scheme refuses signers without a key; this keeps the padded bitmap away from all arithmetic",
  },
  {
    name: "ledger-reads-batches-of-other-chains",
    rule: "LEDG-3",
    edits: [
      {
        file: "src/ledger/ledger.ts",
        search: "if (!parsed.ok || parsed.header.chainId !== this.#chainId) return undefined;",
        replace: "if (!parsed.ok) return undefined;",
      },
    ],
    because: "no pool takes such a batch, and nobody votes for what it does not hold; the ledger does not rely on it",
  },
  {
    name: "domain-tag-of-votes",
    rule: "SAFE-2",
    edits: [
      {
        file: "src/formats/certificate.ts",
        search: 'const VOTE_TAG = utf8("sabha/vote/1");',
        replace: 'const VOTE_TAG = utf8("");',
      },
    ],
    because:
      "no other signed bytes of this version have a vote's form and length; the tag keeps it so for kinds still to come",
  },
  {
    name: "missing-certificates-not-fetched",
    rule: "LIVE-5",
    edits: [
      {
        file: "src/replica/fetcher.ts",
        search: 'if (to !== undefined) this.#send(to, { type: "get-certificates", first, last });',
        replace: "void to;\n    void first;\n    void last;",
      },
    ],
    because:
      "time alone is lost: status, votes and headers carry them too, and who lacks one gives up its own turns only",
  },
  {
    name: "own-proposal-not-repeated",
    rule: "LIVE-3",
    edits: [
      {
        file: "src/consensus/step.ts",
        search: "if (candidate?.block.hash === subject.hash) {",
        replace: "if (candidate?.block.hash === subject.hash && state.pace.currentAtLastTick !== subject.view) {",
      },
    ],
    because: "time alone is lost: the leader's own TIMEOUT ends the view for all",
  },
  {
    name: "unvoted-candidate-dropped",
    rule: "LIVE-5",
    edits: [
      {
        file: "src/consensus/progress.ts",
        search: "if (candidate?.block.hash !== certificate.hash) return undefined;",
        replace:
          "if (candidate?.block.hash !== certificate.hash || !step.state.blocks.has(certificate.hash)) return undefined;",
      },
    ],
    because: "time alone is lost: the block is fetched from those that signed its certificate",
  },
  {
    name: "ranges-not-linked",
    rule: "SYNC-1",
    edits: [
      {
        file: "src/sync/range-sync.ts",
        search: "if (hash !== undefined && block.header.parentHash !== hash) return",
        replace: "if (hash === block.hash) return",
      },
    ],
    because:
      "agreement walks back by hash from the block that the verified proof names; what it does not meet is never used",
  },
  {
    name: "range-proof-of-another-block",
    rule: "SYNC-1",
    edits: [
      {
        file: "src/sync/range-sync.ts",
        search: "proof.commit.hash === proven.hash ?",
        replace: "proof.commit.hash.length === proven.hash.length ?",
      },
    ],
    because: "agreement makes final what the verified proof names, whichever blocks come with it",
  },
  {
    name: "old-candidates-not-forgotten",
    rule: "SAFE-9",
    edits: [
      {
        file: "src/consensus/progress.ts",
        search: "for (const view of state.candidates.keys()) if (view <= head.view) state.candidates.delete(view);",
        replace: "",
      },
    ],
    because: "entering the next view drops them too",
  },
];

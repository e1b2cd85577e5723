import { type AgreementMessage, type Block, decodeMessage, type Message } from "../../consensus/index.js";
import { sha256 } from "../../crypto/index.js";
import type { Certificate, VoteSubject } from "../../formats/index.js";
import type { Digest, ValidatorIndex, View } from "../../primitives/index.js";
import { type Contents, certificateKey, hasEntryInto, isBehindHead } from "../store-contents.js";
import type { Violations } from "./violations.js";

/** What one honest validator has said in one view, over all its lives. */
interface Said {
  prepare: Digest | undefined;
  commit: Digest | undefined;
  hasTimedOut: boolean;
}

/** Honest votes of one view. */
interface ViewVotes {
  readonly prepares: Map<Digest, Set<number>>;
  readonly commits: Map<Digest, Set<number>>;
  readonly timeouts: Set<number>;
}

const NOBODY: ReadonlySet<number> = new Set();

export interface VoteRulesOptions {
  /** Votes and certificates of other epochs are somebody else's to judge. */
  readonly epoch: number;
  readonly validators: number;
  readonly isHonest: (validator: number) => boolean;
  readonly mayVote: (validator: number) => boolean;
  readonly violations: Violations;
}

/**
 * docs/protocol.md, invariants 2 to 6, restated over the frames that leave machines: this knows the
 * protocol's words, and nothing of how the replica decides.
 */
export class VoteRules {
  readonly #options: VoteRulesOptions;
  readonly #quorum: number;
  /** Byzantine validators there really are. */
  readonly #liars: number;
  readonly #said: Map<View, Said>[];
  readonly #views = new Map<View, ViewVotes>();
  readonly #blocks = new Map<Digest, Block>();
  readonly #checkedCertificates = new Set<string>();
  /** Block of the PrepareQC and of the CommitQC of a view, and whether it has a TC, as honest machines passed them on. */
  readonly #certified = new Map<View, { PREPARE?: Digest; COMMIT?: Digest; TIMEOUT?: Digest }>();
  #lastFrame: Uint8Array | undefined;

  constructor(options: VoteRulesOptions) {
    this.#options = options;
    const n = options.validators;
    const tolerated = Math.floor((n - 1) / 3);
    this.#quorum = Math.ceil((n + tolerated + 1) / 2);
    this.#liars = Array.from({ length: n }, (_, index) => index).filter((index) => !options.isHonest(index)).length;
    this.#said = Array.from({ length: n }, () => new Map());
  }

  /** A block that left a machine or became final, for whoever asks by hash. */
  block(hash: Digest): Block | undefined {
    return this.#blocks.get(hash);
  }

  /** A block left a machine before anybody knew the validators of its epoch. */
  learn(block: Block): void {
    this.#blocks.set(block.hash, block);
  }

  /** A frame leaves a machine. Broadcasts come as one frame to each peer and are read once. */
  frameLeft(from: ValidatorIndex, frame: Uint8Array, durable: Contents): void {
    if (this.#lastFrame === frame) return;
    const decoded = decodeMessage(sha256, from, frame);
    this.#lastFrame = frame;
    const isHonest = this.#options.isHonest(from);
    if (!decoded.ok) {
      if (isHonest) this.#options.violations.add("an honest frame decodes", `${from}: ${decoded.fault.detail}`);
      return;
    }
    const message = decoded.value;
    if (message.type === "proposal") this.#blocks.set(message.proposal.block.hash, message.proposal.block);
    if (isHonest) this.#honestMessage(from, message, durable);
  }

  /**
   * A machine calls a block final: a quorum has to have committed to it, or to what it was told of together with it. Its
   * own COMMIT may be the last of them, and leave it only once it is on the disk.
   *
   * @param node its place among the validators; undefined where it only follows
   */
  finalized(node: ValidatorIndex | undefined, last: Block): void {
    const { view } = last.header;
    let voters = this.#votersFor(last);
    // The end of an epoch may be final by an empty block behind it, which is never part of the ledger.
    if (last.header.type === "CLOSING") {
      for (const block of this.#blocks.values()) {
        const others = block.header.closing?.hash === last.hash ? this.#votersFor(block) : NOBODY;
        if (others.size > voters.size) voters = others;
      }
    }
    const isOwnMissing = node !== undefined && this.#options.mayVote(node) && !voters.has(node);
    const count = voters.size + (isOwnMissing ? 1 : 0);
    const rule = "SAFE-2: a final block has a quorum of COMMITs";
    const detail = (): string => `${node}, view ${view}: ${count} honest COMMITs`;
    this.#options.violations.check(count + this.#liars >= this.#quorum, rule, detail);
  }

  #votersFor({ header, hash }: Block): ReadonlySet<number> {
    return this.#views.get(header.view)?.commits.get(hash) ?? NOBODY;
  }

  #honestMessage(from: ValidatorIndex, message: Message, durable: Contents): void {
    switch (message.type) {
      case "proposal": {
        const { block, commitProof } = message.proposal;
        const { epoch, view, parentCertificate, skips } = block.header;
        this.#vote(from, { kind: "PREPARE", epoch, view, hash: block.hash }, durable);
        for (const certificate of [parentCertificate, ...skips, commitProof?.prepare, commitProof?.commit]) {
          if (certificate !== undefined) this.#certificate(from, certificate, durable);
        }
        return;
      }
      case "vote":
        this.#vote(from, message.vote, durable);
        if (message.vote.certificate !== undefined) this.#certificate(from, message.vote.certificate, durable);
        return;
      case "certificate":
      case "commit-proof":
        for (const certificate of certificatesIn(message)) this.#certificate(from, certificate, durable);
        return;
      case "certificates":
        for (const certificate of message.certificates) this.#certificate(from, certificate, durable);
        return;
      default:
        return;
    }
  }

  #vote(from: ValidatorIndex, vote: VoteSubject, durable: Contents): void {
    const { violations, mayVote } = this.#options;
    const { kind, view, hash } = vote;
    const who = (): string => `validator ${from}, view ${view}, ${kind} ${hash.slice(0, 8)}`;
    violations.check(mayVote(from), "SAFE-11: a lost record votes no more", who);
    this.#checkDurable(from, vote, durable);
    const said = this.#saidBy(from, view);
    if (kind === "TIMEOUT") {
      violations.check(said.commit === undefined, "SAFE-3: COMMIT xor TIMEOUT", who);
      said.hasTimedOut = true;
      this.#votesIn(view).timeouts.add(from);
    } else {
      const other = said.prepare ?? said.commit;
      violations.check(other === undefined || other === hash, "SAFE-3: one hash per view", who);
      if (kind === "PREPARE") said.prepare = hash;
      else {
        violations.check(!said.hasTimedOut, "SAFE-3: COMMIT xor TIMEOUT", who);
        said.commit = hash;
      }
      const votes = this.#votesIn(view)[kind === "PREPARE" ? "prepares" : "commits"];
      votes.set(hash, (votes.get(hash) ?? new Set()).add(from));
      if (kind === "PREPARE") this.#checkJustified(from, hash);
    }
    this.#checkView(view);
  }

  /** Invariant 6: what the vote promises is on the disk. */
  #checkDurable(from: ValidatorIndex, { kind, epoch, view, hash }: VoteSubject, durable: Contents): void {
    const { violations } = this.#options;
    const { record } = durable;
    const isCovered =
      record !== undefined &&
      (record.epoch > epoch ||
        (record.epoch === epoch && record.view > view) ||
        (record.epoch === epoch &&
          record.view === view &&
          (kind === "TIMEOUT"
            ? record.timedOut
            : record.hash === hash && (kind === "PREPARE" ? record.prepared : record.committed))));
    const who = (): string => `validator ${from}, view ${view}, ${kind}, record ${JSON.stringify(record)}`;
    violations.check(isCovered, "SAFE-4: the record is durable before the vote leaves", who);
    if (kind === "COMMIT") {
      const isHeld =
        durable.certificates.has(certificateKey({ kind: "PREPARE", epoch, view, hash })) ||
        isBehindHead(durable, { epoch, view });
      violations.check(isHeld, "SAFE-4: the PrepareQC is durable before the COMMIT", who);
    } else {
      violations.check(hasEntryInto(durable, { epoch, view }), "SAFE-4: the entry certificate is durable", who);
    }
    if (kind !== "PREPARE") return;
    const isBlockHeld =
      durable.proposals.has(hash) || durable.heights.has(hash) || isBehindHead(durable, { epoch, view });
    violations.check(isBlockHeld, "SAFE-4: the block is durable before its PREPARE", who);
    for (const { digest } of this.#blocks.get(hash)?.body ?? []) {
      violations.check(durable.batches.has(digest), "SAFE-4: each batch is durable before the PREPARE", who);
    }
  }

  /** L4: certified parent, and exactly one TC for each view between. */
  #checkJustified(from: ValidatorIndex, hash: Digest): void {
    const { violations } = this.#options;
    const header = this.#blocks.get(hash)?.header;
    if (header === undefined) {
      violations.add("a PREPARE is for a block that left its leader", `validator ${from}, ${hash}`);
      return;
    }
    const { epoch, view, parentView, parentHash, parentCertificate, skips, proposer } = header;
    violations.check(
      proposer === (view - 1 + epoch) % this.#options.validators,
      "PACE-3: a PREPARE is for a block of the view's leader",
      () => `validator ${from}, view ${view}, proposer ${proposer}`,
    );
    const isOnParent = parentView === 0 ? parentCertificate === undefined : parentCertificate?.kind === "PREPARE";
    const isOnHash =
      parentCertificate === undefined ||
      (parentCertificate.view === parentView && parentCertificate.hash === parentHash);
    const skipped = skips.map((skip) => (skip.kind === "TIMEOUT" ? skip.view : -1));
    const expected = Array.from({ length: Math.max(0, view - parentView - 1) }, (_, index) => parentView + 1 + index);
    const isComplete = skipped.length === expected.length && skipped.every((at, index) => at === expected[index]);
    violations.check(
      isOnParent && isOnHash && parentView < view && isComplete,
      "SAFE-5: a PREPARE needs a justified block",
      () => `validator ${from}, view ${view}, parent ${parentView}, skips ${skipped.join(",")}`,
    );
  }

  /** Invariants 2, 3 and 4, with every liar's vote added to each side. */
  #checkView(view: View): void {
    const { violations } = this.#options;
    const { prepares, commits, timeouts } = this.#votesIn(view);
    const reach = (votes: ReadonlyMap<Digest, ReadonlySet<number>>): Digest[] =>
      [...votes].filter(([, voters]) => voters.size + this.#liars >= this.#quorum).map(([hash]) => hash);
    const prepared = reach(prepares);
    const committed = reach(commits);
    violations.check(prepared.length <= 1, "SAFE-1: one certifiable block per view", () => `view ${view}`);
    const isSkippable = timeouts.size + this.#liars >= this.#quorum;
    violations.check(
      committed.length === 0 || !isSkippable,
      "SAFE-1: never a CommitQC and a TC of one view",
      () => `view ${view}`,
    );
    for (const hash of commits.keys()) {
      violations.check(prepared.includes(hash), "SAFE-1: a COMMIT needs a PrepareQC", () => `view ${view}`);
    }
  }

  /** No certificate without a quorum of distinct signers, and no honest signer who did not vote. */
  #certificate(from: ValidatorIndex, certificate: Certificate, durable: Contents): void {
    if (certificate.epoch !== this.#options.epoch) return;
    const { kind, view, hash, signers } = certificate;
    const key = `${kind}:${view}:${hash}:${signers}`;
    if (this.#checkedCertificates.has(key)) return;
    this.#checkedCertificates.add(key);
    const { violations, validators, isHonest } = this.#options;
    const who = (): string => `validator ${from} sends ${kind} of view ${view}, signers ${signers.toString(2)}`;
    let count = 0;
    for (let signer = 0; signer < 32; signer += 1) {
      if (((signers >>> signer) & 1) === 0) continue;
      count += 1;
      violations.check(signer < validators, "SAFE-2: signers are members", who);
      if (signer >= validators || !isHonest(signer)) continue;
      if (this.#hasVoted(signer, certificate)) continue;
      // Its own vote may leave inside a certificate first, under the same conditions.
      if (signer === from) this.#vote(from, certificate, durable);
      else violations.add("SAFE-2: honest signers really voted", who());
    }
    violations.check(count >= this.#quorum, "SAFE-2: a certificate has a quorum of signers", who);
    const certified = this.#certified.get(view) ?? {};
    this.#certified.set(view, certified);
    const other = certified[kind];
    violations.check(other === undefined || other === hash, "SAFE-1: one certificate per view and kind", who);
    certified[kind] = hash;
    const { PREPARE, COMMIT, TIMEOUT } = certified;
    violations.check(
      COMMIT === undefined || TIMEOUT === undefined,
      "SAFE-1: never a CommitQC and a TC of one view",
      who,
    );
    const isPair = COMMIT === undefined || PREPARE === undefined || COMMIT === PREPARE;
    violations.check(isPair, "SAFE-1: a CommitQC is on the block of its view's PrepareQC", who);
  }

  #hasVoted(signer: number, { kind, view, hash }: VoteSubject): boolean {
    const votes = this.#views.get(view);
    if (kind === "TIMEOUT") return votes?.timeouts.has(signer) === true;
    return votes?.[kind === "PREPARE" ? "prepares" : "commits"].get(hash)?.has(signer) === true;
  }

  #saidBy(from: ValidatorIndex, view: View): Said {
    const views = this.#said[from] as Map<View, Said>;
    let said = views.get(view);
    if (said === undefined) {
      said = { prepare: undefined, commit: undefined, hasTimedOut: false };
      views.set(view, said);
    }
    return said;
  }

  #votesIn(view: View): ViewVotes {
    let votes = this.#views.get(view);
    if (votes === undefined) {
      votes = { prepares: new Map(), commits: new Map(), timeouts: new Set() };
      this.#views.set(view, votes);
    }
    return votes;
  }
}

function certificatesIn(message: Extract<AgreementMessage, { type: "certificate" | "commit-proof" }>): Certificate[] {
  return message.type === "certificate" ? [message.certificate] : [message.proof.prepare, message.proof.commit];
}

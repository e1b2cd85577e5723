import type { Block } from "../../consensus/index.js";
import { sha256 } from "../../crypto/index.js";
import {
  appendLeaf,
  type Claim,
  type CompactRange,
  EMPTY_RANGE,
  encodeResultLeaf,
  type Genesis,
  genesisValidatorSet,
  hashResultLeaf,
  isSuccess,
  makeValidatorSet,
  parseBatch,
  RESULT,
  RESULT_CODES,
  treeHead,
} from "../../formats/index.js";
import { Ledger, outcomeAt, outcomeCount } from "../../ledger/index.js";
import { type Digest, epoch as toEpoch, toHex } from "../../primitives/index.js";
import type { StoreWrite } from "../../replica/index.js";
import { BalanceReplay } from "./balance-replay.js";
import { EpochRules } from "./epoch-rules.js";
import { ReferenceLedger } from "./reference-ledger/index.js";
import type { Violations } from "./violations.js";

/** How far non-empty blocks may outrun the claimed results; docs/protocol.md. */
const K = 8;
const CLOCK_AHEAD_MS = 500;
/** How long before its end a batch may be ordered. */
const NOT_AFTER_MS = 600_000;

export interface LedgerRulesOptions {
  readonly genesis: Genesis;
  readonly chainId: Digest;
  readonly violations: Violations;
  /** Newest time that a well-set honest clock shows, ms. */
  readonly latestWall: () => number;
  readonly batch: (digest: Digest) => Uint8Array | undefined;
}

type Execution = NonNullable<StoreWrite["executed"]>;

/**
 * docs/protocol.md, invariants 1, 9, 11 and 12, and the ledger's own: one chain, each batch once, claims
 * true, money conserved. The first machine that gets somewhere sets what all others must agree with.
 */
export class LedgerRules {
  readonly #options: LedgerRulesOptions;
  /** The block at height h is at index h − 1. */
  readonly chain: Block[] = [];
  /** Height at which each batch is ordered. */
  readonly ordered = new Map<Digest, number>();
  readonly #leaves: Uint8Array[] = [];
  /** True claims by height. */
  readonly #claims: { readonly resultsRoot: Digest; readonly stateHeight: number; readonly stateRoot: Digest }[] = [];
  #range: CompactRange = EMPTY_RANGE;
  readonly #early: { readonly height: number; readonly claim: Claim }[] = [];
  readonly #replay: BalanceReplay;
  readonly #epochs: EpochRules;
  /** Participants that said that they are ready to validate. */
  readonly #ready = new Set<number>();
  /** Of the validators of the newest block's successor. */
  #setHash: Digest;
  /** Absent once a block orders a batch that nobody handed in. */
  #reference: ReferenceLedger | undefined;
  /** By bank and asset: what it might owe in windows after the block before. */
  readonly #owed = new Map<string, bigint>();
  /** By digest: the codes that its records should have got. */
  readonly codes = new Map<Digest, readonly number[]>();

  constructor(options: LedgerRulesOptions) {
    this.#options = options;
    const first = options.genesis.validators.map(({ participant }) => participant);
    this.#epochs = new EpochRules(options.violations, first);
    this.#replay = new BalanceReplay(options.genesis);
    this.#reference = new ReferenceLedger(options.genesis);
    this.#setHash = genesisValidatorSet(sha256, options.genesis).hash;
  }

  get height(): number {
    return this.chain.length;
  }

  /** Last height whose result anybody waits for: with batches, or with outcomes of the ledger's own. */
  lastEventfulHeight = 0;
  /** Heights at which two honest machines finalised different blocks. */
  readonly forks: number[] = [];

  /** An honest machine finalised these. */
  finalized(node: string, blocks: readonly Block[]): void {
    const { violations } = this.#options;
    for (const block of blocks) {
      const { height } = block.header;
      const known = this.chain[height - 1];
      if (known === undefined && height === this.chain.length + 1) {
        this.#extend(block);
        continue;
      }
      if (known?.hash === block.hash) continue;
      this.forks.push(height);
      violations.add(
        "SAFE-1: one block per height",
        `${node} finalises ${block.hash} at ${height}, not ${known?.hash}`,
      );
    }
  }

  #extend(block: Block): void {
    const { violations, chainId, genesis, latestWall } = this.#options;
    const { header, body } = block;
    const parent = this.chain[this.chain.length - 1];
    const at = (): string => `height ${header.height}, view ${header.view}, proposer ${header.proposer}`;
    violations.check(header.parentHash === (parent?.hash ?? chainId), "SAFE-1: blocks are linked by hash", at);
    const isNewEpoch = header.epoch > (parent?.header.epoch ?? 0);
    violations.check(
      isNewEpoch || header.view > (parent?.header.view ?? 0),
      "SAFE-1: views ascend along the ledger",
      at,
    );
    this.#epochs.extend(header, parent?.header);
    const before = parent?.header.timestamp ?? genesis.timestamp;
    violations.check(header.timestamp > before, "SAFE-6: timestamps ascend", at);
    violations.check(
      header.timestamp <= latestWall() + CLOCK_AHEAD_MS,
      "SAFE-7: timestamps are vouched by honest clocks",
      () => `${at()}: ${header.timestamp} where clocks show ${latestWall()}`,
    );
    const claimed = parent?.header.executed.height ?? 0;
    violations.check(header.executed.height >= claimed, "SAFE-8: claims never fall", at);
    violations.check(header.executed.height < header.height, "SAFE-8: claims are about ancestors", at);
    violations.check(
      body.length === 0 || header.height - header.executed.height <= K,
      "SAFE-8: batches outrun results by at most K",
      at,
    );
    violations.check(
      header.chainId === chainId && header.valsetHash === this.#setHash,
      "SAFE-6: a block names its chain and the validators of its epoch",
      at,
    );
    if (header.nextSet !== undefined) {
      this.#setHash = makeValidatorSet(sha256, toEpoch(header.epoch + 1), header.nextSet).hash;
    }
    this.#checkBatches(block, at);
    for (const { digest } of body) {
      const earlier = this.ordered.get(digest);
      violations.check(
        earlier === undefined,
        "LEDG-1: a batch is ordered once",
        () => `${digest} at ${earlier} and ${header.height}`,
      );
      this.ordered.set(digest, header.height);
    }
    this.chain.push(block);
    if (body.length > 0) this.lastEventfulHeight = header.height;
    this.#checkClaim(header.height, header.executed);
  }

  /** What is ordered was handed in, is as long as the block says, and is ordered in its time. */
  #checkBatches({ header, body }: Block, at: () => string): void {
    const { violations, batch } = this.#options;
    for (const { digest, size } of body) {
      const bytes = batch(digest);
      if (bytes === undefined) continue;
      violations.check(bytes.length === size, "SAFE-6: a batch has the size that its block states", at);
      const parsed = parseBatch(bytes);
      if (!parsed.ok) continue;
      const aheadMs = parsed.header.notAfter - header.timestamp;
      violations.check(aheadMs >= 0 && aheadMs <= NOT_AFTER_MS, "SAFE-6: a batch is ordered in its time", at);
    }
  }

  /** A certified claim is true, now or as soon as somebody executed so far. */
  #checkClaim(height: number, claim: Claim): void {
    if (claim.height === 0) return;
    const own = this.#claims[claim.height - 1];
    if (own === undefined) {
      this.#early.push({ height, claim });
      return;
    }
    this.#options.violations.check(
      own.resultsRoot === claim.resultsRoot &&
        own.stateHeight === claim.stateHeight &&
        own.stateRoot === claim.stateRoot,
      "SAFE-8: every certified claim is the true result",
      () => `the header at ${height} claims other roots for ${claim.height}`,
    );
  }

  /** An honest machine executed a block; its ledger stands right after it. */
  executed(node: string, execution: Execution, ledger: Ledger): void {
    const { violations } = this.#options;
    const { leaf, outcomes } = execution;
    const { height } = leaf;
    const bytes = encodeResultLeaf(leaf);
    const known = this.#leaves[height - 1];
    const block = this.chain[height - 1];
    violations.check(block?.hash === leaf.blockHash, "a result is of the final block", () => `${node} at ${height}`);
    for (const totals of ledger.conservation()) {
      const isBalanced =
        totals.debitsPosted === totals.creditsPosted &&
        totals.debitsPending === totals.creditsPending &&
        totals.issued === totals.settlement &&
        totals.owed === totals.due;
      violations.check(isBalanced, "LEDG-2: money is conserved", () => `${node} at ${height}, asset ${totals.asset}`);
    }
    if (known !== undefined) {
      const isSame = known.length === bytes.length && known.every((byte, index) => byte === bytes[index]);
      violations.check(isSame, "equal results at equal heights", () => `${node} at ${height}`);
      return;
    }
    if (height !== this.#leaves.length + 1 || block === undefined) return;
    this.#firstResult(execution, bytes);
    this.#epochs.executed(ledger.nextSet, this.#ready);
    this.#book(block, outcomes);
    this.#judge(block, outcomes);
    this.#compareWindows(ledger);
    const difference = this.#replay.difference(ledger);
    violations.check(difference === undefined, "balances follow from result codes", () => `${height}: ${difference}`);
  }

  #firstResult({ leaf }: Execution, bytes: Uint8Array): void {
    this.#leaves.push(bytes);
    if (leaf.leafCount > 0) this.lastEventfulHeight = Math.max(this.lastEventfulHeight, leaf.height);
    this.#range = appendLeaf(sha256, this.#range, hashResultLeaf(sha256, leaf));
    const { stateHeight, stateRoot } = leaf;
    this.#claims.push({ resultsRoot: toHex(treeHead(sha256, this.#range)) as Digest, stateHeight, stateRoot });
    for (const { height, claim } of this.#early.filter((early) => early.claim.height === leaf.height)) {
      this.#checkClaim(height, claim);
    }
  }

  /** Every outcome is what the rules say of it, in their order, and there are no others (LEDG-4 … 48). */
  #judge(block: Block, outcomes: Uint8Array): void {
    const { violations } = this.#options;
    const batches = block.body.map(({ digest }) => this.#options.batch(digest));
    const known = batches.filter((bytes) => bytes !== undefined);
    if (known.length < batches.length) this.#reference = undefined;
    if (this.#reference === undefined) return;
    const { height, timestamp, epoch } = block.header;
    const stateRoot = this.#rootBefore(height);
    const results = this.#reference.execute({ timestamp, height, epoch, stateRoot }, known);
    for (const [index, { digest }] of block.body.entries())
      this.codes.set(
        digest,
        (results[index] ?? []).map((name) => RESULT[name]),
      );
    const expected = this.#reference.outcomes;
    const count = outcomeCount(outcomes);
    violations.check(
      count === expected.length,
      "LEDG-19: one outcome for each id used, account opened and expiry",
      () => `height ${height}: ${count} where ${expected.length} are due`,
    );
    for (const [index, due] of expected.entries()) {
      const outcome = outcomeAt(outcomes, index, (batch) => known[batch] as Uint8Array);
      const { code, participant, batchIndex, recordIndex, amount } = outcome ?? {};
      const dueCode = RESULT[due.result];
      const isDue =
        code === dueCode &&
        participant === due.participant &&
        batchIndex === due.batchIndex &&
        recordIndex === due.recordIndex &&
        (amount === due.amount || !isSuccess(dueCode));
      if (isDue) continue;
      const name = RESULT_CODES[code ?? -1]?.name ?? "nothing";
      violations.add(
        "LEDG-7: results are what the rules say",
        `height ${height}, outcome ${index}: ${name} of ${amount} where ${due.result} of ${due.amount} is due`,
      );
      return;
    }
  }

  /** Root of the state at the newest checkpoint below a height that was just executed. */
  #rootBefore(height: number): string {
    const newest = this.#claims.slice(-2).findLast(({ stateHeight }) => stateHeight < height);
    if (newest !== undefined) return newest.stateRoot;
    // The first block is a checkpoint itself.
    const { genesis, chainId } = this.#options;
    return Ledger.fromGenesis(genesis, chainId).stateRoot;
  }

  /** What banks owe in windows, how far they may, and when something is due of itself. */
  #compareWindows(ledger: Ledger): void {
    const reference = this.#reference;
    if (reference === undefined) return;
    const { violations } = this.#options;
    for (const { participant, asset, exposure, reserve, cap } of ledger.positions()) {
      const owed = reference.exposure(participant, asset);
      const who = (): string => `bank ${participant} at ${ledger.height}: ${exposure}, ${owed} is due, cap ${cap}`;
      violations.check(exposure === owed, "LEDG-22: what a bank may owe follows from its payments", who);
      violations.check(owed <= reserve, "LEDG-22: what a bank may owe never exceeds its reserve", who);
      violations.check(cap === reference.capOf(participant, asset), "LEDG-22: caps are the rulebook's", who);
      const before = this.#owed.get(`${participant}/${asset}`) ?? 0n;
      const isWithin = cap === undefined || owed <= cap || owed <= before;
      violations.check(isWithin, "LEDG-22: what a bank may owe never grows beyond its cap", who);
      this.#owed.set(`${participant}/${asset}`, owed);
    }
    const [deadline, due] = [ledger.nextDeadline(), reference.nextDeadline];
    violations.check(
      deadline === due,
      "LEDG-4: it is known when something is due of itself",
      () => `${deadline} at ${ledger.height}, where it is ${due}`,
    );
  }

  #book(block: Block, outcomes: Uint8Array): void {
    const batchAt = (index: number): Uint8Array =>
      this.#options.batch(block.body[index]?.digest as Digest) ?? new Uint8Array(0);
    const count = outcomeCount(outcomes);
    for (let index = 0; index < count; index += 1) {
      const outcome = outcomeAt(outcomes, index, batchAt);
      if (outcome === undefined) continue;
      this.#replay.apply(outcome, batchAt);
      if (outcome.subject === "ready" && isSuccess(outcome.code)) this.#ready.add(outcome.participant);
    }
  }
}

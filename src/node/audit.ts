import { certificateScheme, ed25519, sha256 } from "../crypto/index.js";
import {
  appendLeaf,
  BATCH_HEADER_BYTES,
  type Body,
  batchDigest,
  batchesRoot,
  blockHash,
  type Claim,
  type CompactRange,
  chainIdOf,
  EMPTY_RANGE,
  type Genesis,
  genesisValidatorSet,
  type Header,
  type HistoryBlock,
  hashResultLeaf,
  makeValidatorSet,
  parseBatch,
  parseGenesis,
  readBody,
  readHeader,
  resultCode,
  treeHead,
  type ValidatorSet,
  verifyBatchSignature,
  verifyCertificate,
} from "../formats/index.js";
import { type AssetTotals, Ledger, type OrderedBatch } from "../ledger/index.js";
import { type Digest, decode, type Height, NOT_AFTER_WINDOW_MS, toHex } from "../primitives/index.js";

/** What an audit of a history found so far. */
export interface AuditReport {
  readonly chainId: Digest;
  /** Blocks that were read and hold. */
  readonly height: Height;
  /** Every block up to here is final: a CommitQC of this block was verified. */
  readonly finalHeight: Height;
  /** Every result up to here was computed again and is what a final header claims. */
  readonly provenHeight: Height;
  readonly batches: number;
  readonly records: number;
  readonly certificates: number;
  /** Records by result. */
  readonly results: Readonly<Record<string, number>>;
  readonly resultsRoot: Digest;
  readonly stateRoot: Digest;
  readonly totals: readonly AssetTotals[];
}

/** Something in a history that does not hold; `message` is one sentence. */
export class AuditFault extends Error {
  override readonly name = "AuditFault";
  readonly height: Height;

  constructor(height: Height, detail: string) {
    super(detail);
    this.height = height;
  }
}

/** The validators of the epoch that the audit is in. */
interface EpochValidators {
  readonly set: ValidatorSet;
  readonly verifies: (proof: NonNullable<HistoryBlock["proof"]>) => boolean;
}

/**
 * Verifies a whole history block by block, trusting nothing but the genesis file: hash links, certificates, batches and
 * their signatures, and every result by executing it again and comparing it with what the headers claim.
 */
export class Audit {
  readonly #genesis: Genesis;
  readonly #chainId: Digest;
  readonly #ledger: Ledger;
  #validators: EpochValidators;
  #range: CompactRange = EMPTY_RANGE;
  /** Own claims that later headers may repeat; those below the newest claim are dropped. */
  readonly #claims = new Map<number, Claim>();
  /** Digests that could still be ordered again, with the last time at which they could. */
  readonly #ordered = new Map<Digest, number>();
  /** How many there were when they were last looked through. */
  #orderedKept = 0;
  #parent: { readonly header: Header; readonly hash: Digest } | undefined;
  #finalHeight = 0 as Height;
  #provenHeight = 0 as Height;
  #batches = 0;
  #records = 0;
  #certificates = 0;
  readonly #results = new Map<number, number>();

  /** @throws {AuditFault} for a genesis file that is none */
  constructor(genesisBytes: Uint8Array) {
    const parsed = parseGenesis(genesisBytes);
    if (!parsed.ok) throw new AuditFault(0 as Height, `the genesis file is not valid: ${parsed.fault.detail}`);
    this.#genesis = parsed.genesis;
    this.#chainId = chainIdOf(sha256, genesisBytes);
    this.#ledger = Ledger.fromGenesis(this.#genesis, this.#chainId);
    this.#validators = this.#validatorsOf(genesisValidatorSet(sha256, this.#genesis));
    this.#remember({ height: 0 as Height, stateHeight: 0 as Height, stateRoot: this.#ledger.stateRoot });
  }

  /**
   * The next block in order.
   *
   * @throws {AuditFault} at the first thing that does not hold; nothing can be said of what follows
   */
  block(block: HistoryBlock): void {
    const height = (this.#ledger.height + 1) as Height;
    const { header, hash } = this.#checkHeader(block.header, height);
    const batches = this.#checkBatches(block, header);
    this.#checkClaim(header);
    if (block.proof !== undefined) this.#checkProof(block.proof, header, hash);
    const { timestamp, epoch } = header;
    const executed = this.#ledger.apply({ height, timestamp, epoch, hash, batches });
    this.#range = appendLeaf(sha256, this.#range, hashResultLeaf(sha256, executed.leaf));
    this.#remember(executed.leaf);
    for (const codes of executed.codes) for (const code of codes) this.#count(code);
    this.#parent = { header, hash };
  }

  /** What holds up to here; sums over all accounts are made for it. */
  report(): AuditReport {
    return {
      chainId: this.#chainId,
      height: this.#ledger.height,
      finalHeight: this.#finalHeight,
      provenHeight: this.#provenHeight,
      batches: this.#batches,
      records: this.#records,
      certificates: this.#certificates,
      results: Object.fromEntries(
        [...this.#results]
          .sort(([left], [right]) => left - right)
          .map(([code, count]) => [resultCode(code)?.name ?? `code_${code}`, count]),
      ),
      resultsRoot: toHex(treeHead(sha256, this.#range)) as Digest,
      stateRoot: this.#ledger.stateRoot,
      totals: this.#ledger.conservation(),
    };
  }

  #checkHeader(bytes: Uint8Array, height: Height): { readonly header: Header; readonly hash: Digest } {
    const decoded = decode(bytes, readHeader);
    if (!decoded.ok) this.#fail(height, `the header cannot be read: ${decoded.fault.detail}`);
    const header = decoded.value;
    const parent = this.#parent;
    // The first block follows the anchor, whose hash is the chain id.
    const parentHash = parent?.hash ?? this.#chainId;
    if (header.height !== height) this.#fail(height, `a block of height ${header.height} stands in its place`);
    if (header.chainId !== this.#chainId) this.#fail(height, "the block is of another chain");
    if (header.epoch === this.#validators.set.epoch + 1) this.#switchEpoch(header);
    const { set } = this.#validators;
    if (header.epoch !== set.epoch || header.valsetHash !== set.hash) {
      this.#fail(height, "the block is of another validator set");
    }
    if (header.type === "DRAIN") this.#fail(height, "a DRAIN block stands in the ledger");
    if (header.parentHash !== parentHash) this.#fail(height, "the block does not follow the one before");
    const before = parent?.header.timestamp ?? this.#genesis.timestamp;
    if (header.timestamp <= before) this.#fail(height, "time does not advance");
    return { header, hash: blockHash(sha256, bytes) };
  }

  /** A closed epoch hands over to the validators that the ledger decided on (EPOCH-1). */
  #switchEpoch(header: Header): void {
    const next = this.#ledger.nextSet;
    if (this.#parent?.header.type !== "CLOSING" || next?.epoch !== header.epoch) {
      this.#fail(
        header.height,
        `epoch ${header.epoch} begins without a decision, or before the epoch before it is closed`,
      );
    }
    this.#validators = this.#validatorsOf(makeValidatorSet(sha256, next.epoch, next.validators));
  }

  #validatorsOf(set: ValidatorSet): EpochValidators {
    const keys = set.members.map(({ publicKey }) => publicKey);
    const context = { chainId: this.#chainId, set, verifier: certificateScheme(this.#genesis.scheme).verifiers(keys) };
    return {
      set,
      verifies: ({ prepare, commit }) => verifyCertificate(prepare, context) && verifyCertificate(commit, context),
    };
  }

  #checkBatches({ body: bodyBytes, batches }: HistoryBlock, header: Header): readonly OrderedBatch[] {
    const { height, timestamp } = header;
    const decoded = decode(bodyBytes, readBody);
    if (!decoded.ok) this.#fail(height, `the body cannot be read: ${decoded.fault.detail}`);
    const body: Body = decoded.value;
    if (batchesRoot(sha256, body) !== header.batchesRoot) this.#fail(height, "the body is not that of the header");
    if (body.length !== batches.length)
      this.#fail(height, `${batches.length} batches where ${body.length} were ordered`);
    this.#forgetExpired(timestamp);
    return body.map(({ digest, size }, index) => {
      const bytes = batches[index] as Uint8Array;
      if (bytes.length !== size || bytes.length < BATCH_HEADER_BYTES || batchDigest(sha256, bytes) !== digest) {
        this.#fail(height, `batch ${index} is not the one that was ordered`);
      }
      const parsed = parseBatch(bytes);
      if (!parsed.ok) this.#fail(height, `batch ${index} is malformed: ${parsed.fault}`);
      if (!verifyBatchSignature(ed25519, bytes, digest)) this.#fail(height, `batch ${index} carries a bad signature`);
      const { notAfter } = parsed.header;
      if (notAfter < timestamp || notAfter > timestamp + NOT_AFTER_WINDOW_MS) {
        this.#fail(height, `batch ${index} was ordered out of its time`);
      }
      if (this.#ordered.has(digest)) this.#fail(height, `batch ${index} was ordered before`);
      this.#ordered.set(digest, notAfter);
      this.#batches += 1;
      return { digest, bytes };
    });
  }

  /** Digests whose time is over can never be ordered again; they are dropped when they have become half of all. */
  #forgetExpired(timestamp: number): void {
    if (this.#ordered.size < 2 * this.#orderedKept + 1_024) return;
    for (const [digest, notAfter] of this.#ordered) if (notAfter < timestamp) this.#ordered.delete(digest);
    this.#orderedKept = this.#ordered.size;
  }

  /** A claim has to say what was computed here, and may not fall behind an earlier one. */
  #checkClaim({ height, executed }: Header): void {
    const own = this.#claims.get(executed.height);
    if (own === undefined) this.#fail(height, `the header claims results of height ${executed.height} out of order`);
    if (own.resultsRoot !== executed.resultsRoot) {
      this.#fail(height, `the results up to height ${executed.height} are not what the header claims`);
    }
    if (own.stateHeight !== executed.stateHeight || own.stateRoot !== executed.stateRoot) {
      this.#fail(height, `the state at height ${executed.stateHeight} is not what the header claims`);
    }
    for (const size of this.#claims.keys()) if (size < executed.height) this.#claims.delete(size);
  }

  #checkProof(proof: NonNullable<HistoryBlock["proof"]>, header: Header, hash: Digest): void {
    const { commit } = proof;
    if (commit.hash !== hash || commit.view !== header.view || commit.epoch !== header.epoch) {
      this.#fail(header.height, "the commit proof is about another block");
    }
    if (!this.#validators.verifies(proof))
      this.#fail(header.height, "the commit proof is no quorum's, or its signature is bad");
    this.#certificates += 2;
    this.#finalHeight = header.height;
    this.#provenHeight = header.executed.height;
  }

  #remember({ height, stateHeight, stateRoot }: Pick<Claim, "height" | "stateHeight" | "stateRoot">): void {
    const resultsRoot = toHex(treeHead(sha256, this.#range)) as Digest;
    this.#claims.set(height, { height, resultsRoot, stateHeight, stateRoot });
  }

  #count(code: number): void {
    this.#records += 1;
    this.#results.set(code, (this.#results.get(code) ?? 0) + 1);
  }

  #fail(height: Height, detail: string): never {
    throw new AuditFault(height, detail);
  }
}

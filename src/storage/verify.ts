import { setImmediate as nextTurn } from "node:timers/promises";
import { sha256 } from "../crypto/index.js";
import {
  appendLeaf,
  type Body,
  batchDigest,
  batchesRoot,
  blockHash,
  type CompactRange,
  EMPTY_RANGE,
  type Header,
  hashResultLeaf,
  readBody,
  readHeader,
  treeHead,
} from "../formats/index.js";
import { concatBytes, type Digest, decode, equalBytes, type Height, toHex } from "../primitives/index.js";
import type { FinalBlock } from "../replica/index.js";
import { StoreError } from "./fault.js";
import { batchKey, type Kind } from "./keyspace.js";
import type { NodeStore } from "./node-store.js";
import { openStore } from "./open.js";
import { readLocation } from "./values.js";

/** What a check of everything found. */
export interface StoreReport {
  readonly ok: boolean;
  readonly chainId: Digest | undefined;
  /** Newest final block; 0 without one. */
  readonly height: Height;
  /** Newest result that is kept over restarts. */
  readonly executedHeight: Height;
  readonly counts: StoreCounts;
  /** The first FAULTS_MAX; `faultCount` counts all. */
  readonly faults: readonly StoreReportFault[];
  readonly faultCount: number;
}

export interface StoreCounts {
  readonly blocks: number;
  /** In the log, ordered or not. */
  readonly batches: number;
  readonly batchBytes: number;
  /** Ordered by final blocks that are not executed for good, and not here yet. */
  readonly batchesToFetch: number;
  readonly results: number;
  readonly treeNodes: number;
  readonly pages: number;
  readonly certificates: number;
  readonly proposals: number;
  readonly admitted: number;
}

export interface StoreReportFault {
  readonly detail: string;
  readonly height?: Height;
}

/** Heights of `blocks`, or frames of `logs`, whose number is not known before. */
export interface StoreProgress {
  readonly part: "blocks" | "logs";
  readonly done: number;
  readonly total: number | undefined;
}

const FAULTS_MAX = 1_000;
const STEPS_PER_TURN = 64;

/**
 * Checks the store of a stopped node: every checksum, the hash links, the bodies' roots, that every
 * ordered batch is there with its digest and size, the results tree against its leaves and against the claims in the
 * headers, and that indexes and logs fit each other. Signatures of certificates are not checked.
 *
 * Opening for this does what every opening does: it cuts what a crash left behind the promised ends.
 *
 * @throws {StoreError} when the store cannot be looked at: STORE_LOCKED, STORE_MISSING, STORE_VERSION, STORE_IO
 */
export async function verifyStore(
  path: string,
  onProgress: (progress: StoreProgress) => void = () => undefined,
): Promise<StoreReport> {
  let store: NodeStore;
  try {
    store = await openStore({ path, verifiedBytesMax: Number.POSITIVE_INFINITY });
  } catch (error) {
    if (error instanceof StoreError && error.fault.code === "STORE_CORRUPT") return unopened(error);
    throw error;
  }
  try {
    return await verifyOpened(store, onProgress);
  } finally {
    await store.close();
  }
}

/** `verifyStore` on a store that nobody writes to meanwhile. */
export async function verifyOpened(
  store: NodeStore,
  onProgress: (progress: StoreProgress) => void = () => undefined,
): Promise<StoreReport> {
  const verification = new Verification(store, onProgress);
  await store.settle();
  await verification.run();
  return verification.report();
}

const NOTHING: StoreCounts = {
  blocks: 0,
  batches: 0,
  batchBytes: 0,
  batchesToFetch: 0,
  results: 0,
  treeNodes: 0,
  pages: 0,
  certificates: 0,
  proposals: 0,
  admitted: 0,
};

function unopened(error: StoreError): StoreReport {
  const none = 0 as Height;
  const faults = [{ detail: error.message }];
  return { ok: false, chainId: undefined, height: none, executedHeight: none, counts: NOTHING, faults, faultCount: 1 };
}

class Verification {
  readonly #store: NodeStore;
  readonly #onProgress: (progress: StoreProgress) => void;
  readonly #counts: { -readonly [Name in keyof StoreCounts]: number } = { ...NOTHING };
  readonly #faults: StoreReportFault[] = [];
  #faultCount = 0;
  /** Results tree over the leaves seen; absent once a leaf is unreadable. */
  #range: CompactRange | undefined = EMPTY_RANGE;
  /** Tree heads that later headers may claim, by size; those below the newest claim are dropped. */
  readonly #heads = new Map<number, Digest>([[0, toHex(treeHead(sha256, EMPTY_RANGE)) as Digest]]);

  constructor(store: NodeStore, onProgress: (progress: StoreProgress) => void) {
    this.#store = store;
    this.#onProgress = onProgress;
  }

  async run(): Promise<void> {
    this.#checkLive();
    await this.#checkBlocks();
    this.#check(() => {
      for (const _ of this.#store.pages()) this.#counts.pages += 1;
    });
    await this.#checkLogs();
  }

  report(): StoreReport {
    return {
      ok: this.#faultCount === 0,
      chainId: this.#store.chainId,
      height: this.#store.headHeight,
      executedHeight: this.#store.executedHeight,
      counts: this.#counts,
      faults: this.#faults,
      faultCount: this.#faultCount,
    };
  }

  #checkLive(): void {
    this.#check(() => {
      const { certificates, proposals, admitted } = this.#store.load();
      this.#counts.certificates = certificates.length;
      this.#counts.proposals = proposals.length;
      this.#counts.admitted = admitted.length;
      for (const { hash, header, body } of proposals) {
        if (blockHash(sha256, header) !== hash) this.#fault(`the proposal ${hash} has another hash`);
        this.#readBlock({ hash, header, body }, undefined);
      }
    });
  }

  async #checkBlocks(): Promise<void> {
    const first = this.#store.firstHeight;
    let parent: Header | undefined;
    for (let height = first; height >= 1 && height <= this.#store.headHeight; height = (height + 1) as Height) {
      parent = this.#checkBlock(height, parent);
      this.#checkResult(height, parent);
      if (height % STEPS_PER_TURN !== 0 && height !== this.#store.headHeight) continue;
      this.#onProgress({ part: "blocks", done: height - first + 1, total: this.#store.headHeight - first + 1 });
      await nextTurn();
    }
  }

  #checkBlock(height: Height, parent: Header | undefined): Header | undefined {
    const block = this.#check(() => this.#store.block(height), height);
    if (block === undefined) return undefined;
    this.#counts.blocks += 1;
    const { header, body } = this.#readBlock(block, height);
    this.#checkIdentity(block, header, parent);
    for (const { digest, size } of body ?? []) this.#checkBatch(digest, size, height);
    if (header !== undefined) this.#checkClaim(header);
    return header;
  }

  #readBlock(
    block: Pick<FinalBlock, "hash" | "header" | "body">,
    height: Height | undefined,
  ): { readonly header: Header | undefined; readonly body: Body | undefined } {
    const header = decode(block.header, readHeader);
    const body = decode(block.body, readBody);
    if (!header.ok) this.#fault(`the header of ${block.hash} does not decode: ${header.fault.detail}`, height);
    if (!body.ok) this.#fault(`the body of ${block.hash} does not decode: ${body.fault.detail}`, height);
    if (header.ok && body.ok && batchesRoot(sha256, body.value) !== header.value.batchesRoot) {
      this.#fault(`the body of ${block.hash} does not give the header's batchesRoot`, height);
    }
    return { header: header.ok ? header.value : undefined, body: body.ok ? body.value : undefined };
  }

  #checkIdentity(block: FinalBlock, header: Header | undefined, parent: Header | undefined): void {
    const { height, hash, proof } = block;
    if (blockHash(sha256, block.header) !== hash) this.#fault("the header has another hash", height);
    if (this.#check(() => this.#store.heightOf(hash), height) !== height) {
      this.#fault("the index of hashes does not lead here", height);
    }
    if (proof !== undefined && proof.commit.hash !== hash) this.#fault("the proof is another block's", height);
    if (header === undefined) return;
    if (header.height !== height) this.#fault(`the header is for height ${header.height}`, height);
    if (header.chainId !== this.#store.chainId) this.#fault("the header is of another chain", height);
    if (height === this.#store.firstHeight) return;
    const parentHash = this.#check(() => this.#store.block((height - 1) as Height)?.hash, height);
    if (parentHash !== undefined && header.parentHash !== parentHash) {
      this.#fault("the header does not link to the block below", height);
    }
    if (parent !== undefined && header.timestamp <= parent.timestamp) this.#fault("time does not advance", height);
  }

  #checkBatch(digest: Digest, size: number, height: Height): void {
    this.#check(() => {
      const bytes = this.#store.batch(digest);
      // Finality needs no batches: above the newest checkpoint they may still have to be fetched.
      if (bytes === undefined && height > this.#store.executedHeight) this.#counts.batchesToFetch += 1;
      else if (bytes === undefined) this.#fault(`batch ${digest} is missing`, height);
      else if (bytes.length !== size) this.#fault(`batch ${digest} has ${bytes.length} bytes, not ${size}`, height);
      else if (batchDigest(sha256, bytes) !== digest) this.#fault(`batch ${digest} has another digest`, height);
    }, height);
  }

  /** A claim was signed by a quorum; it has to agree with what was computed here. */
  #checkClaim(header: Header): void {
    const { executed } = header;
    const own = this.#heads.get(executed.height);
    if (own !== undefined && own !== executed.resultsRoot) {
      this.#fault(`the results root claimed for height ${executed.height} is not ours`, header.height);
    }
    for (const size of this.#heads.keys()) if (size < executed.height) this.#heads.delete(size);
  }

  #checkResult(height: Height, header: Header | undefined): void {
    if (height > this.#store.executedHeight) return;
    this.#check(() => {
      const leaf = this.#store.leaf(height);
      if (leaf === undefined || this.#store.outcomes(height) === undefined) return;
      this.#counts.results += 1;
      if (leaf.height !== height) this.#fault(`the result is of height ${leaf.height}`, height);
      const hash = this.#store.block(height)?.hash;
      if (hash !== undefined && leaf.blockHash !== hash) this.#fault("the result is another block's", height);
      if (header !== undefined && leaf.timestamp !== header.timestamp) {
        this.#fault("the result has another time than its block", height);
      }
      this.#checkTree(height, hashResultLeaf(sha256, leaf));
    }, height);
    if (this.#range?.size !== height) this.#range = undefined;
  }

  #checkTree(height: Height, leafHash: Uint8Array): void {
    let hash = leafHash;
    for (let level = 0, size: number = height; ; level += 1, size /= 2) {
      const stored = this.#store.treeNode(level, size - 1);
      if (stored === undefined || !equalBytes(stored, hash))
        this.#fault(`tree node ${level}/${size - 1} differs`, height);
      this.#counts.treeNodes += 1;
      if (size % 2 === 1) break;
      const left = this.#store.treeNode(level, size - 2);
      if (left === undefined) break;
      hash = sha256(concatBytes(NODE_PREFIX, left, hash));
    }
    if (this.#range === undefined || this.#range.size !== height - 1) return;
    this.#range = appendLeaf(sha256, this.#range, leafHash);
    this.#heads.set(height, toHex(treeHead(sha256, this.#range)) as Digest);
  }

  async #checkLogs(): Promise<void> {
    const { batchLog, outcomeLog, level } = this.#store.parts();
    let outcomes = 0;
    let done = 0;
    await this.#checkAsync(async () => {
      for (const { location, key } of batchLog.scan()) {
        const digest = toHex(key) as Digest;
        const indexed = this.#check(() => level.decode(batchKey(digest), readLocation));
        this.#check(() => batchLog.read(location, key));
        if (indexed?.segment !== location.segment || indexed.offset !== location.offset) {
          this.#fault(`the index does not lead to batch ${digest}`);
        }
        this.#counts.batches += 1;
        this.#counts.batchBytes += location.length;
        done += 1;
        if (done % STEPS_PER_TURN !== 0) continue;
        this.#onProgress({ part: "logs", done, total: undefined });
        await nextTurn();
      }
    });
    this.#check(() => {
      for (const _ of outcomeLog.scan()) outcomes += 1;
    });
    if (outcomes !== this.#counts.results) {
      this.#fault(`there are ${outcomes} frames of outcomes for ${this.#counts.results} results`);
    }
    await this.#checkCount("batch", this.#counts.batches);
    await this.#checkCount("block", this.#counts.blocks);
    await this.#checkCount("height", this.#counts.blocks);
  }

  async #checkCount(kind: Kind, want: number): Promise<void> {
    await this.#checkAsync(async () => {
      let got = 0;
      for await (const _ of this.#store.parts().level.entries(kind)) got += 1;
      if (got !== want) this.#fault(`there are ${got} entries of kind ${kind} where ${want} belong`);
    });
  }

  /** A damaged value is a fault of the store, not the end of its check. */
  #check<T>(look: () => T, height?: Height): T | undefined {
    try {
      return look();
    } catch (error) {
      this.#caught(error, height);
      return undefined;
    }
  }

  async #checkAsync(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      this.#caught(error, undefined);
    }
  }

  #caught(error: unknown, height: Height | undefined): void {
    if (!(error instanceof StoreError) || error.fault.code !== "STORE_CORRUPT") throw error;
    this.#fault(error.fault.detail, error.fault.height ?? height);
  }

  #fault(detail: string, height?: Height): void {
    this.#faultCount += 1;
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(height === undefined ? { detail } : { detail, height });
  }
}

/** RFC 9162 §2.1.1: what precedes the two halves of a node. */
const NODE_PREFIX = new Uint8Array([1]);

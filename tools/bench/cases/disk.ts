import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../../src/crypto/index.js";
import {
  appendLeaf,
  batchDigest,
  batchesRoot,
  blockHash,
  type CompactRange,
  completedNodes,
  EMPTY_RANGE,
  encodeBody,
  encodeHeader,
  hashResultLeaf,
  type ResultLeaf,
} from "../../../src/formats/index.js";
import {
  type Digest,
  epoch,
  type Height,
  height,
  validatorIndex,
  view,
  ZERO_DIGEST,
} from "../../../src/primitives/index.js";
import type { StoreWrite } from "../../../src/replica/index.js";
import { type NodeStore, openStore } from "../../../src/storage/index.js";
import type { Case, CaseMaker } from "./case.js";
import { BATCH, CHAIN, signedBatch } from "./messages.js";

const BATCHES_PER_BLOCK = 8;
/** What an outcome takes in the log, about. */
const OUTCOME_BYTES = 40;

/** Blocks of one chain with new batches, as a replica stores them. */
class Chain {
  readonly #template = signedBatch().bytes;
  #parent: { readonly hash: Digest; readonly height: Height } = { hash: CHAIN, height: height(0) };
  #range: CompactRange = EMPTY_RANGE;

  next(): { readonly final: StoreWrite; readonly executed: StoreWrite } {
    const at = height(this.#parent.height + 1);
    const batches = Array.from({ length: BATCHES_PER_BLOCK }, () => this.#batch());
    const body = batches.map(({ digest, bytes }) => ({ digest, size: bytes.length }));
    const header = encodeHeader({
      ...{ version: 1, chainId: CHAIN, epoch: epoch(0), view: view(at), height: at, type: "NORMAL" },
      ...{ parentHash: this.#parent.hash, parentView: view(at - 1), parentCertificate: undefined, skips: [] },
      ...{ timestamp: 1_000 * at, proposer: validatorIndex(0), batchesRoot: batchesRoot(sha256, body) },
      executed: {
        height: this.#parent.height,
        resultsRoot: ZERO_DIGEST,
        stateHeight: height(0),
        stateRoot: ZERO_DIGEST,
      },
      valsetHash: ZERO_DIGEST,
    });
    const hash = blockHash(sha256, header);
    const leaf: ResultLeaf = {
      ...{ height: at, timestamp: 1_000 * at, blockHash: hash, receiptsRoot: ZERO_DIGEST },
      ...{ leafCount: BATCH * BATCHES_PER_BLOCK, stateHeight: height(0), stateRoot: ZERO_DIGEST },
    };
    const leafHash = hashResultLeaf(sha256, leaf);
    const nodes = completedNodes(sha256, this.#range, leafHash);
    this.#range = appendLeaf(sha256, this.#range, leafHash);
    this.#parent = { hash, height: at };
    const outcomes = new Uint8Array(OUTCOME_BYTES * BATCH * BATCHES_PER_BLOCK);
    const head = { epoch: epoch(0), view: view(at), height: at, hash, timestamp: 1_000 * at };
    const block = { height: at, hash, header, body: encodeBody(body), proof: undefined };
    return {
      final: { durable: true, batches, finalized: { blocks: [block], head } },
      executed: { durable: false, executed: { leaf, outcomes, nodes } },
    };
  }

  /** Another salt makes another batch; nobody checks its signature here. */
  #batch(): { readonly digest: Digest; readonly bytes: Uint8Array } {
    const bytes = this.#template.slice();
    crypto.getRandomValues(bytes.subarray(88, 120));
    return { digest: batchDigest(sha256, bytes), bytes };
  }
}

async function storeCase(): Promise<Case> {
  const directory = mkdtempSync(join(tmpdir(), "sabha-bench-store-"));
  const store = await openStore({ path: join(directory, "data"), chainId: CHAIN });
  const chain = new Chain();
  let next: ReturnType<Chain["next"]>;
  return {
    name: "store",
    what: `a block with ${BATCHES_PER_BLOCK} batches of ${BATCH}, durable; then its outcomes`,
    transfers: BATCHES_PER_BLOCK * BATCH,
    prepare() {
      next = chain.next();
    },
    async run() {
      const { fsyncs } = store.counters;
      await written(store, next.final);
      if (store.counters.fsyncs === fsyncs) throw new Error("the store did not wait for its disk");
      await written(store, next.executed);
    },
    async close() {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function written(store: NodeStore, write: StoreWrite): Promise<void> {
  return new Promise((resolve, reject) => {
    store.write(write, (failure) => {
      if (failure === undefined) resolve();
      else reject(new Error(failure.code, { cause: failure.cause }));
    });
  });
}

export const DISK_CASES: readonly CaseMaker[] = [{ name: "store", make: storeCase }];

import type { Message } from "../consensus/index.js";
import {
  type AgreementState,
  type Block,
  blockFromBytes,
  certificatesFor,
  type FetchMessage,
} from "../consensus/index.js";
import { sha256 } from "../crypto/index.js";
import { readHeader } from "../formats/index.js";
import {
  assert,
  BATCH_BYTES_MAX,
  type Digest,
  decode,
  FETCH_BLOCKS_MAX,
  type Height,
  type ParticipantNumber,
} from "../primitives/index.js";
import type { FinalBlock, Store } from "./ports.js";

/** Bytes that one answer holds at the most, and that one peer is served between two ticks. */
const ANSWER_BYTES_MAX = 4 * BATCH_BYTES_MAX;
const SERVED_PER_TICK_BYTES_MAX = 64 * BATCH_BYTES_MAX;
const REQUESTS_PER_TICK_MAX = 512;
/**
 * What finding and decoding one block or batch counts, found or not, beside the bytes sent: 2,048 of them
 * between two ticks, about a tenth of a second of work, which is 8 full ranges.
 */
const LOOKUP_BYTES = 32_768;

type Request = Extract<FetchMessage, { type: "get-batches" | "get-certificates" | "get-blocks" | "get-range" }>;

/** Answers peers' requests out of memory and store; each peer has an allowance per tick (attack 83). */
export class Serving {
  readonly #state: AgreementState;
  readonly #store: Store;
  readonly #pooled: (digest: Digest) => Uint8Array | undefined;
  readonly #used = new Map<ParticipantNumber, { requests: number; bytes: number }>();

  constructor(state: AgreementState, store: Store, pooled: (digest: Digest) => Uint8Array | undefined) {
    this.#state = state;
    this.#store = store;
    this.#pooled = pooled;
  }

  tick(): void {
    this.#used.clear();
  }

  answer(from: ParticipantNumber, request: Request): readonly Message[] {
    const used = this.#used.get(from) ?? { requests: 0, bytes: 0 };
    this.#used.set(from, used);
    if (used.requests >= REQUESTS_PER_TICK_MAX || used.bytes >= SERVED_PER_TICK_BYTES_MAX) return [];
    used.requests += 1;
    switch (request.type) {
      case "get-batches": {
        const batches = this.#batches(request.digests);
        used.bytes += LOOKUP_BYTES * request.digests.length;
        for (const bytes of batches) used.bytes += bytes.length;
        return [{ type: "batches", batches }];
      }
      case "get-certificates":
        return this.#certificates(request);
      case "get-blocks": {
        const blocks = this.#ancestry(request.hash, request.count);
        used.bytes += LOOKUP_BYTES * (1 + blocks.length);
        return [{ type: "blocks", blocks }];
      }
      case "get-range": {
        const { blocks, last, read } = this.#range(request.from, request.count);
        used.bytes += LOOKUP_BYTES * (1 + read);
        return [rangeOf(blocks, last)];
      }
    }
  }

  #batches(digests: readonly Digest[]): Uint8Array[] {
    const batches: Uint8Array[] = [];
    let bytes = 0;
    for (const digest of digests) {
      const batch = this.#pooled(digest) ?? this.#store.batch(digest);
      if (batch === undefined) continue;
      if (batches.length > 0 && bytes + batch.length > ANSWER_BYTES_MAX) break;
      batches.push(batch);
      bytes += batch.length;
    }
    return batches;
  }

  #certificates(request: Extract<Request, { type: "get-certificates" }>): Message[] {
    const proof = this.#state.headProof;
    if (proof !== undefined && proof.commit.view >= request.first) return [{ type: "commit-proof", proof }];
    const certificates = certificatesFor(this.#state, request.first, request.last);
    return certificates.length > 0 ? [{ type: "certificates", certificates }] : [];
  }

  /** Newest first: the block and its ancestors, unfinalised ones from memory, final ones from the store. */
  #ancestry(hash: Digest, count: number): Block[] {
    const blocks: Block[] = [];
    let bytes = 0;
    let cursor = hash;
    while (blocks.length < Math.min(count, FETCH_BLOCKS_MAX) && bytes < ANSWER_BYTES_MAX) {
      const block = this.#state.blocks.get(cursor) ?? this.#finalBlock(cursor);
      if (block === undefined) break;
      blocks.push(block);
      bytes += roughBytes(block);
      cursor = block.header.parentHash;
    }
    return blocks;
  }

  #finalBlock(hash: Digest): Block | undefined {
    const height = this.#store.heightOf(hash);
    const stored = height === undefined ? undefined : this.#store.block(height);
    return stored === undefined ? undefined : decodeStored(stored);
  }

  /** Ascending from a height, cut back to the last block that a CommitQC names; `read` counts those before the cut. */
  #range(
    from: Height,
    count: number,
  ): { readonly blocks: readonly Block[]; readonly last: FinalBlock | undefined; readonly read: number } {
    const blocks: Block[] = [];
    let proving: FinalBlock | undefined;
    let proven = 0;
    let bytes = 0;
    const last = Math.min(this.#state.head.height, from + Math.min(count, FETCH_BLOCKS_MAX) - 1);
    for (let height = Math.max(1, from); height <= last && bytes < ANSWER_BYTES_MAX; height += 1) {
      const block = this.#store.block(height as Height);
      if (block === undefined) break;
      const decoded = decodeStored(block);
      blocks.push(decoded);
      bytes += block.header.length + block.body.length;
      if (block.proof !== undefined || block.close !== undefined) {
        proven = blocks.length;
        proving = block;
      }
      // What follows the last block of an epoch is proven by other validators, whom this one names.
      if (decoded.header.type === "CLOSING") break;
    }
    return { blocks: blocks.slice(0, proven), last: proving, read: blocks.length };
  }
}

/** Blocks under the proof of the last one, which for the end of an epoch may be a DRAIN block's. */
function rangeOf(blocks: readonly Block[], last: FinalBlock | undefined): Extract<FetchMessage, { type: "range" }> {
  if (last?.close === undefined) return { type: "range", blocks, proof: last?.proof, drain: undefined };
  const drain = decode(last.close.header, readHeader);
  assert(drain.ok, "a stored DRAIN block decodes");
  return { type: "range", blocks, proof: last.close.proof, drain: drain.value };
}

/** A finalised block out of the store, whose checksums guard its bytes. */
export function decodeStored(stored: Pick<FinalBlock, "header" | "body">): Block {
  const decoded = blockFromBytes(sha256, stored.header, stored.body);
  if (!decoded.ok) throw new Error(`a stored block does not decode: ${decoded.fault.detail}`);
  return decoded.value;
}

const roughBytes = (block: Block): number => 1_024 + 160 * block.header.skips.length + 36 * block.body.length;

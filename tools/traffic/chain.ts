import { sha256 } from "../../src/crypto/index.js";
import {
  appendLeaf,
  type BatchKind,
  decodeSettlement,
  EMPTY_RANGE,
  encodeTransfer,
  hashResultLeaf,
  parseGenesis,
  RESULT_CODES,
  type ResultName,
  type SettlementPosition,
  signBatch,
  type TransferFields,
  treeHead,
} from "../../src/formats/index.js";
import { type ExecutedBlock, Ledger, type OrderedBatch, outcomeAt, outcomeCount } from "../../src/ledger/index.js";
import {
  assert,
  type Digest,
  type Epoch,
  fromHex,
  type Height,
  type Id128,
  type ParticipantNumber,
  RECORD_BYTES,
  toHex,
  Writer,
} from "../../src/primitives/index.js";
import { BOOK, type Consortium, INR, publicKeyOf } from "./consortium.js";

/** What the ledger did of itself. */
export interface SystemOutcome {
  readonly name: ResultName;
  /** The transfer that waited; undefined for settlements. */
  readonly id: Id128 | undefined;
  readonly position: SettlementPosition | undefined;
}

const SYSTEM_BATCH = 0xffff_ffff;

/** A ledger fed with blocks, and the log of its results: everything that headers commit to, without consensus. */
export class Chain {
  readonly ledger: Ledger;
  readonly #consortium: Pick<Consortium, "chainId">;
  #results = EMPTY_RANGE;
  #salt = 0;

  constructor(consortium: Pick<Consortium, "chainId" | "genesis">) {
    this.#consortium = consortium;
    this.ledger = Ledger.fromGenesis(consortium.genesis, consortium.chainId);
  }

  /** The chain that begins with a genesis file. */
  static ofFile(genesisBytes: Uint8Array): Chain {
    const parsed = parseGenesis(genesisBytes);
    assert(parsed.ok, "the genesis file is sound");
    return new Chain({ genesis: parsed.genesis, chainId: toHex(sha256(genesisBytes)) as Digest });
  }

  apply(timestamp: number, batches: readonly OrderedBatch[]): ExecutedBlock {
    const height = (this.ledger.height + 1) as Height;
    const named = new Writer(64 + batches.length * 32).u64(height).u64(timestamp);
    for (const { digest } of batches) named.hex(digest);
    const hash = toHex(sha256(named.finish())) as Digest;
    const executed = this.ledger.apply({ height, timestamp, epoch: 0 as Epoch, hash, batches });
    this.#results = appendLeaf(sha256, this.#results, hashResultLeaf(sha256, executed.leaf));
    return executed;
  }

  transfers(from: ParticipantNumber, list: readonly TransferFields[]): OrderedBatch {
    const records = new Uint8Array(list.length * RECORD_BYTES);
    for (const [index, fields] of list.entries()) {
      const encoded = encodeTransfer(fields, { asset: INR, rail: BOOK, participant: from });
      assert(encoded.ok, "drawn payments make records");
      records.set(encoded.record, index * RECORD_BYTES);
    }
    return this.#signed("create_transfers", from, records);
  }

  settleSet(from: ParticipantNumber, ids: readonly Id128[]): OrderedBatch {
    const records = new Uint8Array(ids.length * RECORD_BYTES);
    for (const [index, id] of ids.entries()) records.set(fromHex(id) as Uint8Array, index * RECORD_BYTES);
    return this.#signed("settle_set", from, records);
  }

  /** Zeros in place of a signature: that is the business of block validity, and execution never looks at it. */
  #signed(kind: BatchKind, participant: ParticipantNumber, records: Uint8Array): OrderedBatch {
    this.#salt += 1;
    return signBatch(
      { sha256, ed25519: { sign: () => new Uint8Array(64) } },
      {
        kind,
        chainId: this.#consortium.chainId,
        participant,
        publicKey: publicKeyOf(participant),
        notAfter: Number.MAX_SAFE_INTEGER,
        salt: sha256(new Writer(8).u64(this.#salt).finish()),
        records,
        secretKey: new Uint8Array(64),
      },
    );
  }

  get resultsRoot(): Digest {
    return toHex(treeHead(sha256, this.#results)) as Digest;
  }

  get stateRoot(): Digest {
    return this.ledger.stateRoot;
  }
}

export const resultNames = (codes: Uint16Array): ResultName[] =>
  Array.from(codes, (code) => (RESULT_CODES[code] as { readonly name: ResultName }).name);

/** Expiries, settlements and releases stand before all batches' outcomes, and so do settle-sets that stand first. */
export function systemOutcomes(executed: ExecutedBlock, batches: readonly OrderedBatch[]): SystemOutcome[] {
  const found: SystemOutcome[] = [];
  for (let index = 0; index < outcomeCount(executed.outcomes); index += 1) {
    const outcome = outcomeAt(executed.outcomes, index, (at) => (batches[at] as OrderedBatch).bytes);
    if (outcome?.batchIndex !== SYSTEM_BATCH) break;
    const [name] = resultNames(Uint16Array.of(outcome.code)) as [ResultName];
    const settled = name === "settled" ? decodeSettlement(outcome.record) : undefined;
    found.push({
      name,
      id: name === "settled" ? undefined : (toHex(outcome.record.subarray(0, 16)) as Id128),
      position: settled?.type === "position" ? settled.position : undefined,
    });
  }
  return found;
}

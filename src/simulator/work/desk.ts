import { ed25519, type KeyPair, sha256 } from "../../crypto/index.js";
import { type BatchKind, type Encoded, encodeTransfer, signBatch, type TransferFields } from "../../formats/index.js";
import { assert, concatBytes, type Digest, type Id128, type ParticipantNumber, toHex } from "../../primitives/index.js";
import { ASSET, type Consortium, RAIL, type SimulatedBank } from "../consortium.js";
import type { Random } from "../random.js";

/** A signed batch as a client would hand it in. */
export interface WorkItem {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  /** UTC ms, the client's own. */
  readonly notAfter: number;
  /** Whether its key comes and goes: a machine may not know it yet, or any more. */
  readonly isKeyInDoubt?: boolean;
}

/** What one piece of work has to draw from, and when it has to be done. */
export interface Draw {
  readonly random: Random;
  /** UTC ms until which the batch may be ordered. */
  readonly notAfter: number;
}

/** Work that comes after other work, some submissions later. */
export type FollowUp = (draw: Draw) => WorkItem;

/** Whoever signs: a bank, or the authority. */
export interface Signer {
  readonly number: ParticipantNumber;
  readonly keys: KeyPair;
}

const KEPT_MAX = 64;
const FOLLOW_UPS_MAX = 32;

/** What was handed in of one kind, the newest last; a bounded number. */
class Kept<T> {
  readonly all: T[] = [];

  add(value: T): void {
    this.all.push(value);
    if (this.all.length > KEPT_MAX) this.all.shift();
  }

  /** One of the newest few, or now and then any; undefined where there is none. */
  pick(random: Random, fits: (value: T) => boolean = () => true): T | undefined {
    const fitting = this.all.filter(fits);
    if (fitting.length === 0) return undefined;
    return random.pick(random.chance(0.7) ? fitting.slice(-4) : fitting);
  }
}

/** A pending transfer as whoever made it remembers it. */
export interface Reserved {
  readonly id: Id128;
  /** Whoever may answer it. */
  readonly bank: SimulatedBank;
  readonly amount: number;
  readonly rail: number;
}

/** Something that probably waits: in a queue, or on hold. */
export interface Waiting {
  readonly id: Id128;
  readonly bank: SimulatedBank;
}

/**
 * What everybody who makes work shares: the accounts there are, what was handed in, and how it is signed. Nobody looks
 * at the ledger: who makes work guesses what became of the rest, as clients do, so that a submission left out changes
 * no other.
 */
export class Desk {
  readonly consortium: Consortium;
  readonly sent = new Kept<{ readonly bank: SimulatedBank; readonly fields: TransferFields }>();
  readonly reserved = new Kept<Reserved>();
  readonly queued = new Kept<Waiting>();
  readonly held = new Kept<Waiting>();
  readonly opened = new Kept<{ readonly id: Id128; readonly owner: ParticipantNumber }>();
  readonly proposed = new Kept<Id128>();
  readonly #followUps: FollowUp[] = [];

  constructor(consortium: Consortium) {
    this.consortium = consortium;
  }

  get banks(): readonly SimulatedBank[] {
    return this.consortium.banks;
  }

  follow(...next: readonly FollowUp[]): void {
    this.#followUps.push(...next);
    this.#followUps.splice(0, Math.max(0, this.#followUps.length - FOLLOW_UPS_MAX));
  }

  /** The oldest work that waits to follow something. */
  takeFollowUp(): FollowUp | undefined {
    return this.#followUps.shift();
  }

  newId(by: { readonly number: ParticipantNumber }, random: Random): Id128 {
    return (by.number.toString(16).padStart(8, "0") + toHex(random.bytes(12))) as Id128;
  }

  /** A transfer's record, which its bank remembers. */
  encode(bank: SimulatedBank, fields: TransferFields): Uint8Array {
    this.sent.add({ bank, fields });
    return recordOf(encodeTransfer(fields, { asset: ASSET, rail: RAIL, participant: bank.number }));
  }

  sign(
    kind: BatchKind,
    { by, records, draw }: { readonly by: Signer; readonly records: readonly Uint8Array[]; readonly draw: Draw },
  ): WorkItem {
    const { random, notAfter } = draw;
    const signed = signBatch(
      { sha256, ed25519 },
      {
        kind,
        chainId: this.consortium.chainId,
        participant: by.number,
        publicKey: by.keys.publicKey,
        notAfter,
        salt: random.bytes(32),
        records: concatBytes(...records),
        secretKey: by.keys.secretKey,
      },
    );
    return { ...signed, notAfter };
  }
}

export function recordOf(encoded: Encoded): Uint8Array {
  assert(encoded.ok, "the workload makes well-formed records");
  return encoded.record;
}

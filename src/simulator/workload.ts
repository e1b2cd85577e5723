import { ed25519, type KeyPair, sha256 } from "../crypto/index.js";
import {
  accountIdFromName,
  type BatchKind,
  type Encoded,
  encodeAccount,
  encodeAction,
  encodeTransfer,
  signBatch,
  type TransferFields,
} from "../formats/index.js";
import { assert, concatBytes, type Digest, type Id128, type ParticipantNumber, toHex } from "../primitives/index.js";
import { ACCEPTANCE_RAIL, ASSET, type Consortium, NET_RAIL, RAIL, type SimulatedBank } from "./consortium.js";
import type { Random } from "./random.js";

/** A signed batch as a client would hand it in. */
export interface WorkItem {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  /** UTC ms, the client's own. */
  readonly notAfter: number;
}

const KEPT_MAX = 64;

interface Reserved {
  readonly id: Id128;
  readonly bank: SimulatedBank;
  readonly amount: number;
  readonly rail: number;
}

/**
 * Makes signed batches of what banks do and of what they do wrong: payments within and between banks,
 * linked chains, two-phase transfers, repeated ids with equal and with other content, overdrafts,
 * accounts that do not exist, other banks' accounts. Deterministic in its random stream.
 */
export class Workload {
  readonly #consortium: Consortium;
  readonly #random: Random;
  readonly #sent: { readonly bank: SimulatedBank; readonly fields: TransferFields }[] = [];
  readonly #reserved: Reserved[] = [];
  #opened = 0;

  constructor(consortium: Consortium, random: Random) {
    this.#consortium = consortium;
    this.#random = random;
  }

  /** @param wall the client's clock, ms */
  next(wall: number): WorkItem {
    const random = this.#random;
    const lifetimeMs = random.chance(0.1) ? random.integer(1_000, 5_000) : random.integer(60_000, 500_000);
    const notAfter = Math.floor(wall) + lifetimeMs;
    if (random.chance(0.04)) return this.#openAccounts(notAfter);
    if (random.chance(0.03)) return this.#freeze(notAfter);
    const bank = random.pick(this.#consortium.banks);
    const records: Uint8Array[] = [];
    for (let parts = random.integer(1, 3); parts > 0; parts -= 1) records.push(...this.#records(bank));
    return this.#sign("create_transfers", { bank, records, notAfter });
  }

  /** One transfer, or one chain. */
  #records(bank: SimulatedBank): Uint8Array[] {
    const random = this.#random;
    const kind = random.fraction();
    if (kind < 0.12) return this.#chain(bank);
    if (kind < 0.3) return [this.#reserve(bank)];
    if (kind < 0.42) return [this.#resolve(bank)];
    if (kind < 0.52) return [this.#repeat(bank)];
    return [this.#encode(bank, this.#payment(bank))];
  }

  #payment(bank: SimulatedBank): TransferFields {
    const random = this.#random;
    const other = random.chance(0.6) ? random.pick(this.#consortium.banks) : bank;
    const amount = random.chance(0.1) ? random.integer(30_000, 60_000) : random.integer(0, 4_000);
    const debitAccountId = random.chance(0.04)
      ? random.pick(random.pick(this.#consortium.banks).customers)
      : random.pick([...bank.customers, ...(other === bank ? [bank.clearing] : [])]);
    const creditAccountId = random.chance(0.04) ? this.#newId(other.number) : random.pick(other.customers);
    const rail = random.chance(0.3) ? NET_RAIL : RAIL;
    return { id: this.#newId(bank.number), debitAccountId, creditAccountId, amount: String(amount), rail };
  }

  #chain(bank: SimulatedBank): Uint8Array[] {
    const length = this.#random.integer(2, 4);
    return Array.from({ length }, (_, index) => {
      const isLast = index === length - 1 && !this.#random.chance(0.03);
      return this.#encode(bank, { ...this.#payment(bank), flags: isLast ? [] : ["linked"] });
    });
  }

  #reserve(bank: SimulatedBank): Uint8Array {
    const random = this.#random;
    const timeoutSeconds = random.chance(0.4) ? random.integer(1, 4) : 86_400;
    const drawn = { ...this.#payment(bank), flags: ["pending" as const] };
    const fields = random.chance(0.25)
      ? { ...drawn, rail: ACCEPTANCE_RAIL, timeoutSeconds: 0 }
      : { ...drawn, timeoutSeconds };
    // Whoever may answer it: where the beneficiary's bank must accept, that one.
    const answering = this.#consortium.banks.find(({ customers }) => customers.includes(fields.creditAccountId));
    const answerer = fields.rail === ACCEPTANCE_RAIL ? (answering ?? bank) : bank;
    const { id, rail = RAIL } = fields;
    this.#reserved.push({ id, bank: answerer, amount: Number(fields.amount), rail });
    if (this.#reserved.length > KEPT_MAX) this.#reserved.shift();
    return this.#encode(bank, fields);
  }

  /** Posts or voids something reserved, perhaps not for the first time, not yet ordered or by the wrong bank. */
  #resolve(bank: SimulatedBank): Uint8Array {
    const random = this.#random;
    if (this.#reserved.length === 0) return this.#reserve(bank);
    const own = this.#reserved.filter((reserved) => reserved.bank === bank);
    const { id, amount, rail } = random.pick(own.length > 0 && !random.chance(0.05) ? own : this.#reserved);
    const flags = random.chance(0.7) ? (["post_pending"] as const) : (["void_pending"] as const);
    const posted = random.chance(0.25) ? amount + 1 : random.chance(0.3) ? random.integer(0, amount) : 0;
    const none = "0".repeat(32) as Id128;
    return this.#encode(bank, {
      id: this.#newId(bank.number),
      debitAccountId: none,
      creditAccountId: none,
      amount: String(posted),
      pendingId: id,
      rail,
      flags,
    });
  }

  /** An id that was used before, with the same content or another amount. */
  #repeat(bank: SimulatedBank): Uint8Array {
    const random = this.#random;
    const own = this.#sent.filter((sent) => sent.bank === bank);
    if (own.length === 0) return this.#encode(bank, this.#payment(bank));
    const { fields } = random.pick(own);
    return this.#encode(bank, random.chance(0.7) ? fields : { ...fields, amount: String(random.integer(1, 5_000)) });
  }

  #encode(bank: SimulatedBank, fields: TransferFields): Uint8Array {
    this.#sent.push({ bank, fields });
    if (this.#sent.length > KEPT_MAX) this.#sent.shift();
    return recordOf(encodeTransfer(fields, { asset: ASSET, rail: RAIL, participant: bank.number }));
  }

  #openAccounts(notAfter: number): WorkItem {
    const bank = this.#random.pick(this.#consortium.banks);
    this.#opened += 1;
    // Some names come twice: such an account exists already.
    const id = accountIdFromName(sha256, bank.number, `opened-${this.#random.integer(0, this.#opened)}`);
    const defaults = { asset: ASSET, rail: RAIL, participant: bank.number };
    const records = [recordOf(encodeAccount({ id, kind: "customer" }, defaults))];
    return this.#sign("create_accounts", { bank, records, notAfter });
  }

  #freeze(notAfter: number): WorkItem {
    const { authority, banks } = this.#consortium;
    if (this.#random.chance(0.3)) {
      const issuance = accountIdFromName(sha256, authority.number, "issuance");
      const id = this.#newId(authority.number);
      const cut = recordOf(encodeAction({ id, accountId: issuance, action: "cut_window" }));
      return this.#sign("manage_accounts", { bank: authority, records: [cut], notAfter });
    }
    const accountId = this.#random.pick(this.#random.pick(banks).customers);
    const action = this.#random.chance(0.3) ? "freeze" : "unfreeze";
    const record = recordOf(encodeAction({ id: this.#newId(authority.number), accountId, action }));
    return this.#sign("manage_accounts", { bank: authority, records: [record], notAfter });
  }

  #sign(
    kind: BatchKind,
    content: {
      readonly bank: { readonly number: ParticipantNumber; readonly keys: KeyPair };
      readonly records: readonly Uint8Array[];
      readonly notAfter: number;
    },
  ): WorkItem {
    const { bank, records, notAfter } = content;
    const signed = signBatch(
      { sha256, ed25519 },
      {
        kind,
        chainId: this.#consortium.chainId,
        participant: bank.number,
        publicKey: bank.keys.publicKey,
        notAfter,
        salt: this.#random.bytes(32),
        records: concatBytes(...records),
        secretKey: bank.keys.secretKey,
      },
    );
    return { ...signed, notAfter };
  }

  #newId(participant: ParticipantNumber): Id128 {
    return (participant.toString(16).padStart(8, "0") + toHex(this.#random.bytes(12))) as Id128;
  }
}

function recordOf(encoded: Encoded): Uint8Array {
  assert(encoded.ok, "the workload makes well-formed records");
  return encoded.record;
}

import { ed25519, sha256 } from "../crypto/index.js";
import {
  type CanonicalJson,
  canonicalJson,
  encodeBallot,
  encodeProposal,
  type GenesisValidator,
  signBatch,
} from "../formats/index.js";
import { type Height, type Id128, toHex, utf8 } from "../primitives/index.js";
import type { Consortium, SimulatedBank } from "./consortium.js";
import type { WorkItem } from "./work/index.js";

/** How long such a batch may be ordered, ms. */
const LIFETIME_MS = 300_000;

/** Makes the batches with which simulated banks change who validates. Deterministic. */
export class Governing {
  readonly #consortium: Consortium;
  #made = 0;

  constructor(consortium: Consortium) {
    this.#consortium = consortium;
  }

  /**
   * A proposal that these banks, by index, validate from the next epoch on.
   *
   * @param keys what to list a bank with where it is not what it began with
   * @returns the batch, and the id that ballots name
   */
  propose(
    by: number,
    members: readonly number[],
    wall: number,
    keys: ReadonlyMap<number, GenesisValidator> = new Map(),
  ): { readonly item: WorkItem; readonly id: Id128 } {
    const bank = this.#bank(by);
    const id = this.#newId(bank);
    const { candidates } = this.#consortium;
    const validators = [...members]
      .sort((left, right) => left - right)
      .map((index) => keys.get(index) ?? (candidates[index] as GenesisValidator));
    const records = encodeProposal(sha256, {
      id,
      kind: "validators",
      acceptFaults: true,
      effectiveHeight: 0 as Height,
      votingSeconds: 0,
      content: utf8(canonicalJson({ validators } as unknown as CanonicalJson)),
    });
    return { item: this.#sign(bank, records, wall), id };
  }

  vote(by: number, proposalId: Id128, wall: number): WorkItem {
    const bank = this.#bank(by);
    const record = encodeBallot({ id: this.#newId(bank), proposalId, choice: "yes", runs: 1 });
    return this.#sign(bank, record, wall);
  }

  #bank(index: number): SimulatedBank {
    return this.#consortium.banks[index] as SimulatedBank;
  }

  #newId(bank: SimulatedBank): Id128 {
    this.#made += 1;
    const rest = toHex(sha256(utf8(`governing ${this.#made}`))).slice(0, 24);
    return `${bank.number.toString(16).padStart(8, "0")}${rest}` as Id128;
  }

  #sign(bank: SimulatedBank, records: Uint8Array, wall: number): WorkItem {
    const notAfter = Math.floor(wall) + LIFETIME_MS;
    this.#made += 1;
    const signed = signBatch(
      { sha256, ed25519 },
      {
        kind: "govern",
        records,
        notAfter,
        chainId: this.#consortium.chainId,
        participant: bank.number,
        publicKey: bank.keys.publicKey,
        secretKey: bank.keys.secretKey,
        salt: sha256(utf8(`governing salt ${this.#made}`)),
      },
    );
    return { ...signed, notAfter };
  }
}

import { sha256 } from "../../../src/crypto/index.js";
import { type Genesis, type GenesisAccount, type GenesisFunding, signBatch } from "../../../src/formats/index.js";
import { Ledger, type OrderedBatch } from "../../../src/ledger/index.js";
import { type Digest, epoch, height, type ParticipantNumber, toHex } from "../../../src/primitives/index.js";
import {
  bankNumber,
  customerOf,
  INR,
  idOf,
  MONTH_START,
  makeConsortium,
  publicKeyOf,
} from "../../traffic/consortium.js";
import type { Case, CaseMaker } from "./case.js";
import { BATCH, CHAIN, transferRecords } from "./messages.js";

const BANKS = 20;
const BATCHES_PER_BLOCK = 8;
const RICH = 1_000_000_000_000_000n;
const DEPOSIT = "1000000000";

/** Twenty banks with customers enough; makes blocks whose payments all go through. */
class Workload {
  readonly #ledger: Ledger;
  readonly #genesis: Genesis;
  readonly #perBank: number;
  #next: readonly OrderedBatch[] = [];

  constructor(accounts: number, checkpointBlocks: number) {
    this.#perBank = Math.ceil(accounts / BANKS);
    this.#genesis = genesisWith(this.#perBank, checkpointBlocks);
    this.#ledger = Ledger.fromGenesis(this.#genesis, CHAIN, { hashSeed: 1 });
  }

  /** Batches of the next block: each bank in its turn pays another one's customers. */
  prepare(): void {
    this.#next = Array.from({ length: BATCHES_PER_BLOCK }, (_, index) => {
      const bank = (this.#ledger.height * BATCHES_PER_BLOCK + index) % BANKS;
      return this.#batchOf(bank);
    });
  }

  /** @returns whether the block was a checkpoint */
  apply(): boolean {
    const at = height(this.#ledger.height + 1);
    const executed = this.#ledger.apply({
      height: at,
      timestamp: MONTH_START + at * 1_000,
      epoch: epoch(0),
      hash: toHex(sha256(new Uint8Array(new Uint32Array([at]).buffer))) as Digest,
      batches: this.#next,
    });
    if (executed.leaf.leafCount !== BATCH * BATCHES_PER_BLOCK) throw new Error("a payment left no outcome");
    return executed.checkpoint !== undefined;
  }

  #batchOf(bank: number): OrderedBatch {
    const some = (): number => Math.floor(Math.random() * this.#perBank);
    const participant = bankNumber(bank);
    const records = transferRecords({
      participant,
      debit: () => customerOf(bank, some()),
      credit: () => customerOf((bank + 1 + Math.floor(Math.random() * (BANKS - 1))) % BANKS, some()),
      rulebook: this.#genesis.rulebook,
    });
    return signBatch(
      // Execution never looks at the signature again.
      { sha256, ed25519: { sign: () => new Uint8Array(64) } },
      {
        kind: "create_transfers",
        chainId: CHAIN,
        participant,
        publicKey: publicKeyOf(participant),
        secretKey: new Uint8Array(64),
        notAfter: MONTH_START,
        salt: crypto.getRandomValues(new Uint8Array(32)),
        records,
      },
    );
  }
}

function genesisWith(perBank: number, checkpointBlocks: number): Genesis {
  const banks = Array.from({ length: BANKS }, (_, bank) => `BANK${bank + 1}`);
  const each = (value: bigint): bigint[] => banks.map(() => value);
  const treasury = { liquidity: each(RICH), reserves: each(1n), caps: each(1n), deposits: each(0n) };
  const options = { banks, customersPerBank: 1, treasury, onShortage: "reject", queueSecondsMax: 0 } as const;
  const { genesis } = makeConsortium(options);
  const accounts: GenesisAccount[] = genesis.accounts.filter(({ kind }) => kind !== "customer");
  const funding: GenesisFunding[] = [...genesis.funding];
  for (const bank of banks.keys()) {
    const owner: ParticipantNumber = bankNumber(bank);
    const clearing = idOf(owner, "clearing", 0);
    for (let customer = 0; customer < perBank; customer += 1) {
      const id = customerOf(bank, customer);
      accounts.push({ id, owner, asset: INR, kind: "customer" });
      funding.push({ debit: clearing, credit: id, amount: DEPOSIT });
    }
  }
  const participantCaps = { ...genesis.rulebook.participantCaps, accounts: perBank + 8 };
  const rulebook = { ...genesis.rulebook, checkpointBlocks, participantCaps };
  return { ...genesis, rulebook, accounts, funding };
}

function applyCase(accounts: number): Case {
  // No checkpoint ever: that is another case.
  const work = new Workload(accounts, 1_000_000);
  return {
    name: "apply",
    what: `a block of ${BATCHES_PER_BLOCK} batches of ${BATCH} over ${accounts} accounts, with its outcomes' root`,
    transfers: BATCHES_PER_BLOCK * BATCH,
    prepare: () => work.prepare(),
    run: () => {
      work.apply();
    },
  };
}

/** Each block is a checkpoint: what `apply` takes has to be subtracted. */
function checkpointCase(accounts: number): Case {
  const work = new Workload(accounts, 1);
  return {
    name: "state-root",
    what: "the same, and a checkpoint: pages that changed, and the state's root",
    transfers: BATCHES_PER_BLOCK * BATCH,
    prepare: () => work.prepare(),
    run() {
      if (!work.apply()) throw new Error("no checkpoint");
    },
  };
}

export const executionCases = (accounts: number): readonly CaseMaker[] => [
  { name: "apply", make: () => applyCase(accounts) },
  { name: "state-root", make: () => checkpointCase(accounts) },
];

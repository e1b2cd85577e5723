import { ed25519, sha256 } from "../../src/crypto/index.js";
import { signBatch } from "../../src/formats/index.js";
import { readHome, readOperationKey } from "../../src/node/index.js";
import { NOT_AFTER_WINDOW_MS, RECORD_BYTES, toHex } from "../../src/primitives/index.js";
import { Connection, countPosted } from "./connection.js";
import { type AccountBook, type Consortium, ID_WORDS } from "./consortium.js";
import { Sockets } from "./sockets.js";

/** Somebody who submits and waits until it is final. */
export interface Caller {
  /** Of one call. */
  readonly transfers: number;
  /** Makes new transfers, sends them and waits. @returns how many were posted */
  send(): Promise<number>;
  /** Answers `busy` so far. */
  busy(): number;
  close(): void;
}

const AMOUNT = 100;
const WAIT_MS = 60_000;
const RECORD_WORDS = RECORD_BYTES / 4;
/** Places of a transfer record's fields, in words of four bytes (docs/formats.md). */
const SEQUENCE_WORD = 3;
const DEBIT_WORD = 4;
const CREDIT_WORD = 8;

/** Signed batches of one bank, from its customers to those of the others, as its own back end would make them. */
export class BatchCaller implements Caller {
  readonly transfers: number;
  readonly #connection: Connection;
  readonly #sign: (records: Uint8Array) => Uint8Array;
  /** Place of the bank's first account. */
  readonly #first: number;
  readonly #accounts: AccountBook;
  readonly #template: Uint32Array;
  readonly #records: Uint32Array;
  /** Bodies of requests that have been answered, to be filled again. */
  readonly #spare: Buffer[] = [];
  #sequence = 0;

  constructor(consortium: Consortium, bank: string, options: { readonly batch: number; readonly connections: number }) {
    const { network, accounts } = consortium;
    const home = readHome(consortium.home(bank));
    const key = readOperationKey(home);
    const { number } = home.participant;
    this.#connection = new Connection(network.url(bank), options.connections);
    this.#first = accounts.firstOf(bank);
    this.#accounts = accounts;
    this.transfers = options.batch;
    const template = new DataView(new ArrayBuffer(RECORD_BYTES));
    template.setUint32(0, number, false);
    crypto.getRandomValues(new Uint8Array(template.buffer, 4, 8));
    template.setBigUint64(48, BigInt(AMOUNT), true);
    template.setUint32(108, home.genesis.rulebook.defaultAsset, true);
    template.setUint8(114, home.genesis.rulebook.defaultRail);
    this.#template = new Uint32Array(template.buffer);
    this.#records = new Uint32Array(options.batch * RECORD_WORDS);
    for (let at = 0; at < this.#records.length; at += RECORD_WORDS) this.#records.set(this.#template, at);
    const batch = { kind: "create_transfers", chainId: home.chainId, participant: number } as const;
    this.#sign = (records) =>
      signBatch(
        { sha256, ed25519 },
        {
          ...batch,
          publicKey: key.publicKey,
          secretKey: key.secretKey,
          notAfter: Date.now() + NOT_AFTER_WINDOW_MS / 2,
          salt: crypto.getRandomValues(new Uint8Array(32)),
          records,
        },
      ).bytes;
  }

  async send(): Promise<number> {
    const body = this.#body(this.#sign(this.#nextRecords()));
    const answer = await this.#connection.post(body);
    this.#spare.push(body);
    return countPosted(answer);
  }

  busy(): number {
    return this.#connection.busy;
  }

  close(): void {
    this.#connection.close();
  }

  /** The records of the last batch with new ids and accounts: they have been copied into signed bytes by then. */
  #nextRecords(): Uint8Array {
    const { words } = this.#accounts;
    const records = this.#records;
    for (let at = 0; at < records.length; at += RECORD_WORDS) {
      const debit = this.#accounts.pickOwn(this.#first) * ID_WORDS;
      const credit = this.#accounts.pickOther(this.#first) * ID_WORDS;
      records[at + SEQUENCE_WORD] = this.#sequence;
      this.#sequence += 1;
      for (let word = 0; word < ID_WORDS; word += 1) {
        records[at + DEBIT_WORD + word] = words[debit + word] as number;
        records[at + CREDIT_WORD + word] = words[credit + word] as number;
      }
    }
    return new Uint8Array(records.buffer);
  }

  #body(batch: Uint8Array): Buffer {
    const length = BATCH_HEAD.length + 2 * batch.length + BATCH_TAIL.length;
    const spare = this.#spare.pop();
    const body = spare ?? Buffer.allocUnsafeSlow(length);
    if (spare === undefined) {
      BATCH_HEAD.copy(body);
      BATCH_TAIL.copy(body, length - BATCH_TAIL.length);
    }
    const hex = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength).toString("hex");
    body.write(hex, BATCH_HEAD.length, "latin1");
    return body;
  }
}

const BATCH_HEAD = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ledger_submitBatch","params":{"batch":"');
const BATCH_TAIL = Buffer.from(`","waitFor":"final","timeoutMs":${WAIT_MS}}}`);

/** One transfer a request, which the node signs together with those of others. */
export class SingleCaller implements Caller {
  readonly transfers = 1;
  readonly #line: Pick<Sockets, "busy" | "close"> & { call(method: string, params: string): Promise<Buffer> };
  /** Place of the bank's first account. */
  readonly #first: number;
  readonly #accounts: AccountBook;
  readonly #prefix: string;
  #sequence = 0;

  /** @param inFlight calls under way on each connection; one over HTTP, several over WebSockets */
  constructor(consortium: Consortium, bank: string, connections: number, inFlight: number) {
    const { network, accounts } = consortium;
    const participant = accounts.genesis.participants.find(({ name }) => name === bank)?.number ?? 0;
    const random = toHex(crypto.getRandomValues(new Uint8Array(8)));
    const [url, token] = [network.url(bank), network.token(bank)];
    this.#line = inFlight === 1 ? new Connection(url, connections, token) : new Sockets(url, connections, token);
    this.#first = accounts.firstOf(bank);
    this.#accounts = accounts;
    this.#prefix = participant.toString(16).padStart(8, "0") + random;
  }

  async send(): Promise<number> {
    const id = this.#prefix + this.#sequence.toString(16).padStart(8, "0");
    this.#sequence += 1;
    const debit = this.#accounts.hex(this.#accounts.pickOwn(this.#first));
    const credit = this.#accounts.hex(this.#accounts.pickOther(this.#first));
    const transfer = `{"id":"${id}","debitAccountId":"${debit}","creditAccountId":"${credit}","amount":"${AMOUNT}"}`;
    const params = `{"transfers":[${transfer}],"waitFor":"final","timeoutMs":${WAIT_MS}}`;
    return countPosted(await this.#line.call("ledger_submitTransfers", params));
  }

  busy(): number {
    return this.#line.busy;
  }

  close(): void {
    this.#line.close();
  }
}

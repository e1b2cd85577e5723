import { type BatchKind, type CanonicalJson, parseGenesis, type RecordDefaults } from "../formats/index.js";
import { type ParticipantNumber, toHex, utf8 } from "../primitives/index.js";
import { SabhaError } from "./errors.js";
import {
  accountRecords,
  actionRecords,
  type BatchSigner,
  type ClientKey,
  decisionRecords,
  memberRecords,
  signerOf,
  transferRecords,
} from "./local-signing.js";
import type {
  NetPosition,
  SettlementReport,
  SettlementWindow,
  SettlementWindowDetail,
  WindowQuery,
} from "./settlement-types.js";
import { followStream } from "./subscription.js";
import { type Answered, Transport } from "./transport.js";
import type {
  Account,
  AccountAction,
  AccountRequest,
  Block,
  BlockResult,
  ChainStatus,
  ConsensusStatus,
  Evidence,
  Finality,
  HeldTransfer,
  HoldDecision,
  OutcomeLeaves,
  Page,
  Peer,
  QueuedTransfer,
  StateRoots,
  StreamItem,
  StreamName,
  SubmitOptions,
  SubmitResult,
  SubscriptionFilter,
  Transfer,
  TransferRequest,
} from "./types.js";

export interface SabhaClientOptions {
  /** For example http://127.0.0.1:26601. */
  readonly url: string;
  /** Bearer token with scope `submit`, for calls that the node signs. */
  readonly token?: string;
  /** Sign locally; then the node needs no token to take submissions. */
  readonly key?: ClientKey;
  /** In place of `key`, for a participant whose key lives elsewhere. */
  readonly sign?: BatchSigner;
  /** Longest wait for the answer to a read, ms; default 10,000. */
  readonly timeoutMs?: number;
  /** Attempts after the first on `busy`, `syncing` and a lost connection; default 8. */
  readonly retries?: number;
}

const TIMEOUT_MS = 10_000;
const RETRIES = 8;
/** What a node waits for finality where a call asks for no time. */
const WAIT_MS = 15_000;

/**
 * Typed client of one node. Every call may be repeated safely, and is, on `busy` and on a lost connection: reads change
 * nothing, and a submission's ids make a second one change nothing. Every method rejects with a `SabhaError`.
 *
 * @example
 * ```ts
 * const client = new SabhaClient({ url: "http://127.0.0.1:26601", token });
 * const id = newTransferId(1); // keep it until the answer is there
 * const [result] = await client.submitTransfers([{ id, debitAccountId, creditAccountId, amount: "2500" }],
 *   { waitFor: "final" });
 * ```
 */
export class SabhaClient {
  readonly #options: SabhaClientOptions;
  readonly #transport: Transport;
  readonly #sign: BatchSigner | undefined;
  readonly #streams = new AbortController();
  #defaults: Promise<RecordDefaults> | undefined;

  constructor(options: SabhaClientOptions) {
    this.#options = options;
    this.#transport = new Transport({
      url: options.url,
      token: options.token,
      retries: options.retries ?? RETRIES,
    });
    this.#sign = options.sign ?? (options.key === undefined ? undefined : signerOf(options.key));
  }

  /**
   * Submits up to 8,190 transfers as one unit. With `final`, each result is that of the first time its id was
   * ordered, however often this call had to repeat itself.
   */
  async submitTransfers(
    transfers: readonly TransferRequest[],
    options: SubmitOptions = {},
  ): Promise<readonly SubmitResult[]> {
    if (this.#sign !== undefined) {
      const records = transferRecords(transfers, await this.#recordDefaults());
      return this.#submitSigned(records, "create_transfers", options);
    }
    const list = transfers.map((transfer) => ({ ...transfer, amount: transfer.amount.toString() }));
    const answered = await this.#submit("ledger_submitTransfers", { transfers: list }, options);
    return answered.attempts === 1 ? answered.results : this.#firstResults(answered.results);
  }

  /** A batch that the bank signed itself. */
  async submitBatch(batch: Uint8Array, options: SubmitOptions = {}): Promise<readonly SubmitResult[]> {
    return (await this.#submit("ledger_submitBatch", { batch: toHex(batch) }, options)).results;
  }

  async createAccounts(
    accounts: readonly AccountRequest[],
    options: SubmitOptions = {},
  ): Promise<readonly SubmitResult[]> {
    if (this.#sign !== undefined) {
      const records = accountRecords(accounts, await this.#recordDefaults());
      return this.#submitSigned(records, "create_accounts", options);
    }
    return (await this.#submit("ledger_createAccounts", { accounts }, options)).results;
  }

  async manageAccounts(
    actions: readonly AccountAction[],
    options: SubmitOptions = {},
  ): Promise<readonly SubmitResult[]> {
    if (this.#sign !== undefined) return this.#submitSigned(actionRecords(actions), "manage_accounts", options);
    return (await this.#submit("ledger_manageAccounts", { actions }, options)).results;
  }

  /** Transfers that wait for their banks' liquidity, each queue in the order in which it is paid. */
  getQueue(query: { readonly asset?: number; readonly participant?: number } = {}): Promise<readonly QueuedTransfer[]> {
    return this.#read("settlement_getQueue", query);
  }

  /** Queued transfers that can be paid together now. */
  findSettleSet(query: { readonly asset?: number } = {}): Promise<readonly QueuedTransfer[]> {
    return this.#read("settlement_findSettleSet", query);
  }

  /** Pays queued transfers together, all or none; the signer has to be a validator. */
  async submitSettleSet(ids: readonly string[], options: SubmitOptions = {}): Promise<readonly SubmitResult[]> {
    if (this.#sign !== undefined) return this.#submitSigned(memberRecords(ids), "settle_set", options);
    return (await this.#submit("settlement_submitSettleSet", { transferIds: ids }, options)).results;
  }

  /** The node's own bank's transfers on hold; needs a token of scope `approve`. */
  getHolds(): Promise<readonly HeldTransfer[]> {
    return this.#read("ledger_getHolds", {});
  }

  /** Releases or returns transfers on hold, signed with the client's key, or by the node for a token of scope `approve`. */
  async decideHolds(decisions: readonly HoldDecision[], options: SubmitOptions = {}): Promise<readonly SubmitResult[]> {
    if (this.#sign !== undefined) return this.#submitSigned(decisionRecords(decisions), "manage_accounts", options);
    return (await this.#submit("ledger_decideHolds", { decisions }, options)).results;
  }

  /** In the order of the ids; `null` where there is none. */
  getAccounts(ids: readonly string[]): Promise<readonly (Account | null)[]> {
    return this.#read("ledger_getAccounts", { ids });
  }

  listAccounts(
    query: { readonly participant?: number; readonly cursor?: string; readonly limit?: number } = {},
  ): Promise<Page<Account>> {
    return this.#read("ledger_listAccounts", query);
  }

  /** In the order of the ids; `null` where an id was never consumed. */
  getTransfers(ids: readonly string[]): Promise<readonly (Transfer | null)[]> {
    return this.#read("ledger_getTransfers", { ids });
  }

  /** Newest first. */
  listTransfers(
    query: {
      readonly accountId?: string;
      readonly participant?: number;
      readonly cursor?: string;
      readonly limit?: number;
    } = {},
  ): Promise<Page<Transfer>> {
    return this.#read("ledger_listTransfers", query);
  }

  /**
   * The portable receipt; waits up to `timeoutMs` for its proof. Its file is `canonicalJson` of this value. Error
   * `not_yet_proven` or `not_found`.
   */
  async getReceipt(transferId: string, options: { readonly timeoutMs?: number } = {}): Promise<CanonicalJson> {
    const timeoutMs = options.timeoutMs ?? 0;
    const params = { transferId, timeoutMs };
    const answered = await this.#transport.call("ledger_getReceipt", params, this.#patience(timeoutMs));
    return answered.result as CanonicalJson;
  }

  /** The portable balance proof at the newest proven checkpoint, or at a kept one. */
  getBalanceProof(accountId: string, height?: number): Promise<CanonicalJson> {
    return this.#read("ledger_getBalanceProof", height === undefined ? { accountId } : { accountId, height });
  }

  /** The portable proof that the log up to `from` begins the log up to `to`, or up to the newest proven height. */
  getConsistencyProof(from: number, to?: number): Promise<CanonicalJson> {
    return this.#read("chain_getConsistencyProof", to === undefined ? { from } : { from, to });
  }

  getResult(height: number): Promise<BlockResult> {
    return this.#read("chain_getResult", { height });
  }

  getOutcomeLeaves(height: number, from = 0, limit = 1_000): Promise<OutcomeLeaves> {
    return this.#read("chain_getOutcomeLeaves", { height, from, limit });
  }

  /** @param pages the table whose pages' roots are wanted, and from which page on */
  getStateRoots(pages: { readonly table?: string; readonly from?: number } = {}): Promise<StateRoots> {
    return this.#read("chain_getStateRoots", pages);
  }

  /** Entries of a page of the state, in hex. */
  async getStatePage(table: string, page: number): Promise<string> {
    return (await this.#read<{ readonly entries: string }>("chain_getStatePage", { table, page })).entries;
  }

  /** Windows of net settlement, newest first; `cursor` of a page asks for the next one. */
  listWindows(
    query: { readonly asset?: number; readonly cursor?: string; readonly limit?: number } = {},
  ): Promise<{ readonly items: readonly SettlementWindow[]; readonly cursor?: string }> {
    return this.#read("settlement_listWindows", query);
  }

  getWindow(query: WindowQuery = {}): Promise<SettlementWindowDetail> {
    return this.#read("settlement_getWindow", query);
  }

  async getPositions(
    query: { readonly asset?: number; readonly participant?: number } = {},
  ): Promise<readonly NetPosition[]> {
    return (await this.#read<{ readonly positions: readonly NetPosition[] }>("settlement_getPositions", query))
      .positions;
  }

  /** @param query.participant only what this bank paid and got */
  getReport(query: WindowQuery & { readonly participant?: number } = {}): Promise<SettlementReport> {
    return this.#read("settlement_getReport", query);
  }

  getStatus(): Promise<ChainStatus> {
    return this.#read("chain_getStatus", {});
  }

  /** @param at height, or hash in hex */
  getBlock(at: number | string, options: { readonly full?: boolean } = {}): Promise<Block> {
    const place = typeof at === "number" ? { height: at } : { hash: at };
    return this.#read("chain_getBlock", { ...place, full: options.full ?? false });
  }

  getFinality(height: number): Promise<Finality> {
    return this.#read("chain_getFinality", { height });
  }

  /** The genesis file byte for byte. */
  async getGenesis(): Promise<Uint8Array> {
    const { genesis } = await this.#read<{ readonly genesis: string }>("chain_getGenesis", {});
    return utf8(genesis);
  }

  getConsensusStatus(): Promise<ConsensusStatus> {
    return this.#read("consensus_getStatus", {});
  }

  getEvidence(): Promise<readonly Evidence[]> {
    return this.#read("consensus_getEvidence", {});
  }

  getPeers(): Promise<readonly Peer[]> {
    return this.#read("net_getPeers", {});
  }

  /** The node's OpenRPC document. */
  discover(): Promise<Readonly<Record<string, unknown>>> {
    return this.#read("rpc.discover", {});
  }

  /** Any method by its name, with the same retries. */
  async call(method: string, params: Readonly<Record<string, unknown>>, options: SubmitOptions = {}): Promise<unknown> {
    const { waitFor, timeoutMs, signal } = options;
    const all = {
      ...params,
      ...(waitFor === undefined ? {} : { waitFor }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    return (await this.#transport.call(method, all, this.#patience(timeoutMs ?? 0, signal))).result;
  }

  /**
   * Follows a stream over WebSocket, from behind `from` or from now on. A lost connection is resumed behind the last
   * item, without gap or repetition. Ends with `signal` or `close()`.
   */
  async *subscribe(
    stream: StreamName,
    options: { readonly from?: string; readonly filter?: SubscriptionFilter; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<StreamItem, void, undefined> {
    const signals = [this.#streams.signal, ...(options.signal === undefined ? [] : [options.signal])];
    // A start of our own, so that a connection lost before the first item leaves no gap either.
    const from = options.from ?? String((await this.getStatus()).executedHeight);
    yield* followStream({
      url: this.#options.url,
      token: this.#options.token,
      stream,
      from,
      filter: options.filter,
      signal: AbortSignal.any(signals),
      retries: this.#options.retries ?? RETRIES,
    });
  }

  /** Ends streams and calls under way. */
  async close(): Promise<void> {
    this.#streams.abort();
    this.#transport.close();
  }

  async #read<T>(method: string, params: object): Promise<T> {
    return (await this.#transport.call(method, params, this.#patience(0))).result as T;
  }

  async #submit(
    method: string,
    params: object,
    { waitFor = "admitted", timeoutMs = WAIT_MS, signal }: SubmitOptions,
  ): Promise<{ readonly results: readonly SubmitResult[]; readonly attempts: number }> {
    const patience = this.#patience(timeoutMs, signal);
    const answered: Answered = await this.#transport.call(method, { ...params, waitFor, timeoutMs }, patience);
    return { results: answered.result as readonly SubmitResult[], attempts: answered.attempts };
  }

  /** The same signed bytes at every attempt; only a batch that can never be ordered is signed again. */
  async #submitSigned(records: Uint8Array, kind: BatchKind, options: SubmitOptions): Promise<readonly SubmitResult[]> {
    const sign = this.#sign as BatchSigner;
    const submit = async (): Promise<readonly SubmitResult[]> => this.submitBatch(sign(records, kind).bytes, options);
    try {
      return await submit();
    } catch (error) {
      if (!(error instanceof SabhaError) || !isExpired(error)) throw error;
      return submit();
    }
  }

  /** After a repetition: what an earlier attempt had already done counts as this call's result. */
  async #firstResults(results: readonly SubmitResult[]): Promise<readonly SubmitResult[]> {
    const isRepeated = ({ result }: SubmitResult): boolean => result === "exists" || result === "id_already_failed";
    const ids = results.filter(isRepeated).map((result) => result.id);
    const first = new Map<string, Transfer>();
    for (let start = 0; start < ids.length; start += IDS_PER_LOOKUP) {
      for (const transfer of await this.getTransfers(ids.slice(start, start + IDS_PER_LOOKUP))) {
        if (transfer !== null) first.set(transfer.id, transfer);
      }
    }
    return results.map((result) => {
      const transfer = isRepeated(result) ? first.get(result.id) : undefined;
      return transfer === undefined ? result : { ...result, result: transfer.result, height: transfer.height };
    });
  }

  /** Asset and rail that the rulebook supplies, read once from the node's genesis. */
  #recordDefaults(): Promise<RecordDefaults> {
    this.#defaults ??= this.#readDefaults().catch((error: unknown) => {
      this.#defaults = undefined;
      throw error;
    });
    return this.#defaults;
  }

  async #readDefaults(): Promise<RecordDefaults> {
    const parsed = parseGenesis(await this.getGenesis());
    if (!parsed.ok) throw new SabhaError("the node's genesis file cannot be read", { code: "bad_answer" });
    const { defaultAsset, defaultRail } = parsed.genesis.rulebook;
    const participant = this.#options.key?.participant ?? ((await this.getStatus()).participant as ParticipantNumber);
    return { asset: defaultAsset, rail: defaultRail, participant };
  }

  #patience(
    waitMs: number,
    signal?: AbortSignal,
  ): { readonly timeoutMs: number; readonly signal: AbortSignal | undefined } {
    return { timeoutMs: (this.#options.timeoutMs ?? TIMEOUT_MS) + waitMs, signal };
  }
}

const IDS_PER_LOOKUP = 1_000;

const isExpired = (error: SabhaError): boolean =>
  error.code === "expired" || (error.code === "refused" && error.data["reason"] === "expired");

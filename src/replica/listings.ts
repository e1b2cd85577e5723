import { decodeSettlement, decodeTransfer, ZERO_ID } from "../formats/index.js";
import type { AccountView as LedgerAccount } from "../ledger/index.js";
import { type DecodedOutcome, type Ledger, type OutcomePointer, outcomeCount } from "../ledger/index.js";
import { type Height, type Id128, type ParticipantNumber, height as toHeight } from "../primitives/index.js";
import type { BlockReader } from "./block-reader.js";
import { transferView } from "./outcome-views.js";
import type { AccountQuery, Page, TransferQuery, TransferView } from "./read-model.js";

/** Outcomes and blocks looked at for one page; a page may come back short with a cursor. */
const STEPS_MAX = 2_000;

/**
 * Pages of accounts and transfers. Transfers hang together newest first: each outcome names the one before it on the
 * same account and of the same participant, so a cursor is the place of the next outcome and stays good for ever.
 */
export class Listings {
  readonly #ledger: Ledger;
  readonly #blocks: BlockReader;

  constructor(ledger: Ledger, blocks: BlockReader) {
    this.#ledger = ledger;
    this.#blocks = blocks;
  }

  /** In the order in which they were opened, participant by participant; the cursor is `participant:accounts before`. */
  accounts(query: AccountQuery): Page<LedgerAccount> {
    const numbers = query.participant === undefined ? this.#participants() : [query.participant];
    const start = query.cursor === undefined ? { first: numbers[0] ?? 0, second: 0 } : parsePair(query.cursor);
    if (start === undefined || (query.cursor !== undefined && !numbers.includes(start.first as ParticipantNumber))) {
      return { ok: false, fault: "bad_cursor" };
    }
    const items: LedgerAccount[] = [];
    let offset = start.second;
    for (const number of numbers.filter((candidate) => candidate >= start.first)) {
      if (items.length === query.limit) return { ok: true, items, cursor: `${number}:0` };
      const { accounts, next } = this.#ledger.accountsOf(number, offset, query.limit - items.length);
      items.push(...accounts);
      if (next !== undefined) return { ok: true, items, cursor: `${number}:${next}` };
      offset = 0;
    }
    return { ok: true, items };
  }

  /** Newest first; the cursor is `height:index` of the next outcome to look at. */
  transfers(query: TransferQuery, executedHeight: Height): Page<TransferView> {
    const cursor = query.cursor === undefined ? undefined : parsePair(query.cursor);
    if (query.cursor !== undefined && cursor === undefined) return { ok: false, fault: "bad_cursor" };
    const from = cursor === undefined ? undefined : { height: toHeight(cursor.first), index: cursor.second };
    const chain = this.#chain(query, executedHeight);
    let place = from ?? chain.newest();
    const items: TransferView[] = [];
    for (let steps = 0; place !== undefined && steps < STEPS_MAX && items.length < query.limit; steps += 1) {
      const outcome = this.#blocks.outcome(place);
      if (steps === 0 && from !== undefined && !chain.holds(outcome)) return { ok: false, fault: "bad_cursor" };
      if (outcome === undefined) {
        place = chain.without(place);
        continue;
      }
      if (outcome.subject === "transfer" && isWanted(outcome, query)) items.push(this.#view(outcome, place));
      place = chain.before(outcome, place);
    }
    return place === undefined ? { ok: true, items } : { ok: true, items, cursor: `${place.height}:${place.index}` };
  }

  #view(outcome: DecodedOutcome, place: OutcomePointer): TransferView {
    return transferView(outcome, place, this.#ledger.transferPosition(decodeTransfer(outcome.record).id));
  }

  #participants(): readonly ParticipantNumber[] {
    return this.#ledger.participants().map((participant) => participant.number);
  }

  #chain({ accountId, participant }: TransferQuery, executedHeight: Height): Chain {
    if (accountId !== undefined) return this.#accountChain(accountId);
    if (participant !== undefined) return this.#participantChain(participant);
    return this.#wholeChain(executedHeight);
  }

  #accountChain(accountId: Id128): Chain {
    return {
      newest: () => this.#ledger.account(accountId)?.newest,
      holds: (outcome) => outcome !== undefined && this.#sideOf(outcome, accountId) !== undefined,
      without: () => undefined,
      before: (outcome) =>
        this.#sideOf(outcome, accountId) === "credit" ? outcome.previousOfCredit : outcome.previousOfDebit,
    };
  }

  #participantChain(participant: ParticipantNumber): Chain {
    return {
      newest: () => this.#ledger.participant(participant)?.newest,
      holds: (outcome) => outcome?.participant === participant,
      without: () => undefined,
      before: (outcome) => outcome.previousOfParticipant,
    };
  }

  /** All outcomes of all blocks; a block without any has the place −1, which is not an outcome. */
  #wholeChain(executedHeight: Height): Chain {
    const lastOf = (height: number): OutcomePointer | undefined => {
      if (height < 1) return undefined;
      const block = this.#blocks.outcomes(toHeight(height));
      return {
        height: toHeight(height),
        index: block === undefined ? 0 : Math.max(0, outcomeCount(block.outcomes) - 1),
      };
    };
    return {
      newest: () => lastOf(executedHeight),
      holds: () => true,
      without: (place) => lastOf(place.height - 1),
      before: (_outcome, place) =>
        place.index > 0 ? { height: place.height, index: place.index - 1 } : lastOf(place.height - 1),
    };
  }

  /** On which side an outcome touches an account; a post or void may leave its accounts to the pending transfer. */
  #sideOf(outcome: DecodedOutcome, accountId: Id128): "debit" | "credit" | undefined {
    if (outcome.subject === "settlement") {
      const decoded = decodeSettlement(outcome.record);
      if (decoded.type !== "position") return undefined;
      if (decoded.position.reserveAccount === accountId) return "debit";
      return decoded.position.settlementAccount === accountId ? "credit" : undefined;
    }
    if (!["transfer", "expiry", "release"].includes(outcome.subject)) return "debit";
    const fields = decodeTransfer(outcome.record);
    const pending = fields.debitAccountId === ZERO_ID ? this.#recordOf(fields.pendingId) : undefined;
    const { debitAccountId, creditAccountId } = pending ?? fields;
    if (debitAccountId === accountId) return "debit";
    return creditAccountId === accountId ? "credit" : undefined;
  }

  #recordOf(id: Id128): ReturnType<typeof decodeTransfer> | undefined {
    const position = this.#ledger.transferPosition(id);
    const outcome = position === undefined ? undefined : this.#blocks.outcome(position);
    return outcome === undefined ? undefined : decodeTransfer(outcome.record);
  }
}

/** One order of outcomes, from the newest back. */
interface Chain {
  newest(): OutcomePointer | undefined;
  /** Whether an outcome that a cursor names belongs to this order. */
  holds(outcome: DecodedOutcome | undefined): boolean;
  before(outcome: DecodedOutcome, place: OutcomePointer): OutcomePointer | undefined;
  /** Where to go on from a place that holds no outcome. */
  without(place: OutcomePointer): OutcomePointer | undefined;
}

const isWanted = (outcome: DecodedOutcome, { participant }: TransferQuery): boolean =>
  participant === undefined || outcome.participant === participant;

/** `number:number`, both canonical. */
function parsePair(text: string): { readonly first: number; readonly second: number } | undefined {
  const match = /^(0|[1-9][0-9]{0,15}):(0|[1-9][0-9]{0,9})$/.exec(text);
  const [first, second] = [Number(match?.[1]), Number(match?.[2])];
  return match !== null && Number.isSafeInteger(first) ? { first, second } : undefined;
}

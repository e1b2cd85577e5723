import type { Account, Books, Window } from "./books.js";

const DAY_MS = 86_400_000;

/** Net settlement (LEDG-21 to LEDG-24): who owes what, in which window. */
export class Windows {
  readonly #books: Books;

  constructor(books: Books) {
    this.#books = books;
  }

  openNumber(asset: number): number {
    return this.#books.open.get(asset)?.number ?? 1;
  }

  hasPayments(asset: number): boolean {
    return (this.#books.open.get(asset)?.rows.size ?? 0) > 0;
  }

  /** Something was initiated: from now on the open window has a time at which it is due. */
  initiate(asset: number): Window {
    const { open, timestamp } = this.#books;
    const window = open.get(asset) ?? { asset, number: 1, openedAt: 0, closedAt: 0, rows: new Map<string, bigint>() };
    if (window.openedAt === 0) window.openedAt = timestamp;
    open.set(asset, window);
    return window;
  }

  /** @param amount with the fee */
  count(asset: number, [payer, payee]: readonly [number, number], amount: bigint): void {
    const { rows } = this.initiate(asset);
    const pair = `${payer}/${payee}`;
    rows.set(pair, (rows.get(pair) ?? 0n) + amount);
  }

  cut(asset: number): void {
    const { open, closed, timestamp } = this.#books;
    const window = open.get(asset) as Window;
    window.closedAt = timestamp;
    if (window.rows.size > 0) closed.push(window);
    open.set(asset, { asset, number: window.number + 1, openedAt: 0, closedAt: 0, rows: new Map() });
  }

  /** Cuts the windows whose time has come, in the order of their times, then of the assets. */
  cutDue(): void {
    const { open, timestamp } = this.#books;
    const due = [...open.values()]
      .map((window) => ({ asset: window.asset, time: this.dueTime(window) ?? Infinity }))
      .filter(({ time }) => time <= timestamp)
      .sort((left, right) => left.time - right.time || left.asset - right.asset);
    for (const { asset } of due) this.cut(asset);
  }

  /** The first moment after the first initiation at which the scheme's clock shows a window time. */
  dueTime({ openedAt }: Window): number | undefined {
    if (openedAt === 0) return undefined;
    const { schemeDayOffsetSeconds, windowTimes = [] } = this.#books.rulebook;
    const offset = schemeDayOffsetSeconds * 1_000;
    const day = Math.floor((openedAt + offset) / DAY_MS);
    for (const each of [day, day + 1]) {
      for (const seconds of windowTimes) {
        const moment = each * DAY_MS + seconds * 1_000 - offset;
        if (moment > openedAt) return moment;
      }
    }
    return undefined;
  }

  /** Settles every closed window. @throws {Error} where net positions do not sum to zero */
  settle(): void {
    const books = this.#books;
    for (const window of books.closed) {
      const banks = new Set([...window.rows.keys()].flatMap((pair) => pair.split("/").map(Number)));
      let sum = 0n;
      for (const bank of [...banks].sort((left, right) => left - right)) {
        const net = netOf(window, bank);
        sum += net;
        if (net > 0n) (books.own(bank, window.asset, "reserve") as Account).debitsPosted += net;
        if (net < 0n) (books.own(bank, window.asset, "settlement") as Account).creditsPosted -= net;
        books.leaveByItself("settled", bank, 0, net < 0n ? -net : net);
      }
      if (sum !== 0n) throw new Error("net positions do not sum to zero");
      const issuance = [...books.accounts.values()].find(
        ({ kind, asset }) => kind === "issuance" && asset === window.asset,
      );
      books.leaveByItself("settled", issuance?.owner ?? 0);
    }
    books.closed = [];
  }

  /** What a bank may have to pay, if `more` were counted into the open window besides. */
  exposure(bank: number, asset: number, more = 0n): bigint {
    const owed = (window: Window, extra = 0n): bigint => {
      const net = netOf(window, bank) + extra;
      return net > 0n ? net : 0n;
    };
    const { open, closed } = this.#books;
    const window = open.get(asset);
    let sum = window === undefined ? more : owed(window, more);
    for (const other of closed) if (other.asset === asset) sum += owed(other);
    return sum + this.#reserved(bank, asset, "payer");
  }

  /** All that a bank has paid or got on net rails and that is not settled, pending transfers included. */
  unsettled(bank: number, asset: number, side: "payer" | "payee"): bigint {
    const { open, closed } = this.#books;
    let sum = this.#reserved(bank, asset, side);
    for (const window of [...closed, ...open.values()]) {
      if (window.asset !== asset) continue;
      for (const [pair, paid] of window.rows)
        if (Number(pair.split("/")[side === "payer" ? 0 : 1]) === bank) sum += paid;
    }
    return sum;
  }

  #reserved(bank: number, asset: number, side: "payer" | "payee"): bigint {
    const books = this.#books;
    let sum = 0n;
    for (const { waits, record, amount, fee } of books.pendings.values()) {
      if (waits !== undefined || record.asset !== asset || books.leg(record) !== "net") continue;
      if (books.banks(record)[side === "payer" ? 0 : 1] === bank) sum += amount + fee;
    }
    return sum;
  }
}

/** What a bank owes in a window; below zero: what it gets. */
function netOf(window: Window, bank: number): bigint {
  let net = 0n;
  for (const [pair, sum] of window.rows) {
    const [payer, payee] = pair.split("/").map(Number);
    if (payer === bank) net += sum;
    if (payee === bank) net -= sum;
  }
  return net;
}

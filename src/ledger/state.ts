import type { Rulebook } from "../formats/index.js";
import { Accounts } from "./accounts.js";
import { EntryTable } from "./entry-table.js";
import { Limits } from "./limits.js";
import { NextSet } from "./next-set.js";
import { OutcomeLog } from "./outcome-log.js";
import { Keys, Participants } from "./participants.js";
import { Pendings } from "./pendings.js";
import { Positions } from "./positions.js";
import { Proposals } from "./proposals.js";
import { Queues } from "./queues.js";
import { Rules, rulebookBytes } from "./rules.js";
import { Screening, Velocities } from "./screening.js";
import { SeenIds } from "./seen-ids.js";
import { Windows } from "./windows.js";

/** The rulebook's canonical JSON in 64-byte entries. */
const RULEBOOK_WORDS = 16;
const RULEBOOK_PAGE_ENTRIES = 64;

/** Every table that execution reads, with what is derived from them. */
export class State {
  readonly accounts: Accounts;
  readonly ids: SeenIds;
  readonly pendings: Pendings;
  readonly limits = new Limits();
  readonly participants = new Participants();
  readonly keys = new Keys();
  readonly rulebookTable = new EntryTable(RULEBOOK_WORDS, RULEBOOK_PAGE_ENTRIES);
  readonly nextSet = new NextSet();
  readonly proposals = new Proposals();
  readonly windows = new Windows();
  readonly positions = new Positions();
  readonly queues = new Queues();
  readonly velocities = new Velocities();
  readonly log: OutcomeLog;
  /** The tables in the order in which the state root covers them; undefined for a place not in use. */
  readonly tables: readonly (EntryTable | undefined)[];
  #rules: Rules | undefined;
  /** Absent where the rulebook screens nothing. */
  screening: Screening | undefined;
  #isSupposed = false;

  constructor(hashSeed: number) {
    this.accounts = new Accounts(hashSeed);
    this.ids = new SeenIds(hashSeed);
    this.pendings = new Pendings(this.ids);
    this.log = new OutcomeLog(this.accounts, this.participants);
    this.tables = [
      this.accounts.table,
      this.ids.table,
      this.pendings.table,
      this.limits.table,
      this.participants.table,
      this.keys.table,
      this.rulebookTable,
      this.queues.table,
      this.windows.table,
      this.positions.table,
      this.velocities.table,
      this.proposals.table,
      this.proposals.ballotTable,
      this.nextSet.table,
      this.windows.rows,
      this.proposals.contentTable,
    ];
  }

  get rules(): Rules {
    return this.#rules as Rules;
  }

  /** Puts a rulebook in force whose bytes are in the table already. */
  readRules(rulebook: Rulebook): void {
    this.#rules = new Rules(rulebook);
    const { accounts, velocities } = this;
    const idOf = (account: number): Uint32Array => {
      const base = accounts.table.baseOf(account);
      return accounts.table.wordsOf(account).slice(base, base + 4);
    };
    this.screening =
      rulebook.screening === undefined ? undefined : new Screening(rulebook.screening, { velocities, idOf });
  }

  /** Puts another rulebook in force in place of the present one; not over one that is only supposed. */
  replaceRules(rulebook: Rulebook): void {
    if (this.#isSupposed) return;
    while (this.rulebookTable.count > 0) this.rulebookTable.removeLast();
    this.writeRules(rulebook);
  }

  /** Puts a rulebook in force that stays, whatever governance decides: to see what would be. */
  supposeRules(rulebook: Rulebook): void {
    this.replaceRules(rulebook);
    this.#isSupposed = true;
  }

  /** Puts a rulebook in force and writes its table. */
  writeRules(rulebook: Rulebook): void {
    this.rulebookTable.appendPage(rulebookBytes(rulebook));
    this.readRules(rulebook);
  }

  /** From here until `commit` or `rollback` the state can be taken back; consumed ids excepted. */
  begin(): void {
    this.accounts.table.begin();
    this.ids.table.begin();
    this.pendings.table.begin();
    this.limits.table.begin();
    this.participants.table.begin();
    this.windows.table.begin();
    this.windows.rows.begin();
    this.positions.table.begin();
    this.queues.table.begin();
    this.velocities.table.begin();
    this.log.begin();
  }

  commit(): void {
    this.accounts.table.commit();
    this.ids.table.commit();
    this.pendings.table.commit();
    this.limits.table.commit();
    this.participants.table.commit();
    this.windows.table.commit();
    this.windows.rows.commit();
    this.positions.table.commit();
    this.queues.table.commit();
    this.velocities.table.commit();
  }

  /** Undoes everything since `begin` but the ids consumed since then, which stay for their results. */
  rollback(): void {
    this.accounts.table.rollback();
    this.ids.table.rollbackKeeping();
    this.pendings.table.rollback();
    this.limits.table.rollback();
    this.participants.table.rollback();
    this.windows.table.rollback();
    this.windows.rows.rollback();
    this.positions.table.rollback();
    this.queues.rollback();
    this.velocities.table.rollback();
    this.log.rollback();
  }
}

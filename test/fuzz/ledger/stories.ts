import fc from "fast-check";
import { expect } from "vitest";
import {
  encodeAccount,
  encodeAction,
  encodeTransfer,
  isSuccess,
  participantOfId,
  type TransferFlag,
  ZERO_ID,
} from "../../../src/formats/index.js";
import { type OrderedBatch } from "../../../src/ledger/index.js";
import type { Id128, ParticipantNumber } from "../../../src/primitives/index.js";
import type {
  Batch,
  FullAccount,
  FullAction,
  FullTransfer,
  ReferenceLedger,
} from "../../../src/simulator/checkers/reference-ledger/index.js";
import {
  ACCOUNTS,
  ASHA,
  BINA,
  BOOK,
  encoded,
  FUNDING,
  HARI,
  HDFC,
  HDFC_CLEARING,
  HDFC_SETTLEMENT,
  INR,
  ISSUANCE,
  id,
  makeBatch,
  makeGenesis,
  PART,
  RBI,
  RTGS,
  RULEBOOK,
  Run,
  SBI,
  SBI_CLEARING,
  SBI_SETTLEMENT,
  UPI,
  USD,
} from "../../fixtures/consortium.js";

/** Few ids, accounts and amounts, so that everything meets everything. */
export const SBI_RESERVE = id(RBI, 0x22);
export const HDFC_RESERVE = id(RBI, 0x23);
export const NEFT = 10;
const ACCEPT = 11;
const ACCEPT_NET = 12;
const opened = [id(SBI, 0x61), id(SBI, 0x62), id(HDFC, 0x63), id(RBI, 0x64)];
const accountIds = [
  ...[ASHA, BINA, HARI, SBI_CLEARING, HDFC_CLEARING, SBI_SETTLEMENT, HDFC_SETTLEMENT, ISSUANCE],
  ...[SBI_RESERVE, HDFC_RESERVE],
  ...opened,
];
const own: Readonly<Record<number, readonly Id128[]>> = {
  [RBI]: [ISSUANCE, ISSUANCE, SBI_SETTLEMENT, SBI_RESERVE],
  [SBI]: [ASHA, ASHA, ASHA, BINA, SBI_CLEARING, SBI_RESERVE],
  [HDFC]: [HARI, HARI, HARI, HARI, HDFC_CLEARING, HDFC_RESERVE],
};
const anyAccount = fc.constantFrom(...accountIds, ZERO_ID);
const debitOf = (from: ParticipantNumber) =>
  fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...(own[from] ?? [])) }, { weight: 1, arbitrary: anyAccount });
const creditOf = (from: ParticipantNumber) =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        ...(from === RBI
          ? [SBI_SETTLEMENT, HDFC_SETTLEMENT, ISSUANCE, SBI_RESERVE, HDFC_RESERVE]
          : [BINA, BINA, ASHA, ASHA, HARI, HARI, HARI, SBI_SETTLEMENT]),
      ),
    },
    { weight: 1, arbitrary: anyAccount },
  );
const participant = fc.constantFrom(SBI, SBI, SBI, HDFC, HDFC, RBI);
/** Ids from 1 are reservations, from 100 everything else; rarely another bank's. */
const idBetween = (from: ParticipantNumber, min: number, max: number) =>
  fc.oneof(
    { weight: 40, arbitrary: fc.integer({ min, max }).map((rest) => id(from, rest)) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }).map((rest) => id(HDFC, rest)) },
  );
const transferId = (from: ParticipantNumber) => idBetween(from, 100, 400);
const reservationId = (from: ParticipantNumber) => idBetween(from, 1, 99);
const amount = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 150 }).map(String) },
  { weight: 2, arbitrary: fc.integer({ min: 20_000, max: 100_100 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("18446744073709551615", "18446744073709451616", "4294967296", "9223372036854775808"),
  },
);
const rail = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(BOOK, BOOK, UPI, PART, NEFT, NEFT, NEFT) },
  { weight: 1, arbitrary: fc.constantFrom(RTGS, 9, ACCEPT) },
);
/** Rails with two phases. */
const phased = fc.constantFrom(UPI, PART, PART, NEFT, NEFT, ACCEPT, ACCEPT_NET);
const asset = fc.oneof({ weight: 30, arbitrary: fc.constant(INR) }, { weight: 1, arbitrary: fc.constantFrom(USD, 5) });

const shaped = (from: ParticipantNumber, fields: Partial<FullTransfer>) =>
  fc
    .record({
      id: transferId(from),
      debitAccountId: debitOf(from),
      creditAccountId: creditOf(from),
      amount,
      asset,
      rail,
    })
    .map((drawn): FullTransfer => {
      const rest = {
        code: 0,
        flags: [],
        pendingId: ZERO_ID,
        timeoutSeconds: 0,
        reference: ZERO_ID,
        remittance: ZERO_ID,
        priority: 0,
      };
      return { ...rest, ...drawn, ...fields };
    });

const plain = (from: ParticipantNumber) =>
  fc
    .tuple(shaped(from, {}), fc.constantFrom<TransferFlag[]>([], [], [], [], ["balancing_debit"], ["linked"]))
    .map(([fields, flags]): FullTransfer => ({ ...fields, flags }));

const reserve = (from: ParticipantNumber) =>
  fc
    .record({
      fields: shaped(from, {}),
      id: reservationId(from),
      rail: phased,
      flags: fc.constantFrom<TransferFlag[]>(
        ["pending"],
        ["pending"],
        ["pending"],
        ["pending"],
        ["pending"],
        ["linked", "pending"],
        ["pending", "balancing_debit"],
      ),
      timeoutSeconds: fc.integer({ min: 0, max: 60 }),
    })
    .map(({ fields, ...rest }): FullTransfer => ({ ...fields, ...rest }));

const resolve = (from: ParticipantNumber) =>
  fc
    .record({
      fields: shaped(from, { debitAccountId: ZERO_ID, creditAccountId: ZERO_ID }),
      flags: fc.constantFrom<TransferFlag[]>(
        ["post_pending"],
        ["post_pending"],
        ["post_pending"],
        ["void_pending"],
        ["void_pending"],
        ["linked", "post_pending"],
      ),
      pendingId: reservationId(from),
      rail: phased,
      isWhole: fc.boolean(),
    })
    .map(({ fields, isWhole, ...rest }): FullTransfer => ({ ...fields, ...rest, ...(isWhole ? { amount: "0" } : {}) }));

const wild = (from: ParticipantNumber) =>
  fc
    .tuple(
      shaped(from, {}),
      fc.subarray<TransferFlag>(["linked", "pending", "post_pending", "void_pending", "balancing_debit"]),
      fc.constantFrom(ZERO_ID, id(SBI, 3), id(HDFC, 3)),
      fc.integer({ min: 0, max: 90_000 }),
    )
    .map(
      ([fields, flags, pendingId, timeoutSeconds]): FullTransfer => ({ ...fields, flags, pendingId, timeoutSeconds }),
    );

const transfersOf = (from: ParticipantNumber) =>
  fc
    .array(
      fc.oneof(
        { weight: 5, arbitrary: plain(from) },
        { weight: 5, arbitrary: reserve(from) },
        { weight: 5, arbitrary: resolve(from) },
        { weight: 1, arbitrary: wild(from) },
      ),
      { minLength: 1, maxLength: 8, size: "max" },
    )
    .map((list): Batch => ({ kind: "transfers", from, list }));

const openingsOf = (from: ParticipantNumber) =>
  fc
    .array(
      fc.record<FullAccount>({
        id: fc.constantFrom(...opened),
        owner: fc.oneof(
          { weight: 5, arbitrary: fc.constant(from) },
          { weight: 2, arbitrary: fc.constantFrom(SBI, HDFC, 4 as ParticipantNumber) },
        ),
        asset,
        kind: fc.constantFrom("customer", "customer", "clearing", "settlement", "issuance", "reserve"),
        flags: fc.constantFrom(
          ["debits_must_not_exceed_credits"],
          ["debits_must_not_exceed_credits"],
          [],
          ["credits_must_not_exceed_debits"],
        ),
        reference: fc.constantFrom(ZERO_ID, ZERO_ID, ZERO_ID, id(1, 1)),
      }),
      { minLength: 1, maxLength: 3 },
    )
    .map((list): Batch => ({ kind: "openings", from, list }));

const actionsOf = (from: ParticipantNumber) =>
  fc
    .array(
      fc.record<FullAction>({
        id: transferId(from),
        accountId: fc.constantFrom(...accountIds, ISSUANCE, ISSUANCE, ISSUANCE),
        action: fc.constantFrom("freeze", "unfreeze", "unfreeze", "close", "cut_window", "cut_window", "cut_window"),
        reference: fc.constant(ZERO_ID),
      }),
      { minLength: 1, maxLength: 2 },
    )
    .map((list): Batch => ({ kind: "actions", from, list }));

const batch = participant.chain((from) =>
  fc.oneof(
    { weight: 12, arbitrary: transfersOf(from) },
    { weight: 1, arbitrary: openingsOf(from) },
    { weight: 1, arbitrary: actionsOf(from) },
  ),
);

export interface Step {
  readonly batches: readonly Batch[];
  readonly pauseMs: number;
}

/** Repeats some records, and lets most posts and voids name one of the bank's latest reservations. */
function aimed(steps: readonly Step[]): Step[] {
  const reserved = new Map<number, FullTransfer[]>();
  const offered: FullTransfer[] = [];
  const earlier: FullTransfer[] = [];
  const aim = (from: number, fields: FullTransfer): FullTransfer => {
    const latest = (reserved.get(from) ?? []).slice(-6);
    const rest = Number.parseInt(fields.id.slice(8), 16);
    const repeated = earlier[rest % 50];
    if (rest % 7 === 0 && repeated !== undefined && participantOfId(repeated.id) === from) return repeated;
    earlier.push(fields);
    if (fields.flags.includes("pending")) reserved.set(from, [...latest, fields]);
    if (fields.flags.includes("pending") && fields.rail >= ACCEPT) offered.push(fields);
    const offer = offered.at(-1);
    if (offer !== undefined && rest % 3 === 0 && participantOfId(fields.pendingId) === from) {
      return { ...fields, pendingId: offer.id, rail: offer.rail };
    }
    const drawn = Number.parseInt(fields.pendingId.slice(8), 16);
    const target = latest[drawn % latest.length];
    if (drawn === 0 || drawn % 8 === 0 || target === undefined) return fields;
    return { ...fields, pendingId: target.id, rail: drawn % 5 === 0 ? fields.rail : target.rail };
  };
  return steps.map(({ batches, pauseMs }) => ({
    pauseMs,
    batches: batches.map((batch) =>
      batch.kind === "transfers" ? { ...batch, list: batch.list.map((fields) => aim(batch.from, fields)) } : batch,
    ),
  }));
}

/** Blocks and the milliseconds between them; now and then a day passes. */
export const blocks = fc
  .array(
    fc.record<Step>({
      batches: fc.array(batch, { minLength: 1, maxLength: 3 }),
      pauseMs: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 1, max: 15_000 }) },
        { weight: 3, arbitrary: fc.integer({ min: 100_000, max: 400_000 }) },
        { weight: 1, arbitrary: fc.constant(43_200_000) },
      ),
    }),
    { minLength: 4, maxLength: 12 },
  )
  .map(aimed);

export const defaults = { asset: INR, rail: BOOK, participant: RBI };

export function ordered(batch: Batch, salt: number): OrderedBatch {
  const from = batch.from as ParticipantNumber;
  switch (batch.kind) {
    case "transfers":
      return makeBatch(
        "create_transfers",
        from,
        batch.list.map((fields) => encoded(encodeTransfer(fields, defaults))),
        { salt },
      );
    case "openings":
      return makeBatch(
        "create_accounts",
        from,
        batch.list.map((fields) => encoded(encodeAccount(fields, defaults))),
        { salt },
      );
    case "actions":
      return makeBatch(
        "manage_accounts",
        from,
        batch.list.map((fields) => encoded(encodeAction(fields))),
        { salt, key: Number(batch.key ?? 0) },
      );
    case "settle-set":
      return makeBatch(
        "settle_set",
        from,
        batch.list.map((text) => new Uint8Array(Buffer.from(text.padEnd(256, "0"), "hex"))),
        { salt },
      );
    case "proposal":
    case "governing":
      throw new Error("stories tell of payments only");
  }
}

/** Which field differs is told by 8-bit fingerprints, which small numbers may share; unit tests pin them. */
export const blurred = (results: readonly string[][]): string[][] =>
  results.map((list) => list.map((name) => name.replace(/^(exists_with_different)_(?!owner$|kind$).*/, "$1")));

const PART_RAIL = RULEBOOK.rails[PART] as (typeof RULEBOOK.rails)[number];

export const genesis = makeGenesis({
  rules: {
    checkpointBlocks: 2,
    participantCaps: { accounts: 8, pendings: 5 },
    windowTimes: Array.from({ length: 288 }, (_, index) => index * 300),
    netDebitCaps: [{ participant: HDFC, asset: INR, cap: "180" }],
    rails: [
      ...RULEBOOK.rails,
      { ...PART_RAIL, number: NEFT, name: "NEFT", settlement: "net", fee: "2", bankWindowMaximum: "400" },
      { ...PART_RAIL, number: ACCEPT, name: "ACCEPT", partialPost: false, acceptance: true, turnaroundSeconds: 40 },
      {
        ...{ ...PART_RAIL, number: ACCEPT_NET, name: "ACCEPT NET", partialPost: false, acceptance: true },
        ...{ turnaroundSeconds: 40, settlement: "net" as const },
      },
    ],
  },
  accounts: [
    ...ACCOUNTS,
    { id: SBI_RESERVE, owner: SBI, asset: INR, kind: "reserve" },
    { id: HDFC_RESERVE, owner: HDFC, asset: INR, kind: "reserve" },
  ],
  funding: [
    ...FUNDING,
    { debit: ISSUANCE, credit: SBI_RESERVE, amount: "250" },
    { debit: ISSUANCE, credit: HDFC_RESERVE, amount: "250" },
    { debit: SBI_CLEARING, credit: BINA, amount: "18446744073709451615" },
  ],
});

export function compare(run: Run, model: ReferenceLedger): void {
  for (const [account, expected] of model.accounts) {
    const { owner, asset, kind, frozen, closed, debitsPending, debitsPosted, creditsPending, creditsPosted } = expected;
    expect(run.ledger.account(account as Id128)).toMatchObject({
      ...{ owner, asset, kind, frozen, closed, debitsPending, debitsPosted, creditsPending, creditsPosted },
    });
  }
  for (const [transfer, { state, success }] of model.seen) {
    const position = run.ledger.transferPosition(transfer as Id128);
    expect([position?.pending, isSuccess(position?.code ?? 999)]).toEqual([state, success]);
  }
  expect(run.ledger.nextDeadline()).toBe(model.nextDeadline);
  for (const { participant: bank, asset: inAsset, exposure, reserve } of run.ledger.positions()) {
    expect(exposure).toBe(model.exposure(bank, inAsset));
    expect(exposure <= reserve).toBe(true);
  }
}

/** LEDG-1, LEDG-11, restated over what the ledger shows. */
export function checkConservation(run: Run): void {
  for (const totals of run.ledger.conservation()) {
    expect(totals.debitsPosted).toBe(totals.creditsPosted);
    expect(totals.debitsPending).toBe(totals.creditsPending);
    expect(totals.settlement).toBe(totals.issued);
    expect(totals.owed).toBe(totals.due);
  }
  for (const account of accountIds) {
    const view = run.ledger.account(account);
    if (view?.debitsMustNotExceedCredits !== true) continue;
    expect(view.creditsPosted - view.debitsPosted - view.debitsPending).toBeGreaterThanOrEqual(0n);
  }
}

import type { Id128, ParticipantNumber } from "../primitives/index.js";
import { amount, flag, hex, integer, list, object, oneOf, type Shape, ShapeError, text } from "./json-shape.js";

/**
 * What a scheme changes over time, as data: in genesis, and after it by governance. Amounts are decimal strings of
 * minor units. Members that may be absent mean without them what their comments say.
 */
export interface Rulebook {
  readonly assets: readonly RulebookAsset[];
  readonly rails: readonly RulebookRail[];
  readonly defaultAsset: number;
  readonly defaultRail: number;
  /** A scheme day is floor((UTC seconds + this) / 86,400). */
  readonly schemeDayOffsetSeconds: number;
  /** Heights between two state roots. */
  readonly checkpointBlocks: number;
  /** Pending transfers that one block may expire. */
  readonly expiriesPerBlockMax: number;
  readonly participantCaps: ParticipantCaps;
  /**
   * Seconds of the scheme day at which the open windows of net settlement are cut, ascending; absent: only the
   * authority cuts them.
   */
  readonly windowTimes?: readonly number[];
  /** The most that a bank may owe in unsettled windows, at most one entry for a bank and asset. */
  readonly netDebitCaps?: readonly NetDebitCap[];
  /** Cap of banks that the list does not name; absent: their reserve alone bounds them. */
  readonly netDebitCapDefault?: string;
  /** Rules that put transfers on hold; absent: none. */
  readonly screening?: readonly ScreeningRule[];
  /** Absent: a quorum of the validators, seven days to vote, a day's delay for another participant's keys. */
  readonly governance?: GovernanceRules;
}

export interface RulebookAsset {
  /** ISO 4217 numeric code. */
  readonly number: number;
  /** ISO 4217 alphabetic code. */
  readonly code: string;
  /** Decimal digits of the minor unit. */
  readonly exponent: number;
}

export interface RulebookRail extends RailOptions {
  readonly number: number;
  readonly name: string;
  readonly minimum: string;
  readonly maximum: string;
  /** Longest pending time; 0 where the rail has no two-phase transfers. */
  readonly timeoutSecondsMax: number;
  readonly partialPost: boolean;
}

interface RailOptions {
  /** Sum of initiations per debit account and scheme day; absent: unlimited. */
  readonly accountDailyMaximum?: string;
  /** Between banks: in the same step, or in the window of the asset; absent: gross. */
  readonly settlement?: "gross" | "net";
  /** What becomes of a gross transfer that its bank has no liquidity for; absent: it is rejected. */
  readonly onShortage?: "reject" | "queue";
  /** Longest time in the queue. */
  readonly queueSecondsMax?: number;
  /** Transfers are pending until the beneficiary's bank posts the exact amount or voids; absent: no. */
  readonly acceptance?: boolean;
  /** On an acceptance rail the longest time for that, and the time of a record that names none. */
  readonly turnaroundSeconds?: number;
  /** On a net rail the sum of initiations per bank and window; absent: unlimited. */
  readonly bankWindowMaximum?: string;
  /** From the payer's bank to the beneficiary's for each transfer between banks; absent: 0. */
  readonly fee?: string;
}

export interface ParticipantCaps extends FurtherCaps {
  readonly accounts: number;
  readonly pendings: number;
}

interface FurtherCaps {
  /** Transfers in its queues; absent: as many as may be pending. */
  readonly queued?: number;
  /** Proposals that are open or passed and not in force yet; absent: 8. */
  readonly proposals?: number;
  /** Records of its batches in one block; absent: as many as fit. */
  readonly recordsPerBlock?: number;
}

export interface NetDebitCap {
  readonly participant: ParticipantNumber;
  readonly asset: number;
  readonly cap: string;
}

/** One reason to hold a transfer. */
export type ScreeningRule = ScreeningCommon &
  (
    | { readonly kind: "accounts"; readonly accounts: readonly Id128[] }
    /** From this amount on. */
    | { readonly kind: "amount"; readonly minimum: string }
    /** More than `count` initiations of the debit account, or more than `sum`, in `windowSeconds` of block time. */
    | { readonly kind: "velocity"; readonly windowSeconds: number; readonly count?: number; readonly sum?: string }
    | { readonly kind: "purpose"; readonly codes: readonly number[] }
  );

interface ScreeningCommon extends ScreeningOptions {
  readonly number: number;
  /** After this time the money is returned. */
  readonly holdSeconds: number;
}

interface ScreeningOptions {
  /** Numbers of the rails that it looks at; absent: all. */
  readonly rails?: readonly number[];
  /** Release needs the keys of two people; absent: one. */
  readonly fourEyes?: boolean;
}

/** What is put to the vote. */
export type ProposalKind = "rulebook" | "participant" | "keys" | "validators" | "version" | "evidence";

/** How many validators must agree: more than half, a consensus quorum, or every one. */
export type Threshold = "majority" | "quorum" | "all";

export interface GovernanceRules {
  /** By kind; absent: `quorum`. Never less than a quorum for validators, version and evidence. */
  readonly thresholds?: { readonly [Kind in ProposalKind]?: Threshold };
  /** Longest, and usual, time for ballots. */
  readonly votingSecondsMax: number;
  /** Between the vote and the first use of a key that a participant did not add itself. */
  readonly keyDelaySeconds: number;
}

const ASSETS_MAX = 64;
const RAILS_MAX = 64;
const WINDOW_TIMES_MAX = 288;
const CAPS_MAX = 65_536;
const PROPOSALS_MAX = 64;
const SCREENING_RULES_MAX = 256;
const SCREENED_ACCOUNTS_MAX = 4_096;

const U32_MAX = 0xffff_ffff;
const railNumber = integer(0, 255);

type AllOf<Options> = Required<Options>;

const rail: Shape<RulebookRail> = object<Omit<RulebookRail, keyof RailOptions>, AllOf<RailOptions>>(
  {
    number: railNumber,
    name: text(
      /^[A-Za-z0-9][A-Za-z0-9 _-]{0,31}$/,
      "a name of 1 to 32 letters, digits, spaces, hyphens or underscores",
    ),
    minimum: amount,
    maximum: amount,
    timeoutSecondsMax: integer(0, U32_MAX),
    partialPost: flag,
  },
  {
    accountDailyMaximum: amount,
    settlement: oneOf("gross", "net"),
    onShortage: oneOf("reject", "queue"),
    queueSecondsMax: integer(1, U32_MAX),
    acceptance: flag,
    turnaroundSeconds: integer(1, U32_MAX),
    bankWindowMaximum: amount,
    fee: amount,
  },
);

const screeningCommon = { number: integer(1, U32_MAX), holdSeconds: integer(1, U32_MAX) };
const screeningOptions = { rails: list(1, RAILS_MAX, railNumber), fourEyes: flag };
type Screening<Kind> = Extract<ScreeningRule, { readonly kind: Kind }>;
type ScreeningShapes = { readonly [Kind in ScreeningRule["kind"]]: Shape<Screening<Kind>> };

const screeningShapes: ScreeningShapes = {
  accounts: object<Omit<Screening<"accounts">, keyof ScreeningOptions>, AllOf<ScreeningOptions>>(
    {
      ...screeningCommon,
      kind: oneOf("accounts"),
      accounts: list(1, SCREENED_ACCOUNTS_MAX, hex(16) as Shape<Id128>),
    },
    screeningOptions,
  ),
  amount: object<Omit<Screening<"amount">, keyof ScreeningOptions>, AllOf<ScreeningOptions>>(
    { ...screeningCommon, kind: oneOf("amount"), minimum: amount },
    screeningOptions,
  ),
  velocity: object<
    Omit<Screening<"velocity">, keyof ScreeningOptions | "count" | "sum">,
    AllOf<ScreeningOptions & { readonly count: number; readonly sum: string }>
  >(
    { ...screeningCommon, kind: oneOf("velocity"), windowSeconds: integer(1, U32_MAX) },
    { ...screeningOptions, count: integer(0, U32_MAX), sum: amount },
  ),
  purpose: object<Omit<Screening<"purpose">, keyof ScreeningOptions>, AllOf<ScreeningOptions>>(
    { ...screeningCommon, kind: oneOf("purpose"), codes: list(1, 65_536, integer(0, 0xffff)) },
    screeningOptions,
  ),
};

const screeningKind = oneOf("accounts", "amount", "velocity", "purpose");

const screeningRule: Shape<ScreeningRule> = (value, path) => {
  if (typeof value !== "object" || value === null) throw new ShapeError(path, "not an object");
  return screeningShapes[screeningKind((value as { kind?: unknown }).kind, `${path}.kind`)](value, path);
};

const threshold = oneOf("majority", "quorum", "all");
const safetyThreshold = oneOf("quorum", "all") as Shape<Threshold>;

const governance: Shape<GovernanceRules> = object<
  Omit<GovernanceRules, "thresholds">,
  Required<Pick<GovernanceRules, "thresholds">>
>(
  { votingSecondsMax: integer(60, 31_536_000), keyDelaySeconds: integer(0, 31_536_000) },
  {
    thresholds: object<Record<never, never>, { readonly [Kind in ProposalKind]: Threshold }>(
      {},
      {
        rulebook: threshold,
        participant: threshold,
        keys: threshold,
        validators: safetyThreshold,
        version: safetyThreshold,
        evidence: safetyThreshold,
      },
    ),
  },
);

type OptionalMember = "windowTimes" | "netDebitCaps" | "netDebitCapDefault" | "screening" | "governance";

/** Members, types and ranges of a rulebook, wherever it comes from; whether they agree the ledger judges. */
export const rulebookShape: Shape<Rulebook> = object<
  Omit<Rulebook, OptionalMember>,
  AllOf<Pick<Rulebook, OptionalMember>>
>(
  {
    assets: list(
      1,
      ASSETS_MAX,
      object<RulebookAsset>({
        number: integer(0, U32_MAX),
        code: text(/^[A-Z]{3}$/, "three capital letters"),
        exponent: integer(0, 18),
      }),
    ),
    rails: list(1, RAILS_MAX, rail),
    defaultAsset: integer(0, U32_MAX),
    defaultRail: railNumber,
    schemeDayOffsetSeconds: integer(-86_400, 86_400),
    checkpointBlocks: integer(1, 1_000_000),
    expiriesPerBlockMax: integer(1, 1_000_000),
    participantCaps: object<Omit<ParticipantCaps, keyof FurtherCaps>, AllOf<FurtherCaps>>(
      { accounts: integer(0, U32_MAX), pendings: integer(0, U32_MAX) },
      { queued: integer(0, U32_MAX), proposals: integer(0, PROPOSALS_MAX), recordsPerBlock: integer(1, U32_MAX) },
    ),
  },
  {
    windowTimes: list(1, WINDOW_TIMES_MAX, integer(0, 86_399)),
    netDebitCaps: list(
      1,
      CAPS_MAX,
      object<NetDebitCap>({
        participant: integer(1, U32_MAX) as Shape<ParticipantNumber>,
        asset: integer(1, U32_MAX),
        cap: amount,
      }),
    ),
    netDebitCapDefault: amount,
    screening: list(1, SCREENING_RULES_MAX, screeningRule),
    governance,
  },
);

import { z } from "zod";
import { submitResult } from "./schemas.js";

/** Shapes of the answers about governance, as in `schemas.ts`. */
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const count = z.int().min(0);
const unsafe = z.literal(true).optional();

export const submitResults = z.array(submitResult);

const setArithmetic = z.strictObject({ members: z.array(z.string()), faults: count, quorum: count });

export const preflight = z.strictObject({
  result: z.string(),
  problems: z.array(z.string()),
  threshold: count,
  voters: count,
  effects: z.array(z.string()),
  validators: z.strictObject({ before: setArithmetic, after: setArithmetic }).optional(),
  unsafe,
});
export type PreflightJson = z.infer<typeof preflight>;

const proposal = z.strictObject({
  id: hex(16),
  kind: z.string(),
  state: z.enum(["open", "passed", "activated", "lapsed", "not_activated"]),
  proposer: count,
  acceptFaults: z.boolean(),
  /** 0: the block after it passes. */
  effectiveHeight: count,
  proposedHeight: count,
  /** Block time from which no ballot counts. */
  deadline: count,
  passedHeight: count.optional(),
  /** Block time before which it is not put in force. */
  earliest: count.optional(),
  resolution: z.strictObject({ height: count, index: count }).optional(),
  ballots: z.array(z.strictObject({ participant: count, choice: z.enum(["yes", "no"]), runs: count, height: count })),
  /** Of a change of validators: the state root that newcomers state, and those that have. */
  stateRoot: hex(32).optional(),
  ready: z.array(z.strictObject({ participant: count, height: count })).optional(),
  /** Absent in listings. */
  content: z.record(z.string(), z.unknown()).optional(),
});
export type ProposalJson = z.infer<typeof proposal>;
export const proposals = z.strictObject({ proposals: z.array(proposal), count, unsafe });

const participantKeys = z.strictObject({
  number: count,
  name: z.string(),
  role: z.enum(["authority", "bank", "observer"]),
  isValidator: z.boolean(),
  keys: z.array(
    z.strictObject({
      publicKey: hex(32),
      scopes: z.array(z.string()),
      activeFrom: count,
      revokedFrom: count.optional(),
    }),
  ),
});
export type ParticipantKeysJson = z.infer<typeof participantKeys>;
export const participants = z.strictObject({ participants: z.array(participantKeys), unsafe });

export const rules = z.strictObject({
  height: count,
  epoch: count,
  protocolVersion: count,
  protocolVersionMax: count,
  validators: z.array(
    z.strictObject({
      participant: count,
      name: z.string(),
      consensusKey: z.string(),
      networkKey: hex(32),
      addresses: z.array(z.string()),
    }),
  ),
  rulebook: z.record(z.string(), z.unknown()),
  unsafe,
});
export type RulesJson = z.infer<typeof rules>;

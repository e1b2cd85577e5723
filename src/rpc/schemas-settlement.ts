import { z } from "zod";

/** Shapes of what the methods about net settlement answer; amounts are decimal strings of minor units. */
const amount = z.string().regex(/^(?:0|[1-9][0-9]{0,19})$/);
const signedAmount = z.string().regex(/^(?:0|-?[1-9][0-9]{0,19})$/);
const count = z.int().min(0);
const place = z.strictObject({ height: count, index: count });

/** On everything read from a node whose own results contradict certified ones. */
const unsafe = z.literal(true).optional();

const window = {
  asset: count,
  window: count,
  state: z.enum(["open", "closed", "settled"]),
  openedAt: count,
  closedAt: count.optional(),
  cutBy: z.enum(["time", "authority"]).optional(),
  payments: count,
  /** The outcome that settled it. */
  settlement: place.optional(),
};

export type WindowJson = z.infer<z.ZodObject<typeof window, z.core.$strict>>;

export const windowPage = z.strictObject({
  items: z.array(z.strictObject(window)),
  cursor: z.string().optional(),
  unsafe,
});

const detail = {
  ...window,
  reportRoot: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  positions: z.array(
    z.strictObject({
      participant: count,
      debits: amount,
      credits: amount,
      /** Credits less debits: what the settlement brings the bank. */
      net: signedAmount,
      payments: count,
      outcome: place.optional(),
    }),
  ),
};

export const windowDetail = z.strictObject({ ...detail, unsafe });
export type WindowDetailJson = z.infer<typeof windowDetail>;

export const report = z.strictObject({
  ...detail,
  rows: z.array(z.strictObject({ payer: count, payee: count, payments: count, sum: amount })),
  unsafe,
});

export const positions = z.strictObject({
  positions: z.array(
    z.strictObject({
      asset: count,
      participant: count,
      openDebits: amount,
      openCredits: amount,
      pendingDebits: amount,
      pendingCredits: amount,
      closedDebits: amount,
      closedCredits: amount,
      exposure: amount,
      reserve: amount,
      cap: amount.optional(),
    }),
  ),
  unsafe,
});

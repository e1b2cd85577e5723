import { z } from "zod";

/**
 * Shapes of answers, for the OpenRPC document, for the types of what the server renders, and for tests that compare
 * the two. Amounts are decimal strings; heights, views and times (UTC milliseconds) are safe integers.
 */
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const hexText = z.string().regex(/^(?:[0-9a-f]{2})*$/);
const amount = z.string().regex(/^(?:0|[1-9][0-9]{0,19})$/);
const count = z.int().min(0);

/** On everything read from a node whose own results contradict certified ones. */
const unsafe = z.literal(true).optional();

export const submitResult = z.strictObject({
  id: hex(16),
  status: z.enum(["admitted", "final"]),
  result: z.string().optional(),
  height: count.optional(),
});
export type SubmitResultJson = z.infer<typeof submitResult>;

export const account = z.strictObject({
  id: hex(16),
  owner: count,
  asset: count,
  kind: z.string(),
  flags: z.array(z.string()),
  reference: hex(16).optional(),
  debitsPending: amount,
  debitsPosted: amount,
  creditsPending: amount,
  creditsPosted: amount,
  unsafe,
});
export type AccountJson = z.infer<typeof account>;

const position = z.strictObject({ height: count, index: count });

export const transfer = z.strictObject({
  id: hex(16),
  debitAccountId: hex(16),
  creditAccountId: hex(16),
  amount,
  /** What moved or was reserved. */
  actualAmount: amount,
  pendingId: hex(16).optional(),
  reference: hex(16).optional(),
  remittance: hex(16).optional(),
  timeoutSeconds: count,
  asset: count,
  rail: count,
  code: count,
  priority: count,
  flags: z.array(z.string()),
  participant: count,
  /** Name of the result code. */
  result: z.string(),
  /** Where a two-phase transfer stands; absent for others. */
  pendingState: z.enum(["pending", "posted", "voided", "expired"]).optional(),
  resolution: position.optional(),
  height: count,
  index: count,
  timestamp: count,
  unsafe,
});
export type TransferJson = z.infer<typeof transfer>;

const place = { height: count, index: count, timestamp: count, participant: count, result: z.string() };

/** What the ledger did besides transfers. */
const event = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("account-opened"),
    ...place,
    accountId: hex(16),
    owner: count,
    asset: count,
    kind: z.string(),
  }),
  z.strictObject({
    type: z.literal("account-action"),
    ...place,
    id: hex(16),
    accountId: hex(16),
    action: z.string(),
  }),
  z.strictObject({
    type: z.literal("proposal"),
    ...place,
    id: hex(16),
    proposalKind: z.string(),
    effectiveHeight: count,
  }),
  z.strictObject({
    type: z.literal("ballot"),
    ...place,
    id: hex(16),
    proposalId: hex(16),
    choice: z.enum(["yes", "no"]),
  }),
  z.strictObject({
    type: z.literal("ready"),
    ...place,
    id: hex(16),
    proposalId: hex(16),
    executedHeight: count,
  }),
  z.strictObject({
    type: z.literal("key"),
    ...place,
    id: hex(16),
    change: z.enum(["add", "revoke"]),
    publicKey: hex(32),
    scopes: z.array(z.string()),
    effectiveHeight: count,
  }),
  z.strictObject({
    type: z.literal("window-settled"),
    ...place,
    asset: count,
    window: count,
    payments: count,
    reportRoot: hex(32),
  }),
  z.strictObject({
    type: z.literal("position-settled"),
    ...place,
    asset: count,
    window: count,
    debits: amount,
    credits: amount,
  }),
  z.strictObject({
    type: z.literal("transfer-expired"),
    ...place,
    id: hex(16),
    debitAccountId: hex(16),
    creditAccountId: hex(16),
    amount,
  }),
  z.strictObject({
    type: z.literal("transfer-released"),
    ...place,
    id: hex(16),
    debitAccountId: hex(16),
    creditAccountId: hex(16),
    amount,
  }),
]);
export type EventJson = z.infer<typeof event>;

export const page = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), cursor: z.string().optional(), unsafe });

export const status = z.strictObject({
  chainId: hex(32),
  name: z.string(),
  height: count,
  executedHeight: count,
  view: count,
  epoch: count,
  finalizedHash: hex(32),
  finalizedTimestamp: count,
  stateRoot: hex(32),
  stateHeight: count,
  resultsRoot: hex(32),
  syncing: z.boolean(),
  targetHeight: count.optional(),
  diverged: z.boolean(),
  participant: count,
  version: z.string(),
});
export type StatusJson = z.infer<typeof status>;

const certificate = z.strictObject({
  kind: z.enum(["PREPARE", "COMMIT", "TIMEOUT"]),
  epoch: count,
  view: count,
  hash: hex(32),
  signers: z.array(count),
  signature: hexText,
});
export type CertificateJson = z.infer<typeof certificate>;

export const block = z.strictObject({
  height: count,
  hash: hex(32),
  parentHash: hex(32),
  epoch: count,
  view: count,
  parentView: count,
  timestamp: count,
  proposer: count,
  type: z.string(),
  batchesRoot: hex(32),
  valsetHash: hex(32),
  /** Results of earlier blocks that this header vouches for. */
  claim: z.strictObject({ height: count, resultsRoot: hex(32), stateHeight: count, stateRoot: hex(32) }),
  skippedViews: z.array(count),
  executed: z.boolean(),
  batches: z.array(
    z.strictObject({
      digest: hex(32),
      size: count,
      kind: z.string().optional(),
      participant: count.optional(),
      count: count.optional(),
      notAfter: count.optional(),
      bytes: hexText.optional(),
    }),
  ),
  header: hexText.optional(),
  transfers: z.array(transfer).optional(),
  events: z.array(event).optional(),
  unsafe,
});
export type BlockJson = z.infer<typeof block>;

export const finality = z.strictObject({
  height: count,
  hash: hex(32),
  prepare: certificate,
  commit: certificate,
  headers: z.array(hexText),
  /** Header and certificates that ended each epoch before. */
  epochs: z.array(z.strictObject({ header: hexText, prepare: certificate, commit: certificate })),
});
export type FinalityJson = z.infer<typeof finality>;

/** `genesis` is the file's canonical text; its SHA-256 is the chain id. */
export const genesis = z.strictObject({ chainId: hex(32), genesis: z.string() });

/** A block's result leaf, and the head of the results tree that ends with it. */
export const result = z.strictObject({
  height: count,
  timestamp: count,
  blockHash: hex(32),
  receiptsRoot: hex(32),
  leafCount: count,
  stateHeight: count,
  stateRoot: hex(32),
  resultsRoot: hex(32),
});
export type ResultJson = z.infer<typeof result>;

/** 256 bytes each; `docs/formats.md` describes them. */
export const outcomeLeaves = z.strictObject({ count, leaves: z.array(hex(256)) });

export const stateRoots = z.strictObject({
  height: count,
  stateRoot: hex(32),
  tables: z.array(
    z.strictObject({ name: z.string(), entries: count, root: hex(32), pageEntries: count, entryBytes: count }),
  ),
  pageRoots: z.array(hex(32)),
});
export type StateRootsJson = z.infer<typeof stateRoots>;

export const statePage = z.strictObject({ entries: hexText });

export const consensusStatus = z.strictObject({
  epoch: count,
  view: count,
  leader: count,
  leaderName: z.string(),
  finalizedView: count,
  finalizedHeight: count,
  quorum: count,
  faultsTolerated: count,
  quorumMargin: z.int(),
  validators: z.array(
    z.strictObject({
      index: count,
      participant: count,
      name: z.string(),
      connected: z.boolean(),
      isSelf: z.boolean(),
      lastVote: z.strictObject({ kind: z.string(), view: count, agoMs: count }).optional(),
    }),
  ),
  halt: z.strictObject({ reason: z.string(), missing: z.array(z.string()) }).optional(),
});
export type ConsensusStatusJson = z.infer<typeof consensusStatus>;

export const evidence = z.strictObject({
  signer: count,
  name: z.string(),
  epoch: count,
  view: count,
  votes: z.array(z.strictObject({ kind: z.string(), hash: hex(32), signature: hexText })).length(2),
});
export type EvidenceJson = z.infer<typeof evidence>;

export const peer = z.strictObject({
  participant: count,
  name: z.string(),
  peerId: z.string(),
  connected: z.boolean(),
  addresses: z.array(z.string()),
  connectedSince: count.optional(),
  roundTripMs: z.number().min(0).optional(),
});
export type PeerJson = z.infer<typeof peer>;

/** A portable proof; `docs/formats.md` describes its members and the client library checks it. */
export const proof = z.record(z.string(), z.unknown());

export const subscription = z.strictObject({ subscription: z.string() });

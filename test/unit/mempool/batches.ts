import { ed25519, sha256 } from "../../../src/crypto/index.js";
import { type BatchKind, signBatch, TRANSFER_FIELDS } from "../../../src/formats/index.js";
import { MEMPOOL_LIMITS, Mempool, type MempoolLimits, type Verdict } from "../../../src/mempool/index.js";
import {
  concatBytes,
  type Digest,
  equalBytes,
  participantNumber,
  RECORD_BYTES,
} from "../../../src/primitives/index.js";

export const CHAIN = "11".repeat(32) as Digest;
export const OTHER_CHAIN = "22".repeat(32) as Digest;
export const NOW = { wall: 1_000_000, finalizedTimestamp: 990_000 };
export const CLIENT = { type: "client" } as const;
export const pushedBy = (peer: number) => ({ type: "peer", peer: participantNumber(peer), requested: false }) as const;
export const requestedFrom = (peer: number) =>
  ({ type: "peer", peer: participantNumber(peer), requested: true }) as const;

/** The registered key of a participant. */
export const keysOf = (participant: number) => ed25519.keysFromSeed(new Uint8Array(32).fill(participant));

export interface BatchPlan {
  readonly participant?: number;
  readonly signer?: number;
  readonly chainId?: Digest;
  readonly notAfter?: number;
  readonly kind?: BatchKind;
  readonly count?: number;
  readonly records?: Uint8Array;
  /** Of every transfer. */
  readonly priority?: number;
  readonly flags?: number;
  /** Distinguishes batches that are otherwise the same. */
  readonly salt?: number;
}

/** A batch of the smallest well-formed records, signed for real; in time and by bank 1 unless planned otherwise. */
export function batch(plan: BatchPlan = {}): { readonly bytes: Uint8Array; readonly digest: Digest } {
  const participant = plan.participant ?? 1;
  const keys = keysOf(plan.signer ?? participant);
  const record = new Uint8Array(RECORD_BYTES);
  // Asset 1 of a transfer; actions are not transfers and have a verb instead.
  if (plan.kind === "manage_accounts") record[48] = 1;
  else record[TRANSFER_FIELDS.asset] = 1;
  if (plan.priority !== undefined) record[TRANSFER_FIELDS.priority] = plan.priority;
  if (plan.flags !== undefined) record[TRANSFER_FIELDS.flags] = plan.flags;
  const salt = new Uint8Array(32);
  new DataView(salt.buffer).setUint32(0, plan.salt ?? 0, true);
  return signBatch(
    { sha256, ed25519 },
    {
      kind: plan.kind ?? "create_transfers",
      chainId: plan.chainId ?? CHAIN,
      participant: participantNumber(participant),
      publicKey: keys.publicKey,
      notAfter: plan.notAfter ?? NOW.wall + 60_000,
      salt,
      records: plan.records ?? concatBytes(...Array.from({ length: plan.count ?? 1 }, () => record)),
      secretKey: keys.secretKey,
    },
  );
}

export interface TestPool {
  readonly pool: Mempool;
  /** What the caller's index of final batches answers with. */
  readonly ordered: Set<Digest>;
  /** Signature checks so far. */
  readonly checks: () => number;
}

/** A pool that counts its signature checks. */
export function testPool(limits: Partial<MempoolLimits> = {}): TestPool {
  const ordered = new Set<Digest>();
  let checks = 0;
  const pool = new Mempool({
    chainId: CHAIN,
    sha256,
    ed25519: {
      verify: (publicKey, message, signature) => {
        checks += 1;
        return ed25519.verify(publicKey, message, signature);
      },
    },
    limits: { ...MEMPOOL_LIMITS, ...limits },
    isOrdered: (digest) => ordered.has(digest),
    isRegistered: (participant, publicKey) => equalBytes(publicKey, keysOf(participant).publicKey),
  });
  return { pool, ordered, checks: () => checks };
}

/** The verdict in one word: its type, its code or its bound. */
export function outcome(verdict: Verdict): string {
  if (verdict.type === "rejected") return verdict.code;
  return verdict.type === "busy" ? `busy ${verdict.scope}` : verdict.type;
}

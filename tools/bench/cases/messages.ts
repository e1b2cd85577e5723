import { decodeMessage, encodeMessage } from "../../../src/consensus/index.js";
import { certificateScheme, ed25519, type SchemeName, sha256 } from "../../../src/crypto/index.js";
import {
  batchDigest,
  checkBatchRecords,
  encodeTransfer,
  type Genesis,
  parseBatch,
  signBatch,
  verifyBatchSignature,
} from "../../../src/formats/index.js";
import {
  concatBytes,
  type Digest,
  type Id128,
  type ParticipantNumber,
  RECORD_BYTES,
  utf8,
} from "../../../src/primitives/index.js";
import type { Case, CaseMaker } from "./case.js";

export const CHAIN = "5a".repeat(32) as Digest;
/** Transfers of a signed batch, as a bank with something to do would fill it. */
export const BATCH = 1_000;

/** Accounts of the transfers that cases make. */
export interface Parties {
  readonly participant: ParticipantNumber;
  readonly debit: () => Id128;
  readonly credit: () => Id128;
  readonly rulebook: Pick<Genesis["rulebook"], "defaultAsset" | "defaultRail">;
}

let sequence = 0;

/** Records of new transfers, each with an id of its own. */
export function transferRecords(parties: Parties): Uint8Array {
  const { participant, rulebook } = parties;
  const defaults = { asset: rulebook.defaultAsset, rail: rulebook.defaultRail, participant };
  const records = new Uint8Array(BATCH * RECORD_BYTES);
  for (let index = 0; index < BATCH; index += 1) {
    sequence += 1;
    const id = (participant.toString(16).padStart(8, "0") + sequence.toString(16).padStart(24, "0")) as Id128;
    const fields = { id, debitAccountId: parties.debit(), creditAccountId: parties.credit(), amount: "100" };
    const encoded = encodeTransfer(fields, defaults);
    if (!encoded.ok) throw new Error(encoded.fault.detail);
    records.set(encoded.record, index * RECORD_BYTES);
  }
  return records;
}

const idOf = (owner: number, rest: number): Id128 =>
  (owner.toString(16).padStart(8, "0") + rest.toString(16).padStart(24, "0")) as Id128;

/** A batch of two banks' customers under a real signature. */
export function signedBatch(): { readonly bytes: Uint8Array; readonly digest: Digest } {
  const participant = 2 as ParticipantNumber;
  const keys = ed25519.keysFromSeed(sha256(utf8("sabha/bench/operation")));
  const rulebook = { defaultAsset: 356, defaultRail: 0 };
  const parties = { participant, debit: () => idOf(2, 7), credit: () => idOf(3, 7), rulebook };
  const { publicKey, secretKey } = keys;
  return signBatch(
    { sha256, ed25519 },
    {
      kind: "create_transfers",
      chainId: CHAIN,
      participant,
      publicKey,
      secretKey,
      notAfter: Date.now(),
      salt: new Uint8Array(32),
      records: transferRecords(parties),
    },
  );
}

function decodeCase(): Case {
  const frame = encodeMessage({ type: "push-batch", bytes: signedBatch().bytes });
  return {
    name: "decode",
    what: `a pushed batch of ${BATCH}: frame, header, every record's form`,
    transfers: BATCH,
    run() {
      const decoded = decodeMessage(sha256, undefined, frame);
      if (!decoded.ok || decoded.value.type !== "push-batch") throw new Error("the frame does not decode");
      const { bytes } = decoded.value;
      const parsed = parseBatch(bytes);
      if (!parsed.ok || checkBatchRecords(parsed.header.kind, bytes) !== undefined) throw new Error("a bad batch");
    },
  };
}

function verifyCase(): Case {
  const { bytes } = signedBatch();
  return {
    name: "verify",
    what: `digest and signature of a batch of ${BATCH}`,
    transfers: BATCH,
    run() {
      if (!verifyBatchSignature(ed25519, bytes, batchDigest(sha256, bytes))) throw new Error("a bad signature");
    },
  };
}

/** Of four validators, three of whom signed. */
function certificateCase(name: SchemeName): Case {
  const scheme = certificateScheme(name);
  const keys = [0, 1, 2, 3].map((index) =>
    scheme.keysFromSeed(sha256(concatBytes(utf8("sabha/bench"), Uint8Array.of(index)))),
  );
  const verifier = scheme.verifiers(keys.map(({ publicKey }) => publicKey));
  const message = sha256(utf8("a vote"));
  const signers = [0, 1, 2];
  const votes = signers.map((signer) => ({
    signer,
    signature: scheme.sign(keys[signer]?.secretKey as Uint8Array, message),
  }));
  return {
    name: `certificate-${name}`,
    what: "three votes to one certificate, and its check",
    transfers: 0,
    run() {
      const signature = verifier.combine(votes);
      if (signature === undefined || !verifier.verifyCertificate(signers, message, signature)) throw new Error("no QC");
    },
  };
}

function voteCase(name: SchemeName): Case {
  const scheme = certificateScheme(name);
  const { secretKey } = scheme.keysFromSeed(sha256(utf8("sabha/bench/vote")));
  const message = sha256(utf8("a vote"));
  return {
    name: `vote-${name}`,
    what: "signing a vote",
    transfers: 0,
    run: () => {
      scheme.sign(secretKey, message);
    },
  };
}

export const MESSAGE_CASES: readonly CaseMaker[] = [
  { name: "decode", make: decodeCase },
  { name: "verify", make: verifyCase },
  ...(["bls12381", "ed25519"] as const).flatMap((scheme) => [
    { name: `vote-${scheme}`, make: () => voteCase(scheme) },
    { name: `certificate-${scheme}`, make: () => certificateCase(scheme) },
  ]),
];

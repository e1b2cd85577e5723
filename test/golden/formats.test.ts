import { describe, expect, test } from "vitest";
import { ed25519, sha256 } from "../../src/crypto/index.js";
import {
  batchesRoot,
  blockHash,
  type Certificate,
  encodeBody,
  encodeCertificate,
  encodeHeader,
  encodeResultLeaf,
  hashResultLeaf,
  makeValidatorSet,
  signBatch,
  voteBytes,
} from "../../src/formats/index.js";
import {
  type Digest,
  epoch,
  height,
  participantNumber,
  RECORD_BYTES,
  toHex,
  utf8,
  validatorIndex,
  view,
} from "../../src/primitives/index.js";

/**
 * The wire and disk formats of docs/formats.md, pinned by length and digest. A change here breaks every
 * stored chain and every peer that runs another version: it belongs in the changelog, and in a new
 * version of the format.
 */
const d = (text: string): Digest => toHex(sha256(utf8(text))) as Digest;

const certificate: Certificate = {
  kind: "PREPARE",
  epoch: epoch(1),
  view: view(258),
  hash: d("block"),
  signers: 0b1011,
  signature: new Uint8Array(96).fill(0xc5),
};
const body = [
  { digest: d("batch 1"), size: 320 },
  { digest: d("batch 2"), size: 1_048_512 },
];
const header = {
  version: 1,
  chainId: d("chain"),
  epoch: epoch(1),
  view: view(260),
  height: height(100),
  parentHash: d("block"),
  parentView: view(258),
  parentCertificate: certificate,
  skips: [],
  timestamp: 1_700_000_000_000,
  proposer: validatorIndex(3),
  batchesRoot: batchesRoot(sha256, body),
  executed: { height: height(98), resultsRoot: d("results"), stateHeight: height(64), stateRoot: d("state") },
  valsetHash: d("set"),
  type: "NORMAL",
} as const;
const timeout = { ...certificate, kind: "TIMEOUT", hash: "0".repeat(64) as Digest } as const;
const leaf = {
  height: height(98),
  timestamp: 1_700_000_000_000,
  blockHash: d("block"),
  receiptsRoot: d("receipts"),
  leafCount: 3,
  stateHeight: height(64),
  stateRoot: d("state"),
};
const keys = ed25519.keysFromSeed(new Uint8Array(32).fill(7));
const batch = signBatch(
  { sha256, ed25519 },
  {
    kind: "create_transfers",
    chainId: d("chain"),
    participant: participantNumber(2),
    publicKey: keys.publicKey,
    notAfter: 1_700_000_060_000,
    salt: new Uint8Array(32).fill(9),
    records: new Uint8Array(2 * RECORD_BYTES).fill(1),
    secretKey: keys.secretKey,
  },
);
const members = [2, 1].map((number) => ({
  participant: participantNumber(number),
  name: `BANK${number}`,
  publicKey: new Uint8Array(48).fill(number),
}));
const chain = { chainId: d("chain"), valsetHash: d("set") };

describe("pinned bytes", () => {
  test.each<[name: string, bytes: Uint8Array, length: number, digest: string]>([
    ["batch", batch.bytes, 448, "66ae893faa7135a382b356599126d8c088472d22f36e52bfcdbcc19e448a98c0"],
    ["vote", voteBytes(certificate, chain), 125, "1b86a5523e276fcb20641489db395ba9aaf8792990fbba6b00fe4d68a6c272b7"],
    [
      "certificate",
      encodeCertificate(certificate),
      153,
      "e91b93314a67608b187852473e0f02a73fdc3783f91f6031fa7aaddca4ff6eb9",
    ],
    ["body", encodeBody(body), 76, "35bd50dec0ae28e7b7fb589d07c877835369fa962a3ce620226be4a095f73c68"],
    [
      "header after an anchor",
      encodeHeader({ ...header, parentCertificate: undefined }),
      256,
      "7a7ace00b046d5c26da719585d60f7f5e9845aea29b12d626c0f9085083fb364",
    ],
    ["header", encodeHeader(header), 409, "7bcb3112fdd52abd298c923e0782293c1d26732765b0acdf4281996f40c497ac"],
    [
      "header with a skip",
      encodeHeader({ ...header, skips: [timeout] }),
      562,
      "e251cdf084c4a38dc2efac289eac45689684c5b3897f633c961a3188dc096b1b",
    ],
    ["result leaf", encodeResultLeaf(leaf), 135, "290cbb2122f75501b072ce69b8f0408e23d4a3c537710398bb34a8fedb9aa1e8"],
  ])("%s", (_name, bytes, length, digest) => {
    expect({ length: bytes.length, digest: toHex(sha256(bytes)) }).toEqual({ length, digest });
  });
});

describe("pinned digests", () => {
  test.each<[name: string, actual: string, expected: string]>([
    ["batch digest", batch.digest, "df8db78fccdfcecacab48d3c32ae6ba74312e00e1af97486f1afb5dcb16cea0f"],
    ["batches root", batchesRoot(sha256, body), "72180fa6effca9b0b94f8816077f7aa3f749c67d8384ee003cad06106a20a620"],
    [
      "block hash",
      blockHash(sha256, encodeHeader(header)),
      "f37aec624bb765d83cb4c71c9dfde2a9a1d47f8e666ea287ad6c1ddf8d65311c",
    ],
    [
      "result leaf hash",
      toHex(hashResultLeaf(sha256, leaf)),
      "be2b9bf52590e1b2404ce900929ad6747fe12ec8368526f6cff384c24575e0a6",
    ],
    [
      "validator set hash",
      makeValidatorSet(sha256, epoch(1), members).hash,
      "701341bde48d117f9d502a6cf37478267750cb70d0ceef3605bc5d9e17014da8",
    ],
  ])("%s", (_name, actual, expected) => {
    expect(actual).toBe(expected);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ed25519, sha256 } from "../../../src/crypto/index.js";
import {
  type Body,
  batchDigest,
  type Certificate,
  encodeBody,
  encodeCertificate,
  encodeHeader,
  encodeResultLeaf,
  type Header,
  parseBatch,
  readBody,
  readCertificate,
  readCommitProof,
  readHeader,
  readOutcome,
  readResultLeaf,
  type Successor,
  signBatch,
  writeCommitProof,
  writeOutcome,
} from "../../../src/formats/index.js";
import {
  BATCH_RECORDS_MAX,
  BLOCK_BATCHES_MAX,
  type Digest,
  decode,
  type Epoch,
  type Height,
  type ParticipantNumber,
  RECORD_BYTES,
  type Reader,
  toHex,
  type ValidatorIndex,
  type View,
  Writer,
  ZERO_DIGEST,
} from "../../../src/primitives/index.js";

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes) as Digest);
const count = fc.maxSafeNat();
const u32 = fc.nat(0xffff_ffff);

const certificate: fc.Arbitrary<Certificate> = fc.record({
  kind: fc.constantFrom("PREPARE" as const, "COMMIT" as const, "TIMEOUT" as const),
  epoch: count.map((value) => value as Epoch),
  view: count.map((value) => value as View),
  hash: digest,
  signers: u32,
  signature: fc.uint8Array({ maxLength: 200 }),
});

const commitProof = fc
  .tuple(certificate, fc.uint8Array({ maxLength: 100 }), u32)
  .map(([prepare, signature, signers]) => ({
    prepare: { ...prepare, kind: "PREPARE" as const },
    commit: { ...prepare, kind: "COMMIT" as const, signature, signers },
  }));

const successors: fc.Arbitrary<readonly Successor[]> = fc
  .uniqueArray(fc.integer({ min: 1, max: 1_000 }), { minLength: 4, maxLength: 7 })
  .chain((numbers) =>
    fc.tuple(
      ...numbers
        .sort((left, right) => left - right)
        .map((participant) =>
          fc.record({
            participant: fc.constant(participant as ParticipantNumber),
            name: fc.string({ maxLength: 16 }),
            publicKey: fc.uint8Array({ maxLength: 48 }),
            networkKey: digest,
            addresses: fc.array(fc.string({ maxLength: 16 }), { maxLength: 3 }),
          }),
        ),
    ),
  );

const commonHeader = fc.record({
  version: fc.constant(1 as const),
  chainId: digest,
  epoch: count.map((value) => value as Epoch),
  view: count.map((value) => value as View),
  height: count.map((value) => value as Height),
  parentHash: digest,
  parentView: count.map((value) => value as View),
  parentCertificate: fc.option(certificate, { nil: undefined }),
  skips: fc.array(certificate, { maxLength: 3 }),
  timestamp: count,
  proposer: fc.nat(255).map((value) => value as ValidatorIndex),
  batchesRoot: digest,
  executed: fc.record({
    height: count.map((value) => value as Height),
    resultsRoot: digest,
    stateHeight: count.map((value) => value as Height),
    stateRoot: digest,
  }),
  valsetHash: digest,
});

/** What ends an epoch names the next set, and a DRAIN the block that it helps. */
const header: fc.Arbitrary<Header> = fc
  .tuple(commonHeader, successors, fc.record({ hash: digest, height: count.map((value) => value as Height) }))
  .chain(([common, nextSet, closing]) =>
    fc.constantFrom<Header>(
      { ...common, type: "NORMAL" },
      { ...common, type: "CLOSING", nextSet },
      { ...common, type: "DRAIN", nextSet, closing },
    ),
  );

const body: fc.Arbitrary<Body> = fc.array(fc.record({ digest, size: u32 }), { maxLength: 6 });

const resultLeaf = fc.record({
  height: count.map((value) => value as Height),
  timestamp: count,
  blockHash: digest,
  receiptsRoot: digest,
  leafCount: u32,
  stateHeight: count.map((value) => value as Height),
  stateRoot: digest,
});

function sampled<Value>(values: fc.Arbitrary<Value>): Value {
  const [sample] = fc.sample(values, { numRuns: 1, seed: 1 });
  return sample as Value;
}

/** A format with a value generator, its one encoding and its decoder. */
interface Format {
  readonly name: string;
  readonly values: fc.Arbitrary<unknown>;
  readonly encode: (value: never) => Uint8Array;
  readonly read: (reader: Reader) => unknown;
}

function encodeCommitProof(proof: Parameters<typeof writeCommitProof>[1]): Uint8Array {
  const writer = new Writer();
  writeCommitProof(writer, proof);
  return writer.finish();
}

const FORMATS: readonly Format[] = [
  { name: "certificate", values: certificate, encode: encodeCertificate, read: readCertificate },
  { name: "commit proof", values: commitProof, encode: encodeCommitProof, read: readCommitProof },
  { name: "header", values: header, encode: encodeHeader, read: readHeader },
  { name: "body", values: body, encode: encodeBody, read: readBody },
  { name: "result leaf", values: resultLeaf, encode: encodeResultLeaf, read: readResultLeaf },
];

/** One edit that an attacker or a bad disk could make. */
const edit = fc.record({
  kind: fc.constantFrom("flip" as const, "insert" as const, "delete" as const, "cut" as const),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  value: fc.integer({ min: 1, max: 255 }),
});

function edited(bytes: Uint8Array, change: { kind: string; at: number; value: number }): Uint8Array {
  const offset = Math.floor(change.at * bytes.length);
  const copy = [...bytes];
  if (change.kind === "flip") copy[offset] = (copy[offset] ?? 0) ^ change.value;
  else if (change.kind === "insert") copy.splice(offset, 0, change.value);
  else copy.splice(offset, change.kind === "delete" ? 1 : copy.length);
  return new Uint8Array(copy);
}

describe.each(FORMATS)("$name", ({ values, encode, read }) => {
  test("is read back as it was written", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(encode(value as never), read)).toEqual({ ok: true, value });
      }),
    );
  });

  test("attack 77: every truncation is a fault, never an exception", () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value as never);
        for (let length = 0; length < bytes.length; length += 1) {
          expect(decode(bytes.subarray(0, length), read).ok, `${length} of ${bytes.length} bytes`).toBe(false);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("attack 16: what decodes after any change is exactly what its value encodes to", () => {
    fc.assert(
      fc.property(values, fc.array(edit, { minLength: 1, maxLength: 3 }), (value, edits) => {
        const bytes = edits.reduce(edited, encode(value as never));
        const result = decode(bytes, read);
        if (result.ok) expect(encode(result.value as never)).toEqual(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  test("attack 37: no bytes make the decoder throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const result = decode(bytes, read);
        if (result.ok) expect(encode(result.value as never)).toEqual(bytes);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("bounds of the formats", () => {
  const refused = (bytes: Uint8Array, read: (reader: Reader) => unknown): string | undefined => {
    const result = decode(bytes, read);
    return result.ok ? undefined : result.fault.code;
  };

  test("attack 77: a body names at most 256 batches", () => {
    const reference = { digest: ZERO_DIGEST, size: 1 };
    const full = new Array<typeof reference>(BLOCK_BATCHES_MAX).fill(reference);
    expect(refused(encodeBody(full), readBody)).toBeUndefined();
    expect(refused(encodeBody([...full, reference]), readBody)).toBe("TOO_LONG");
  });

  test("attack 77: a certificate's signature is at most 31 Ed25519 signatures long", () => {
    const sized = (length: number): Uint8Array =>
      encodeCertificate({
        kind: "PREPARE",
        epoch: 0 as Epoch,
        view: 1 as View,
        hash: ZERO_DIGEST,
        signers: 7,
        signature: new Uint8Array(length),
      });
    expect(refused(sized(31 * 64), readCertificate)).toBeUndefined();
    expect(refused(sized(31 * 64 + 1), readCertificate)).toBe("TOO_LONG");
  });

  test("attack 107: an unknown header version, vote kind or block type is refused", () => {
    const bytes = encodeHeader({ ...sampled(commonHeader), type: "NORMAL", parentCertificate: undefined, skips: [] });
    const changed = (offset: number, value: number): Uint8Array => {
      const copy = bytes.slice();
      copy[offset] = value;
      return copy;
    };
    expect(refused(changed(0, 2), readHeader)).toBe("BAD_VALUE");
    for (const type of [0, 4, 255]) expect(refused(changed(bytes.length - 1, type), readHeader)).toBe("BAD_VALUE");
    for (const kind of [0, 4, 255])
      expect(refused(new Uint8Array(200).fill(kind, 0, 1), readCertificate)).toBe("BAD_VALUE");
  });
});

describe("batch", () => {
  const keys = ed25519.keysFromSeed(new Uint8Array(32).fill(9));
  const plan = fc.record({
    kind: fc.constantFrom(
      "create_accounts" as const,
      "manage_accounts" as const,
      "create_transfers" as const,
      "govern" as const,
      "settle_set" as const,
    ),
    chainId: digest,
    participant: u32.map((value) => value as ParticipantNumber),
    notAfter: count,
    salt: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    records: fc.integer({ min: 1, max: 4 }).chain((records) => {
      const length = records * RECORD_BYTES;
      return fc.uint8Array({ minLength: length, maxLength: length });
    }),
  });
  const sign = (given: Omit<Parameters<typeof signBatch>[1], "publicKey" | "secretKey">) =>
    signBatch({ sha256, ed25519 }, { ...given, publicKey: keys.publicKey, secretKey: keys.secretKey });

  const sample = (seed: number) => fc.sample(plan, { numRuns: 1, seed })[0] as Parameters<typeof sign>[0];

  test("is read back as it was signed", () => {
    fc.assert(
      fc.property(plan, (given) => {
        const { bytes, digest: signed } = sign(given);
        const { records, ...rest } = given;
        const expected = { ...rest, publicKey: keys.publicKey, count: records.length / RECORD_BYTES };
        expect(parseBatch(bytes)).toEqual({ ok: true, header: expected });
        expect(batchDigest(sha256, bytes)).toBe(signed);
        expect(bytes.subarray(RECORD_BYTES, RECORD_BYTES + records.length)).toEqual(records);
      }),
      { numRuns: 50 },
    );
  });

  test("attack 77: every other length is refused", () => {
    const { bytes } = sign(sample(2));
    for (let length = 0; length < bytes.length; length += 1)
      expect(parseBatch(bytes.subarray(0, length)).ok).toBe(false);
    expect(parseBatch(new Uint8Array([...bytes, 0])).ok).toBe(false);
  });

  test("a batch holds 1 to 8,190 records, which stay below one mebibyte", () => {
    const { bytes } = sign(sample(3));
    for (const [records, fault] of [
      [0, "count_out_of_range"],
      [BATCH_RECORDS_MAX + 1, "count_out_of_range"],
      [2 ** 32 - 1, "count_out_of_range"],
      [5, "wrong_length"],
    ] as const) {
      const copy = bytes.slice();
      new DataView(copy.buffer).setUint32(4, records, true);
      expect(parseBatch(copy)).toEqual({ ok: false, fault });
    }
  });

  test("attack 16: a change anywhere but in the signature changes the digest or is refused", () => {
    fc.assert(
      fc.property(plan, edit, (given, change) => {
        const { bytes, digest: signed } = sign(given);
        const other = edited(bytes, { ...change, kind: "flip" });
        if (parseBatch(other).ok) {
          const isInSignature = Math.floor(change.at * bytes.length) >= bytes.length - 64;
          expect(batchDigest(sha256, other) === signed).toBe(isInSignature);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("attack 37: no bytes make the parser throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        expect(typeof parseBatch(bytes).ok).toBe("boolean");
      }),
      { numRuns: 500 },
    );
  });
});

describe("outcome", () => {
  const outcome = fc.record({
    code: fc.nat(0xffff),
    kind: fc.constantFrom("first" as const, "resolution" as const),
    participant: u32,
    amount: fc.bigInt(0n, 0xffff_ffff_ffff_ffffn),
    height: count,
    timestamp: count,
    batchIndex: u32,
    recordIndex: u32,
  });

  test("is read back as it was written, over whatever stood there before", () => {
    fc.assert(
      fc.property(outcome, fc.nat(8), (value, offset) => {
        const bytes = new Uint8Array(80).fill(0xff);
        writeOutcome(bytes, offset, value);
        expect(readOutcome(bytes, offset)).toEqual(value);
      }),
    );
  });

  test("attack 16: what is read after a change is exactly what its value is written as", () => {
    fc.assert(
      fc.property(outcome, edit, (value, change) => {
        const bytes = new Uint8Array(64);
        writeOutcome(bytes, 0, value);
        const other = edited(bytes, change);
        const read = readOutcome(other, 0);
        if (read === undefined) return;
        const again = new Uint8Array(64);
        writeOutcome(again, 0, read);
        expect(again).toEqual(other.subarray(0, 64));
      }),
      { numRuns: 1_000 },
    );
  });
});

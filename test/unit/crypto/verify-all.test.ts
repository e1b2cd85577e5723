import { describe, expect, test } from "vitest";
import { certificateScheme, type SchemeName, type SignedByAll } from "../../../src/crypto/index.js";
import { certificateScheme as portableScheme } from "../../../src/crypto/portable.js";
import { utf8 } from "../../../src/primitives/index.js";

const message = (name: string): Uint8Array => utf8(`message ${name}`);

describe.each<SchemeName>(["bls12381", "ed25519", "keyed-hash"])("several certificates at once, %s", (name) => {
  const scheme = certificateScheme(name);
  const keys = [1, 2, 3, 4].map((seed) => scheme.keysFromSeed(new Uint8Array(32).fill(seed)));
  const verifier = scheme.verifiers(keys.map(({ publicKey }) => publicKey));
  const signed = (text: string, signers: readonly number[]): SignedByAll => {
    const votes = signers.map((signer) => ({
      signer,
      signature: scheme.sign(keys[signer]?.secretKey as Uint8Array, message(text)),
    }));
    return { signers, message: message(text), signature: verifier.combine(votes) as Uint8Array };
  };
  const items = [signed("a", [0, 1, 2]), signed("b", [3]), signed("c", [1, 2, 3])];
  const withItem = (index: number, change: Partial<SignedByAll>): SignedByAll[] =>
    items.map((item, at) => (at === index ? { ...item, ...change } : item));

  test("all true ones verify, none at all included", () => {
    expect(verifier.verifyAll(items)).toBe(true);
    expect(verifier.verifyAll([])).toBe(true);
    expect(verifier.verifyAll(items.slice(0, 1))).toBe(true);
  });

  test.each([0, 1, 2])("attack 3, attack 4: one false among them spoils them, place %i", (index) => {
    const other = items[(index + 1) % 3] as SignedByAll;
    expect(verifier.verifyAll(withItem(index, { message: message("other") }))).toBe(false);
    expect(verifier.verifyAll(withItem(index, { signature: other.signature }))).toBe(false);
    expect(verifier.verifyAll(withItem(index, { signers: [0] }))).toBe(false);
    expect(verifier.verifyAll(withItem(index, { signers: [] }))).toBe(false);
    expect(verifier.verifyAll(withItem(index, { signature: new Uint8Array(other.signature.length) }))).toBe(false);
    expect(verifier.verifyAll(withItem(index, { signature: new Uint8Array(3) }))).toBe(false);
  });

  test("attack 11: signatures exchanged between two subjects do not make up for each other", () => {
    const first = signed("x", [0, 1, 2]);
    const second = signed("y", [0, 1, 2]);
    expect(verifier.verifyAll([first, second])).toBe(true);
    expect(
      verifier.verifyAll([
        { ...first, signature: second.signature },
        { ...second, signature: first.signature },
      ]),
    ).toBe(false);
  });

  test.skipIf(name === "keyed-hash")("browsers reach the same verdict", () => {
    const portable = portableScheme(name).verifiers(keys.map(({ publicKey }) => publicKey));
    expect(portable.verifyAll(items)).toBe(true);
    expect(portable.verifyAll(withItem(1, { message: message("other") }))).toBe(false);
  });
});

import { describe, expect, test } from "vitest";
import { certificateScheme, ed25519 } from "../../../src/crypto/index.js";
import { canonicalJson } from "../../../src/formats/index.js";
import { type Card, encodeCard, makeCard, parseCard } from "../../../src/genesis/index.js";
import { bankCard, plainCard } from "./consortium.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const changed = (card: Card, change: object): Uint8Array =>
  bytes(canonicalJson({ ...card, ...change } as unknown as Parameters<typeof canonicalJson>[0]));

describe("cards", () => {
  test.each(["bls12381", "ed25519"] as const)("a card with a %s key is read back as it was made", (scheme) => {
    const card = bankCard("SBI", { scheme });
    expect(parseCard(bytes(encodeCard(card)))).toEqual({ ok: true, card });
  });

  test("a participant without a node has a card without a validator", () => {
    const card = plainCard("RBI", "authority");
    expect(parseCard(bytes(encodeCard(card)))).toEqual({ ok: true, card });
  });

  test("any one changed member breaks the signature", () => {
    const card = bankCard("SBI");
    const validator = { ...card.validator, addresses: ["/ip4/10.9.9.9/tcp/1"] };
    for (const change of [{ participant: "SBJ" }, { role: "observer" }, { created: 1 }, { validator }]) {
      const parsed = parseCard(changed(card, change));
      expect(parsed.ok ? "" : parsed.problem).toMatch(/is not signed with its operation key/);
    }
  });

  test("attack 105: a signed card whose proof of possession is another key's is refused", () => {
    const consensus = certificateScheme("bls12381").keysFromSeed(new Uint8Array(32).fill(1));
    const other = certificateScheme("bls12381").keysFromSeed(new Uint8Array(32).fill(2));
    const network = ed25519.keysFromSeed(new Uint8Array(32).fill(3));
    const card = makeCard({
      participant: "SBI",
      role: "bank",
      created: 1,
      operation: ed25519.keysFromSeed(new Uint8Array(32).fill(4)),
      validator: {
        scheme: "bls12381",
        consensus: { publicKey: other.publicKey, secretKey: consensus.secretKey },
        network,
        addresses: ["/ip4/127.0.0.1/tcp/1"],
      },
    });
    expect(parseCard(bytes(encodeCard(card)))).toEqual({
      ok: false,
      problem: "the card of SBI does not prove that it holds its consensus key",
    });
  });

  test.each([
    ["", "the file is not complete JSON"],
    ["{}", "format: missing"],
    ['{"format": "sabha/card/1"}', "participant: missing"],
  ])("%j is no card", (text, problem) => {
    expect(parseCard(bytes(text))).toEqual({ ok: false, problem });
  });

  test("a card in another encoding is refused", () => {
    const parsed = parseCard(bytes(JSON.stringify(bankCard("SBI"))));
    expect(parsed.ok ? "" : parsed.problem).toMatch(/canonical encoding/);
  });

  test("a card cut short anywhere is refused", () => {
    const text = encodeCard(bankCard("SBI"));
    for (let length = 0; length < text.length; length += 37) {
      expect(parseCard(bytes(text.slice(0, length))).ok).toBe(false);
    }
  });
});

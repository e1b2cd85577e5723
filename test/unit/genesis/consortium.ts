import { readFileSync } from "node:fs";
import { certificateScheme, ed25519, type SchemeName } from "../../../src/crypto/index.js";
import { type Assembly, type Card, makeCard, parseRulebook } from "../../../src/genesis/index.js";

/** 32 bytes that differ for each text. */
const seed = (text: string): Uint8Array => {
  const bytes = new Uint8Array(32);
  bytes.set(new TextEncoder().encode(text).subarray(0, 32));
  return bytes;
};

/** The card of a validating bank whose keys are made from its name. */
export function bankCard(
  participant: string,
  changes: { readonly scheme?: SchemeName; readonly keysOf?: string } = {},
): Card {
  const scheme = changes.scheme ?? "ed25519";
  const owner = changes.keysOf ?? participant;
  return makeCard({
    participant,
    role: "bank",
    created: 1_700_000_000_000 + participant.length,
    operation: ed25519.keysFromSeed(seed(`operation ${owner}`)),
    validator: {
      scheme,
      consensus: certificateScheme(scheme).keysFromSeed(seed(`consensus ${owner}`)),
      network: ed25519.keysFromSeed(seed(`network ${owner}`)),
      addresses: ["/ip4/127.0.0.1/tcp/26600"],
    },
  });
}

/** The card of a participant without a validator. */
export const plainCard = (participant: string, role: Card["role"]): Card =>
  makeCard({
    participant,
    role,
    created: 1_700_000_000_000,
    operation: ed25519.keysFromSeed(seed(`operation ${participant}`)),
  });

/** The rulebook that comes with sabha. */
function defaultRulebook(): Assembly["rulebook"] {
  const parsed = parseRulebook(readFileSync("config/rulebook.default.yaml", "utf8"));
  if (!parsed.ok) throw new Error(parsed.problems.join("; "));
  return parsed.rulebook;
}

/** Four validating banks and the authority. */
export function assembly(changes: Partial<Assembly> = {}): Assembly {
  return {
    name: "test",
    scheme: "ed25519",
    cards: [...["SBI", "HDFC", "ICICI", "AXIS"].map((name) => bankCard(name)), plainCard("RBI", "authority")],
    rulebook: defaultRulebook(),
    customers: [
      { line: 2, participant: "SBI", account: "one", funding: "100.00", asset: "" },
      { line: 3, participant: "HDFC", account: "two", funding: "", asset: "INR" },
    ],
    settlementFunding: "1000000",
    ...changes,
  };
}

import { describe, expect, test } from "vitest";
import { type CanonicalJson, canonicalJson, type Genesis } from "../../../src/formats/index.js";
import { assembleGenesis, thresholds, verifyGenesis } from "../../../src/genesis/index.js";
import { assembly } from "./consortium.js";

function sound(): Genesis {
  const made = assembleGenesis(assembly());
  if (!made.ok) throw new Error(made.problems.join("; "));
  return made.genesis;
}

const verdict = (genesis: unknown): string => {
  const report = verifyGenesis(new TextEncoder().encode(canonicalJson(genesis as CanonicalJson)));
  return report.checks.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`)).join("; ");
};

describe("verifying a genesis", () => {
  test("a sound one passes every check", () => {
    expect(verdict(sound())).toBe("");
  });

  test("attack 105: a validator without proof of possession is named", () => {
    const genesis = sound();
    const validators = genesis.validators.map((validator, index) =>
      index === 1 ? { ...validator, proofOfPossession: genesis.validators[0]?.proofOfPossession } : validator,
    );
    expect(verdict({ ...genesis, validators })).toBe(
      "proofs of possession: HDFC does not prove that it holds its consensus key",
    );
  });

  test("attack 5: an identical consensus key of a second bank is refused even with its valid proof", () => {
    const genesis = sound();
    const { consensusKey, proofOfPossession } = genesis.validators[0] as Genesis["validators"][number];
    const validators = genesis.validators.map((validator, index) =>
      index === 1 ? { ...validator, consensusKey, proofOfPossession } : validator,
    );
    expect(verdict({ ...genesis, validators })).toMatch(/consensus key of HDFC is also the consensus key of AXIS/);
  });

  test("attack 14: a small-order operation key is refused", () => {
    const genesis = sound();
    const publicKey = `01${"0".repeat(62)}`;
    const participants = genesis.participants.map((participant, index) =>
      index === 0 ? { ...participant, keys: [{ publicKey, scopes: ["submit"] }] } : participant,
    );
    expect(verdict({ ...genesis, participants })).toMatch(/operation key of AXIS is a weak key/);
  });

  test("attack 6: the identity as a BLS key is refused", () => {
    const genesis = sound();
    const validators = genesis.validators.map((validator) => ({
      ...validator,
      consensusKey: `c0${"0".repeat(94)}`,
      proofOfPossession: `c0${"0".repeat(190)}`,
    }));
    expect(verdict({ ...genesis, scheme: "bls12381", validators })).toMatch(/AXIS does not prove/);
  });

  test("attack 105: money out of nothing is refused", () => {
    const genesis = sound();
    const customers = genesis.accounts.filter(({ kind }) => kind === "customer");
    const funding = [{ debit: customers[0]?.id, credit: customers[1]?.id, amount: "1" }];
    expect(verdict({ ...genesis, funding: [...genesis.funding, ...funding] })).not.toBe("");
  });

  test("a truncated file and a file in another encoding are refused with one sentence", () => {
    const text = canonicalJson(sound() as unknown as CanonicalJson);
    const verify = (content: string): string =>
      verifyGenesis(new TextEncoder().encode(content))
        .checks.flatMap(({ problems }) => problems)
        .join("; ");
    expect(verify(text.slice(0, 500))).toBe("the file is not complete JSON");
    expect(verify(text.replace("\n", "\r\n"))).toBe("the file is not in its canonical encoding");
  });

  test.each([
    [4, 1, 3],
    [5, 1, 4],
    [6, 1, 4],
    [7, 2, 5],
    [31, 10, 21],
  ])("%i validators survive %i faults with a quorum of %i", (validators, faults, quorum) => {
    expect(thresholds(validators)).toEqual({ faults, quorum });
  });
});

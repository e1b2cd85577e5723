import { expect, test } from "vitest";
import { NodeFailure } from "../../../src/node/node-failure.js";
import { Queries, StoreGapError } from "../../../src/replica/index.js";
import { Random, simulate } from "../../../src/simulator/index.js";

/**
 * A batch whose index entry rotted looks unknown to the store. Whoever read an executed block with it was told of a
 * mistake of the program, with a stack and no advice, though it was the disk's.
 */
test("attack 54: a batch that an executed block lacks is damage of the store, and the operator hears what to do", () => {
  const simulation = simulate({ seed: 1, validators: 4 });
  simulation.load(10, 3_000);
  simulation.runFor(5_000);
  const [node] = simulation.nodes;
  const { genesis, chainId, set } = simulation.consortium;
  if (node?.replica === undefined) throw new Error("the first machine is up");
  const random = new Random(1, "rot");
  for (let place = 0; place < 400; place += 1) node.store.damage(random);
  const { replica, store } = node;
  const participant = set.members[0]?.participant as (typeof set.members)[0]["participant"];
  const options = { replica, store, genesis, chainId, set, version: "1", genesisBytes: new Uint8Array(0), participant };
  const queries = new Queries(options);
  const errors = new Set<string>();
  for (const { header } of simulation.ledger.chain) {
    try {
      queries.outcomes(header.height, { from: 0, limit: 10 });
    } catch (error) {
      errors.add((error as Error).name);
      if (error instanceof StoreGapError) {
        expect(new NodeFailure(error).message).toMatch(/^a batch that an executed block orders is not .*store verify/u);
      }
    }
  }
  expect(errors).toEqual(new Set(["StoreError", "StoreGapError"]));
});

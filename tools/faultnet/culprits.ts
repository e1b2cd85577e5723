import { findFork } from "../../src/client/index.js";
import { verifyForkProof } from "../../src/client/proofs.js";
import { type AskedNode, clientOf } from "./final-state.js";

/** Two final blocks at one height, and who must have lied for both to be there. */
export interface Conviction {
  readonly height: number;
  /** The two nodes that hold the two blocks. */
  readonly nodes: readonly [string, string];
  /** What each culprit signed both of, for example `COMMIT and TIMEOUT in view 12`. */
  readonly contradiction: string;
  /** Names, ascending by validator. */
  readonly culprits: readonly string[];
}

/**
 * Looks for final blocks that contradict each other, and convicts from certificates alone, as anyone does who is given
 * the fork proof: their signers are a quorum each, so f + 1 validators signed both sides.
 *
 * @returns one conviction for the lowest fork of each pair of nodes that has one
 */
export async function convict(nodes: readonly AskedNode[], genesisBytes: Uint8Array): Promise<readonly Conviction[]> {
  const clients = nodes.map((node) => ({ name: node.name, client: clientOf(node, { timeoutMs: 20_000 }) }));
  const convictions: Conviction[] = [];
  try {
    const [first, ...rest] = clients;
    if (first === undefined) return convictions;
    for (const other of rest) {
      const fork = await findFork(first.client, other.client);
      if (fork === undefined) continue;
      const verdict = verifyForkProof(genesisBytes, fork.proof);
      if (!verdict.ok) throw new Error(`the nodes' fork proof does not hold: ${verdict.detail}`);
      const { contradiction, culprits, view } = verdict.proven;
      const [one, against] = contradiction;
      convictions.push({
        height: fork.height,
        nodes: [first.name, other.name],
        contradiction: `${one} and ${against === one ? "another " : ""}${against} in view ${view}`,
        culprits,
      });
    }
  } finally {
    for (const { client } of clients) await client.close();
  }
  return convictions;
}

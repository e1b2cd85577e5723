import type { Block } from "../../../src/consensus/index.js";
import { sha256 } from "../../../src/crypto/index.js";
import {
  batchesRoot,
  blockHash,
  type Certificate,
  type CommitProof,
  encodeHeader,
} from "../../../src/formats/index.js";
import { type Digest, epoch, height, utf8, type ValidatorIndex, view } from "../../../src/primitives/index.js";
import { CHAIN, claimAt, digest, GENESIS_TIME, setOf } from "../consensus/core-cluster.js";

function makeBlock(at: number, parentHash: Digest, timestamp = GENESIS_TIME + at): Block {
  const header = {
    version: 1,
    chainId: CHAIN,
    epoch: epoch(0),
    view: view(at),
    height: height(at),
    parentHash,
    parentView: view(at - 1),
    parentCertificate: undefined,
    skips: [],
    timestamp,
    proposer: 0 as ValidatorIndex,
    batchesRoot: batchesRoot(sha256, []),
    executed: claimAt(0),
    valsetHash: setOf(4).hash,
    type: "NORMAL",
  } as const;
  return { hash: blockHash(sha256, encodeHeader(header)), header, body: [] };
}

/** Blocks linked by hash from the anchor on, with proofs whose signatures are names. */
export function makeChain(length: number) {
  const blocks: Block[] = [];
  const hashAt = (at: number): Digest => (at === 0 ? CHAIN : (blocks[at - 1]?.hash ?? digest("no such block")));
  for (let at = 1; at <= length; at += 1) blocks.push(makeBlock(at, hashAt(at - 1)));
  return {
    blocks: blocks as readonly Block[],
    hashAt,
    /** Another block in the place of one. */
    forged: (at: number): Block => makeBlock(at, hashAt(at - 1), GENESIS_TIME + 1_000_000),
    /** Pair of certificates that names the last of these. */
    proofOf(some: readonly Block[]): CommitProof | undefined {
      const last = some[some.length - 1];
      if (last === undefined) return undefined;
      const certificate = { epoch: epoch(0), view: last.header.view, hash: last.hash, signers: 0b0111 };
      const of = (kind: Certificate["kind"]): Certificate => ({ ...certificate, kind, signature: utf8(kind) });
      return { prepare: of("PREPARE"), commit: of("COMMIT") };
    },
  };
}

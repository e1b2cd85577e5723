import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { findFork, SabhaClient } from "../../../src/client/index.js";
import { verifyForkProof } from "../../../src/client/proofs.js";
import { certificateScheme, sha256 } from "../../../src/crypto/index.js";
import {
  bitmapOf,
  blockHash,
  encodeHeader,
  type Header,
  makeValidatorSet,
  type Successor,
  signersOf,
  voteBytes,
} from "../../../src/formats/index.js";
import { type Digest, epoch, height, toHex, view } from "../../../src/primitives/index.js";
import { provenChain } from "../../fixtures/proven-chain.js";

const chain = provenChain("ed25519");
const scheme = certificateScheme("ed25519");
/** The banks of genesis but for the first, and one that came: BANK2 to BANK5. */
const NEXT: readonly Successor[] = [2, 3, 4, 5].map((participant) => ({
  participant: participant as Successor["participant"],
  name: `BANK${participant}`,
  publicKey: scheme.keysFromSeed(new Uint8Array(32).fill(participant)).publicKey,
  networkKey: "ab".repeat(32),
  addresses: ["/ip4/127.0.0.1/tcp/26600"],
}));
const SET = makeValidatorSet(sha256, epoch(1), NEXT);
const verifier = scheme.verifiers(NEXT.map(({ publicKey }) => publicKey));

const closing = chain.headerAt(5, { type: "CLOSING", nextSet: NEXT, height: height(1) });
const hashOf = (header: Header): Digest => blockHash(sha256, encodeHeader(header));

/** The first block of epoch 1. */
const secondBlock = (timestamp: number): Header =>
  chain.headerAt(6, {
    ...{ epoch: epoch(1), view: view(1), parentView: view(0), height: height(2), timestamp },
    ...{ parentHash: hashOf(closing), valsetHash: SET.hash },
  });

/** As JSON-RPC shows a certificate. */
function certificate(kind: "PREPARE" | "COMMIT", header: Header, signers: readonly number[]) {
  const subject = { kind, epoch: header.epoch, view: header.view, hash: hashOf(header) };
  if (header.epoch === 0) {
    const { signers: bitmap, signature } = chain.signed(subject, signers);
    return { ...subject, signers: signersOf(bitmap), signature: toHex(signature) };
  }
  const message = voteBytes(subject, { chainId: chain.chainId, valsetHash: SET.hash });
  const votes = signers.map((signer) => {
    const { secretKey } = scheme.keysFromSeed(new Uint8Array(32).fill(signer + 2));
    return { signer, signature: scheme.sign(secretKey, message) };
  });
  return { ...subject, signers: signersOf(bitmapOf(signers)), signature: toHex(verifier.combine(votes) as Uint8Array) };
}

const pairOf = (header: Header, signers: readonly number[]) => ({
  header: toHex(encodeHeader(header)),
  prepare: certificate("PREPARE", header, signers),
  commit: certificate("COMMIT", header, signers),
});

const servers: Server[] = [];
const clients: SabhaClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A node whose ledger is these two blocks, the second signed by these validators of epoch 1. */
async function nodeOf(second: Header, signers: readonly number[]): Promise<SabhaClient> {
  const answers: Readonly<Record<string, (height: number) => unknown>> = {
    chain_getStatus: () => ({ chainId: chain.chainId, height: 2 }),
    chain_getBlock: (at) => ({ hash: hashOf(at === 1 ? closing : second) }),
    chain_getFinality: () => {
      const { header, ...certificates } = pairOf(second, signers);
      return {
        height: 2,
        hash: hashOf(second),
        ...certificates,
        headers: [header],
        epochs: [pairOf(closing, [0, 1, 2])],
      };
    },
  };
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    request.on("end", () => {
      const call = JSON.parse(text) as { id: number; method: string; params?: { height?: number } };
      const result = answers[call.method]?.(call.params?.height ?? 0);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ jsonrpc: "2.0", id: call.id, result }));
    });
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new SabhaClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, retries: 0 });
  clients.push(client);
  return client;
}

test("attack 21: a fork of a later epoch is found, and the file convicts its signers from genesis on", async () => {
  const left = await nodeOf(secondBlock(1_750_000_100_000), [0, 1, 2]);
  const right = await nodeOf(secondBlock(1_750_000_100_001), [1, 2, 3]);
  const found = await findFork(left, right);
  expect(found?.height).toBe(2);
  const verdict = verifyForkProof(chain.genesisBytes, found?.proof ?? new Uint8Array(0));
  expect(verdict).toMatchObject({ ok: true, proven: { view: 1, culprits: ["BANK3", "BANK4"] } });
});

test("two nodes with the same blocks have no fork", async () => {
  const second = secondBlock(1_750_000_100_000);
  expect(await findFork(await nodeOf(second, [0, 1, 2]), await nodeOf(second, [1, 2, 3]))).toBeUndefined();
});

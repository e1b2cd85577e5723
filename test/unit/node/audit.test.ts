import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { sha256 } from "../../../src/crypto/index.js";
import {
  batchesRoot,
  type CanonicalJson,
  canonicalJson,
  encodeHeader,
  encodeHistoryBlock,
  type Header,
  HISTORY_MAGIC,
  type HistoryBlock,
  readBody,
  readHeader,
} from "../../../src/formats/index.js";
import { AuditFault, auditHistory } from "../../../src/node/index.js";
import { concatBytes, type Digest, decode, type Height, utf8 } from "../../../src/primitives/index.js";
import { type Simulation, simulate } from "../../../src/simulator/index.js";

/** What a node's store holds after some seconds of work, block by block. */
function historyOf(simulation: Simulation): HistoryBlock[] {
  const { store } = simulation.nodes[0] as Simulation["nodes"][number];
  const blocks: HistoryBlock[] = [];
  for (let at = 1; ; at += 1) {
    const block = store.block(at as Height);
    const body = block === undefined ? undefined : decode(block.body, readBody);
    if (block === undefined || body?.ok !== true) return blocks;
    const { header, proof } = block;
    blocks.push({
      header,
      body: block.body,
      proof,
      batches: body.value.map(({ digest }) => store.batch(digest) as Uint8Array),
    });
  }
}

const simulation = simulate({ seed: 4, validators: 4, scheme: "ed25519", checkpointBlocks: 4 });
simulation.load(10, 3_000);
simulation.runFor(3_000);
simulation.heal();
simulation.settle(30_000);
const history = historyOf(simulation);
const genesisBytes = utf8(canonicalJson(simulation.consortium.genesis as unknown as CanonicalJson));

const directory = mkdtempSync(join(tmpdir(), "sabha-audit-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;

function fileOf(blocks: readonly HistoryBlock[]): Uint8Array {
  const frames = blocks.map((block) => {
    const bytes = encodeHistoryBlock(block);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    return concatBytes(length, bytes);
  });
  return concatBytes(HISTORY_MAGIC, ...frames);
}

async function audit(bytes: Uint8Array): Promise<string> {
  files += 1;
  const path = join(directory, `${files}`);
  writeFileSync(path, bytes);
  try {
    const report = await auditHistory(genesisBytes, path, () => undefined);
    return `holds up to ${report.height}`;
  } catch (error) {
    if (error instanceof AuditFault) return error.message;
    throw error;
  }
}

/** The history with one block changed. */
const changed = (index: number, change: (block: HistoryBlock) => HistoryBlock): readonly HistoryBlock[] =>
  history.map((block, at) => (at === index ? change(block) : block));

function withHeader(block: HistoryBlock, change: (header: Header) => Header): HistoryBlock {
  const decoded = decode(block.header, readHeader);
  if (!decoded.ok) throw new Error("a header of the simulation");
  return { ...block, header: encodeHeader(change(decoded.value)) };
}

const busy = history.findIndex(({ batches }) => batches.length > 0);
const bigEnough = history.length >= 8 && busy >= 0;

describe("audit of an exported history", () => {
  test("holds for what a node stored, to the node's own roots", async () => {
    expect(bigEnough).toBe(true);
    const path = join(directory, "whole");
    writeFileSync(path, fileOf(history));
    const report = await auditHistory(genesisBytes, path, () => undefined);
    const ledger = simulation.nodes[0]?.replica?.ledger;
    expect(report.height).toBe(history.length);
    expect(report.stateRoot).toBe(ledger?.stateRoot);
    expect(report.provenHeight).toBeGreaterThan(0);
    expect(Object.values(report.results).reduce((sum, count) => sum + count, 0)).toBe(report.records);
    for (const { debitsPosted, creditsPosted } of report.totals) expect(debitsPosted).toBe(creditsPosted);
  });

  test("finds a batch that is another, missing, or too many", async () => {
    const other = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 176 ? byte ^ 1 : byte));
    const finds = async (change: (block: HistoryBlock) => HistoryBlock): Promise<string> =>
      audit(fileOf(changed(busy, change)));
    expect(await finds((block) => ({ ...block, batches: block.batches.map(other) }))).toContain(
      "not the one that was ordered",
    );
    expect(await finds((block) => ({ ...block, batches: block.batches.slice(1) }))).toContain("batches where");
    expect(await finds((block) => ({ ...block, batches: [...block.batches, ...block.batches] }))).toContain(
      "batches where",
    );
  });

  test("finds a body, a header and a link that are others", async () => {
    expect(await audit(fileOf(changed(busy, (block) => ({ ...block, body: new Uint8Array(4) }))))).toContain("body");
    const later = (block: HistoryBlock): HistoryBlock =>
      withHeader(block, (header) => ({ ...header, timestamp: header.timestamp + 1 }));
    expect(await audit(fileOf(changed(2, later)))).toMatch(/another block|does not follow/u);
    expect(await audit(fileOf(history.filter((_, at) => at !== 3)))).toContain("stands in its place");
    const rootless = (block: HistoryBlock): HistoryBlock =>
      withHeader(block, (header) => ({ ...header, batchesRoot: batchesRoot(sha256, []) }));
    expect(await audit(fileOf(changed(busy, rootless)))).toContain("not that of the header");
  });

  test("finds results that the headers do not claim", async () => {
    const claiming = history.findIndex((block) => {
      const header = decode(block.header, readHeader);
      return header.ok && header.value.executed.height > busy;
    });
    const lie = (block: HistoryBlock): HistoryBlock =>
      withHeader(block, (header) => ({
        ...header,
        executed: { ...header.executed, resultsRoot: "00".repeat(32) as Digest },
      }));
    expect(await audit(fileOf(changed(claiming, lie)))).toContain("not what the header claims");
  });

  test("finds certificates of fewer than a quorum and with other signatures", async () => {
    const proven = history.findIndex(({ proof }) => proof !== undefined);
    const commit = (change: object) => (block: HistoryBlock) =>
      ({ ...block, proof: { ...block.proof, commit: { ...block.proof?.commit, ...change } } }) as HistoryBlock;
    expect(await audit(fileOf(changed(proven, commit({ signers: 0b0011 }))))).toContain("no quorum's");
    expect(await audit(fileOf(changed(proven, commit({ signature: new Uint8Array(64 * 3) }))))).toContain(
      "signature is bad",
    );
  });

  test("says where a file ends early or is no history", async () => {
    const bytes = fileOf(history);
    expect(await audit(bytes.slice(0, bytes.length - 1))).toContain("ends in the middle");
    expect(await audit(bytes.slice(1))).toContain("no exported history");
    expect(await audit(new Uint8Array(0))).toContain("no exported history");
  });
});

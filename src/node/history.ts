import { closeSync, openSync, readSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { HISTORY_FRAME_BYTES_MAX, HISTORY_MAGIC, type HistoryBlock, readHistoryBlock } from "../formats/index.js";
import { decode, equalBytes, type Height } from "../primitives/index.js";
import { Audit, AuditFault, type AuditReport } from "./audit.js";

const LENGTH_BYTES = 4;

/**
 * Verifies an exported history against the genesis file, without a network.
 *
 * @throws {AuditFault} at the first thing that does not hold
 */
export async function auditHistory(
  genesisBytes: Uint8Array,
  file: string,
  onProgress: (report: { readonly height: number; readonly bytes: number }) => void,
): Promise<AuditReport> {
  const audit = new Audit(genesisBytes);
  const descriptor = openSync(file, "r");
  try {
    const magic = readExactly(descriptor, HISTORY_MAGIC.length);
    if (magic === undefined || !equalBytes(magic, HISTORY_MAGIC)) {
      throw new AuditFault(0 as Height, "the file is no exported history");
    }
    let height = 0;
    let bytes = HISTORY_MAGIC.length;
    for (;;) {
      const frame = nextFrame(descriptor, height);
      if (frame === undefined) return audit.report();
      audit.block(frame.block);
      height += 1;
      bytes += frame.bytes;
      if (height % 64 !== 0) continue;
      onProgress({ height, bytes });
      await nextTurn();
    }
  } finally {
    closeSync(descriptor);
  }
}

function nextFrame(
  descriptor: number,
  height: number,
): { readonly block: HistoryBlock; readonly bytes: number } | undefined {
  const fail = (detail: string): never => {
    throw new AuditFault((height + 1) as Height, detail);
  };
  const head = readExactly(descriptor, LENGTH_BYTES, true);
  if (head === "end") return undefined;
  if (head === undefined) return fail("the file ends in the middle of a block");
  const length = new DataView(head.buffer).getUint32(0, true);
  if (length > HISTORY_FRAME_BYTES_MAX) return fail(`a frame of ${length} bytes`);
  const bytes = readExactly(descriptor, length);
  if (bytes === undefined) return fail("the file ends in the middle of a block");
  const block = decode(bytes, readHistoryBlock);
  return block.ok
    ? { block: block.value, bytes: LENGTH_BYTES + length }
    : fail(`a block cannot be read: ${block.fault.detail}`);
}

function readExactly(descriptor: number, length: number): Uint8Array | undefined;
function readExactly(descriptor: number, length: number, mayEnd: true): Uint8Array | "end" | undefined;
function readExactly(descriptor: number, length: number, mayEnd?: true): Uint8Array | "end" | undefined {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const read = readSync(descriptor, bytes, at, length - at, null);
    if (read === 0) return at === 0 && mayEnd === true ? "end" : undefined;
    at += read;
  }
  return bytes;
}

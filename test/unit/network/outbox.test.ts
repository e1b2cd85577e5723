import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameReader } from "../../../src/network/frames.js";
import { CHUNK_BYTES, GATHER_BYTES_MAX } from "../../../src/network/limits.js";
import { Outbox } from "../../../src/network/outbox.js";

const ROOMY = { frames: 10_000, bytes: 100_000_000 };

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

/** Empties the outbox and reads its bytes back. */
function drain(outbox: Outbox): { frames: Uint8Array[]; heartbeats: string[]; chunks: Uint8Array[]; ended: number } {
  const frames: Uint8Array[] = [];
  const heartbeats: string[] = [];
  const chunks: Uint8Array[] = [];
  let ended = 0;
  const reader = new FrameReader({
    frameBytesMax: () => 100_000_000,
    onFrame: (frame) => frames.push(frame),
    onHeartbeat: (kind) => heartbeats.push(kind),
  });
  for (let chunk = outbox.take(); chunk !== undefined; chunk = outbox.take()) {
    chunks.push(chunk.bytes);
    ended += chunk.framesEnded;
    expect(reader.push(chunk.bytes)).toBe(true);
  }
  expect(reader.incomplete).toBe(false);
  return { frames, heartbeats, chunks, ended };
}

describe("outbox", () => {
  test("frames of any sizes come out whole, in order, in chunks within the bound", () => {
    const size = fc.oneof(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: GATHER_BYTES_MAX - 2, max: GATHER_BYTES_MAX + 2 }),
      fc.integer({ min: 1, max: 3 * CHUNK_BYTES }),
    );
    fc.assert(
      fc.property(fc.array(size, { maxLength: 40 }), (sizes) => {
        const outbox = new Outbox(ROOMY);
        const frames = sizes.map((length, index) => filled(length, index));
        for (const frame of frames) expect(outbox.add(frame)).toBe(true);
        const result = drain(outbox);
        expect(result.frames.length).toBe(frames.length);
        for (const [index, frame] of result.frames.entries()) {
          expect(Buffer.compare(frame, frames[index] as Uint8Array)).toBe(0);
        }
        expect(result.ended).toBe(frames.length);
        expect(Math.max(0, ...result.chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(CHUNK_BYTES);
        expect(outbox.queuedBytes).toBe(0);
        expect(outbox.isEmpty).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("votes waiting together share one write", () => {
    const outbox = new Outbox(ROOMY);
    for (let index = 0; index < 100; index += 1) outbox.add(filled(200, index));
    expect(drain(outbox).chunks).toHaveLength(1);
  });

  test("a long frame is passed on without a copy", () => {
    const outbox = new Outbox(ROOMY);
    const frame = filled(1_048_576, 1);
    outbox.add(frame);
    const { chunks } = drain(outbox);
    const copied = chunks.filter((chunk) => chunk.buffer !== frame.buffer);
    expect(copied.map((chunk) => chunk.length)).toEqual([4]);
  });

  test("the number and the bytes of waiting frames are bounded", () => {
    const byFrames = new Outbox({ frames: 3, bytes: 1_000 });
    expect([1, 1, 1, 1].map((length) => byFrames.add(filled(length, 0)))).toEqual([true, true, true, false]);
    expect(byFrames.queuedFrames).toBe(3);

    const byBytes = new Outbox({ frames: 100, bytes: 1_000 });
    expect([600, 401, 400].map((length) => byBytes.add(filled(length, 0)))).toEqual([true, false, true]);
    expect(byBytes.queuedBytes).toBe(1_000);
  });

  test("taking frames makes room again, over many rounds", () => {
    const outbox = new Outbox({ frames: 2, bytes: 1_000 });
    for (let round = 0; round < 5_000; round += 1) {
      expect(outbox.add(filled(10, 0))).toBe(true);
      outbox.take();
    }
    expect(outbox.queuedFrames).toBe(0);
  });

  test("heartbeats go before waiting frames and never pile up", () => {
    const outbox = new Outbox(ROOMY);
    for (let index = 0; index < 1_000; index += 1) outbox.addHeartbeat("pong");
    outbox.addHeartbeat("ping");
    outbox.add(filled(5, 5));
    const { heartbeats, frames } = drain(outbox);
    expect(heartbeats).toEqual(["pong", "ping"]);
    expect(frames).toHaveLength(1);
  });

  test("clearing in the middle of a long frame starts the next link with a whole frame", () => {
    const outbox = new Outbox(ROOMY);
    outbox.add(filled(3 * CHUNK_BYTES, 1));
    outbox.take();
    outbox.take();
    outbox.clear();
    expect(outbox.take()).toBeUndefined();
    outbox.add(filled(5, 2));
    expect(drain(outbox).frames).toEqual([filled(5, 2)]);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkGreeting,
  encodeGreeting,
  FrameReader,
  GREETING_BYTES,
  LENGTH_BYTES,
  PING,
  PONG,
  protocolId,
  writeLength,
} from "../../../src/network/frames.js";
import { concatBytes, type Digest } from "../../../src/primitives/index.js";

const CHAIN = "0123456789abcdef".repeat(4) as Digest;
/** Shares the protocol id's sixteen digits with CHAIN. */
const NEAR_CHAIN = `${CHAIN.slice(0, 16)}${"f".repeat(48)}` as Digest;

function framed(frame: Uint8Array): Uint8Array {
  return concatBytes(lengthPrefix(frame.length), frame);
}

function lengthPrefix(length: number): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES);
  writeLength(bytes, 0, length);
  return bytes;
}

function read(pieces: readonly Uint8Array[], frameBytesMax = 1_000) {
  const frames: Uint8Array[] = [];
  const heartbeats: string[] = [];
  const reader = new FrameReader({
    frameBytesMax: () => frameBytesMax,
    onFrame: (frame) => frames.push(frame),
    onHeartbeat: (kind) => heartbeats.push(kind),
  });
  const accepted = pieces.map((piece) => reader.push(piece));
  return { frames, heartbeats, accepted, reader };
}

describe("frames on a stream", () => {
  test("any cutting of the bytes gives the same frames", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 20 }),
        (frames, cuts) => {
          const stream = concatBytes(...frames.map(framed));
          const pieces: Uint8Array[] = [];
          for (let offset = 0, index = 0; offset < stream.length; index += 1) {
            const length = cuts[index % cuts.length] as number;
            pieces.push(stream.subarray(offset, offset + length));
            offset += length;
          }
          const result = read(pieces);
          expect(result.frames).toEqual(frames);
          expect(result.reader.incomplete).toBe(false);
        },
      ),
    );
  });

  test("a frame does not share memory with the bytes it came in", () => {
    const bytes = framed(Uint8Array.of(1, 2, 3));
    const { frames } = read([bytes]);
    bytes.fill(0);
    expect(frames).toEqual([Uint8Array.of(1, 2, 3)]);
    expect(frames[0]?.buffer.byteLength).toBe(3);
  });

  test.each([0, 1_001, 2 ** 31, PING - 1])(
    "attack 77: length %i is refused and nothing is reserved for it",
    (length) => {
      const before = process.memoryUsage().arrayBuffers;
      const { frames, accepted, reader } = read([lengthPrefix(length), framed(Uint8Array.of(1))]);
      expect(accepted).toEqual([false, false]);
      expect(frames).toEqual([]);
      expect(reader.incomplete).toBe(false);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    },
  );

  test("attack 82: a frame of exactly the bound passes, one byte more does not", () => {
    expect(read([framed(new Uint8Array(1_000))]).frames).toHaveLength(1);
    expect(read([framed(new Uint8Array(1_001))]).frames).toHaveLength(0);
  });

  test("heartbeats have no body and may stand between frames", () => {
    const one = Uint8Array.of(1);
    const { frames, heartbeats } = read([
      concatBytes(lengthPrefix(PING), framed(one), lengthPrefix(PONG), framed(one)),
    ]);
    expect(frames).toEqual([one, one]);
    expect(heartbeats).toEqual(["ping", "pong"]);
  });

  test("a frame that has begun counts as incomplete until its last byte", () => {
    const bytes = framed(Uint8Array.of(1, 2, 3));
    const { reader } = read([bytes.subarray(0, 2)]);
    expect(reader.incomplete).toBe(true);
    reader.push(bytes.subarray(2, 6));
    expect(reader.incomplete).toBe(true);
    reader.push(bytes.subarray(6));
    expect(reader.incomplete).toBe(false);
  });

  test("after stop nothing is delivered, not even from the same bytes", () => {
    const frames: Uint8Array[] = [];
    const reader: FrameReader = new FrameReader({
      frameBytesMax: () => 10,
      onFrame: (frame) => {
        frames.push(frame);
        reader.stop();
      },
      onHeartbeat: () => {},
    });
    reader.push(concatBytes(framed(Uint8Array.of(1)), framed(Uint8Array.of(2))));
    expect(frames).toEqual([Uint8Array.of(1)]);
  });
});

describe("greeting", () => {
  test("names chain and channel", () => {
    const greeting = encodeGreeting(CHAIN, "batches");
    expect(greeting).toHaveLength(GREETING_BYTES);
    expect(checkGreeting(greeting, CHAIN, "batches")).toBe("good");
    expect(checkGreeting(greeting, CHAIN, "sync")).toBe("bad-greeting");
  });

  test("attack 106: the whole chain id counts, not only the part in the protocol id", () => {
    expect(protocolId(NEAR_CHAIN, "sync")).toBe(protocolId(CHAIN, "sync"));
    expect(checkGreeting(encodeGreeting(NEAR_CHAIN, "sync"), CHAIN, "sync")).toBe("foreign-chain");
  });

  test("any changed byte, and any other length, is refused", () => {
    const greeting = encodeGreeting(CHAIN, "consensus");
    for (let index = 0; index < greeting.length; index += 1) {
      const changed = greeting.slice();
      changed[index] = (changed[index] as number) ^ 1;
      expect(checkGreeting(changed, CHAIN, "consensus")).not.toBe("good");
    }
    expect(checkGreeting(greeting.subarray(1), CHAIN, "consensus")).toBe("bad-greeting");
    expect(checkGreeting(new Uint8Array(0), CHAIN, "consensus")).toBe("bad-greeting");
  });
});

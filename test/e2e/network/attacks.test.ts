import { connect } from "node:net";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { afterEach, describe, expect, test } from "vitest";
import { CHANNEL_ORDER, encodeGreeting, PING, protocolId, writeLength } from "../../../src/network/frames.js";
import { DEFAULT_LIMITS, FRAME_LIMITS, type PeerOptions } from "../../../src/network/index.js";
import { concatBytes, type Digest, utf8 } from "../../../src/primitives/index.js";
import type { Channel } from "../../../src/replica/index.js";
import {
  CHAIN,
  dialRaw,
  isConnected,
  type Member,
  makePeers,
  peerOf,
  seed,
  send,
  startMember,
  startRaw,
  until,
  violations,
} from "./cluster.js";

/** The node under test has the higher index, so the attacker with index 0 is the one who is let dial. */
const ATTACKER = 0;
const VICTIM = 1;

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function startVictim(limits: Parameters<typeof startMember>[0]["limits"] = {}, count = 2) {
  const peers = await makePeers(count);
  const victim = await startMember({ peers, self: VICTIM, limits: { banMs: 60_000, ...limits } });
  closing.push(() => victim.network.stop());
  return { peers, victim };
}

async function startAttacker(rawSeed: Uint8Array = seed(ATTACKER)): Promise<Libp2p> {
  const node = await startRaw(rawSeed);
  closing.push(async () => {
    for (const connection of node.getConnections()) connection.abort(new Error("test ended"));
    await node.stop();
  });
  return node;
}

function lengthPrefix(length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeLength(bytes, 0, length);
  return bytes;
}

function framed(frame: Uint8Array): Uint8Array {
  return concatBytes(lengthPrefix(frame.length), frame);
}

async function openChannel(connection: Connection, channel: Channel): Promise<Stream> {
  const stream = await connection.newStream([protocolId(CHAIN, channel)]);
  stream.send(framed(encodeGreeting(CHAIN, channel)));
  return stream;
}

/** A connection that has greeted on every channel, as an honest peer's would. */
async function openLink(node: Libp2p, peers: readonly PeerOptions[], victim: Member) {
  const connection = await dialRaw(node, peers[VICTIM] as PeerOptions);
  const streams = new Map<Channel, Stream>();
  for (const channel of CHANNEL_ORDER) streams.set(channel, await openChannel(connection, channel));
  await until(() => isConnected(victim, ATTACKER), "the attacker is connected");
  return { connection, stream: (channel: Channel) => streams.get(channel) as Stream };
}

const isClosed = (connection: Connection): boolean => connection.status !== "open";

describe("who may connect", () => {
  test("attack 75: a stranger is cut off once its identity is known, however often it dials", async () => {
    const { peers, victim } = await startVictim();
    const stranger = await startAttacker(seed(99));
    for (let round = 0; round < 5; round += 1) {
      const dial = dialRaw(stranger, peers[VICTIM] as PeerOptions).then(async (connection) => {
        await connection.newStream([protocolId(CHAIN, "consensus")], { signal: AbortSignal.timeout(5_000) });
      });
      await expect(dial).rejects.toThrow();
    }
    await until(() => victim.events.some((event) => event.type === "strangers-refused"), "strangers are reported");
    expect(victim.changes).toEqual([]);
  });

  test("attack 75: half-open and garbled handshakes leave the port usable for a validator", async () => {
    const { peers, victim } = await startVictim();
    const port = Number(peers[VICTIM]?.addresses[0]?.split("/").at(-1));
    const garbage = [
      new Uint8Array(0),
      utf8("\u0013/multistream/1.0.0\n\u0007/tls\n"),
      utf8("GET / HTTP/1.1\r\n\r\n"),
      utf8("\u0013/multistream/1.0.0\n\u0007/noise\n"),
      new Uint8Array(100_000).fill(0xff),
    ];
    const sockets = garbage.map((bytes) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
      socket.on("error", () => {});
      return socket;
    });
    closing.push(async () => sockets.forEach((socket) => socket.destroy()));
    await until(() => sockets.filter((socket) => socket.destroyed).length === 3, "what is no handshake is cut off");
    // At once, that is, and not by the deadline that ends silent handshakes.
    expect(sockets[0]?.destroyed).toBe(false);
    await openLink(await startAttacker(), peers, victim);
    expect(violations(victim)).toEqual([]);
  });

  test("attack 75: a stranger cannot make us read a length that never ends", async () => {
    const { peers } = await startVictim();
    const port = Number(peers[VICTIM]?.addresses[0]?.split("/").at(-1));
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    closing.push(async () => void socket.destroy());
    // The right opening, then a Noise message longer than any handshake.
    socket.write(concatBytes(utf8("\u0013/multistream/1.0.0\n\u0007/noise\n"), new Uint8Array(1_000_000).fill(0xff)));
    await until(() => socket.destroyed, "it is cut off");
    expect(socket.bytesRead).toBeLessThan(100);
  });

  test("attack 75: one validator cannot hold many connections", async () => {
    const { peers } = await startVictim({ greetingTicksMax: 10_000 });
    const attacker = await startAttacker();
    const dials = await Promise.allSettled(
      Array.from({ length: 8 }, async () => {
        const connection = await dialRaw(attacker, peers[VICTIM] as PeerOptions);
        return connection.newStream([protocolId(CHAIN, "sync")], { signal: AbortSignal.timeout(3_000) });
      }),
    );
    expect(dials.some((dial) => dial.status === "rejected")).toBe(true);
    await until(() => attacker.getConnections().length <= 3, "the others are cut");
  });

  test("attack 106: a node of another genesis is refused before anything of it is parsed", async () => {
    const peers = await makePeers(2);
    const chains = [CHAIN, "c3".repeat(32) as Digest];
    const members = await Promise.all(
      peers.map((_, self) => startMember({ peers, self, chainId: chains[self] as Digest })),
    );
    for (const member of members) closing.push(() => member.network.stop());
    await until(
      () =>
        (members[0] as Member).events.some((event) => event.type === "dial-failed" && event.fault === "foreign-chain"),
      "the foreign chain is reported",
    );
    for (const member of members) {
      expect(member.changes).toEqual([]);
      expect(member.received).toEqual([]);
    }
  });

  test("attack 106: a chain id that only begins alike is refused by the greeting", async () => {
    const peers = await makePeers(2);
    const chains = [CHAIN, `${CHAIN.slice(0, 16)}${"0".repeat(48)}` as Digest];
    const members = await Promise.all(
      peers.map((_, self) => startMember({ peers, self, chainId: chains[self] as Digest })),
    );
    for (const member of members) closing.push(() => member.network.stop());
    await until(() => peerOf(members[1] as Member, 0).lastFault === "foreign-chain", "the greeting is refused");
    for (const member of members) expect(member.changes).toEqual([]);
  });

  test("attack 76: a connection on which nobody opens a channel does not stay", async () => {
    const { peers, victim } = await startVictim();
    const attacker = await startAttacker();
    const connection = await dialRaw(attacker, peers[VICTIM] as PeerOptions);
    await until(() => isClosed(connection), "the idle connection is closed");
    expect(victim.changes).toEqual([]);
  });

  test("attack 76: a link that greets on some channels only does not stay", async () => {
    const { peers, victim } = await startVictim();
    const attacker = await startAttacker();
    const connection = await dialRaw(attacker, peers[VICTIM] as PeerOptions);
    await openChannel(connection, "consensus");
    await until(() => isClosed(connection), "the half-open link is closed");
    expect(peerOf(victim, ATTACKER).lastFault).toBe("no-greeting");
  });
});

describe("what a connected validator may send", () => {
  test.each(
    CHANNEL_ORDER.flatMap((channel) => [FRAME_LIMITS[channel] + 1, 2 ** 31, 0].map((length) => ({ channel, length }))),
  )("attack 77, 82: length $length on $channel cuts the link, and nothing is reserved", async ({ channel, length }) => {
    const { peers, victim } = await startVictim();
    const attacker = await startAttacker();
    const link = await openLink(attacker, peers, victim);
    const before = process.memoryUsage().arrayBuffers;
    link.stream(channel).send(lengthPrefix(length));
    await until(() => isClosed(link.connection), "the link is cut");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_048_576);
    await until(() => !isConnected(victim, ATTACKER), "the peer counts as away");
    expect(violations(victim)).toEqual([
      { type: "violation", peer: ATTACKER, fault: "bad-frame-length", channel, refusedMs: 60_000 },
    ]);
    const again = dialRaw(attacker, peers[VICTIM] as PeerOptions).then((connection) =>
      connection.newStream([protocolId(CHAIN, "sync")], { signal: AbortSignal.timeout(3_000) }),
    );
    await expect(again).rejects.toThrow();
  });

  test("a greeting that is none cuts the connection before any frame is delivered", async () => {
    const { peers, victim } = await startVictim();
    const attacker = await startAttacker();
    const connection = await dialRaw(attacker, peers[VICTIM] as PeerOptions);
    const stream = await connection.newStream([protocolId(CHAIN, "consensus")]);
    stream.send(framed(new Uint8Array(53)));
    await until(() => isClosed(connection), "the connection is closed");
    expect(violations(victim)).toMatchObject([{ fault: "bad-greeting" }]);
    expect(victim.received).toEqual([]);
    expect(victim.changes).toEqual([]);
  });

  test("attack 76: a second stream on a channel is a violation", async () => {
    const { peers, victim } = await startVictim();
    const attacker = await startAttacker();
    const link = await openLink(attacker, peers, victim);
    // The cut may come before this stream is fully open.
    await openChannel(link.connection, "batches").catch(() => {});
    await until(() => isClosed(link.connection), "the link is cut");
    expect(violations(victim)).toMatchObject([{ fault: "unwanted-stream", channel: "batches" }]);
  });

  test("attack 76: streams of unknown protocols are refused, and the link lives on", async () => {
    const { peers, victim } = await startVictim({ tickMs: 60_000 });
    const attacker = await startAttacker();
    const link = await openLink(attacker, peers, victim);
    for (const protocol of ["/ipfs/id/1.0.0", "/meshsub/1.1.0", protocolId("00".repeat(32) as Digest, "sync")]) {
      await expect(link.connection.newStream([protocol])).rejects.toThrow();
    }
    link.stream("sync").send(framed(Uint8Array.of(1)));
    await until(() => victim.received.length === 1, "the link still carries frames");
    expect(violations(victim)).toEqual([]);
  });

  test("attack 76: a thousand streams are cut at the cap, and a stream that never names a channel is a violation", async () => {
    const { peers, victim } = await startVictim();
    const attacker = await startAttacker();
    const link = await openLink(attacker, peers, victim);
    const names = Array.from({ length: 10_000 }, (_, index) => `/none/${index}`);
    const streams = await Promise.allSettled(
      Array.from({ length: 1_000 }, () => link.connection.newStream(names, { signal: AbortSignal.timeout(9_000) })),
    );
    expect(streams.map((stream) => stream.status)).not.toContain("fulfilled");
    await until(() => isClosed(link.connection), "the link is cut");
    expect(violations(victim)).toMatchObject([{ fault: "unwanted-stream", channel: undefined }]);
  });

  test("attack 76: a frame that never ends is cut off", async () => {
    const { peers, victim } = await startVictim({ frameTicksMax: 4 });
    const attacker = await startAttacker();
    const link = await openLink(attacker, peers, victim);
    link.stream("sync").send(concatBytes(lengthPrefix(1_000_000), new Uint8Array(10)));
    const trickle = setInterval(() => {
      if (!isClosed(link.connection)) link.stream("sync").send(new Uint8Array(1));
    }, 10);
    await until(() => isClosed(link.connection), "the slow frame is cut");
    clearInterval(trickle);
    expect(peerOf(victim, ATTACKER).lastFault).toBe("slow-frame");
  });

  test("attack 76: a peer that stops reading bounds what we keep for it, and is cut off", async () => {
    const { peers, victim } = await startVictim({ tickMs: 100 });
    const attacker = await startAttacker();
    const link = await openLink(attacker, peers, victim);
    link.stream("batches").maxReadBufferLength = Number.MAX_SAFE_INTEGER;
    link.stream("batches").pause();
    // Its other channels answer, so that only the unread one can be what cuts it off.
    const heartbeat = setInterval(() => {
      if (!isClosed(link.connection)) link.stream("consensus").send(lengthPrefix(PING));
    }, 20);
    const frame = new Uint8Array(1_048_576);
    let accepted = 0;
    let refused = 0;
    const push = (): void => {
      if (!isConnected(victim, ATTACKER)) return;
      if (send(victim, ATTACKER, "batches", frame)) accepted += 1;
      else refused += 1;
      expect(peerOf(victim, ATTACKER).channels.batches.queuedBytes).toBeLessThanOrEqual(
        DEFAULT_LIMITS.queues.batches.bytes,
      );
      setImmediate(push);
    };
    push();
    await until(() => isClosed(link.connection), "the unread link is cut");
    clearInterval(heartbeat);
    expect(peerOf(victim, ATTACKER).lastFault).toBe("unread");
    expect(refused).toBeGreaterThan(0);
    // The queue, the stream's window, and what the socket took.
    expect(accepted * frame.length).toBeLessThan(DEFAULT_LIMITS.queues.batches.bytes + 4 * 1_048_576);
    expect(peerOf(victim, ATTACKER).channels.batches.queuedBytes).toBe(0);
  });

  test("attack 76: a flood of heartbeats is answered without piling up answers", async () => {
    const { peers, victim } = await startVictim();
    const attacker = await startAttacker();
    const link = await openLink(attacker, peers, victim);
    const pings = new Uint8Array(4 * 10_000);
    for (let offset = 0; offset < pings.length; offset += 4) writeLength(pings, offset, PING);
    const before = peerOf(victim, ATTACKER).channels.consensus.bytesOut;
    link.stream("consensus").send(pings);
    link.stream("consensus").send(framed(Uint8Array.of(9)));
    await until(() => victim.received.length === 1, "the flood was read");
    expect(peerOf(victim, ATTACKER).channels.consensus.bytesOut - before).toBeLessThan(pings.length / 10);
    expect(isConnected(victim, ATTACKER)).toBe(true);
  });

  test("attack 49: closing, falling silent and dialling again are no violations", async () => {
    const { peers, victim } = await startVictim();
    const attacker = await startAttacker();
    const first = await openLink(attacker, peers, victim);
    first.connection.abort(new Error("gone"));
    await until(() => !isConnected(victim, ATTACKER), "the loss is noticed");
    await openLink(attacker, peers, victim);
    expect(violations(victim)).toEqual([]);
  });

  test("a peer that dials anew replaces the connection it has lost", async () => {
    const { peers, victim } = await startVictim();
    const attacker = await startAttacker();
    const first = await openLink(attacker, peers, victim);
    const restarted = await startRaw(seed(ATTACKER));
    closing.push(async () => restarted.stop());
    const connection = await dialRaw(restarted, peers[VICTIM] as PeerOptions);
    for (const channel of CHANNEL_ORDER) await openChannel(connection, channel);
    await until(() => isClosed(first.connection), "the old connection is closed");
    await until(() => victim.changes.length === 3, "the new link is up");
    expect(victim.changes.map((change) => change.connected)).toEqual([true, false, true]);
  });
});

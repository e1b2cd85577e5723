import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { CHANNEL_ORDER } from "../../../src/network/frames.js";
import { DEFAULT_LIMITS, NetworkError, type NetworkLimits, type PeerOptions } from "../../../src/network/index.js";
import { participantNumber } from "../../../src/primitives/index.js";
import type { Channel } from "../../../src/replica/index.js";
import { isConnected, type Member, makePeers, peerOf, send, startMember, until, violations } from "./cluster.js";

const running: Member[] = [];

async function start(
  peers: readonly PeerOptions[],
  self: number,
  limits: Partial<NetworkLimits> = {},
): Promise<Member> {
  const member = await startMember({ peers, self, limits });
  running.push(member);
  return member;
}

async function startAll(count: number, limits: Partial<NetworkLimits> = {}): Promise<Member[]> {
  const peers = await makePeers(count);
  const members = await Promise.all(peers.map((peer) => start(peers, peer.participant, limits)));
  await until(
    () => members.every((member) => member.network.peers().every((peer) => peer.connected)),
    "everybody is connected",
  );
  return members;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((member) => member.network.stop()));
});

/** A frame that names its place in the sequence and whose bytes depend on it. */
function numbered(sequence: number, length: number): Uint8Array {
  const frame = new Uint8Array(length).fill(sequence % 251);
  new DataView(frame.buffer).setUint32(0, sequence, true);
  return frame;
}

/** A TCP line to a port, which counts what comes back from there. */
async function countingWire(to: number): Promise<{ port: number; bytesBack: () => number; close: () => void }> {
  let bytes = 0;
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    near.pipe(far);
    far.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      near.write(chunk);
    });
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      end.on("error", () => other.destroy());
      end.on("close", () => other.destroy());
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, bytesBack: () => bytes, close: () => server.close() };
}

describe("links between validators", () => {
  test("four nodes connect all to all, each pair by one link that the lower index dials", async () => {
    const members = await startAll(4, { dialGraceMs: 60_000 });
    for (const [index, member] of members.entries()) {
      expect(member.changes).toHaveLength(3);
      const ups = member.events.filter((event) => event.type === "link-up");
      for (const up of ups) expect(up.dialledBy).toBe(index < up.peer ? "us" : "peer");
      expect(violations(member)).toEqual([]);
    }
  });

  test("peers that dial each other at the same moment end with one link that both use", async () => {
    const [first, second] = (await startAll(2, { dialGraceMs: 0 })) as [Member, Member];
    const dialledBy = (member: Member): string | undefined =>
      member.events.findLast((event) => event.type === "link-up")?.dialledBy;
    const arrived = (member: Member): number => new Set(member.received.map((item) => item.channel)).size;
    await until(() => {
      // A frame may be lost with the connection that is given up, so each try sends again.
      for (const channel of CHANNEL_ORDER) {
        send(first, 1, channel, Uint8Array.of(1));
        send(second, 0, channel, Uint8Array.of(2));
      }
      return arrived(first) === 3 && arrived(second) === 3 && dialledBy(first) !== dialledBy(second);
    }, "both settle on one connection and use it");
    expect([...violations(first), ...violations(second)]).toEqual([]);
  });

  test("short frames are not answered one by one", async () => {
    const peers = await makePeers(2);
    const wire = await countingWire(Number(peers[1]?.addresses[0]?.split("/").at(-1)));
    const throughWire = peers.map((peer) =>
      peer.participant === 1 ? { ...peer, addresses: [`/ip4/127.0.0.1/tcp/${wire.port}`] } : peer,
    );
    const limits = { dialGraceMs: 60_000, tickMs: 60_000 };
    const receiver = await start(peers, 1, limits);
    const sender = await start(throughWire, 0, limits);
    await until(() => isConnected(sender, 1) && isConnected(receiver, 0), "both are connected");
    const before = wire.bytesBack();
    const frames = 300;
    for (let sequence = 0; sequence < frames; sequence += 1) {
      send(sender, 1, "consensus", numbered(sequence, 200));
      await until(() => receiver.received.length === sequence + 1, `frame ${sequence} is there`);
    }
    // An answer has 12 bytes at the least, and the encryption adds 18.
    expect(wire.bytesBack() - before).toBeLessThan(frames * 12);
    wire.close();
  });

  test("frames keep order and content on each channel, whatever their sizes", async () => {
    const members = await startAll(4);
    const lengths = [4, 200, 8_192, 8_193, 65_500, 70_000, 200];
    const count = 56;
    for (const [from, member] of members.entries()) {
      for (let sequence = 0; sequence < count; sequence += 1) {
        const frame = numbered(sequence, lengths[sequence % lengths.length] as number);
        for (const channel of CHANNEL_ORDER) {
          for (let to = 0; to < 4; to += 1) if (to !== from) expect(send(member, to, channel, frame)).toBe(true);
        }
      }
    }
    await until(() => members.every((member) => member.received.length === 3 * 3 * count), "every frame arrived");
    for (const [to, member] of members.entries()) {
      for (const channel of CHANNEL_ORDER) {
        for (let from = 0; from < 4; from += 1) {
          if (from === to) continue;
          const frames = member.received.filter((item) => item.from === from && item.channel === channel);
          for (const [sequence, { frame }] of frames.entries()) {
            const expected = numbered(sequence, lengths[sequence % lengths.length] as number);
            expect(Buffer.compare(frame, expected)).toBe(0);
          }
        }
      }
    }
  });

  test("many small frames of one turn share writes, and counters agree at both ends", async () => {
    const [first, second] = (await startAll(2)) as [Member, Member];
    for (let sequence = 0; sequence < 1_000; sequence += 1) send(first, 1, "consensus", numbered(sequence, 200));
    await until(() => second.received.length === 1_000, "every frame arrived");
    expect(peerOf(second, 0).channels.consensus.framesIn).toBe(1_000);
    expect(peerOf(first, 1).channels.consensus.framesOut).toBe(1_000);
    expect(peerOf(second, 0).channels.consensus.bytesIn).toBeGreaterThanOrEqual(204_000);
  });

  test("bulk both ways does not delay small frames on another channel as it delays its own", async () => {
    const [first, second] = (await startAll(2)) as [Member, Member];
    const echo = (channel: Channel): Promise<number> => {
      const sentAt = performance.now();
      return new Promise((resolve) => {
        first.onFrame = (item) => {
          if (item.channel === channel && item.frame.length === 200) resolve(performance.now() - sentAt);
        };
        const trySend = (): void => {
          if (!send(first, 1, channel, new Uint8Array(200))) setImmediate(trySend);
        };
        trySend();
      });
    };
    second.onFrame = ({ channel, frame }) => {
      if (frame.length !== 200) return;
      const answer = (): void => {
        if (!send(second, 0, channel, frame)) setImmediate(answer);
      };
      answer();
    };
    const bulk = new Uint8Array(1_048_576);
    let flooding = true;
    const flood = (): void => {
      // Sixteen frames always wait, as they do while batches are pushed at full speed.
      for (const [member, to] of [
        [first, 1],
        [second, 0],
      ] as const) {
        while (peerOf(member, to).channels.batches.queuedFrames < 16 && send(member, to, "batches", bulk));
      }
      if (flooding) setImmediate(flood);
    };
    flood();
    const votes: number[] = [];
    const behindBulk: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      votes.push(await echo("consensus"));
      if (round % 4 === 0) behindBulk.push(await echo("batches"));
    }
    flooding = false;
    const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;
    expect(median(votes)).toBeLessThan(median(behindBulk) / 3);
  });

  test("send refuses a frame for a peer that is away, and counts it", async () => {
    const peers = await makePeers(2);
    const member = await start(peers, 0);
    expect(send(member, 1, "sync", new Uint8Array(10))).toBe(false);
    expect(peerOf(member, 1).channels.sync.dropped).toBe(1);
    await until(() => member.events.some((event) => event.type === "dial-failed"), "the dial fails");
    expect(peerOf(member, 1).lastFault).toBe("unreachable");
  });

  test("a full queue refuses frames and holds no more than its bounds", async () => {
    const [first] = (await startAll(2)) as [Member, Member];
    const frame = new Uint8Array(1_048_576);
    let accepted = 0;
    // All in one turn: nothing is written meanwhile.
    while (send(first, 1, "batches", frame)) accepted += 1;
    expect(accepted).toBe(DEFAULT_LIMITS.queues.batches.bytes / frame.length);
    expect(peerOf(first, 1).channels.batches.queuedBytes).toBe(DEFAULT_LIMITS.queues.batches.bytes);
    expect(send(first, 1, "consensus", new Uint8Array(200))).toBe(true);
  });

  test.each([
    [0, 1],
    [1, 0],
  ])("node %i notices that node %i stopped, and is connected again after its restart", async (stays, restarts) => {
    const peers = await makePeers(2);
    const members = await Promise.all([start(peers, 0), start(peers, 1)]);
    const remaining = members[stays] as Member;
    await until(() => isConnected(remaining, restarts), "the link is up");
    await (members[restarts] as Member).network.stop();
    await until(() => !isConnected(remaining, restarts), "the loss is noticed");
    const again = await start(peers, restarts);
    await until(() => isConnected(remaining, restarts) && isConnected(again, stays), "the link is back");
    send(remaining, restarts, "consensus", new Uint8Array(7));
    await until(() => again.received.length === 1, "a frame arrives over the new link");
    expect(remaining.changes.map((change) => change.connected)).toEqual([true, false, true]);
  });

  test("a disconnected peer is refused for the time given, then let in again", async () => {
    const [first, second] = (await startAll(2)) as [Member, Member];
    first.network.disconnect(participantNumber(1), 300);
    const disconnectedAt = performance.now();
    expect(send(first, 1, "sync", new Uint8Array(1))).toBe(false);
    await until(() => isConnected(first, 1) && isConnected(second, 0), "the link is back");
    expect(performance.now() - disconnectedAt).toBeGreaterThanOrEqual(300);
    expect(first.changes.map((change) => change.connected)).toEqual([true, false, true]);
  });

  test("a taken port is a typed error", async () => {
    const peers = await makePeers(2);
    await start(peers, 0);
    const occupied = peers.map((peer) => ({ ...peer, addresses: peers[0]?.addresses ?? [] }));
    const attempt = startMember({ peers: occupied, self: 1 });
    await expect(attempt).rejects.toBeInstanceOf(NetworkError);
    await expect(attempt).rejects.toMatchObject({ fault: { code: "LISTEN_FAILED" } });
  });
});

describe("a peer in another process", () => {
  function spawnPeer(peers: readonly PeerOptions[], self: number) {
    const script = new URL("./echo-process.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, ["--import", "tsx", script], {
      env: { ...process.env, ECHO_PEERS: JSON.stringify(peers), ECHO_SELF: String(self) },
      stdio: ["ignore", "inherit", "inherit"],
    });
    return { child, exited: once(child, "exit") };
  }

  test("killed with SIGKILL it is missed, and restarted it is linked again and answers", async () => {
    const peers = await makePeers(2);
    const member = await start(peers, 0);
    const first = spawnPeer(peers, 1);
    await until(() => isConnected(member, 1), "the child is connected");
    first.child.kill("SIGKILL");
    await first.exited;
    await until(() => !isConnected(member, 1), "the kill is noticed");
    const second = spawnPeer(peers, 1);
    try {
      await until(() => isConnected(member, 1), "the child is back");
      send(member, 1, "batches", numbered(1, 100_000));
      await until(() => member.received.length === 1, "the child answers");
      expect(member.received[0]?.frame).toEqual(numbered(1, 100_000));
    } finally {
      second.child.kill("SIGKILL");
      await second.exited;
    }
  });

  test("a peer that falls silent with its connection open is given up, and taken back when it wakes", async () => {
    const peers = await makePeers(2);
    const member = await start(peers, 0);
    const peer = spawnPeer(peers, 1);
    try {
      await until(() => isConnected(member, 1), "the child is connected");
      for (const channel of CHANNEL_ORDER) send(member, 1, channel, Uint8Array.of(1));
      await until(() => member.received.length === 3, "every channel is open");
      peer.child.kill("SIGSTOP");
      await until(() => !isConnected(member, 1), "its silence is noticed");
      expect(peerOf(member, 1).lastFault).toBe("silent");
      peer.child.kill("SIGCONT");
      await until(() => isConnected(member, 1), "the child is back");
    } finally {
      peer.child.kill("SIGKILL");
      await peer.exited;
    }
  });
});

import { connect, createServer, type Server, type Socket } from "node:net";

/** What happens to bytes that travel one way between two nodes. Mutable: faults set it, healing resets it. */
export interface Direction {
  /** Added to every byte's way, milliseconds. */
  latencyMs: number;
  /** Up to so much more, drawn per piece; order is kept, as TCP would. */
  jitterMs: number;
  /** 0: as fast as the machine. */
  bytesPerSecond: number;
  /** Nothing arrives, and nobody is told: what loss looks like above TCP. What was sent waits here. */
  isStalled: boolean;
}

/** A link as one side sees it: the way there, the way back, and whether a connection may exist at all. */
export interface LinkFaults {
  readonly there: Direction;
  readonly back: Direction;
  /** Connections are reset and new ones are refused. */
  readonly isRefused: () => boolean;
}

/** Bytes that may wait on one way of one connection before the sender is no longer read. */
const WAITING_BYTES_MAX = 4 * 1_048_576;

/** How often a stalled way looks whether it may go on, milliseconds. */
const STALL_POLL_MS = 20;

/**
 * The way on which one node dials another: listens on a port of its own, forwards to the node's real port, and does
 * to the bytes what the link's faults say at that moment.
 */
export class LinkProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #target: { readonly host: string; readonly port: number };
  readonly #faults: LinkFaults;

  constructor(target: { readonly host: string; readonly port: number }, faults: LinkFaults) {
    this.#target = target;
    this.#faults = faults;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** @returns the port that was free at this address */
  listen(host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, host, () => {
        const address = this.#server.address();
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
  }

  /** Resets every connection (RST, not FIN): both ends notice at once. */
  reset(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  close(): Promise<void> {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(near: Socket): void {
    if (this.#faults.isRefused()) {
      near.on("error", () => undefined);
      near.resetAndDestroy();
      return;
    }
    const far = connect({ ...this.#target });
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [socket, other] of [pair, [far, near] as const]) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
    pump(near, far, this.#faults.there);
    pump(far, near, this.#faults.back);
  }
}

/** Carries bytes one way. */
function pump(source: Socket, sink: Socket, direction: Direction): void {
  const waiting: { readonly bytes: Buffer; readonly dueAt: number }[] = [];
  let waitingBytes = 0;
  let lastDue = 0;
  let timer: NodeJS.Timeout | undefined;
  let isEnded = false;

  const deliver = (): void => {
    timer = undefined;
    const now = performance.now();
    while (!direction.isStalled && waiting[0] !== undefined && waiting[0].dueAt <= now) {
      const { bytes } = waiting.shift() as { readonly bytes: Buffer };
      waitingBytes -= bytes.length;
      sink.write(bytes);
    }
    if (waitingBytes < WAITING_BYTES_MAX) source.resume();
    const next = waiting[0];
    if (next === undefined) {
      if (isEnded) sink.end();
      return;
    }
    timer = setTimeout(deliver, direction.isStalled ? STALL_POLL_MS : Math.max(0, next.dueAt - now));
  };

  source.on("data", (bytes: Buffer) => {
    const { latencyMs, jitterMs, bytesPerSecond, isStalled } = direction;
    if (waiting.length === 0 && !isStalled && latencyMs === 0 && jitterMs === 0 && bytesPerSecond === 0) {
      if (!sink.write(bytes)) source.pause();
      return;
    }
    const now = performance.now();
    const travelMs = latencyMs + Math.random() * jitterMs;
    const sendMs = bytesPerSecond === 0 ? 0 : (bytes.length * 1_000) / bytesPerSecond;
    lastDue = Math.max(lastDue + sendMs, now + travelMs + sendMs);
    waiting.push({ bytes, dueAt: lastDue });
    waitingBytes += bytes.length;
    if (waitingBytes >= WAITING_BYTES_MAX) source.pause();
    timer ??= setTimeout(deliver, isStalled ? STALL_POLL_MS : Math.max(0, lastDue - now));
  });
  sink.on("drain", () => {
    if (waitingBytes < WAITING_BYTES_MAX) source.resume();
  });
  source.on("end", () => {
    isEnded = true;
    if (waiting.length === 0) sink.end();
  });
  source.on("close", () => clearTimeout(timer));
}

import { type Direction, LinkProxy } from "./proxy.js";

/** Distance between two nodes, one way. */
export interface Distance {
  readonly latencyMs: number;
  readonly jitterMs: number;
}

/** One node process at the end of links; a validator that runs twice has two. */
export interface Endpoint {
  readonly name: string;
  /** Port on which the process listens for validators. */
  readonly port: number;
  /** Address on which it listens, and the one under which it finds its links; loopback where they are left out. */
  readonly host?: string;
  readonly gateway?: string;
}

const LOOPBACK = "127.0.0.1";

interface Way extends Direction {
  isRefused: boolean;
}

/** All links between node processes: each ordered pair has a proxy of its own, so that each way can fail alone. */
export class Links {
  readonly #ways = new Map<string, Way>();
  readonly #proxies = new Map<string, LinkProxy>();
  readonly #base: (from: string, to: string) => Distance;
  /** Pairs that never meet, whatever is healed. */
  readonly #isApart: (from: string, to: string) => boolean;

  constructor(options: {
    readonly base: (from: string, to: string) => Distance;
    readonly isApart: (from: string, to: string) => boolean;
  }) {
    this.#base = options.base;
    this.#isApart = options.isApart;
  }

  /** Opens the way on which `from` dials `to`; returns the port to dial. */
  async open(from: Endpoint, to: Endpoint): Promise<number> {
    const there = this.#way(from.name, to.name);
    const back = this.#way(to.name, from.name);
    const isRefused = (): boolean => there.isRefused || back.isRefused || this.#isApart(from.name, to.name);
    const proxy = new LinkProxy({ host: to.host ?? LOOPBACK, port: to.port }, { there, back, isRefused });
    this.#proxies.set(key(from.name, to.name), proxy);
    return proxy.listen(from.gateway ?? LOOPBACK);
  }

  /** Resets connections between two nodes and lets no new ones through. */
  refuse(from: string, to: string): void {
    this.#way(from, to).isRefused = true;
    this.reset(from, to);
  }

  /** Bytes of one way get stuck; nobody is told. */
  stall(from: string, to: string): void {
    this.#way(from, to).isStalled = true;
  }

  slow(from: string, to: string, change: Partial<Pick<Direction, "latencyMs" | "jitterMs" | "bytesPerSecond">>): void {
    Object.assign(this.#way(from, to), change);
  }

  reset(from: string, to: string): void {
    this.#proxies.get(key(from, to))?.reset();
    this.#proxies.get(key(to, from))?.reset();
  }

  /** Takes every fault of one way back. */
  heal(from: string, to: string): void {
    Object.assign(this.#way(from, to), this.#healthy(from, to));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
  }

  #way(from: string, to: string): Way {
    const known = this.#ways.get(key(from, to));
    if (known !== undefined) return known;
    const way = this.#healthy(from, to);
    this.#ways.set(key(from, to), way);
    return way;
  }

  #healthy(from: string, to: string): Way {
    return { ...this.#base(from, to), bytesPerSecond: 0, isStalled: false, isRefused: false };
  }
}

const key = (from: string, to: string): string => `${from} ${to}`;

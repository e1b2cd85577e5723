import { spawnSync } from "node:child_process";

/** Where one process lives and how it reaches the rest of the run. */
export interface Place {
  /** Words before the program that starts it; none outside a namespace. */
  readonly enter: readonly string[];
  /** IPv4 address on which it listens. */
  readonly host: string;
  /** IPv4 address under which it finds its links. */
  readonly gateway: string;
}

export const LOOPBACK: Place = { enter: [], host: "127.0.0.1", gateway: "127.0.0.1" };

/** Of iproute2. */
const IP = "ip";
/** Runs beside each other use different networks. */
const NETWORK = `10.${128 + (process.pid % 120)}`;

/** Why this machine cannot give a node a network namespace of its own; undefined where it can. Tries it. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== "linux") return "only Linux has network namespaces";
  if (process.getuid?.() !== 0) return "only root may make network namespaces";
  const probe = new Namespaces();
  try {
    probe.add();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    probe.close();
  }
}

/**
 * Network namespaces, each joined to this process's own by one pair of virtual interfaces: what is in one reaches nothing
 * but the links that wait at the other end. Delay, loss and cuts stay with the links.
 */
export class Namespaces {
  readonly #names: string[] = [];

  constructor() {
    process.once("exit", () => this.close());
  }

  /** @throws {Error} with what `ip` said, where it cannot be made */
  add(): Place {
    const number = this.#names.length;
    const name = `sabha-${process.pid}-${number}`;
    const [outside, inside] = [`sb${process.pid}o${number}`, `sb${process.pid}i${number}`];
    const [gateway, host] = [`${NETWORK}.${number}.1`, `${NETWORK}.${number}.2`];
    ip("netns", "add", name);
    this.#names.push(name);
    ip("link", "add", outside, "type", "veth", "peer", "name", inside);
    ip("link", "set", inside, "netns", name);
    ip("address", "add", `${gateway}/30`, "dev", outside);
    ip("link", "set", outside, "up");
    for (const words of [
      ["address", "add", `${host}/30`, "dev", inside],
      ["link", "set", inside, "up"],
      ["link", "set", "lo", "up"],
    ]) {
      ip("-n", name, ...words);
    }
    return { enter: [IP, "netns", "exec", name], host, gateway };
  }

  /** Removes them and their interfaces; a second time does nothing. Processes inside have to be over. */
  close(): void {
    for (const [number, name] of this.#names.splice(0).entries()) {
      // Both ends go at once; those of a namespace would only some time after it.
      spawnSync(IP, ["link", "delete", `sb${process.pid}o${number}`]);
      spawnSync(IP, ["netns", "delete", name]);
    }
  }
}

function ip(...words: readonly string[]): void {
  const { status, stderr, error } = spawnSync(IP, words, { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(`ip ${words.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

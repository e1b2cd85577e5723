import {
  BATCH_RECORDS_MAX,
  POOL_BATCHES_MAX,
  POOL_BYTES_MAX,
  POOL_BYTES_PER_REPLICA_MAX,
} from "../primitives/index.js";

/** One setting of a node: its default, what it is measured in, and which values it takes. */
export interface Option<V> {
  readonly default: V;
  /** Unit or form, shown beside the default. */
  readonly unit: string;
  /** One sentence for operators. */
  readonly help: string;
  /** The value as the program holds it; `undefined` where it is not one. */
  readonly read: (value: unknown) => V | undefined;
  /** Completes "must be …". */
  readonly expects: string;
}

function integer(option: { default: number; min: number; max: number; unit: string; help: string }): Option<number> {
  const { min, max } = option;
  return {
    ...option,
    unit: `${option.unit}, ${min} to ${max}`,
    expects: `a whole number from ${min} to ${max}`,
    read: (value) => {
      const number = typeof value === "bigint" ? Number(value) : undefined;
      return number !== undefined && number >= min && number <= max ? number : undefined;
    },
  };
}

function text(option: {
  default: string;
  unit: string;
  help: string;
  pattern: RegExp;
  expects: string;
}): Option<string> {
  return { ...option, read: (value) => (typeof value === "string" && option.pattern.test(value) ? value : undefined) };
}

function choice<const T extends string>(words: readonly T[], initial: T, help: string): Option<T> {
  return {
    default: initial,
    unit: words.join(" or "),
    help,
    expects: words.join(" or "),
    read: (value) => words.find((word) => word === value),
  };
}

const path = (initial: string, help: string, unit: string): Option<string> =>
  text({ default: initial, unit, help, pattern: /^[^\0\r\n]{0,4096}$/u, expects: "a path" });

/** `/ip4|ip6|dns4|dns6/HOST/tcp/PORT`: the addresses that the network layer understands. */
export const MULTIADDR = /^\/(?:ip4|ip6|dns4|dns6)\/[0-9A-Za-z.:-]{1,253}\/tcp\/[0-9]{1,5}$/;

/**
 * Every setting of a node, in the order in which `config.yaml` shows them. The file, its check, its
 * comments and the type `Config` all come from this table.
 */
export const OPTIONS = {
  participant: text({
    default: "",
    unit: "name in genesis.json",
    help: "Whose home this is. There is no default: a home without it is refused.",
    pattern: /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/,
    expects: "a participant's name: at most 32 letters, digits, hyphens or underscores",
  }),
  participantNumber: integer({
    default: 0,
    min: 0,
    max: 1_024,
    unit: "number on the ledger",
    help: "Number of a participant that governance added after genesis; 0: genesis.json lists it.",
  }),
  p2p: {
    listen: text({
      default: "/ip4/127.0.0.1/tcp/26600",
      unit: "multiaddr, TCP",
      help: "Where this validator waits for the other validators. What they dial stands in genesis.json.",
      pattern: MULTIADDR,
      expects: "a TCP multiaddr such as /ip4/127.0.0.1/tcp/26600",
    }),
    peersFile: path(
      "",
      "Other addresses for some validators, as seen from here (NAT, VPN); empty: those of genesis.json.",
      "path in the home",
    ),
  },
  rpc: {
    host: text({
      default: "127.0.0.1",
      unit: "IP address",
      help: "Where JSON-RPC is served. Anything but loopback is reachable by others: put TLS before it.",
      pattern: /^[0-9A-Za-z.:-]{1,253}$/,
      expects: "an IP address",
    }),
    port: integer({ default: 26601, min: 1, max: 65_535, unit: "TCP port", help: "Port of JSON-RPC and metrics." }),
    bodyBytesMax: integer({
      default: 8 * 1_048_576,
      min: 65_536,
      max: 64 * 1_048_576,
      unit: "bytes",
      help: "Longest request body; longer ones are refused before they are read.",
    }),
    tokenFile: path(
      "keys/tokens.json",
      "Hashes of the bearer tokens that `sabha node token` made.",
      "path in the home",
    ),
  },
  log: {
    level: choice(["debug", "info", "warn", "error"], "info", "Least severe message that is written."),
    format: choice(["json", "text"], "json", "One JSON object a line, or a line for people."),
  },
  data: {
    dir: path("data", "Blocks, batches and the safety record. Back up while the node is stopped.", "path in the home"),
  },
  keys: {
    passphraseFile: path("", "File whose first line decrypts the keys; empty where they are not encrypted.", "path"),
  },
  coalescing: {
    delayMs: integer({
      default: 2,
      min: 0,
      max: 1_000,
      unit: "milliseconds",
      help: "How long a small submission waits for others to share its signature.",
    }),
    recordsMax: integer({
      default: 4_096,
      min: 1,
      max: BATCH_RECORDS_MAX,
      unit: "records",
      help: "A shared batch is signed at once when it has this many.",
    }),
  },
  mempool: {
    bytesPerReplicaMax: integer({
      default: POOL_BYTES_PER_REPLICA_MAX,
      min: 131_072,
      max: POOL_BYTES_PER_REPLICA_MAX,
      unit: "bytes",
      help: "Batches of one admitting validator that are not final yet; beyond it clients hear `busy`.",
    }),
    bytesMax: integer({
      default: POOL_BYTES_MAX,
      min: 1_048_576,
      max: POOL_BYTES_MAX,
      unit: "bytes",
      help: "The same for all validators together.",
    }),
    batchesMax: integer({
      default: POOL_BATCHES_MAX,
      min: 256,
      max: POOL_BATCHES_MAX,
      unit: "batches",
      help: "Batches that are not final yet.",
    }),
  },
  timers: {
    profile: choice(["lan", "wan"], "lan", "Where the values below are 0: within one site, or between sites."),
    timeoutMinMs: integer({
      default: 0,
      min: 0,
      max: 60_000,
      unit: "milliseconds; 0: 50 (lan), 150 (wan)",
      help: "Shortest first timeout of a view, however fast the network proves to be.",
    }),
    timeoutMaxMs: integer({
      default: 0,
      min: 0,
      max: 600_000,
      unit: "milliseconds; 0: 2000",
      help: "Longest first timeout of a view, however slow the network proves to be.",
    }),
    timeoutCapMs: integer({
      default: 0,
      min: 0,
      max: 3_600_000,
      unit: "milliseconds; 0: 30000",
      help: "Where growing by half after each view without finality ends.",
    }),
    firstTimeoutMs: integer({
      default: 0,
      min: 0,
      max: 600_000,
      unit: "milliseconds; 0: 1000",
      help: "First timeout of a view until the network has been measured.",
    }),
    maxIdleMs: integer({
      default: 5_000,
      min: 100,
      max: 3_600_000,
      unit: "milliseconds",
      help: "An idle network makes an empty block this long after the last one.",
    }),
  },
  client: {
    rpcUrl: text({
      default: "",
      unit: "URL",
      help: "Where client commands with --home send their requests; empty: to this home's own node.",
      pattern: /^(?:https?:\/\/[^\s"]{1,2000})?$/u,
      expects: "an http or https URL",
    }),
  },
};

type ValuesOf<T> = {
  readonly [K in keyof T]: T[K] extends Option<infer V> ? V : ValuesOf<T[K]>;
};

/** A node's settings, all present, checked and frozen. */
export type Config = ValuesOf<typeof OPTIONS>;

/** Some settings; the rest have their defaults. */
export type ConfigChanges = {
  readonly [K in keyof Config]?: Config[K] extends object ? Partial<Config[K]> : Config[K];
};

import { batchBytes } from "../formats/index.js";
import { parseYaml } from "../genesis/index.js";
import { type Config, type ConfigChanges, OPTIONS, type Option } from "./config-options.js";

/** Result of reading a configuration: every problem is one sentence that names the option. */
export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Longest configuration file that is read, in bytes. */
export const CONFIG_BYTES_MAX = 65_536;

type Group = { readonly [name: string]: AnyOption };
type AnyOption = Option<string> | Option<number>;
type Tree = { readonly [name: string]: AnyOption | Group };

const isOption = (entry: AnyOption | Group): entry is AnyOption => typeof entry["read"] === "function";
const TREE: Tree = OPTIONS;

/**
 * Reads `config.yaml`. Options that are left out have their defaults; unknown ones, repeated ones and
 * values of the wrong type or size are refused, and so are settings that contradict each other.
 */
export function parseConfig(text: string): ParsedConfig {
  const parsed = parseYaml(text);
  if (!parsed.ok) return parsed;
  const problems: string[] = [];
  const config = readGroup(TREE, parsed.value, "", problems) as unknown as Config;
  if (problems.length === 0) problems.push(...relations(config));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config };
}

function readGroup(
  tree: Tree,
  values: Readonly<Record<string, unknown>>,
  prefix: string,
  problems: string[],
): Readonly<Record<string, unknown>> {
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(tree, name)) problems.push(unknownOption(tree, prefix, name));
  }
  const result: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(tree)) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (isOption(entry)) result[name] = readOption(entry, value, prefix + name, problems);
    else if (value === undefined || isPlainObject(value)) {
      result[name] = readGroup(entry, value ?? {}, `${prefix}${name}.`, problems);
    } else problems.push(`${prefix}${name} must be a group of options`);
  }
  return Object.freeze(result);
}

function readOption(option: AnyOption, value: unknown, name: string, problems: string[]): unknown {
  if (value === undefined) return option.default;
  const read = option.read(value);
  if (read === undefined) problems.push(`${name} must be ${option.expects}, not ${shown(value)}`);
  return read;
}

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const shown = (value: unknown): string =>
  typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? String(value)).slice(0, 80);

function unknownOption(tree: Tree, prefix: string, name: string): string {
  const near = Object.keys(tree).find((known) => isNear(known, name));
  const hint = near === undefined ? "" : ` (did you mean ${prefix}${near}?)`;
  return `unknown option ${prefix}${name.slice(0, 64)}${hint}`;
}

/** Equal but for case and the order of letters, or within one inserted, removed or changed letter. */
function isNear(known: string, name: string): boolean {
  const [left, right] = [known.toLowerCase(), name.toLowerCase()];
  if ([...left].sort().join("") === [...right].sort().join("")) return true;
  let start = 0;
  while (start < left.length && left[start] === right[start]) start += 1;
  const [without, other] = [left.slice(start + 1), right.slice(start + 1)];
  return without === other || left.slice(start) === other || without === right.slice(start);
}

/** Timeouts of the agreement protocol with the profile's values filled in (PACE-1), milliseconds. */
export interface Timers {
  readonly timeoutMinMs: number;
  readonly timeoutMaxMs: number;
  readonly timeoutCapMs: number;
  readonly firstTimeoutMs: number;
  readonly maxIdleMs: number;
}

/** The timers that a configuration means. */
export function timersOf(config: Config): Timers {
  const { timers } = config;
  return {
    timeoutMinMs: timers.timeoutMinMs || (timers.profile === "lan" ? 50 : 150),
    timeoutMaxMs: timers.timeoutMaxMs || 2_000,
    timeoutCapMs: timers.timeoutCapMs || 30_000,
    firstTimeoutMs: timers.firstTimeoutMs || 1_000,
    maxIdleMs: timers.maxIdleMs,
  };
}

function relations(config: Config): string[] {
  const problems: string[] = [];
  const timers = timersOf(config);
  const ordered = (low: keyof Timers, high: keyof Timers): void => {
    if (timers[low] > timers[high]) {
      problems.push(`timers.${low} (${timers[low]}) must not be above timers.${high} (${timers[high]})`);
    }
  };
  ordered("timeoutMinMs", "timeoutMaxMs");
  ordered("timeoutMinMs", "firstTimeoutMs");
  ordered("firstTimeoutMs", "timeoutMaxMs");
  ordered("timeoutMaxMs", "timeoutCapMs");
  if (config.participant === "") problems.push("participant is missing: say whose home this is");
  if (config.mempool.bytesPerReplicaMax > config.mempool.bytesMax) {
    problems.push("mempool.bytesPerReplicaMax must not be above mempool.bytesMax");
  }
  const sharedBatchBytes = batchBytes(config.coalescing.recordsMax);
  // One participant may have half, and its usual payments half of that.
  if (config.mempool.bytesPerReplicaMax < 4 * sharedBatchBytes) {
    problems.push(
      `a quarter of mempool.bytesPerReplicaMax must hold a batch of coalescing.recordsMax, ${sharedBatchBytes} bytes`,
    );
  }
  if (Number(config.p2p.listen.split("/").at(-1)) === config.rpc.port) {
    problems.push(`p2p.listen and rpc.port must not use the same port ${config.rpc.port}`);
  }
  return problems;
}

/** A complete, commented `config.yaml`: the given settings, and every other option at its default. */
export function renderConfig(changes: ConfigChanges): string {
  const given = changes as Readonly<Record<string, unknown>>;
  const lines = ["# Settings of one sabha node. Every option is here; what is left out has its default."];
  for (const [name, entry] of Object.entries(TREE)) {
    lines.push("");
    if (isOption(entry)) lines.push(...renderOption(name, entry, given[name], ""));
    else {
      lines.push(`${name}:`);
      const group = (given[name] ?? {}) as Readonly<Record<string, unknown>>;
      for (const [member, option] of Object.entries(entry)) {
        lines.push(...renderOption(member, option, group[member], "  "));
      }
    }
  }
  return `${lines.join("\n")}\n`;
}

function renderOption(name: string, option: AnyOption, value: unknown, indent: string): string[] {
  return [
    `${indent}# ${option.help}`,
    `${indent}# ${option.unit}; default ${JSON.stringify(option.default)}`,
    `${indent}${name}: ${JSON.stringify(value ?? option.default)}`,
  ];
}

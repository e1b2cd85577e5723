import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

interface Cruise {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly to: string; readonly rule: { name: string } }[];
  };
}

/** Runs the checker that `npm run check` runs, with the same rules, over the tree at `directory`. */
function cruise(directory: string): Cruise {
  const program = join(ROOT, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const options = ["--config", join(ROOT, ".dependency-cruiser.cjs"), "--output-type", "json", "src", "tools"];
  // The json reporter always exits with 0: violations are in its output.
  const output = execFileSync(process.execPath, [program, ...options], { cwd: directory, maxBuffer: 64 * 1_048_576 });
  return JSON.parse(output.toString()) as Cruise;
}

const violationsOf = (result: Cruise): string[] =>
  result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);

const sourcesBelow = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`);

describe("the repository", () => {
  const files = [...sourcesBelow("src"), ...sourcesBelow("tools")];
  let result: Cruise;
  beforeAll(() => {
    result = cruise(ROOT);
  });

  test("keeps the rules of imports", () => {
    expect(violationsOf(result)).toEqual([]);
  });

  test("was seen whole: a checker that reads no module would pass everything", () => {
    const seen = new Set(result.modules.map(({ source }) => source));
    expect(files.filter((file) => !seen.has(file))).toEqual([]);
    expect(files.length).toBeGreaterThan(20);
  });
});

/** One file per line that breaks one rule: path, source, name of the rule. */
const OFFENDERS: readonly (readonly [path: string, source: string, rule: string])[] = [
  ["src/primitives/upward.ts", 'import "../formats/index.js";', "folders-primitives"],
  ["src/crypto/upward.ts", 'import "../formats/index.js";', "folders-crypto"],
  ["src/formats/upward.ts", 'import type { A } from "../ledger/index.js"; export type B = A;', "folders-formats"],
  ["src/consensus/sideways.ts", 'import "../ledger/index.js";', "folders-consensus"],
  ["src/ledger/sideways.ts", 'import "../mempool/index.js";', "folders-ledger"],
  ["src/mempool/sideways.ts", 'import "../ledger/index.js";', "folders-mempool"],
  ["src/sync/sideways.ts", 'import "../mempool/index.js";', "folders-sync"],
  ["src/replica/upward.ts", 'import "../storage/index.js";', "folders-replica"],
  ["src/storage/sideways.ts", 'import "../network/index.js";', "folders-storage"],
  ["src/network/sideways.ts", 'import "../rpc/index.js";', "folders-network"],
  ["src/rpc/sideways.ts", 'import "../storage/index.js";', "folders-rpc"],
  ["src/genesis/sideways.ts", 'import "../network/index.js";', "folders-genesis"],
  ["src/node/upward.ts", 'import "../cli/index.js";', "folders-node"],
  ["src/client/native.ts", 'import "../crypto/index.js";', "folders-client"],
  ["src/cli/deep.ts", 'import "../storage/index.js";', "folders-cli"],
  ["src/simulator/upward.ts", 'import "../storage/index.js";', "folders-simulator"],
  ["src/node/tools.ts", 'import "../../tools/tool.js";', "folders-node"],
  ["src/extra/file.ts", 'import "../primitives/index.js";', "folders-known"],
  [
    "src/formats/native.ts",
    'import { a } from "../crypto/index.js"; export const b = a;',
    "formats-know-the-interface-of-crypto",
  ],
  ["src/storage/inside.ts", 'import "../ledger/inside.js";', "doors"],
  ["tools/inside.ts", 'import "../src/ledger/inside.js";', "doors"],
  ["src/ledger/circle-too.ts", 'import "./circle.js";', "no-circles"],
  ["src/node/store.ts", 'import "classic-level";', "packages-store"],
  ["tools/store.ts", 'import "classic-level";', "packages-store"],
  ["src/node/dial.ts", 'import "@libp2p/tcp";', "packages-network"],
  ["src/node/noise.ts", 'import "@chainsafe/libp2p-noise";', "packages-network"],
  ["src/genesis/address.ts", 'import "@multiformats/multiaddr";', "packages-network"],
  ["src/ledger/tree.ts", 'import "@chainsafe/hashtree";', "packages-curve-and-hash"],
  ["src/genesis/curve.ts", 'import "@noble/curves/ed25519.js";', "packages-curve-and-hash"],
  ["src/node/sodium.ts", 'import "sodium-native";', "packages-curve-and-hash"],
  ["src/node/options.ts", 'import "commander";', "packages-command-line"],
  ["src/ledger/disk.ts", 'import "node:fs";', "pure-without-node"],
  ["src/sync/schema.ts", 'import "zod";', "pure-without-node"],
  ["src/crypto/disk.ts", 'import "node:fs";', "crypto-without-world"],
  ["src/crypto/portable.ts", 'import "node:crypto";', "browser-without-node"],
  ["src/replica/timer.ts", 'import "node:timers";', "replica-through-ports"],
  ["src/node/development.ts", 'import "fast-check";', "no-development-package-in-src"],
  ["src/node/missing.ts", 'import "./nowhere.js";', "resolvable"],
];

/** What the rules allow, to see that they do not refuse everything. */
const HONEST: readonly (readonly [path: string, source: string])[] = [
  ["src/primitives/index.ts", "export const one = 1;"],
  ["src/crypto/index.ts", 'import "node:crypto"; import "sodium-native"; export const a = 1; export type T = number;'],
  ["src/formats/index.ts", 'import type { T } from "../crypto/index.js"; export type U = T;'],
  ["src/consensus/index.ts", 'import "../formats/index.js";'],
  ["src/ledger/index.ts", 'import "./inside.js"; export type A = number;'],
  ["src/ledger/inside.ts", 'import "../primitives/index.js"; import "../crypto/index.js";'],
  // The first half of a circle: the checker names each circle once, at its second file.
  ["src/ledger/circle.ts", 'import "./circle-too.js";'],
  ["src/mempool/index.ts", 'import "../formats/index.js";'],
  ["src/sync/index.ts", 'import "../consensus/index.js"; import "../ledger/index.js";'],
  ["src/replica/index.ts", 'import "../sync/index.js"; import "../mempool/index.js";'],
  ["src/storage/index.ts", 'import "../replica/index.js"; import "classic-level"; import "node:fs";'],
  ["src/network/index.ts", 'import "../replica/index.js"; import "libp2p"; import "@libp2p/tcp";'],
  ["src/rpc/index.ts", 'import "../replica/index.js"; import "fastify";'],
  ["src/genesis/index.ts", 'import "../ledger/index.js"; import "node:fs";'],
  ["src/client/index.ts", 'import "../formats/index.js";'],
  ["src/client/proofs.ts", 'import "../crypto/portable.js";'],
  ["src/node/index.ts", 'import "../storage/index.js"; import "../network/index.js"; import "../rpc/index.js";'],
  ["src/cli/index.ts", 'import "commander"; import "../node/index.js"; import "../client/index.js";'],
  ["src/simulator/index.ts", 'import "../replica/index.js";'],
  ["tools/tool.ts", 'import "commander"; import "../src/simulator/index.js"; import "../src/client/proofs.js";'],
];

describe("the checker", () => {
  const directory = mkdtempSync(join(tmpdir(), "sabha-house-"));
  let violations: string[];
  beforeAll(() => {
    symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
    symlinkSync(join(ROOT, "package.json"), join(directory, "package.json"));
    symlinkSync(join(ROOT, "tsconfig.json"), join(directory, "tsconfig.json"));
    for (const [path, source] of [...HONEST, ...OFFENDERS]) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), source);
    }
    violations = violationsOf(cruise(directory));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test.each(OFFENDERS)("refuses %s", (path, _source, rule) => {
    expect(violations.map((line) => line.split(" -> ")[0])).toContain(`${rule}: ${path}`);
  });

  test.each(HONEST)("allows %s", (path) => {
    expect(violations.filter((line) => line.includes(`: ${path} -> `))).toEqual([]);
  });
});

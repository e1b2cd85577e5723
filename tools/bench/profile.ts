import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CpuProfile, callTree, type Frame, type Share, selfTimes, type Window } from "./call-tree.js";
import { renderFlames } from "./flame-page.js";
import { table } from "./report.js";

const MODULES_SHOWN = 16;
const FUNCTIONS_SHOWN = 25;

/** Where the time of one node went, for a person. */
export function renderTop(title: string, root: Frame): string {
  const rows = (shares: readonly Share[], shown: number): string[][] =>
    shares
      .slice(0, shown)
      .map(({ name, micros }) => [
        name,
        `${((100 * micros) / Math.max(1, root.totalMicros)).toFixed(1)} %`,
        `${Math.round(micros / 1_000)}`,
      ]);
  const modules = table(
    ["module", "self", "ms"],
    rows(
      selfTimes(root, ({ module }) => module),
      MODULES_SHOWN,
    ),
  );
  const functions = table(
    ["function", "self", "ms"],
    rows(
      selfTimes(root, ({ name }) => name),
      FUNCTIONS_SHOWN,
    ),
  );
  return `${title}: ${Math.round(root.totalMicros / 1_000)} ms on the main thread\n${modules}\n${functions}`;
}

/** Flags with which a node writes its profile when it ends. */
export function profileFlags(directory: string): readonly string[] {
  mkdirSync(directory, { recursive: true });
  return ["--cpu-prof", `--cpu-prof-dir=${directory}`];
}

/**
 * Reads what the nodes wrote when they ended: a page of flames for each, and tables.
 *
 * @param pids by name of the node; the profile's file bears it
 * @returns tables of self time
 */
export function evaluateProfiles(directory: string, pids: ReadonlyMap<string, number>, window: Window): string {
  const files = readdirSync(directory);
  const texts: string[] = [];
  for (const [name, pid] of pids) {
    const file = files.find((each) => each.endsWith(".cpuprofile") && each.split(".")[3] === String(pid));
    if (file === undefined) throw new Error(`${name} left no profile in ${directory}`);
    const profile = JSON.parse(readFileSync(join(directory, file), "utf8")) as CpuProfile;
    const root = callTree(profile, window);
    const page = join(directory, `${name}.html`);
    writeFileSync(page, renderFlames(name, root));
    texts.push(`${renderTop(name, root)}  flames: ${page}\n`);
  }
  return texts.join("\n");
}

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseConfig, renderConfig, timersOf } from "../../../src/node/config.js";
import type { Config } from "../../../src/node/config-options.js";

const sound = renderConfig({ participant: "SBI" });

function config(text: string): Config {
  const parsed = parseConfig(text);
  if (!parsed.ok) throw new Error(parsed.problems.join("; "));
  return parsed.config;
}

const problems = (text: string): string => {
  const parsed = parseConfig(text);
  return parsed.ok ? "" : parsed.problems.join("; ");
};

describe("config.yaml", () => {
  test("config/node.default.yaml is what the table of options renders", () => {
    expect(readFileSync("config/node.default.yaml", "utf8")).toBe(renderConfig({}));
  });

  test("what is rendered is read back, and what is left out has the same defaults", () => {
    const rendered = config(renderConfig({ participant: "SBI", rpc: { port: 7001 }, log: { level: "debug" } }));
    expect(rendered).toEqual(config("participant: SBI\nrpc: {port: 7001}\nlog: {level: debug}\n"));
    expect(rendered.rpc).toMatchObject({ port: 7001, host: "127.0.0.1" });
  });

  test("every option has its default, its unit and a sentence beside it", () => {
    const lines = sound.split("\n");
    for (const [index, line] of lines.entries()) {
      if (!/^\s*[A-Za-z]+: \S/u.test(line)) continue;
      expect(lines[index - 1]).toMatch(/^\s*# .+; default /u);
      expect(lines[index - 2]).toMatch(/^\s*# .+\.$/u);
    }
  });

  test("no setting lets a node go on without waiting for its disk", () => {
    const names = [...sound.matchAll(/^ *([A-Za-z]+):/gm)].map(([, name]) => name as string);
    expect(names).toContain("dir");
    expect(names.filter((name) => /sync|flush|durab|volatile|unsafe/i.test(name))).toEqual([]);
  });

  test("settings are frozen, in depth", () => {
    const settings = config(sound);
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.rpc)).toBe(true);
  });

  test.each([
    ["", "participant is missing: say whose home this is"],
    ["participant: SBI\nrpc: {prot: 7001}", "unknown option rpc.prot (did you mean rpc.port?)"],
    ["participant: SBI\nspeed: 9", "unknown option speed"],
    ["participant: SBI\nrpc: {port: 65536}", "rpc.port must be a whole number from 1 to 65535, not 65536"],
    ["participant: SBI\nrpc: {port: 26601.5}", "rpc.port must be a whole number from 1 to 65535, not 26601.5"],
    ['participant: SBI\nrpc: {port: "7001"}', 'rpc.port must be a whole number from 1 to 65535, not "7001"'],
    ["participant: SBI\nrpc: {port: 9007199254740993}", /not 9007199254740993$/u],
    ["participant: SBI\nlog: {level: loud}", 'log.level must be debug or info or warn or error, not "loud"'],
    ["participant: SBI\nlog: loud", "log must be a group of options"],
    ["participant: ../etc", /^participant must be a participant's name/u],
    ["participant: SBI\np2p: {listen: 127.0.0.1:26600}", /^p2p\.listen must be a TCP multiaddr/u],
    ["participant: SBI\nparticipant: HDFC", /unique/iu],
    ["participant: [", /./u],
    ["- a\n- b", "the file is not a list of names with values"],
    ["a: &x {b: 1}\nc: *x", /alias/iu],
  ])("%j is refused in one sentence", (text, problem) => {
    if (typeof problem === "string") expect(problems(text)).toBe(problem);
    else expect(problems(text)).toMatch(problem);
  });

  test.each([
    ["timers: {timeoutMinMs: 3000}", /timers\.timeoutMinMs \(3000\) must not be above timers\.timeoutMaxMs \(2000\)/u],
    ["timers: {firstTimeoutMs: 2500}", /timers\.firstTimeoutMs \(2500\) must not be above/u],
    ["timers: {timeoutCapMs: 100}", /timers\.timeoutMaxMs \(2000\) must not be above timers\.timeoutCapMs \(100\)/u],
    ["mempool: {bytesPerReplicaMax: 131072}", /must hold a batch of coalescing.recordsMax, 524480 bytes/u],
    ["mempool: {bytesMax: 1048576}", /bytesPerReplicaMax must not be above/u],
    ["p2p: {listen: /ip4/127.0.0.1/tcp/26601}", /must not use the same port 26601/u],
  ])("settings that contradict each other are refused: %s", (text, problem) => {
    expect(problems(`participant: SBI\n${text}\n`)).toMatch(problem);
  });

  test("PACE-1: timers come from the profile where they are 0", () => {
    expect(timersOf(config("participant: SBI"))).toMatchObject({ timeoutMinMs: 50, timeoutMaxMs: 2_000 });
    const wan = config("participant: SBI\ntimers: {profile: wan, timeoutCapMs: 9000}");
    expect(timersOf(wan)).toMatchObject({ timeoutMinMs: 150, timeoutCapMs: 9_000 });
  });
});

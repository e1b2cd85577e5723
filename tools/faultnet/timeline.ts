import { setTimeout as sleep } from "node:timers/promises";
import type { SabhaClient } from "../../src/client/index.js";
import { type AskedNode, clientOf } from "./final-state.js";
import type { Recorder } from "./history.js";
import type { RunningLoad } from "./load.js";
import type { FaultNetwork } from "./network.js";
import { type Action, banksOf, type Condition, profileOf, type Scenario, type ScenarioLoad } from "./scenario.js";

/** What the timeline acts upon. */
export interface Stage {
  readonly scenario: Scenario;
  readonly network: FaultNetwork;
  readonly load: RunningLoad;
  readonly recorder: Recorder;
  /** Time of the recorder's clock at which the load began. */
  readonly loadAt: number;
}

const POLL_MS = 100;
const READY_MS = 90_000;

/**
 * Performs a scenario's timeline, one step after the other.
 *
 * @returns conditions that did not come to hold in time; the steps behind them were performed all the same
 */
export async function perform(stage: Stage): Promise<readonly string[]> {
  const player = new Player(stage);
  for (const step of stage.scenario.timeline) {
    if ("at" in step) await sleep(Math.max(0, stage.loadAt + step.at * 1_000 - stage.recorder.now()));
    else await player.await(step.when, step.withinSeconds);
    for (const action of step.actions) await player.act(action);
  }
  await player.finish();
  return player.missed;
}

class Player {
  readonly missed: string[] = [];
  readonly #stage: Stage;
  #profile: ScenarioLoad;
  /** Flickering that goes on beside later steps. */
  readonly #background: Promise<void>[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#profile = stage.scenario.load;
  }

  async finish(): Promise<void> {
    await Promise.all(this.#background);
  }

  async await(condition: Condition, withinSeconds: number): Promise<void> {
    const { recorder, network } = this.#stage;
    const deadline = recorder.now() + withinSeconds * 1_000;
    const holds = await this.#watch(condition);
    for (;;) {
      if (await holds()) {
        recorder.fault({ kind: "seen", target: "", text: `seen: ${describe(condition)}` });
        return;
      }
      if (recorder.now() > deadline) break;
      await sleep(POLL_MS);
    }
    const states = await Promise.all(
      this.#stage.scenario.banks.map(async (bank) => `${bank} ${await stateOf(network.node(bank))}`),
    );
    this.missed.push(`${describe(condition)} did not hold within ${withinSeconds} s: ${states.join("; ")}`);
  }

  async #watch(condition: Condition): Promise<() => Promise<boolean>> {
    const { scenario, network } = this.#stage;
    const all = async (on: readonly string[], holds: (node: AskedNode) => Promise<boolean>): Promise<boolean> =>
      (await Promise.all(banksOf(scenario, on).map((bank) => holds(network.node(bank))))).every(Boolean);
    if ("halted" in condition) {
      const { on, missing, atLeast } = condition.halted;
      const wanted = banksOf(scenario, missing);
      const banks = banksOf(scenario, on);
      return async () => {
        const halts = await Promise.all(
          banks.map(async (bank) => (await ask(network.node(bank), (client) => client.getConsensusStatus()))?.halt),
        );
        const said = halts.filter((halt) => halt !== undefined && wanted.every((bank) => halt.missing.includes(bank)));
        return said.length >= (atLeast ?? banks.length);
      };
    }
    if ("blocks" in condition) {
      const { on, more } = condition.blocks;
      const before = new Map<string, number>();
      await all(on, async (node) => before.set(node.name, await heightOf(node)) !== undefined);
      return () => all(on, async (node) => (await heightOf(node)) >= (before.get(node.name) ?? 0) + more);
    }
    if ("ended" in condition) {
      const { on, code } = condition.ended;
      return () => all(on, async ({ name }) => network.processes.exitCode(name) === code);
    }
    return () =>
      all(condition.ready.on, async ({ url }) => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true);
  }

  async act(action: Action): Promise<void> {
    const { recorder, scenario } = this.#stage;
    const note = (kind: string, target: string, text: string, isHealing = false): void =>
      recorder.fault({ kind, target, text, ...(isHealing ? { isHealing } : {}) });
    switch (action.do) {
      case "note":
        return note("note", "", action.text);
      case "load":
        this.#profile = { ...this.#profile, ...action.change };
        this.#stage.load.setProfile(profileOf(scenario, this.#profile));
        return note("load", "", describeLoad(action.change), action.isRelief);
      case "cut":
      case "slow":
      case "reset":
      case "heal":
      case "flicker":
        return this.#actOnLinks(action, note);
      default:
        return this.#actOnNodes(action, banksOf(scenario, action.of), note);
    }
  }

  #actOnLinks(action: Extract<Action, { do: "cut" | "slow" | "reset" | "heal" | "flicker" }>, note: Note): void {
    const { network } = this.#stage;
    const { links } = network;
    const between = action.between ?? [["all"], ["all"]];
    const target = action.between === undefined ? "all" : between.map((list) => list.join(",")).join(" | ");
    switch (action.do) {
      case "cut": {
        const { manner, way } = action;
        network.eachLink(between, (from, to, isBack) => {
          if (way !== "both" && (way === "back") !== isBack) return;
          if (manner === "stall") links.stall(from, to);
          else links.refuse(from, to);
        });
        const arrow = way === "both" ? "" : way === "there" ? " (way there)" : " (way back)";
        return note("cut", target, `${manner === "stall" ? "stalled" : "cut"} ${target}${arrow}`);
      }
      case "slow": {
        const { latencyMs, jitterMs, kilobytesPerSecond } = action;
        const change = {
          ...(latencyMs === undefined ? {} : { latencyMs }),
          ...(jitterMs === undefined ? {} : { jitterMs }),
          ...(kilobytesPerSecond === undefined ? {} : { bytesPerSecond: kilobytesPerSecond * 1_000 }),
        };
        network.eachLink(between, (from, to) => links.slow(from, to, change));
        const words = [
          latencyMs === undefined ? "" : `${latencyMs} ms`,
          jitterMs === undefined ? "" : `±${jitterMs} ms`,
          kilobytesPerSecond === undefined ? "" : `${kilobytesPerSecond} kB/s`,
        ];
        return note("delay", target, `slow ${target}: ${words.filter(Boolean).join(" ")}`);
      }
      case "reset":
        network.eachLink(between, (from, to) => links.reset(from, to));
        return note("reset", target, `reset ${target}`);
      case "heal":
        network.eachLink(between, (from, to) => links.heal(from, to));
        return note("heal", target, `healed ${target}`, true);
      case "flicker":
        note("flicker", target, `flicker ${target}: ${action.downMs} ms down, ${action.upMs} ms up`);
        this.#background.push(this.#flicker(action, () => note("heal", target, `flicker over ${target}`, true)));
        return;
    }
  }

  async #flicker(action: Extract<Action, { do: "flicker" }>, over: () => void): Promise<void> {
    const { network, recorder } = this.#stage;
    const end = recorder.now() + action.seconds * 1_000;
    while (recorder.now() < end) {
      network.eachLink(action.between, (from, to) => network.links.refuse(from, to));
      await sleep(action.downMs);
      network.eachLink(action.between, (from, to) => network.links.heal(from, to));
      await sleep(action.upMs);
    }
    over();
  }

  async #actOnNodes(
    action: Exclude<Action, { do: "note" | "load" | "cut" | "slow" | "reset" | "heal" | "flicker" }>,
    banks: readonly string[],
    note: Note,
  ): Promise<void> {
    const { network } = this.#stage;
    const target = banks.join(",");
    switch (action.do) {
      case "kill":
        note("kill", target, `killed ${target}`);
        return network.kill(banks);
      case "stop":
        note("stop", target, `stopped ${target}`);
        return network.stop(banks);
      case "start":
        network.launch(banks);
        if (action.awaitReady) await network.untilReady(banks, READY_MS);
        return note("restart", target, `started ${target}`, true);
      case "pause":
        network.signal(banks, "SIGSTOP");
        return note("pause", target, `paused ${target}`);
      case "resume":
        network.signal(banks, "SIGCONT");
        return note("resume", target, `resumed ${target}`, true);
      case "fill-disk":
        for (const bank of banks) network.fillDisk(bank);
        return note("disk-full", target, `disk full: ${target}`);
      case "free-disk":
        for (const bank of banks) network.freeDisk(bank);
        return note("disk-free", target, `disk free: ${target}`, true);
      case "slow-disk":
        network.tell(banks, { delayMs: action.delayMs, jitterMs: action.jitterMs });
        return note("slow-disk", target, describeDisk(target, action), action.delayMs === 0);
      case "misbehave":
        network.tell(banks, { misbehave: action.really });
        return note("misbehave", target, `${target} ${action.really ? "lies" : "behaves"}`, !action.really);
    }
  }
}

type Note = (kind: string, target: string, text: string, isHealing?: boolean) => void;

function describe(condition: Condition): string {
  if ("halted" in condition) {
    const { on, missing } = condition.halted;
    return `${on.join(",")} halted${missing.length === 0 ? "" : `, naming ${missing.join(",")}`}`;
  }
  if ("blocks" in condition) return `${condition.blocks.more} more blocks on ${condition.blocks.on.join(",")}`;
  if ("ended" in condition) return `${condition.ended.on.join(",")} ended with code ${condition.ended.code}`;
  return `${condition.ready.on.join(",")} ready`;
}

const describeLoad = ({ callers, callsPerSecond, transfersPerCall }: ScenarioLoad): string =>
  [
    "load:",
    callsPerSecond === undefined ? "" : callsPerSecond === 0 ? "as fast as answered" : `${callsPerSecond} calls/s`,
    callers === undefined ? "" : `${callers} callers`,
    transfersPerCall === undefined ? "" : `${transfersPerCall} a call`,
  ]
    .filter(Boolean)
    .join(" ");

const describeDisk = (
  target: string,
  { delayMs, jitterMs }: { readonly delayMs: number; readonly jitterMs: number },
): string =>
  delayMs === 0
    ? `disk of ${target} as before`
    : `disk of ${target}: each flush +${delayMs} to ${delayMs + jitterMs} ms`;

async function ask<T>(node: AskedNode, question: (client: SabhaClient) => Promise<T>): Promise<T | undefined> {
  const client = clientOf(node, { timeoutMs: 2_000, retries: 0 });
  try {
    return await question(client);
  } catch {
    return undefined;
  } finally {
    await client.close();
  }
}

const heightOf = async (node: AskedNode): Promise<number> =>
  (await ask(node, (client) => client.getStatus()))?.executedHeight ?? -1;

async function stateOf(node: AskedNode): Promise<string> {
  const consensus = await ask(node, (client) => client.getConsensusStatus());
  if (consensus === undefined) return "does not answer";
  const { finalizedHeight, view, halt } = consensus;
  return `height ${finalizedHeight} view ${view}${halt === undefined ? "" : ` halted, missing ${halt.missing.join(",") || "nobody"}`}`;
}

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readHome, readOperationKey } from "../../src/node/index.js";
import { judgeConditions } from "./conditions.js";
import { whyNoDisks } from "./disks.js";
import { type History, Recorder, type Verdict } from "./history.js";
import { checkHistory } from "./history-checker.js";
import { type LoadNode, startLoad } from "./load.js";
import { FaultNetwork } from "./network.js";
import { startSampling } from "./sampler.js";
import { profileOf, type Scenario } from "./scenario.js";
import { perform } from "./timeline.js";

/** What came of a scenario. */
export type RunOutcome =
  | { readonly type: "skipped"; readonly reason: string }
  | {
      readonly type: "ran";
      readonly ok: boolean;
      readonly verdicts: readonly Verdict[];
      readonly history: History;
      readonly loadAt: number;
      readonly seconds: number;
      /** Homes and logs; kept if the run failed. */
      readonly directory: string;
    };

export interface RunOptions {
  readonly say: (text: string) => void;
  /** Keep homes and logs of a run that passed, too. */
  readonly keep: boolean;
  /** Every node in a network namespace of its own. */
  readonly inNamespaces?: boolean;
}

const READY_MS = 150_000;
/** Checked after a run, over all nodes, one at the least of each: portable code takes most of a second for one. */
const RECEIPTS = 8;
const AFTER_LAST_STEP_MS = 4_000;
/** Longest life of a run beyond its load and its settling: then it is ended as failed. */
const GRACE_SECONDS = 180;

/** Runs one scenario from genesis to verdicts. Never leaves a process behind. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<RunOutcome> {
  const reason = scenario.disks === undefined ? undefined : whyNoDisks();
  if (reason !== undefined) return { type: "skipped", reason };
  const started = performance.now();
  const directory = mkdtempSync(join(tmpdir(), `sabha-${scenario.name}-`));
  const network = await FaultNetwork.create(directory, scenario, options.inNamespaces);
  const limitMs = (scenario.seconds + scenario.settleSeconds + GRACE_SECONDS) * 1_000;
  const overdue = new AbortController();
  try {
    const judged = await Promise.race([
      play(scenario, network, options.say),
      sleep(limitMs, undefined, { signal: overdue.signal }).then(() => {
        throw new Error(`the run was not over after ${Math.round(limitMs / 1_000)} s`);
      }),
    ]);
    const ok = judged.verdicts.every((verdict) => verdict.ok);
    await network.close();
    if (ok && !options.keep) rmSync(directory, { recursive: true, force: true });
    return { type: "ran", ok, ...judged, seconds: (performance.now() - started) / 1_000, directory };
  } finally {
    overdue.abort();
    await network.close();
  }
}

async function play(
  scenario: Scenario,
  network: FaultNetwork,
  say: (text: string) => void,
): Promise<{ readonly verdicts: readonly Verdict[]; readonly history: History; readonly loadAt: number }> {
  const nodes = scenario.banks.map((bank) => loadNode(network, bank));
  const recorder = new Recorder(
    nodes.map(({ name, participant }) => ({ name, participant, isHonest: network.isHonest(name) })),
  );
  say(`starting ${scenario.banks.length} banks`);
  network.launch(scenario.banks);
  await network.untilReady(scenario.banks, READY_MS);
  const sampling = startSampling(
    nodes.map(({ name, url, token }) => ({
      ...{ name, url, token },
      pid: () => network.processes.pid(name),
      takeFlushes: () => network.takeFlushes(name),
    })),
    recorder,
  );
  const { genesis } = network;
  const load = startLoad({ nodes, genesis, recorder, profile: profileOf(scenario, scenario.load) });
  const loadAt = recorder.now();
  for (const { target, text } of network.standingFaults) recorder.fault({ kind: "byzantine", target, text });
  say(`load for ${scenario.seconds} s, ${scenario.timeline.length} steps`);
  const performed = perform({ scenario, network, load, recorder, loadAt });
  // Whatever was healed last is given some time under load.
  const [missed] = await Promise.all([
    performed.then((late) => sleep(AFTER_LAST_STEP_MS, late)),
    sleep(scenario.seconds * 1_000),
  ]);
  say("load ends; the nodes settle and are asked for everything");
  recorder.fault({ kind: "note", target: "", text: "load ends" });
  await load.stop();
  const finalNodes = nodes
    .filter(({ name }) => network.isHonest(name) && network.processes.pid(name) !== 0)
    .map(({ name, url, token }) => ({ name, url, token }));
  const settleMs = scenario.settleSeconds * 1_000;
  const history = recorder.history();
  const ofHistory = await checkHistory(history, {
    finalNodes,
    genesisBytes: genesis,
    settleMs,
    receiptsPerNode: Math.max(1, Math.round(RECEIPTS / Math.max(1, finalNodes.length))),
    askedAt: recorder.now(),
  });
  await sampling.stop();
  const whole = recorder.history();
  const verdicts = [
    ...missed.map((sentence): Verdict => ({ name: "timeline", ok: false, sentence, counts: {} })),
    ...(await judgeConditions({
      ...{ scenario, loadAt, nodes: finalNodes, genesisBytes: genesis },
      history: whole,
      verdicts: ofHistory,
    })),
  ];
  return { verdicts, history: whole, loadAt };
}

function loadNode(network: FaultNetwork, bank: string): LoadNode {
  const home = readHome(join(network.directory, bank));
  const { publicKey, secretKey } = readOperationKey(home);
  return {
    name: bank,
    url: network.url(bank),
    participant: home.participant.number,
    token: readFileSync(join(network.directory, bank, "keys", "submit.token"), "utf8").trim(),
    key: { publicKey, secretKey },
  };
}

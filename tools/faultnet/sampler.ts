import { readFileSync } from "node:fs";
import type { ChainStatus } from "../../src/client/index.js";
import type { Flushes, NodeSample, Recorder, StatusReading } from "./history.js";

/** A node as the sampler sees it. */
export interface SampledNode {
  readonly name: string;
  readonly url: string;
  /** Bearer token; a node that listens on loopback answers without. */
  readonly token: string;
  /** Process id now; undefined or 0 while there is none. */
  readonly pid: () => number | undefined;
  /** What it told of its disk since the last call, where it tells. */
  readonly takeFlushes?: () => Flushes | undefined;
}

const PERIOD_MS = 500;
/** A node that takes longer counts as one that does not answer. It is asked nothing else meanwhile. */
const PATIENCE_MS = 2_000;
/** `/proc` counts processor time in ticks of 10 ms on Linux. */
const TICK_MS = 10;
const PAGE_BYTES = 4_096;

/** Asks every node twice a second where it stands, until it is stopped. */
export function startSampling(nodes: readonly SampledNode[], recorder: Recorder): { stop(): Promise<void> } {
  const samplers = nodes.map((node) => new Sampler(node, recorder));
  const tick = (): void => {
    for (const sampler of samplers) sampler.tick();
  };
  const timer = setInterval(tick, PERIOD_MS);
  tick();
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(samplers.map((sampler) => sampler.finished()));
    },
  };
}

class Sampler {
  readonly #node: SampledNode;
  readonly #recorder: Recorder;
  #pending: Promise<void> | undefined;
  #last: { readonly pid: number; readonly at: number; readonly cpuMs: number } | undefined;

  constructor(node: SampledNode, recorder: Recorder) {
    this.#node = node;
    this.#recorder = recorder;
  }

  tick(): void {
    this.#pending ??= this.#sample().finally(() => {
      this.#pending = undefined;
    });
  }

  async finished(): Promise<void> {
    await this.#pending;
  }

  async #sample(): Promise<void> {
    const at = this.#recorder.now();
    const [status, metrics] = await Promise.all([readStatus(this.#node), readMetrics(this.#node)]);
    const sample: NodeSample = {
      type: "sample",
      at,
      node: this.#node.name,
      ready: metrics?.get("sabha_ready") === 1,
      ...(status === undefined ? {} : { status }),
      ...(metrics === undefined ? {} : measured(metrics)),
      ...this.#disk(),
      ...this.#usage(at),
    };
    this.#recorder.add(sample);
  }

  #disk(): Pick<NodeSample, "flushes"> {
    const flushes = this.#node.takeFlushes?.();
    return flushes === undefined ? {} : { flushes };
  }

  /** What the operating system says of the process, which does not need its help. */
  #usage(at: number): Pick<NodeSample, "cpuShare" | "residentBytes"> {
    const pid = this.#node.pid();
    const used = pid === undefined || pid === 0 ? undefined : processUsage(pid);
    if (pid === undefined || used === undefined) {
      this.#last = undefined;
      return {};
    }
    const last = this.#last;
    this.#last = { pid, at, cpuMs: used.cpuMs };
    const { residentBytes } = used;
    if (last === undefined || last.pid !== pid || at <= last.at) return { residentBytes };
    return { residentBytes, cpuShare: (used.cpuMs - last.cpuMs) / (at - last.at) };
  }
}

function measured(metrics: ReadonlyMap<string, number>): Partial<NodeSample> {
  const [peers, poolBatches, poolBytes, fsyncs] = ["peers_connected", "pool_batches", "pool_bytes", "store_fsyncs"].map(
    (name) => metrics.get(`sabha_${name}`),
  );
  return {
    viewTimeouts: metrics.get("sabha_view_timeouts_total") ?? 0,
    ...(peers === undefined ? {} : { peers }),
    ...(poolBatches === undefined ? {} : { poolBatches }),
    ...(poolBytes === undefined ? {} : { poolBytes }),
    ...(fsyncs === undefined ? {} : { fsyncs }),
  };
}

/** The parts of a status that a history keeps. */
export function statusReading(status: ChainStatus): StatusReading {
  const { height, executedHeight, view, finalizedHash, resultsRoot, stateHeight, stateRoot, syncing } = status;
  return { height, executedHeight, view, finalizedHash, resultsRoot, stateHeight, stateRoot, syncing };
}

async function readStatus({ url, token }: SampledNode): Promise<StatusReading | undefined> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: '{"jsonrpc":"2.0","id":1,"method":"chain_getStatus","params":{}}',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const answer = (await response.json()) as { readonly result?: ChainStatus };
    return answer.result === undefined ? undefined : statusReading(answer.result);
  } catch {
    return undefined;
  }
}

async function readMetrics({ url, token }: SampledNode): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    const response = await fetch(`${url}/metrics`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return parseMetrics(await response.text());
  } catch {
    return undefined;
  }
}

/** Prometheus text exposition as sums over all labels of a name. */
export function parseMetrics(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const [, name, value] of text.matchAll(/^([a-z_]+)(?:\{[^}]*\})? ([0-9.e+-]+)$/gm)) {
    if (name !== undefined) values.set(name, (values.get(name) ?? 0) + Number(value));
  }
  return values;
}

/** Processor time (ms) and memory of a process; undefined if there is none, or no `/proc`. */
function processUsage(pid: number): { readonly cpuMs: number; readonly residentBytes: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the program, in brackets, may hold blanks: fields are counted from behind it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    return { cpuMs, residentBytes: Number(fields[21]) * PAGE_BYTES };
  } catch {
    return undefined;
  }
}

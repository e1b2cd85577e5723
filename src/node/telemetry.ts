import { type DestinationStream, destination, type Logger, pino } from "pino";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Network, NetworkEvent } from "../network/index.js";
import type { Replica, ReplicaEvent, ReplicaFact } from "../replica/index.js";
import type { NodeStore } from "../storage/index.js";
import { BatchStages } from "./batch-stages.js";
import { systemClock } from "./clock.js";
import type { Config } from "./config-options.js";

/** A node's log: constant messages, fields without secrets, customer data or raw peer text. */
export function createLog(config: Pick<Config, "log" | "participant">): Logger {
  const stream = config.log.format === "json" ? destination({ fd: 1, sync: true }) : textStream();
  const base = { participant: config.participant };
  return pino({ level: config.log.level, base, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

/** One line for people: time, level, message, fields. */
function textStream(): DestinationStream {
  return {
    write(line: string): void {
      const { level, time, msg, participant, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const name = pino.levels.labels[Number(level)] ?? "info";
      const shown = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      process.stdout.write(
        `${String(time)} ${name.toUpperCase().padEnd(5)} ${String(participant)} ${String(msg)} ${shown.join(" ")}\n`,
      );
    },
  };
}

/** Counters and gauges of one node; rules for alerts are in config/alerts.yaml. */
export interface Telemetry {
  readonly registry: Registry;
  onReplica(event: ReplicaEvent): void;
  onNetwork(event: NetworkEvent): void;
  /** Called behind those who serve clients. */
  onFact(fact: ReplicaFact): void;
}

/** What the gauges read when they are scraped. */
export interface Observed {
  readonly replica: Replica;
  readonly store: NodeStore;
  readonly network: Network;
}

/** Makes the registry; gauges read `observed` at each scrape, once it is there. */
export function createTelemetry(log: Logger, observed: () => Observed | undefined): Telemetry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "sabha_process_" });
  const registers = [registry];
  addGauges(registry, observed);
  const blocks = new Counter({
    name: "sabha_finalized_blocks_total",
    help: "Blocks that became final here",
    registers,
  });
  const outcomes = new Counter({ name: "sabha_outcomes_total", help: "Outcomes of executed blocks", registers });
  const timeouts = new Counter({
    name: "sabha_view_timeouts_total",
    help: "Votes to leave a view, by what moved us",
    labelNames: ["reason"],
    registers,
  });
  const faults = new Counter({
    name: "sabha_peer_faults_total",
    help: "Messages by validators that an honest one never sends",
    labelNames: ["peer"],
    registers,
  });
  const equivocations = new Counter({
    name: "sabha_equivocations_total",
    help: "Pairs of contradictory votes",
    registers,
  });
  const blockBatches = new Histogram({
    name: "sabha_block_batches",
    help: "Batches per final block",
    buckets: [0, 1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  });
  const stages = batchStages(registry);
  return {
    registry,
    onFact(fact) {
      if (fact.type === "batch-dropped") stages.dropped(fact.digest);
      if (fact.type !== "executed") return;
      outcomes.inc(fact.batches.reduce((sum, batch) => sum + batch.codes.length, 0));
      const digests = fact.batches.map(({ digest }) => digest);
      stages.stored(digests);
      // Answers are written on this turn; on the next one all of them are with their connections.
      if (digests.length > 0) systemClock.soon(() => stages.answered(digests));
    },
    onNetwork: (event) => logNetwork(log, event),
    onReplica(event) {
      stages.onReplica(event);
      if (event.type === "peer-fault") faults.inc({ peer: String(event.peer) });
      if (event.type === "evidence") equivocations.inc();
      if (event.type === "agreement" && event.fact.type === "finalized") {
        blocks.inc(event.fact.blocks.length);
        for (const block of event.fact.blocks) blockBatches.observe(block.body.length);
      }
      if (event.type === "agreement" && event.fact.type === "timed-out") timeouts.inc({ reason: event.fact.reason });
      logReplica(log, event);
    },
  };
}

/** From 0.1 ms to about 30 s, each half as long again as the one before: a quantile is known to a few percent. */
const STAGE_BUCKETS = Array.from({ length: 32 }, (_, index) => Number((0.0001 * 1.5 ** index).toPrecision(3)));

/** How long the batches of this node's own clients take, and where. */
function batchStages(registry: Registry): BatchStages {
  const common = { buckets: STAGE_BUCKETS, registers: [registry] };
  const stage = new Histogram({
    ...common,
    name: "sabha_batch_stage_seconds",
    help: "Own clients' batches: from the stage before to this one (docs/performance.md)",
    labelNames: ["stage"],
  });
  const admitted = new Histogram({
    ...common,
    name: "sabha_batch_admitted_seconds",
    help: "Own clients' batches: from the arrival until durable here",
  });
  const whole = new Histogram({
    ...common,
    name: "sabha_batch_seconds",
    help: "Own clients' batches: from the arrival until they were answered",
  });
  return new BatchStages(systemClock.now, {
    stage: (name, ms) => stage.observe({ stage: name }, ms / 1_000),
    admitted: (ms) => admitted.observe(ms / 1_000),
    whole: (ms) => whole.observe(ms / 1_000),
  });
}

function addGauges(registry: Registry, observed: () => Observed | undefined): void {
  const gauge = (name: string, help: string, read: (observed: Observed) => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const now = observed();
        if (now !== undefined) this.set(read(now));
      },
    });
  };
  gauge("sabha_finalized_height", "Newest final block", ({ replica }) => replica.head().height);
  gauge("sabha_executed_height", "Newest executed block", ({ replica }) => replica.executedHeight());
  gauge("sabha_view", "Current view", ({ replica }) => replica.consensus().view);
  gauge("sabha_ready", "1 while the node answers and takes submissions", ({ replica }) =>
    Number(replica.readiness().state === "ready"),
  );
  gauge("sabha_diverged", "1 if own results contradict certified ones", ({ replica }) =>
    Number(replica.divergence() !== undefined),
  );
  gauge("sabha_stalled", "1 while work waits and nothing becomes final", ({ replica }) =>
    Number(replica.consensus().stalled),
  );
  gauge("sabha_may_vote", "0 while this validator's safety record is lost or outdated", ({ replica }) =>
    Number(replica.mayVote()),
  );
  gauge("sabha_pool_batches", "Batches held", ({ replica }) => replica.pool().batches);
  gauge("sabha_pool_bytes", "Bytes of batches held", ({ replica }) => replica.pool().bytes);
  gauge(
    "sabha_peers_connected",
    "Validators connected",
    ({ network }) => network.peers().filter((peer) => peer.connected).length,
  );
  gauge("sabha_network_sent_bytes", "Bytes sent to peers since the start", ({ network }) =>
    sumBytes(network, "bytesOut"),
  );
  gauge("sabha_network_received_bytes", "Bytes received from peers since the start", ({ network }) =>
    sumBytes(network, "bytesIn"),
  );
  gauge("sabha_saved_height", "Height from which a restart executes again", ({ store }) => store.savedHeight);
  gauge("sabha_store_fsyncs", "Disk flushes since the start", ({ store }) => store.counters.fsyncs);
  gauge("sabha_store_written_bytes", "Bytes written since the start", ({ store }) => store.counters.bytesWritten);
}

function sumBytes(network: Network, direction: "bytesIn" | "bytesOut"): number {
  let sum = 0;
  for (const peer of network.peers()) for (const channel of Object.values(peer.channels)) sum += channel[direction];
  return sum;
}

function logNetwork(log: Logger, event: NetworkEvent): void {
  const { type, ...fields } = event;
  switch (type) {
    case "listening":
      log.info(fields, "listening for validators");
      return;
    case "link-up":
      log.info(fields, "validator connected");
      return;
    case "link-down":
      log.warn(fields, "validator disconnected");
      return;
    case "dial-failed":
      log.debug(fields, "validator not reached");
      return;
    case "violation":
      log.warn(fields, "validator broke the wire protocol");
      return;
    case "peer-unusable":
      log.error(fields, "the ledger names a validator with a key or address that is none");
      return;
    case "strangers-refused":
      log.warn(fields, "connections of strangers refused");
      return;
    case "frame-too-long":
      log.error(fields, "a message too long for its channel was not sent");
  }
}

function logReplica(log: Logger, event: ReplicaEvent): void {
  switch (event.type) {
    case "agreement":
      logFact(log, event.fact);
      return;
    case "peer-fault":
      log.warn({ peer: event.peer, reason: event.reason }, "validator broke the protocol");
      return;
    case "catching-up":
      log.info({ height: event.height, target: event.target }, "catching up");
      return;
    case "peers-changed":
      log.info({ peers: event.contacts.map(({ name }) => name) }, "peers of this epoch");
      return;
    case "evidence": {
      const { signer, epoch, view } = event.equivocation;
      log.error({ signer, epoch, view }, "validator voted for two blocks in one view");
      return;
    }
    case "store-failed":
      log.fatal({ code: event.failure.code }, "the node cannot go on");
      return;
    case "submitted":
    case "admitted":
    case "voting":
    case "executed":
  }
}

function logFact(log: Logger, fact: Extract<ReplicaEvent, { type: "agreement" }>["fact"]): void {
  switch (fact.type) {
    case "finalized":
      for (const block of fact.blocks) {
        log.debug({ height: block.header.height, view: block.header.view, batches: block.body.length }, "block final");
      }
      return;
    case "timed-out":
      log.info({ view: fact.view, reason: fact.reason }, "voted to leave the view");
      return;
    case "proposal-refused":
      log.warn({ proposer: fact.proposer, view: fact.view, reason: fact.reason }, "proposal refused");
      return;
    case "bad-votes":
      log.warn({ signers: fact.signers, view: fact.view }, "votes that do not verify");
      return;
    case "diverged": {
      const { agreedHeight, own, certified } = fact.conflict;
      const fields = {
        agreedHeight,
        divergedHeight: own.height,
        ownRoot: own.resultsRoot,
        certifiedRoot: certified.resultsRoot,
      };
      log.fatal(fields, "own results differ from certified ones: this node stops voting and its reads are unsafe");
      return;
    }
    case "epoch-changed":
      log.info(
        { epoch: fact.set.epoch, validators: fact.set.members.map(({ name }) => name), votes: fact.self !== undefined },
        "a new epoch has begun",
      );
      return;
    case "record-outdated":
      log.fatal({ view: fact.view }, "this key signed more than its record knows: the node follows and votes no more");
      return;
    case "split-execution":
      log.error({ height: fact.claim.height, leaders: fact.leaders }, "several leaders claim other results than ours");
      return;
    case "forked":
      log.fatal(
        { view: fact.second.commit.view },
        "two blocks were finalised where there can be one: voting has stopped",
      );
      return;
    case "view-entered":
    case "proposed":
    case "prepared":
      log.trace({ ...fact }, "agreement");
  }
}

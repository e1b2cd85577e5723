import { Counter, Histogram, type Registry } from "prom-client";

/** What operators see of the server. Labels are names of the method table, or `unknown`. */
export interface RpcMetrics {
  requested(method: string, outcome: string, seconds: number): void;
  droppedSlowConsumer(): void;
  refusedByGuard(): void;
}

export function rpcMetrics(registry: Registry | undefined): RpcMetrics {
  if (registry === undefined) return NO_METRICS;
  const registers = [registry];
  const requests = new Counter({
    name: "sabha_rpc_requests_total",
    help: "Answered JSON-RPC requests by method and outcome (ok, or the stable name or number of the error)",
    labelNames: ["method", "outcome"],
    registers,
  });
  const seconds = new Histogram({
    name: "sabha_rpc_request_seconds",
    help: "From a request's arrival to its answer, waiting for finality included",
    labelNames: ["method"],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  });
  const slowConsumers = new Counter({
    name: "sabha_rpc_slow_consumers_total",
    help: "Connections that were ended because the client did not read",
    registers,
  });
  const guarded = new Counter({
    name: "sabha_rpc_foreign_pages_total",
    help: "Requests that were refused because of their Host or Origin",
    registers,
  });
  return {
    requested(method, outcome, time) {
      requests.inc({ method, outcome });
      seconds.observe({ method }, time);
    },
    droppedSlowConsumer: () => slowConsumers.inc(),
    refusedByGuard: () => guarded.inc(),
  };
}

const NO_METRICS: RpcMetrics = {
  requested: () => undefined,
  droppedSlowConsumer: () => undefined,
  refusedByGuard: () => undefined,
};

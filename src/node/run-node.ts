import { type Interpose, type Node, startNode } from "./node.js";
import { NodeFailure } from "./node-failure.js";

/**
 * Runs a node in the foreground until SIGTERM or SIGINT; a second signal ends the process at once.
 *
 * @param interpose stands between the replica and its surroundings, in test stands only
 * @throws {NodeFailure} when the node cannot go on; the store is closed as far as the disk lets it
 * @throws {HomeError} for what is wrong with the home's files
 */
export async function runNode(home: string, version: string, interpose?: Interpose): Promise<void> {
  process.umask(0o077);
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);
  // Before the start: a signal that comes while the node starts stops it as cleanly as any other.
  const stop = signalled();
  const node = await startNode(home, version, interpose);
  const reason = await Promise.race([node.failed, stop]);
  if (reason instanceof NodeFailure) {
    node.log.fatal(reason.message);
    await stopWithin(node, 5_000);
    throw reason;
  }
  await node.stop();
}

/** Our own mistake, or a disk that failed under a read: no vote may follow. The durable record stays good. */
function die(error: unknown): void {
  const failure = new NodeFailure(error instanceof Error ? error : new Error(String(error)));
  process.stderr.write(`sabha: ${failure.message}\n`);
  process.exit(3);
}

function signalled(): Promise<"signal"> {
  return new Promise((resolve) => {
    let count = 0;
    const onSignal = (): void => {
      count += 1;
      if (count > 1) process.exit(130);
      resolve("signal");
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

async function stopWithin(node: Node, limitMs: number): Promise<void> {
  const limit = new Promise<void>((resolve) => {
    setTimeout(resolve, limitMs).unref();
  });
  await Promise.race([node.stop().catch(() => undefined), limit]);
}

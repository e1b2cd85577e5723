import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** How long one answer may take; beyond it the run is broken. */
const PATIENCE_MS = 180_000;
const RETRY_MS = 50;

/**
 * Requests to one node over connections that stay open. Plain `node:http` and whole buffers: the load shares its
 * processors with the nodes that it measures.
 */
export class Connection {
  readonly #agent: Agent;
  readonly #options: object;
  /** Answers `busy` since the beginning; each was sent again. */
  busy = 0;

  /** @param connections open at a time at the most */
  constructor(url: string, connections: number, token?: string) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, noDelay: true });
    const { hostname, port } = new URL(url);
    const headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    this.#options = { agent: this.#agent, hostname, port, method: "POST", path: "/", headers };
  }

  /**
   * Sends a JSON-RPC request, again if the node is busy.
   *
   * @returns the answer, which bears a result
   * @throws for every other error: a benchmark has nothing to do with those
   */
  post(body: Buffer): Promise<Buffer> {
    return untilTaken(
      () => this.#post(body),
      () => {
        this.busy += 1;
      },
    );
  }

  /** `post` with a request that is put together here. */
  call(method: string, params: string): Promise<Buffer> {
    return this.post(Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`));
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(body: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const sent = request(this.#options, (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
        response.on("error", reject);
      });
      sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
      sent.on("error", reject);
      sent.end(body);
    });
  }
}

/**
 * Makes a call, again while the node is busy.
 *
 * @throws for every other error that the node answers
 */
export async function untilTaken(attempt: () => Promise<Buffer>, onBusy: () => void): Promise<Buffer> {
  for (;;) {
    const answer = await attempt();
    const error = errorOf(answer);
    if (error === undefined) return answer;
    const { code, retryAfterMs } = error.data ?? {};
    if (code !== "busy") throw new Error(`a node answered: ${JSON.stringify(error)}`);
    onBusy();
    await sleep((retryAfterMs ?? RETRY_MS) * (1 + Math.random() / 2));
  }
}

interface RpcError {
  readonly message: string;
  readonly data?: { readonly code?: string; readonly retryAfterMs?: number };
}

/** Results are long and are not parsed: whether there is one shows within the first bytes. */
function errorOf(answer: Buffer): RpcError | undefined {
  if (answer.subarray(0, 64).includes('"result":')) return undefined;
  return (JSON.parse(answer.toString()) as { readonly error?: RpcError }).error ?? { message: answer.toString() };
}

const POSTED = Buffer.from('"result":"posted"');

/** How many transfers of an answer were posted. */
export function countPosted(answer: Buffer): number {
  let count = 0;
  for (let at = answer.indexOf(POSTED); at >= 0; at = answer.indexOf(POSTED, at + POSTED.length)) count += 1;
  return count;
}

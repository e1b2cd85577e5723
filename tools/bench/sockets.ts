import { once } from "node:events";
import { WebSocket } from "ws";
import { untilTaken } from "./connection.js";

/** Where an answer's id begins in its text: the first member after the protocol's version. */
const ID = /"id":(\d+)/;

/**
 * WebSockets to one node with several calls under way on each, as a back end with many customers has them: its
 * connections are few, and an answer is told by its id.
 */
export class Sockets {
  readonly #sockets: Promise<readonly WebSocket[]>;
  readonly #waiting = new Map<number, { resolve(answer: Buffer): void; reject(error: Error): void }>();
  #nextId = 1;
  /** Answers `busy` since the beginning; each was sent again. */
  busy = 0;

  constructor(url: string, count: number, token: string) {
    const options = { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false };
    this.#sockets = Promise.all(
      Array.from({ length: count }, async () => {
        const socket = new WebSocket(url.replace(/^http/, "ws"), options);
        await once(socket, "open");
        socket.on("message", (data: Buffer) => this.#take(data));
        socket.on("close", () => this.#fail(new Error("a node closed a connection")));
        return socket;
      }),
    );
  }

  /**
   * Sends a JSON-RPC request, again if the node is busy.
   *
   * @returns the answer, which bears a result
   * @throws for every other error
   */
  async call(method: string, params: string): Promise<Buffer> {
    const sockets = await this.#sockets;
    return untilTaken(
      () => this.#call(sockets, method, params),
      () => {
        this.busy += 1;
      },
    );
  }

  close(): void {
    this.#waiting.clear();
    void this.#sockets.then((sockets) => {
      for (const socket of sockets) socket.terminate();
    });
  }

  #call(sockets: readonly WebSocket[], method: string, params: string): Promise<Buffer> {
    const id = this.#nextId;
    this.#nextId += 1;
    const socket = sockets[id % sockets.length] as WebSocket;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      socket.send(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`);
    });
  }

  #take(answer: Buffer): void {
    const id = Number(ID.exec(answer.toString("latin1"))?.[1]);
    this.#waiting.get(id)?.resolve(answer);
    this.#waiting.delete(id);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

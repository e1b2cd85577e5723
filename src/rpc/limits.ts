/** Local bounds of the server; a node's configuration may change them. */
export interface RpcLimits {
  /** One HTTP body or WebSocket message. 8,190 transfers with every field take about 3.6 MB. */
  readonly bodyBytesMax: number;
  /** JSON text of one answer, or of all answers of one batch together. */
  readonly responseBytesMax: number;
  /** Requests of one JSON-RPC batch. */
  readonly batchMax: number;
  /** Objects and arrays inside each other. */
  readonly depthMax: number;
  readonly connectionsMax: number;
  /** Calls of one WebSocket connection that have no answer yet. */
  readonly callsPerConnectionMax: number;
  /** Time in which a whole request has to arrive, ms. */
  readonly requestTimeoutMs: number;
  /** Longest `timeoutMs` that a call may ask for, and what it gets where it asks for none. */
  readonly waitMsMax: number;
  readonly waitMsDefault: number;
  /** Items of one listing; ids of one look-up. */
  readonly pageMax: number;
  readonly pageDefault: number;
  readonly idsMax: number;
  readonly subscriptionsPerConnectionMax: number;
  /** Bytes waiting in one WebSocket connection before its streams pause. */
  readonly socketBufferBytesMax: number;
  /** A paused connection that takes nothing for so long is ended, ms. */
  readonly slowConsumerMs: number;
}

export const RPC_LIMITS: RpcLimits = {
  bodyBytesMax: 8 * 1_048_576,
  responseBytesMax: 32 * 1_048_576,
  batchMax: 100,
  depthMax: 32,
  connectionsMax: 1_024,
  callsPerConnectionMax: 256,
  requestTimeoutMs: 30_000,
  waitMsMax: 120_000,
  waitMsDefault: 15_000,
  pageMax: 500,
  pageDefault: 100,
  idsMax: 1_000,
  subscriptionsPerConnectionMax: 16,
  socketBufferBytesMax: 1_048_576,
  slowConsumerMs: 30_000,
};

import type { LinkFault } from "./options.js";

/**
 * How long to wait before the next dial: doubling per failed attempt up to a cap, and between half and all
 * of that at random, so that a crowd cut off together does not come back together.
 *
 * @param attempts failed attempts in a row
 * @returns milliseconds
 */
export function redialDelay(options: {
  readonly attempts: number;
  readonly baseMs: number;
  readonly capMs: number;
}): number {
  const longest = Math.min(options.capMs, options.baseMs * 2 ** Math.min(options.attempts, 30));
  return longest * (0.5 + Math.random() / 2);
}

/** Names of libp2p's errors once a connection exists; anything else while dialling is "unreachable". */
const FAULTS: Readonly<Record<string, LinkFault>> = {
  UnsupportedProtocolError: "foreign-chain",
  EncryptionFailedError: "refused",
  ConnectionInterceptedError: "refused",
  MuxerUnavailableError: "refused",
  StreamResetError: "refused",
  StreamClosedError: "refused",
  UnexpectedEOFError: "refused",
  ConnectionClosedError: "refused",
  MuxerClosedError: "refused",
};

/** What a failed dial means, by the stable names of libp2p's errors; of several the first that says something. */
export function dialFault(error: unknown): LinkFault {
  const errors = error instanceof AggregateError ? error.errors : [error];
  for (const each of errors) {
    // libp2p wraps a handshake that ran out of time and keeps only the text.
    if (each instanceof Error && each.message.includes("timeout")) continue;
    const fault = each instanceof Error ? FAULTS[each.name] : undefined;
    if (fault !== undefined) return fault;
  }
  return "unreachable";
}

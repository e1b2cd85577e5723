import type { MultiaddrConnection, StreamMessageEvent } from "@libp2p/interface";
import { utf8 } from "../primitives/index.js";

/** What every validator's libp2p sends first: the negotiation's own name and the one encryption we speak. */
const OPENING = utf8("\u0013/multistream/1.0.0\n\u0007/noise\n");

/**
 * Bytes that somebody may send before we know who it is. A whole handshake and the requests behind it take
 * under 1,500; libp2p itself would buffer 4 MiB.
 */
const HANDSHAKE_BYTES_MAX = 4_096;

/**
 * Cuts an inbound connection that does not open as a validator's does, or sends too much before its identity
 * is proved (attack 75). libp2p reads a name's length byte by byte and never gives up on one that does not
 * end: 100 KB of 0xff from a stranger would cost it most of a second.
 */
export class HandshakeGuard {
  readonly #listeners = new WeakMap<MultiaddrConnection, (event: StreamMessageEvent) => void>();

  /** To be called before libp2p listens to the connection, so that this sees each byte first. */
  watch(connection: MultiaddrConnection): void {
    let seen = 0;
    const listener = (event: StreamMessageEvent): void => {
      const bytes = event.data.subarray();
      if (seen + bytes.length <= HANDSHAKE_BYTES_MAX && opensRight(bytes, seen)) {
        seen += bytes.length;
        return;
      }
      event.stopImmediatePropagation();
      connection.abort(new Error("not a handshake"));
    };
    this.#listeners.set(connection, listener);
    connection.addEventListener("message", listener);
  }

  /** The identity is proved: from here on limits of the peer apply. */
  release(connection: MultiaddrConnection): void {
    const listener = this.#listeners.get(connection);
    if (listener !== undefined) connection.removeEventListener("message", listener);
    this.#listeners.delete(connection);
  }
}

function opensRight(bytes: Uint8Array, offset: number): boolean {
  for (let index = 0; index < bytes.length && offset + index < OPENING.length; index += 1) {
    if (bytes[index] !== OPENING[offset + index]) return false;
  }
  return true;
}

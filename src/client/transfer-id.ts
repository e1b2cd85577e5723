import { type Id128, type ParticipantNumber, toHex } from "../primitives/index.js";

/**
 * A new id of an account or a transfer: the participant's number (4 bytes, big-endian), then
 * 12 random bytes. Keep it before the first attempt: the same id makes every retry safe.
 */
export function newTransferId(participant: ParticipantNumber | number): Id128 {
  const bytes = new Uint8Array(16);
  globalThis.crypto.getRandomValues(bytes.subarray(4));
  new DataView(bytes.buffer).setUint32(0, participant);
  return toHex(bytes) as Id128;
}

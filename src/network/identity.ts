import { generateKeyPairFromSeed, publicKeyFromRaw } from "@libp2p/crypto/keys";
import type { PeerId, PrivateKey } from "@libp2p/interface";
import { peerIdFromPublicKey } from "@libp2p/peer-id";
import { assert, fromHex, toHex } from "../primitives/index.js";

/** Public half of a network identity, as genesis cards carry it. */
export interface NetworkKey {
  /** 32-byte Ed25519 public key, lower-case hex. */
  readonly publicKey: string;
  /** The same key as libp2p writes it, for logs and operators. */
  readonly peerId: string;
}

/**
 * The public identity behind a network seed.
 *
 * @param seed 32 secret bytes (RFC 8032)
 */
export async function networkKeyFromSeed(seed: Uint8Array): Promise<NetworkKey> {
  const { publicKey } = await privateKeyFromSeed(seed);
  return { publicKey: toHex(publicKey.raw), peerId: peerIdFromPublicKey(publicKey).toString() };
}

export async function privateKeyFromSeed(seed: Uint8Array): Promise<PrivateKey> {
  assert(seed.length === 32, "a network seed has 32 bytes");
  return generateKeyPairFromSeed("Ed25519", seed);
}

/** libp2p's name of a 32-byte Ed25519 public key in hex; undefined where it is not one. */
export function peerIdFromNetworkKey(networkKey: string): PeerId | undefined {
  const raw = fromHex(networkKey);
  if (raw === undefined || raw.length !== 32) return undefined;
  return peerIdFromPublicKey(publicKeyFromRaw(raw));
}

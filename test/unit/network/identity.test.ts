import { describe, expect, test } from "vitest";
import { peerIdFromNetworkKey } from "../../../src/network/identity.js";
import { networkKeyFromSeed } from "../../../src/network/index.js";
import { fromHex } from "../../../src/primitives/index.js";

describe("network identity", () => {
  test("a seed gives the public key of RFC 8032, test 1, and libp2p's name of it", async () => {
    const seed = fromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60") as Uint8Array;
    const key = await networkKeyFromSeed(seed);
    expect(key.publicKey).toBe("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    expect(peerIdFromNetworkKey(key.publicKey)?.toString()).toBe(key.peerId);
  });

  test.each(["", "zz", "ab".repeat(31), "ab".repeat(33), "AB".repeat(32)])("%j is no network key", (text) => {
    expect(peerIdFromNetworkKey(text)).toBeUndefined();
  });

  test("Promise.withResolvers is there on every supported Node", async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    resolve(7);
    expect(await promise).toBe(7);
  });
});

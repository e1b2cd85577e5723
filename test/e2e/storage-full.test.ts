import { spawnSync } from "node:child_process";
import { describe, expect, onTestFinished, test } from "vitest";
import { openStore, verifyStore } from "../../src/storage/index.js";
import { buildChain, CHAIN_ID, wholeBlock } from "../fixtures/stored-chain.js";
import { temporaryDirectory, write } from "../fixtures/temporary-store.js";

const run = (command: string, ...parameters: readonly string[]): boolean =>
  spawnSync(command, parameters, { stdio: "ignore" }).status === 0;

/** A small disk of its own needs the right to mount one. */
function mountSmallDisk(directory: string, kibibytes: number): boolean {
  const isMounted = run("mount", "-t", "tmpfs", "-o", `size=${kibibytes}k`, "tmpfs", directory);
  if (isMounted) onTestFinished(() => void run("umount", directory));
  return isMounted;
}

describe("attack 55: a full disk", () => {
  test.for<[string, number, number]>([
    ["batches fill it", 60_000, 4_096],
    ["LevelDB fills it", 320, 2_560],
  ])("%s: the writer hears it, and what was promised before is there", async ([, batchBytes, kibibytes], { skip }) => {
    const path = temporaryDirectory();
    if (!mountSmallDisk(path, kibibytes)) skip("mounting a small tmpfs needs root");
    const chain = buildChain(1_500, { batchBytes });
    const store = await openStore({ path, chainId: CHAIN_ID });
    let promised = 0;
    let failure: Awaited<ReturnType<typeof write>>;
    for (const entry of chain) {
      failure = await write(store, wholeBlock(entry));
      if (failure !== undefined) break;
      promised = entry.block.height;
    }
    expect(failure?.code).toBe("STORE_FULL");
    expect(promised).toBeGreaterThan(5);
    expect((await write(store, { durable: true }))?.code).toBe("STORE_FULL");
    expect(store.block(chain[promised - 1]?.block.height as never)?.height).toBe(promised);
    await store.close();
    await expect(openStore({ path, chainId: CHAIN_ID }).then((again) => again.close())).rejects.toMatchObject({
      fault: { code: "STORE_FULL" },
    });
    expect(run("mount", "-o", "remount,size=65536k", path)).toBe(true);
    const report = await verifyStore(path);
    expect(report.faults).toEqual([]);
    expect(report.height).toBeGreaterThanOrEqual(promised);
  });
});

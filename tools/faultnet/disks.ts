import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Why this machine cannot give a node a small disk of its own; undefined where it can. */
export function whyNoDisks(): string | undefined {
  if (process.platform !== "linux") return "only Linux mounts a file system of a given size in memory";
  return process.getuid?.() === 0 ? undefined : "only root may mount a file system";
}

/** Puts an empty file system of a given size, in memory, where a node's data will be. */
export function mountDisk(path: string, megabytes: number): void {
  run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0700`, "tmpfs", path]);
}

export function unmountDisk(path: string): void {
  run("umount", ["--lazy", path]);
}

const filler = (path: string): string => join(path, "filler");

/** Writes until nothing more fits. */
export function fillDisk(path: string): void {
  const descriptor = openSync(filler(path), "a");
  const block = Buffer.alloc(65_536);
  try {
    for (;;) writeSync(descriptor, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(descriptor);
  }
}

export function freeDisk(path: string): void {
  rmSync(filler(path), { force: true });
}

function run(command: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${words.join(" ")}: ${stderr}`);
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { processIdentity } from "../../../src/cli/process-identity.js";

describe("the identity of a process", () => {
  test("is the same for as long as it runs, and nothing afterwards", async () => {
    const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });
    await once(child, "spawn");
    const pid = child.pid ?? 0;
    const identity = processIdentity(pid);
    expect(identity).toBeTypeOf("string");
    expect(processIdentity(pid)).toBe(identity);
    expect(processIdentity(process.pid)).not.toBe(identity);
    child.kill();
    await once(child, "exit");
    expect(processIdentity(pid)).toBeUndefined();
  });
});

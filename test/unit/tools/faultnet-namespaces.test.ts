import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Namespaces, type Place, whyNoNamespaces } from "../../../tools/faultnet/namespaces.js";

const reason = whyNoNamespaces();

/** Waits for a connection, and says so when it is ready. */
const LISTEN = `require("net").createServer((socket) => socket.end("hello")).listen(7, process.argv[1], () => console.log("ready"))`;
/** Prints what it hears from an address, or the error's code. */
const CONNECT = `require("net").connect({ port: 7, host: process.argv[1], timeout: 2000 }).on("data", (data) => console.log(String(data))).on("error", ({ code }) => console.log(code)).on("timeout", () => { console.log("TIMEOUT"); process.exit(); })`;

const script = ({ enter }: Pick<Place, "enter">, ...words: readonly string[]): readonly [string, readonly string[]] => {
  const command = [...enter, process.execPath, "-e", ...words];
  return [command[0] as string, command.slice(1)];
};

describe("network namespaces", () => {
  const namespaces: Namespaces[] = [];
  afterEach(() => {
    for (const each of namespaces.splice(0)) each.close();
  });

  test.skipIf(reason !== undefined)("a node is reached from outside, and reaches no other node", async () => {
    const made = new Namespaces();
    namespaces.push(made);
    const [one, other] = [made.add(), made.add()];
    const server = spawn(...script(one, LISTEN, one.host), { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(server.stdout, "data");
      const heard = (from: Pick<Place, "enter">): string =>
        spawnSync(...script(from, CONNECT, one.host), { encoding: "utf8" }).stdout.trim();
      expect(heard({ enter: [] })).toBe("hello");
      expect(heard(other)).toBe("ENETUNREACH");
    } finally {
      server.kill("SIGKILL");
    }
  });

  test.skipIf(reason !== undefined)("nothing is left behind", () => {
    const made = new Namespaces();
    const name = made.add().enter.at(-1) as string;
    expect(existsSync(join("/run/netns", name))).toBe(true);
    made.close();
    made.close();
    expect(existsSync(join("/run/netns", name))).toBe(false);
  });

  test.skipIf(reason === undefined)("a machine that cannot have them says why", () => {
    expect(reason).toMatch(/\w/);
  });
});

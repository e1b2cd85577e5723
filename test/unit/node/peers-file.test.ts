import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { HomeError } from "../../../src/node/index.js";
import { readPeersFile } from "../../../src/node/peers-file.js";

const directory = mkdtempSync(join(tmpdir(), "sabha-peers-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function read(text: string): unknown {
  const path = join(directory, "peers.yaml");
  writeFileSync(path, text);
  try {
    return Object.fromEntries(readPeersFile(path, ["SBI", "HDFC"]));
  } catch (error) {
    if (error instanceof HomeError && error.fault.code === "PEERS_BAD") return error.fault.problems;
    throw error;
  }
}

describe("addresses of other validators as seen from here", () => {
  test("a validator that the file names has the file's addresses, another keeps those of genesis", () => {
    expect(read("HDFC: [/ip4/10.0.0.7/tcp/26600, /dns4/hdfc.example/tcp/443]\n")).toEqual({
      HDFC: ["/ip4/10.0.0.7/tcp/26600", "/dns4/hdfc.example/tcp/443"],
    });
    expect(read("")).toEqual({});
  });

  test.each([
    ["YES: [/ip4/10.0.0.7/tcp/26600]", '"YES" is no participant in genesis.json'],
    ["SBI: []", '"SBI" needs a list of 1 to 8 addresses'],
    ["SBI: /ip4/10.0.0.7/tcp/26600", '"SBI" needs a list of 1 to 8 addresses'],
    ["SBI: [10.0.0.7:26600]", '"SBI" has an address that is not like /ip4/10.0.0.1/tcp/26600'],
    ["SBI: [7]", '"SBI" has an address that is not like /ip4/10.0.0.1/tcp/26600'],
  ])("%s is refused with the reason", (text, problem) => {
    expect(read(text)).toEqual([problem]);
  });
});

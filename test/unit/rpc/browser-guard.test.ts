import { describe, expect, test } from "vitest";
import { browserFault } from "../../../src/rpc/browser-guard.js";

const GUARD = { allowedHosts: ["node.bank.example"], allowedOrigins: ["https://console.bank.example"] };

describe("attack 92: pages in browsers", () => {
  test.each(["127.0.0.1:26601", "localhost:26601", "LOCALHOST", "[::1]:26601", "10.1.2.3", "node.bank.example:443"])(
    "a program may call %s",
    (host) => {
      expect(browserFault({ host }, GUARD)).toBeUndefined();
    },
  );

  test.each([
    undefined,
    "",
    "rebound.attacker.example:26601",
    "localhost.attacker.example",
    "127.0.0.1.attacker.example",
    "localhost@attacker.example",
    "localhost:26601:1",
    "<script>alert(1)</script>",
    "node.bank.example.",
    "[::1",
    "a b",
  ])("a request to %j is refused without repeating it", (host) => {
    const fault = browserFault({ host }, GUARD);
    expect(fault).toMatch(/^the Host header/);
    expect(fault).not.toContain("attacker");
    expect(fault).not.toContain("<");
  });

  test.each([
    ["the node's own page", "127.0.0.1:26601", "http://127.0.0.1:26601"],
    ["a configured page", "127.0.0.1:26601", "https://console.bank.example"],
  ])("%s may call", (_name, host, origin) => {
    expect(browserFault({ host, origin }, GUARD)).toBeUndefined();
  });

  test.each([
    "null",
    "http://attacker.example",
    "http://127.0.0.1:9999",
    "https://console.bank.example.attacker.example",
    "",
  ])("a page of origin %j may not", (origin) => {
    expect(browserFault({ host: "127.0.0.1:26601", origin }, GUARD)).toMatch(/^the Origin header/);
  });
});

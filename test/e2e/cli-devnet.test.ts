import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closed, freePorts, listening, sabha } from "../fixtures/command-line.js";

let directory: string;
let network: string;
let basePort: number;
const home = (name: string): string => join(network, name);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "sabha-e2e-"));
  network = join(directory, "network");
  basePort = await freePorts(8, 20_000 + 2 * (process.pid % 5_000));
  const words = ["genesis", "network", "--banks", "SBI,HDFC,ICICI,AXIS,YES", "--validators", "SBI,HDFC,ICICI,AXIS"];
  const made = await sabha(...words, "--base-port", String(basePort), "--out", network);
  expect(made).toMatchObject({ exitCode: 0, err: "" });
});
afterAll(async () => {
  await sabha("devnet", "down", "--dir", network);
  rmSync(directory, { recursive: true, force: true });
});

const orders = (count: number): string =>
  [
    "end_to_end_id,debtor_bank,debtor_account,creditor_bank,creditor_account,amount,currency,purpose",
    ...Array.from(
      { length: count },
      (_, row) => `E-${row},SBI,customer-${1 + (row % 4)},HDFC,customer-1,1.25,INR,rent`,
    ),
    "",
  ].join("\n");

const balance = async (account: string): Promise<bigint> => {
  const shown = await sabha("account", "show", account, "--home", home("ICICI"), "--json");
  const { creditsPosted, debitsPosted } = JSON.parse(shown.out) as { creditsPosted: string; debitsPosted: string };
  return BigInt(creditsPosted) - BigInt(debitsPosted);
};

const pidOf = (name: string): number =>
  (JSON.parse(readFileSync(join(home(name), "node.pid"), "utf8")) as { pid: number }).pid;

/** What of a home nobody else may see, in the forms in which it could be printed. */
function secretsOf(path: string): readonly (readonly [string, string])[] {
  const seeds = ["consensus", "network", "operation"].flatMap((purpose) => {
    const { seed } = JSON.parse(readFileSync(join(path, "keys", `${purpose}.key`), "utf8")) as { seed: string };
    const bytes = Buffer.from(seed, "hex");
    return [seed, seed.toUpperCase(), bytes.toString("base64"), bytes.toString("base64url"), [...bytes].join(",")].map(
      (form) => [form, `the ${purpose} key`] as const,
    );
  });
  const token = readFileSync(join(path, "keys", "submit.token"), "utf8").trim();
  expect(token.length).toBeGreaterThan(16);
  return [...seeds, [token, "the token"]];
}

// One story: each test begins where the one before it ended.
describe("a network of real processes, through the command line", () => {
  test("devnet up starts every validator and says when all are ready", async () => {
    expect(await sabha("devnet", "up", "--dir", network)).toMatchObject({ exitCode: 0, err: "" });
    expect(await sabha("devnet", "status", "--dir", network)).toMatchObject({ exitCode: 0 });
    const status = await sabha("status", "--rpc", `http://127.0.0.1:${basePort + 1}`, "--json");
    expect(JSON.parse(status.out)).toMatchObject({ consensus: { quorum: 3, faultsTolerated: 1 } });
  });

  test("a transfer becomes final once, and its receipt is verified offline", async () => {
    const words = ["transfer", "--home", home("SBI"), "--from", "SBI/customer-1", "--to", "HDFC/customer-2"];
    const first = await sabha(...words, "--amount", "500.00", "--end-to-end-id", "T-1", "--json");
    expect(JSON.parse(first.out)).toMatchObject({ status: "final", result: "posted" });
    const again = await sabha(...words, "--amount", "500.00", "--end-to-end-id", "T-1", "--json");
    expect(JSON.parse(again.out)).toMatchObject({ status: "final", result: "exists" });
    expect(await balance("HDFC/customer-2")).toBe(100_050_000n);

    const receipt = join(directory, "receipt.json");
    expect(await sabha("receipt", "get", "id:T-1", "--home", home("SBI"), "--out", receipt)).toMatchObject({
      exitCode: 0,
    });
    const genesis = join(network, "genesis.json");
    const verified = await sabha("receipt", "verify", receipt, "--genesis", genesis);
    expect(verified).toMatchObject({ exitCode: 0, out: expect.stringContaining("every check holds") });
    writeFileSync(receipt, readFileSync(receipt, "utf8").replace(/("index": )\d+/u, "$17"));
    const forged = await sabha("receipt", "verify", receipt, "--genesis", genesis);
    expect(forged).toMatchObject({ exitCode: 1, err: expect.stringContaining("proves nothing") });
  });

  test("a bank without a node signs with its own key and submits through another's", async () => {
    const words = ["transfer", "--home", home("YES"), "--from", "YES/customer-1", "--to", "SBI/customer-1"];
    const ran = await sabha(...words, "--amount", "1.00", "--json");
    expect(JSON.parse(ran.out)).toMatchObject({ result: "posted" });
    const foreign = await sabha(
      "transfer",
      "--home",
      home("YES"),
      "--from",
      "SBI/customer-1",
      "--to",
      "YES/customer-1",
      "--amount",
      "1.00",
    );
    expect(foreign).toMatchObject({ exitCode: 1, err: expect.stringContaining("refused") });
  });

  test("attack 56, 96: a file is final exactly once though a validator is killed, and again changes nothing", async () => {
    const file = join(directory, "orders.csv");
    writeFileSync(file, orders(2_000));
    const before = await balance("HDFC/customer-1");
    const sending = sabha("submit", file, "--home", home("SBI"), "--chunk", "100", "--json");
    process.kill(pidOf("AXIS"), "SIGKILL");
    const sent = await sending;
    expect(JSON.parse(sent.out)).toMatchObject({
      rows: 2_000,
      posted: 2_000,
      existing: 0,
      postedSum: { INR: "2500.00" },
    });
    const again = await sabha("submit", file, "--home", home("SBI"), "--json");
    expect(again.exitCode).toBe(0);
    expect(JSON.parse(again.out)).toMatchObject({ rows: 2_000, posted: 0, existing: 2_000 });
    expect((await balance("HDFC/customer-1")) - before).toBe(250_000n);
  });

  test("devnet status names the killed node and devnet up brings it back alone", async () => {
    const others = ["SBI", "HDFC", "ICICI"].map(pidOf);
    const status = await sabha("devnet", "status", "--dir", network);
    expect(status).toMatchObject({ exitCode: 1, err: "sabha: not ready: AXIS\n" });
    expect(await sabha("devnet", "up", "--dir", network)).toMatchObject({ exitCode: 0, err: "" });
    expect(["SBI", "HDFC", "ICICI"].map(pidOf)).toEqual(others);
  });

  test("attack 52: a second process on one home, and checking its store, are refused with exit code 3", async () => {
    for (const words of [["node"], ["store", "verify"]]) {
      const second = await sabha(...words, "--home", home("SBI"));
      expect(second).toMatchObject({ exitCode: 3, err: expect.stringContaining("in use by another process") });
      expect(second.err).not.toMatch(/\n\s+at /u);
    }
  });

  test("attack 91: under load nothing that a node shows or logs holds a secret", async () => {
    const file = join(directory, "load.csv");
    writeFileSync(file, orders(1_000).replaceAll("E-", "L-"));
    const sending = sabha("submit", file, "--home", home("SBI"), "--chunk", "50", "--json");
    const shown: string[] = [];
    const ports = [1, 3, 5, 7].map((offset) => basePort + offset);
    const methods = ["chain_getStatus", "consensus_getStatus", "consensus_getEvidence", "net_getPeers", "rpc.discover"];
    let isSending = true;
    void sending.finally(() => {
      isSending = false;
    });
    for (let round = 0; round < 3 || isSending; round += 1) {
      for (const port of ports) {
        const url = `http://127.0.0.1:${port}`;
        const answers = await Promise.all([
          ...methods.map((method) =>
            fetch(url, {
              method: "POST",
              headers: { "content-type": "application/json" },
              body: JSON.stringify({ jsonrpc: "2.0", id: 1, method }),
            }),
          ),
          ...["/metrics", "/healthz", "/readyz"].map((path) => fetch(`${url}${path}`)),
        ]);
        for (const answer of answers) {
          const text = await answer.text();
          expect(answer.status, text).toBe(200);
          shown.push(text);
        }
      }
    }
    expect((await sending).exitCode).toBe(0);
    const names = ["SBI", "HDFC", "ICICI", "AXIS"];
    for (const name of names) shown.push(readFileSync(join(home(name), "node.log"), "utf8"));
    const everything = shown.join("\n");
    expect(everything).toContain('"finalizedHeight"');
    for (const name of names) {
      for (const [secret, of] of secretsOf(home(name))) {
        expect(everything.includes(secret), `${of} of ${name}`).toBe(false);
      }
    }
  });

  test("a wrong token is refused with exit code 2", async () => {
    const token = join(directory, "token");
    writeFileSync(token, "sabha_submit_wrong\n");
    const words = ["transfer", "--rpc", `http://127.0.0.1:${basePort + 1}`, "--token-file", token];
    const ran = await sabha(...words, "--from", "SBI/customer-1", "--to", "SBI/customer-2", "--amount", "1");
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining("token") });
  });

  test("devnet down stops every node cleanly, and their stores hold", async () => {
    const pids = ["SBI", "HDFC", "ICICI", "AXIS"].map(pidOf);
    const down = await sabha("devnet", "down", "--dir", network, "--json");
    expect(JSON.parse(down.out)).toMatchObject(pids.map(() => ({ result: "stopped" })));
    for (const name of ["SBI", "AXIS"]) {
      const verified = await sabha("store", "verify", "--home", home(name), "--json");
      expect(JSON.parse(verified.out)).toMatchObject({ ok: true, faultCount: 0 });
    }
    expect(await sabha("devnet", "down", "--dir", network)).toMatchObject({ exitCode: 0 });
  });

  test("a busy port, a wrong key file and a truncated genesis give exit code 3 and one sentence", async () => {
    const port = basePort + 1;
    const server = (await listening(port)) as Server;
    const busy = await sabha("node", "--home", home("SBI"));
    expect(busy).toMatchObject({ exitCode: 3, err: expect.stringContaining(`port ${port}`) });
    await closed(server);

    const key = join(home("HDFC"), "keys", "consensus.key");
    writeFileSync(key, readFileSync(join(home("AXIS"), "keys", "consensus.key")));
    const wrongKey = await sabha("node", "--home", home("HDFC"));
    expect(wrongKey).toMatchObject({ exitCode: 3, err: expect.stringContaining("consensus.key is the wrong key") });

    const genesis = join(home("ICICI"), "genesis.json");
    writeFileSync(genesis, readFileSync(genesis).subarray(0, 1_000));
    const truncated = await sabha("node", "--home", home("ICICI"));
    expect(truncated).toMatchObject({ exitCode: 3, err: expect.stringContaining("not complete JSON") });
    for (const { err } of [busy, wrongKey, truncated]) expect(err).not.toMatch(/\n\s+at /u);
  });

  test("a node in the foreground ends with exit code 0 on SIGTERM", async () => {
    const node: ChildProcess = spawn(process.execPath, [
      "--import",
      "tsx",
      "src/cli/main.ts",
      "node",
      "--home",
      home("SBI"),
    ]);
    let err = "";
    node.stderr?.on("data", (chunk: Buffer) => {
      err += chunk.toString("utf8");
    });
    node.stdout?.on("data", (chunk: Buffer) => {
      if (chunk.toString("utf8").includes("node started")) node.kill("SIGTERM");
    });
    const [exitCode] = (await once(node, "close")) as [number | null];
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
  });
});

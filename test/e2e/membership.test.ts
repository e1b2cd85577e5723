import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientKey, Governor, newTransferId, SabhaClient } from "../../src/client/index.js";
import { verifyReceipt } from "../../src/client/proofs.js";
import { sha256 } from "../../src/crypto/index.js";
import { accountIdFromName, type CanonicalJson, canonicalJson } from "../../src/formats/index.js";
import { createKey, passphraseOf, readHome, readOperationKey } from "../../src/node/index.js";
import type { Id128 } from "../../src/primitives/index.js";
import { openStore } from "../../src/storage/index.js";
import { LocalNetwork } from "../../tools/local-network.js";
import { freePorts, until } from "../fixtures/command-line.js";
import { SteadyPayments } from "../fixtures/steady-payments.js";
import { sabha } from "../unit/cli/terminal-recorder.js";

const FIRST = ["SBI", "HDFC", "ICICI", "AXIS"];
const NEWCOMERS = ["YES", "PNB", "KOTAK"];
const BANKS = [...FIRST, ...NEWCOMERS];
const LAST = ["SBI", "HDFC", "ICICI", "YES", "PNB"];
/** The command line as `npm run build` leaves it. */
const NODE = ["dist/src/cli/main.js", "node"];
/** What genesis puts on each sample customer's account, in minor units. */
const FUNDED = 100_000_000n;

const directory = mkdtempSync(join(tmpdir(), "sabha-membership-"));
const network = new LocalNetwork(join(directory, "network"));
const home = (name: string): string => join(network.directory, name);
const genesisFile = join(network.directory, "genesis.json");
const clients = new Map<string, SabhaClient>();
let payments: SteadyPayments;

const client = (name: string): SabhaClient => clients.get(name) as SabhaClient;

async function start(...names: readonly string[]): Promise<void> {
  for (const name of names) network.launch(name, NODE);
  await Promise.all(names.map((name) => network.untilReady(name)));
}

function keyOf(name: string): ClientKey {
  const opened = readHome(home(name));
  const { publicKey, secretKey } = readOperationKey(opened, passphraseOf(opened));
  return { participant: opened.participant.number, chainId: opened.chainId, publicKey, secretKey };
}

/** A bank of genesis gets the keys of a validator, ports of its own and a card. */
async function makeCandidate(name: string, port: number): Promise<void> {
  createKey(home(name), { purpose: "consensus", participant: name, algorithm: "bls12381" }, undefined);
  createKey(home(name), { purpose: "network", participant: name, algorithm: "ed25519" }, undefined);
  const path = join(home(name), "config.yaml");
  const text = readFileSync(path, "utf8")
    .replace(/listen: .*/u, `listen: /ip4/127.0.0.1/tcp/${port}`)
    .replace(/port: \d+/u, `port: ${port + 1}`);
  writeFileSync(path, text);
  await run("genesis", "card", "--home", home(name), "--out", cardOf(name));
}

const cardOf = (name: string): string => join(directory, `${name}.card.json`);

/** A command that has to succeed. */
async function run(...words: readonly string[]): Promise<string> {
  const ran = await sabha(...words);
  expect(ran, ran.err).toMatchObject({ exitCode: 0 });
  return ran.out;
}

const propose = async (...words: readonly string[]): Promise<Id128> => {
  const out = await run("governance", "propose", "validators", ...words, "--home", home("SBI"), "--json");
  return (JSON.parse(out) as { readonly id: Id128 }).id;
};

/** Each signs for itself and asks another's node, so that its own may be down. */
const vote = (proposalId: Id128, voters: readonly string[]): Promise<unknown> =>
  Promise.all(
    voters.map(async (name) => {
      const key = keyOf(name);
      const ballot = { id: newTransferId(key.participant), proposalId, choice: "yes", runs: 1 } as const;
      const answer = await new Governor(client("SBI"), key).vote(ballot, { waitFor: "final", timeoutMs: 60_000 });
      expect(answer.result, name).toMatch(/^(?:applied|proposal_not_open)$/u);
    }),
  );

const stateOf = async (id: Id128): Promise<string | undefined> =>
  (await new Governor(client("SBI")).proposals({ ids: [id] })).proposals[0]?.state;

/** As an operator does: again where the node still catches up. */
const sayReady = (name: string, id: Id128): Promise<void> =>
  until(async () => {
    const said = await sabha("governance", "ready", id, "--home", home(name), "--rpc", network.url(name));
    return said.exitCode === 0;
  });

/** Every one of these validates in this epoch, and knows it. */
const untilValidating = (epoch: number, names: readonly string[]): Promise<void> =>
  until(async () => {
    const seen = await Promise.all(
      names.map((name) =>
        client(name)
          .getConsensusStatus()
          .catch(() => undefined),
      ),
    );
    return seen.every((status) => status?.epoch === epoch && status.validators.some(({ isSelf }) => isSelf));
  });

const untilPaid = (more: number): Promise<void> => {
  const from = payments.final.size;
  return until(async () => payments.final.size >= from + more);
};

async function takeReceipt(id: string, from: string): Promise<Uint8Array> {
  const receipt = await client(from).getReceipt(id, { timeoutMs: 30_000 });
  return new TextEncoder().encode(canonicalJson(receipt as CanonicalJson));
}

beforeAll(async () => {
  const basePort = await freePorts(2 * BANKS.length, 20_005 + 2 * ((process.pid * 13) % 5_000));
  const words = ["--banks", BANKS.join(), "--validators", FIRST.join(), "--base-port", String(basePort)];
  await run("genesis", "network", ...words, "--out", network.directory);
  await Promise.all(NEWCOMERS.map((name, index) => makeCandidate(name, basePort + 2 * (FIRST.length + index))));
  for (const name of BANKS) clients.set(name, new SabhaClient({ url: network.url(name) }));
  await start(...FIRST);
  const payers = ["SBI", "HDFC", "YES", "AXIS"].map((name) => {
    const key = keyOf(name);
    return { key, accountId: accountIdFromName(sha256, key.participant, "customer-1") };
  });
  payments = new SteadyPayments(
    payers,
    BANKS.map((name) => network.url(name)),
  );
  payments.start();
});
afterAll(async () => {
  await payments.stop();
  for (const one of clients.values()) await one.close();
  await network.stopAll();
  rmSync(directory, { recursive: true, force: true });
});

// One story, under payments that never pause: each test begins where the one before it ended.
describe("4 → 7 → 5 validators under load", () => {
  let early: string;
  let earlyReceipt: Uint8Array;
  let proposal: Id128;

  test("LEDG-48: three newcomers follow, and what has passed waits until each has said that it is ready", async () => {
    await untilPaid(10);
    [early] = [...payments.final.keys()] as [string];
    earlyReceipt = await takeReceipt(early, "HDFC");
    proposal = await propose("--add", ...NEWCOMERS.map(cardOf));
    await start(...NEWCOMERS);
    await vote(proposal, ["SBI", "HDFC", "ICICI"]);
    await until(async () => (await stateOf(proposal)) === "passed");
    const foreign = await sabha("governance", "ready", proposal, "--home", home("YES"), "--rpc", network.url("SBI"));
    expect(foreign).toMatchObject({ exitCode: 2, err: expect.stringContaining("another bank's node") });
    await Promise.all(["YES", "PNB"].map((name) => sayReady(name, proposal)));
    await untilPaid(10);
    expect(await stateOf(proposal)).toBe("passed");
    expect((await client("SBI").getConsensusStatus()).epoch).toBe(0);
  });

  test("EPOCH-4: 4 → 7 in one ballot with a validator dead at the switch, which comes back into the new epoch", async () => {
    await network.kill("ICICI");
    await sayReady("KOTAK", proposal);
    await untilValidating(
      1,
      BANKS.filter((name) => name !== "ICICI"),
    );
    expect(await stateOf(proposal)).toBe("activated");
    await untilPaid(10);
    await start("ICICI");
    await untilValidating(1, BANKS);
    expect(await client("ICICI").getConsensusStatus()).toMatchObject({ quorum: 5, faultsTolerated: 2 });
  });

  test("LEDG-44: 7 → 5 survives fewer faults, and is refused where it does not say so", async () => {
    await network.kill("HDFC");
    const renewed = join(directory, "renewed");
    await run("genesis", "keys", "--home", renewed, "--participant", "HDFC");
    const [address] = readHome(home("HDFC")).genesis.validators[1]?.addresses ?? [];
    await run("genesis", "card", "--home", renewed, "--address", address ?? "", "--out", cardOf("HDFC"));
    const change = ["--add", cardOf("HDFC"), "--remove", "AXIS", "KOTAK"];
    const refused = await sabha("governance", "propose", "validators", ...change, "--home", home("SBI"));
    expect(refused).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("survive 1 faults, where 7 survived 2"),
    });
    proposal = await propose(...change, "--accept-faults");
  });

  test("EPOCH-4, SAFE-11: the switch to 5 gives a bank whose node is down another key, with which it votes again", async () => {
    await vote(proposal, ["SBI", "ICICI", "AXIS", "YES", "PNB"]);
    await untilValidating(
      2,
      LAST.filter((name) => name !== "HDFC"),
    );
    await untilPaid(10);
    for (const file of ["consensus.key", "network.key"])
      copyFileSync(join(directory, "renewed", "keys", file), join(home("HDFC"), "keys", file));
    await start("HDFC");
    await untilValidating(2, LAST);
    // Four of five have to agree, so that without another one HDFC's new key is needed.
    await network.kill("SBI");
    await untilPaid(10);
    await start("SBI");
  });

  test("EPOCH-4: who left knows that it has, and signs nothing of the new epoch", async () => {
    for (const name of ["AXIS", "KOTAK"]) {
      await until(async () => (await client(name).getConsensusStatus()).epoch === 2);
      const { validators } = await client(name).getConsensusStatus();
      expect(validators.map((validator) => validator.name).sort()).toEqual([...LAST].sort());
      // Nobody lets it in any more, so that it no longer knows what is the latest.
      await until(async () => !(await fetch(`${network.url(name)}/readyz`)).ok);
      await network.stop(name);
      const store = await openStore({ path: join(home(name), "data"), chainId: readHome(home(name)).chainId });
      const { record } = store.load();
      await store.close();
      expect(record?.epoch).toBe(1);
    }
  });

  test("no payment is lost or made twice, and all validators have the same books", async () => {
    await payments.stop();
    expect(payments.final.size).toBe(payments.submitted.length);
    // Nodes were away, so that payments were tried again under their ids.
    expect(payments.attempts).toBeGreaterThan(payments.submitted.length);
    expect(new Set(payments.final.values())).toEqual(new Set(["posted"]));
    const { height } = await client("PNB").getStatus();
    await until(async () => {
      const seen = await Promise.all(LAST.map((name) => client(name).getStatus()));
      return seen.every(({ executedHeight }) => executedHeight >= height);
    });
    const results = await Promise.all(LAST.map((name) => client(name).getResult(height)));
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    const balances = new Map<string, bigint>();
    for (const { debitAccountId, creditAccountId, amount } of payments.submitted) {
      balances.set(debitAccountId, (balances.get(debitAccountId) ?? FUNDED) - amount);
      balances.set(creditAccountId, (balances.get(creditAccountId) ?? FUNDED) + amount);
    }
    const ids = payments.submitted.map(({ id }) => id);
    for (const name of LAST) {
      for (let from = 0; from < ids.length; from += 500) {
        const found = await client(name).getTransfers(ids.slice(from, from + 500));
        expect(found.filter((transfer) => transfer?.result !== "posted")).toEqual([]);
      }
      const accounts = await client(name).getAccounts([...balances.keys()]);
      for (const account of accounts) {
        const balance = BigInt(account?.creditsPosted ?? 0) - BigInt(account?.debitsPosted ?? 0);
        expect(balance, account?.id).toBe(balances.get(account?.id ?? ""));
      }
    }
  });

  test("EPOCH-6: receipts of the first epoch and of the last verify with the genesis file alone", async () => {
    const genesis = readFileSync(genesisFile);
    const last = payments.submitted.at(-1)?.id as string;
    for (const [id, receipt, epochs] of [
      [early, earlyReceipt, 0],
      [early, await takeReceipt(early, "PNB"), undefined],
      [last, await takeReceipt(last, "HDFC"), 2],
    ] as const) {
      const verified = verifyReceipt(genesis, receipt);
      expect(verified).toMatchObject({ ok: true, proven: { id } });
      const { certified } = JSON.parse(new TextDecoder().decode(receipt)) as {
        readonly certified: { readonly epochs?: readonly object[] };
      };
      if (epochs !== undefined) expect(certified.epochs ?? []).toHaveLength(epochs);
    }
    const file = join(directory, "early.json");
    writeFileSync(file, earlyReceipt);
    expect(await run("receipt", "verify", file, "--genesis", genesisFile)).toContain("posted");
  });
});

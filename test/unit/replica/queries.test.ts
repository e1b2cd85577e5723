import { beforeAll, describe, expect, test } from "vitest";
import { sha256, verification } from "../../../src/crypto/index.js";
import {
  BATCH_HEADER_BYTES,
  blockHash,
  type CanonicalJson,
  canonicalJson,
  decodeTransfer,
  isSuccess,
  readHeader,
  resultCode,
  verifyBalanceProof,
  verifyCertificate,
  verifyReceipt,
  ZERO_ID,
} from "../../../src/formats/index.js";
import { outcomeAt, outcomeCount } from "../../../src/ledger/index.js";
import {
  type Digest,
  decode,
  type Height,
  type Id128,
  type ParticipantNumber,
  RECORD_BYTES,
  utf8,
} from "../../../src/primitives/index.js";
import { Queries, type Replica, type TransferView } from "../../../src/replica/index.js";
import { type Simulation, simulate } from "../../../src/simulator/index.js";

/** A consortium that has worked for a while; everything below reads from one of its replicas. */
let simulation: Simulation;
let queries: Queries;
let replica: Replica;
let genesisBytes: Uint8Array;
/** Every outcome of every block, read without the code under test. */
let all: {
  readonly place: string;
  readonly transfer: boolean;
  readonly accounts: readonly Id128[];
  readonly participant: number;
}[];

/** Everything is final, executed and written. */
function settle(): void {
  expect(simulation.settle(60_000), simulation.summary()).toBe(true);
  simulation.runFor(2_000);
}

const settlementOf = (bank: number): Id128 => simulation.consortium.banks[bank]?.settlement as Id128;

beforeAll(() => {
  simulation = simulate({ seed: 11, validators: 4 });
  simulation.load(25, 12_000);
  simulation.runFor(12_000);
  settle();
  const { genesis, chainId, set } = simulation.consortium;
  genesisBytes = utf8(canonicalJson(genesis as unknown as CanonicalJson));
  const node = simulation.nodes[0];
  replica = node?.replica as Replica;
  const store = node?.store as NonNullable<typeof node>["store"];
  queries = new Queries({
    ...{ replica, store, genesis, genesisBytes, chainId, set },
    participant: 1 as ParticipantNumber,
    version: "1",
  });
  // A checkpoint is proven by a header a few blocks above it, and an idle simulated network makes none.
  for (let blocks = 0; queries.balanceProof(settlementOf(0)).type !== "proven" && blocks < 16; blocks += 1) {
    simulation.progress({ heights: 1, limitMs: 10_000 });
    settle();
  }
  all = [];
  const pendings = new Map<Id128, readonly Id128[]>();
  for (let height = 1; height <= replica.executedHeight(); height += 1) {
    const blob = store.outcomes(height as Height) as Uint8Array;
    const body = queries.block(height as Height)?.batches ?? [];
    for (let index = 0; index < outcomeCount(blob); index += 1) {
      const outcome = outcomeAt(blob, index, (batch) => store.batch(body[batch]?.digest as Digest) as Uint8Array);
      if (outcome === undefined) throw new Error("an outcome is missing");
      const { id, debitAccountId, creditAccountId, pendingId } = decodeTransfer(outcome.record);
      const isTransfer = outcome.subject === "transfer" || outcome.subject === "expiry";
      const named = debitAccountId === ZERO_ID ? (pendings.get(pendingId) ?? []) : [debitAccountId, creditAccountId];
      if (outcome.subject === "transfer") pendings.set(id, named);
      const isLinked = isTransfer && isSuccess(outcome.code);
      all.push({
        place: `${height}:${index}`,
        transfer: outcome.subject === "transfer",
        accounts: isLinked ? named : [],
        participant: outcome.participant,
      });
    }
  }
});

const pages = (
  query: { readonly accountId?: Id128; readonly participant?: ParticipantNumber },
  limit: number,
): TransferView[] => {
  const items: TransferView[] = [];
  for (let cursor: string | undefined, more = true; more; ) {
    const page = queries.listTransfers({ ...query, limit, ...(cursor === undefined ? {} : { cursor }) });
    if (!page.ok) throw new Error(page.fault);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    cursor = page.cursor;
    more = cursor !== undefined;
  }
  return items;
};

const placesOf = (transfers: readonly TransferView[]): string[] =>
  transfers.map(({ height, index }) => `${height}:${index}`);
const expected = (wanted: (entry: (typeof all)[number]) => boolean): string[] =>
  all
    .filter((entry) => entry.transfer && wanted(entry))
    .map((entry) => entry.place)
    .reverse();

describe("listings", () => {
  test("there is enough to list", () => {
    expect(all.length).toBeGreaterThan(300);
  });

  test.each([1, 7, 500])("all transfers, newest first, %i a page", (limit) => {
    expect(placesOf(pages({}, limit))).toEqual(expected(() => true));
  });

  test.each([1, 2, 3, 4])("the transfers that bank %i submitted", (number) => {
    const participant = number as ParticipantNumber;
    expect(placesOf(pages({ participant }, 9))).toEqual(expected((entry) => entry.participant === number));
  });

  test("the transfers that touched an account, posts of pending ones included", () => {
    for (const { customers, clearing } of simulation.consortium.banks) {
      for (const accountId of [...customers, clearing]) {
        expect(placesOf(pages({ accountId }, 5))).toEqual(expected((entry) => entry.accounts.includes(accountId)));
      }
    }
  });

  test("a cursor from elsewhere is refused", () => {
    const accountId = simulation.consortium.banks[0]?.customers[0] as Id128;
    const foreign = all.find(
      (entry) => entry.transfer && entry.accounts.length > 0 && !entry.accounts.includes(accountId),
    );
    for (const cursor of ["x", "1", "1:x", "999999:0", foreign?.place as string]) {
      expect(queries.listTransfers({ accountId, cursor, limit: 5 })).toEqual({ ok: false, fault: "bad_cursor" });
    }
  });

  test("accounts page by page are the accounts at once, participant by participant", () => {
    const whole = queries.listAccounts({ limit: 500 });
    const items = [];
    for (let cursor: string | undefined, more = true; more; ) {
      const page = queries.listAccounts({ limit: 3, ...(cursor === undefined ? {} : { cursor }) });
      if (!page.ok) throw new Error(page.fault);
      items.push(...page.items);
      cursor = page.cursor;
      more = cursor !== undefined;
    }
    expect(whole).toEqual({ ok: true, items });
    expect(items.length).toBeGreaterThanOrEqual(simulation.consortium.genesis.accounts.length);
    const own = queries.listAccounts({ participant: 2 as ParticipantNumber, limit: 500 });
    expect(own.ok && own.items).toEqual(items.filter((account) => account.owner === 2));
    expect(queries.listAccounts({ cursor: "77:0", limit: 5 })).toEqual({ ok: false, fault: "bad_cursor" });
  });
});

describe("transfers", () => {
  test("each is found by its id, with its result and its place", () => {
    for (const transfer of pages({}, 500).slice(0, 100)) {
      expect(queries.transfers([transfer.id])).toEqual([transfer]);
    }
    expect(queries.transfers(["f".repeat(32) as Id128])).toEqual([undefined]);
  });

  test("a reserved transfer tells how it ended, and where", () => {
    const reserved = pages({}, 500).filter((transfer) => transfer.result === "reserved");
    const states = new Set(reserved.map((transfer) => transfer.pendingState));
    expect(states).toEqual(new Set(["pending", "posted", "voided", "expired"]));
    for (const { pendingState, resolution } of reserved) {
      expect(resolution === undefined).toBe(pendingState === "pending");
    }
  });

  test("outcomes of a block come in ranges that add up", () => {
    const height = Number(all[all.length - 1]?.place.split(":")[0]) as Height;
    const whole = queries.outcomes(height, { from: 0, limit: 10_000 });
    const parts = Array.from({ length: whole?.count ?? 0 }, (_, from) => queries.outcomes(height, { from, limit: 1 }));
    expect(parts.flatMap((part) => part?.items ?? [])).toEqual(whole?.items);
    expect(queries.outcomes((replica.executedHeight() + 1) as Height, { from: 0, limit: 1 })).toBeUndefined();
  });

  test("a batch that was ordered long ago has the codes that it got", () => {
    for (let height = 1; height <= replica.executedHeight(); height += 1) {
      const block = queries.block(height as Height);
      const outcomes = queries.outcomes(height as Height, { from: 0, limit: 10_000 })?.items ?? [];
      const results = new Map(
        outcomes.flatMap((outcome) =>
          outcome.type === "transfer" ? [[outcome.transfer.id, outcome.transfer.result]] : [],
        ),
      );
      for (const { digest, content } of block?.batches ?? []) {
        if (content?.kind !== "create_transfers") continue;
        const codes = queries.codesOf(digest, height as Height) ?? [];
        expect(codes.length).toBe(content.count);
        for (const [index, code] of codes.entries()) {
          const { id } = decodeTransfer(content.bytes, BATCH_HEADER_BYTES + index * RECORD_BYTES);
          expect(resultCode(code)?.name).toEqual(
            results.get(id) ?? expect.stringMatching(/^(?:exists|id_already|not_auth)/),
          );
        }
      }
    }
    expect(queries.codesOf("0".repeat(64) as Digest, 1 as Height)).toBeUndefined();
  });
});

describe("proofs", () => {
  test("attack 94: every receipt verifies from the genesis file alone", () => {
    let proven = 0;
    for (const transfer of pages({}, 500).filter((_, index) => index % 7 === 0)) {
      const answer = queries.receipt(transfer.id);
      if (answer.type !== "proven") throw new Error(`${transfer.height}:${transfer.index} is ${answer.type}`);
      const verified = verifyReceipt(genesisBytes, utf8(canonicalJson(answer.proof)), verification);
      expect(verified).toMatchObject({ ok: true, proven: { id: transfer.id } });
      proven += 1;
    }
    expect(proven).toBeGreaterThan(20);
    expect(queries.receipt("f".repeat(32) as Id128)).toEqual({ type: "unknown" });
  });

  test("an expired transfer's receipt tells of the expiry", () => {
    const expired = pages({}, 500).find((transfer) => transfer.pendingState === "expired") as TransferView;
    const answer = queries.receipt(expired.id);
    const bytes = answer.type === "proven" ? utf8(canonicalJson(answer.proof)) : new Uint8Array();
    expect(verifyReceipt(genesisBytes, bytes, verification)).toMatchObject({
      ok: true,
      proven: { id: expired.id, outcome: { kind: "resolution" } },
    });
  });

  test("balance proofs verify at the newest checkpoint", () => {
    for (const { customers, settlement } of simulation.consortium.banks) {
      for (const id of [...customers, settlement]) {
        const answer = queries.balanceProof(id);
        if (answer.type !== "proven") throw new Error(answer.type);
        const verified = verifyBalanceProof(genesisBytes, utf8(canonicalJson(answer.proof)), verification);
        expect(verified).toMatchObject({ ok: true, proven: { height: replica.ledger.stateHeight } });
      }
    }
    expect(queries.balanceProof("f".repeat(32) as Id128)).toEqual({ type: "unknown" });
    expect(queries.balanceProof(settlementOf(0), 1 as Height)).toEqual({ type: "unknown" });
  });

  test("finality is a commit pair and headers linked by hash", () => {
    const { chainId, set } = simulation.consortium;
    const verifier = verification.scheme("keyed-hash").verifiers(set.members.map((member) => member.publicKey));
    for (let height = 1; height <= replica.head().height; height += 1) {
      const finality = queries.finality(height as Height);
      if (finality === undefined) throw new Error(`no finality of ${height}`);
      const { prepare, commit } = finality.proof;
      for (const certificate of [prepare, commit]) {
        expect(verifyCertificate(certificate, { chainId, set, verifier })).toBe(true);
      }
      let want: Digest = commit.hash;
      for (const bytes of finality.headers) {
        expect(blockHash(sha256, bytes)).toBe(want);
        const header = decode(bytes, readHeader);
        want = (header.ok ? header.value.parentHash : "") as Digest;
      }
      expect(blockHash(sha256, finality.headers[finality.headers.length - 1] as Uint8Array)).toBe(finality.hash);
      expect(finality.hash).toBe(queries.block(height as Height)?.hash);
    }
    expect(queries.finality((replica.head().height + 1) as Height)).toBeUndefined();
  });
});

describe("status", () => {
  test("names the newest block, and the roots up to what is executed", () => {
    expect(queries.ready()).toEqual({ ready: true });
    expect(queries.status()).toMatchObject({
      height: replica.head().height,
      executedHeight: replica.executedHeight(),
      finalizedHash: queries.block(replica.head().height)?.hash,
      stateHeight: replica.ledger.stateHeight,
      stateRoot: replica.ledger.stateRoot,
      syncing: false,
      diverged: false,
    });
    expect(queries.block(queries.status().finalizedHash)).toEqual(queries.block(replica.head().height));
    expect(queries.block(0 as Height)).toBeUndefined();
  });

  test("a network without a quorum says which banks are missing", () => {
    expect(queries.consensusStatus()).toMatchObject({ quorum: 3, faultsTolerated: 1, quorumMargin: 1 });
    expect(queries.consensusStatus().halt).toBeUndefined();
    for (const index of [2, 3]) simulation.nodes[index]?.crash();
    simulation.submit(simulation.nodes[0]);
    simulation.runFor(60_000);
    const status = queries.consensusStatus();
    expect(status.halt?.missing).toEqual(["bank-3", "bank-4"]);
    expect(status.quorumMargin).toBe(-1);
  });
});

test("a node that does not know yet where the others are says that it is catching up: its height may lie below an earlier one", () => {
  const alone = simulate({ seed: 12, validators: 4 });
  const { genesis, chainId, set } = alone.consortium;
  const node = alone.nodes[0] as NonNullable<(typeof alone.nodes)[0]>;
  for (const each of alone.nodes) each.crash();
  node.start();
  alone.runFor(50);
  const status = new Queries({
    replica: node.replica as Replica,
    store: node.store,
    ...{ genesis, genesisBytes, chainId, set, participant: 1 as ParticipantNumber, version: "test" },
  }).status();
  expect(node.replica?.readiness()).toEqual({ state: "starting" });
  expect(status).toMatchObject({ syncing: true, executedHeight: 0 });
});

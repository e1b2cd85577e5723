import { certificateScheme, ed25519, type KeyPair, sha256 } from "../../crypto/index.js";
import {
  type BallotChoice,
  type CanonicalJson,
  canonicalJson,
  encodeBallot,
  encodeKeyChange,
  encodeProposal,
  type GenesisValidator,
  type ProposalKind,
  type Rulebook,
  ZERO_ID,
} from "../../formats/index.js";
import { type Height, type Id128, participantNumber, toHex, utf8 } from "../../primitives/index.js";
import { NET_RAIL, type SimulatedBank } from "../consortium.js";
import type { Random } from "../random.js";
import { type Desk, type Draw, type FollowUp, type Signer, type WorkItem } from "./desk.js";

/** What is put to the vote, by whom, and from when on. */
interface Draft {
  readonly kind: ProposalKind;
  readonly content: object;
  readonly by?: Signer;
  readonly effectiveHeight?: number;
  readonly votingSeconds?: number;
}

/** The newest protocol version that the banks' nodes execute. */
const RUNS = 1;
/** Keys that a bank can take up, one after the other. */
const SPARE_KEYS = 3;

/** A proposal, and in most cases the ballots of all banks after it; now and then two banks propose the same. */
export function propose(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const isSound = random.chance(0.6);
  const draft = random.pick(isSound ? SOUND : UNSOUND)(desk, random);
  if (isSound && random.chance(0.3)) desk.follow((next) => put(desk, draft, next));
  return put(desk, draft, draw);
}

function put(desk: Desk, { kind, content, by, effectiveHeight, votingSeconds = 0 }: Draft, draw: Draw): WorkItem {
  const { random } = draw;
  const proposer = by ?? (random.chance(0.4) ? desk.consortium.authority : random.pick(desk.banks));
  const id = desk.newId(proposer, random);
  const records = encodeProposal(sha256, {
    id,
    kind,
    acceptFaults: false,
    effectiveHeight: (effectiveHeight ?? (random.chance(0.7) ? 0 : random.integer(1, 80))) as Height,
    votingSeconds,
    content: utf8(canonicalJson(content as CanonicalJson)),
  });
  desk.proposed.add(id);
  // A version that no node runs must not pass.
  const isRefused = kind === "version" || random.chance(0.15);
  desk.follow(...ballots(desk, id, isRefused ? "no" : "yes"));
  if (kind === "version") desk.follow((next) => ballot(desk, random.pick(desk.banks), { id, choice: "yes" }, next));
  return desk.sign("govern", { by: proposer, records: [records], draw });
}

const ballots = (desk: Desk, id: Id128, choice: BallotChoice): FollowUp[] =>
  desk.banks.map((bank) => (next) => ballot(desk, bank, { id, choice }, next));

/** A ballot by itself: on something that is over, on nothing, another choice than before, or nobody's to cast. */
export function lateBallot(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const by = random.chance(0.1) ? desk.consortium.authority : random.pick(desk.banks);
  const id = (random.chance(0.8) ? desk.proposed.pick(random) : undefined) ?? desk.newId(by, random);
  return ballot(desk, by, { id, choice: random.chance(0.5) ? "yes" : "no" }, draw);
}

function ballot(
  desk: Desk,
  by: Signer,
  { id: proposalId, choice }: { readonly id: Id128; readonly choice: BallotChoice },
  draw: Draw,
): WorkItem {
  const record = encodeBallot({ id: desk.newId(by, draw.random), proposalId, choice, runs: RUNS });
  return desk.sign("govern", { by, records: [record], draw });
}

/** A bank takes up another key, works with it, and gives it up; some do so twice, or with keys that are not theirs. */
export function rotateKey(desk: Desk, draw: Draw): WorkItem {
  const { random } = draw;
  const bank = random.pick(desk.banks);
  const spare = spareKey(bank, random.integer(1, SPARE_KEYS));
  const scopes = random.pick([["submit"], ["submit", "approve"], ["govern"]] as const);
  const work: FollowUp = (next) => inDoubt(desk, bank, spare, next);
  desk.follow(work, work, (next) => changeKey(desk, bank, { change: "revoke", key: spare, scopes: [] }, next), work);
  return changeKey(desk, bank, { change: "add", key: random.chance(0.9) ? spare : bank.approver, scopes }, draw);
}

interface KeyWish {
  readonly change: "add" | "revoke";
  readonly key: KeyPair;
  readonly scopes: readonly ("submit" | "approve" | "govern")[];
}

function changeKey(desk: Desk, bank: SimulatedBank, { change, key, scopes }: KeyWish, draw: Draw): WorkItem {
  const { random } = draw;
  const effectiveHeight = (random.chance(0.75) ? 0 : random.integer(1, 60)) as Height;
  const wanted = random.chance(0.05) ? random.bytes(32) : key.publicKey;
  const fields = { change, publicKey: toHex(wanted), scopes, effectiveHeight };
  const record = encodeKeyChange({ id: desk.newId(bank, random), ...fields });
  return desk.sign("govern", { by: bank, records: [record], draw });
}

/** Signed by a key that counts, or does not, or not any more. */
function inDoubt(desk: Desk, bank: SimulatedBank, keys: KeyPair, draw: Draw): WorkItem {
  const { random } = draw;
  const fields = {
    ...{ id: desk.newId(bank, random), debitAccountId: bank.clearing, creditAccountId: bank.customers[1] as Id128 },
    amount: String(random.integer(1, 500)),
  };
  const records = [desk.encode(bank, fields)];
  return { ...desk.sign("create_transfers", { by: { ...bank, keys }, records, draw }), isKeyInDoubt: true };
}

const spareKey = (bank: SimulatedBank, number: number): KeyPair =>
  ed25519.keysFromSeed(sha256(utf8(`spare ${bank.number} ${number}`)));

type Drafting = (desk: Desk, random: Random) => Draft;

/** A rulebook that differs a little from the first one; windows and phases of rails stay. */
const rulebook: Drafting = (desk, random) => {
  const { rulebook: now } = desk.consortium.genesis;
  const changes: Partial<Rulebook> = random.pick<Partial<Rulebook>>([
    {
      rails: now.rails.map((rail) =>
        rail.acceptance === true ? rail : { ...rail, fee: String(random.integer(0, 9)) },
      ),
    },
    { netDebitCapDefault: String(random.integer(5_000, 40_000)) },
    { netDebitCaps: [{ participant: participantNumber(2), asset: now.defaultAsset, cap: "9000" }] },
    { expiriesPerBlockMax: random.integer(1, 4) },
    { checkpointBlocks: random.pick([1, 3, 8]) },
    { participantCaps: { ...now.participantCaps, pendings: random.integer(6, 20), queued: random.integer(1, 6) } },
    { screening: (now.screening ?? []).slice(random.integer(0, 2)) },
    { rails: now.rails.map((rail) => (rail.number === NET_RAIL ? { ...rail, bankWindowMaximum: "9000" } : rail)) },
  ]);
  return { kind: "rulebook", content: { ...now, ...changes } };
};

const newcomer: Drafting = (_, random) => {
  const number = random.integer(1, 3);
  const { publicKey } = ed25519.keysFromSeed(sha256(utf8(`newcomer ${number}`)));
  const keys = [{ publicKey: toHex(publicKey), scopes: ["submit"] }];
  return {
    kind: "participant",
    content: { name: `newcomer-${number}`, role: random.pick(["bank", "observer"]), keys },
  };
};

/** Keys of a bank that has lost its own, as the authority says. */
const foreignKeys: Drafting = (desk, random) => {
  const bank = random.pick(desk.banks);
  const { publicKey } = spareKey(bank, random.integer(1, SPARE_KEYS));
  const add = random.chance(0.7) ? [{ publicKey: toHex(publicKey), scopes: ["submit"] }] : [];
  const revoke = random.chance(0.3) ? [toHex(spareKey(bank, random.integer(1, SPARE_KEYS)).publicKey)] : [];
  const by = random.chance(0.85) ? desk.consortium.authority : bank;
  return { kind: "keys", content: { participant: bank.number, add, revoke }, by };
};

const SOUND: readonly Drafting[] = [rulebook, rulebook, rulebook, newcomer, newcomer, foreignKeys, foreignKeys];

const version: Drafting = (_, random) => ({ kind: "version", content: { version: random.pick([1, 2, 2, 2]) } });

/** Sets that nobody may decide; where others than the first validators wait to be voted in, none that could be fit later. */
const wrongSet: Drafting = (desk, random) => {
  const { candidates, genesis } = desk.consortium;
  const [first, ...others] = candidates as [GenesisValidator, ...GenesisValidator[]];
  const scheme = certificateScheme(genesis.scheme);
  const { publicKey } = scheme.keysFromSeed(sha256(utf8("nobody")));
  const isClosed = candidates.length === genesis.validators.length;
  // Of seven or more, so many that they survive fewer faults.
  const isFewer = isClosed && candidates.length > 6 && random.chance(0.6);
  const wrong = random.pick([
    candidates.slice(0, 3),
    [{ ...first, consensusKey: toHex(publicKey) }, ...others.slice(0, 3)],
    // The same ones again.
    isClosed ? candidates : candidates.slice(0, 2),
  ]);
  return { kind: "validators", content: { validators: isFewer ? candidates.slice(0, 5) : wrong } };
};

const evidence: Drafting = (desk, random) => {
  const signature = "00".repeat(genesisSignatureBytes(desk));
  const votes = ["COMMIT", "PREPARE"].map((kind) => ({ kind, hash: toHex(random.bytes(32)), signature }));
  return { kind: "evidence", content: { participant: random.pick(desk.banks).number, epoch: 0, view: 3, votes } };
};

const genesisSignatureBytes = ({ consortium }: Desk): number => (consortium.genesis.scheme === "bls12381" ? 96 : 64);

const wrongRulebook: Drafting = (desk, random) => {
  const { rulebook: now } = desk.consortium.genesis;
  const wrong: Partial<Rulebook> = random.pick<Partial<Rulebook>>([
    { defaultRail: 77 },
    { rails: now.rails.filter(({ number }) => number !== NET_RAIL) },
    { assets: now.assets.slice(0, 1) },
    { netDebitCaps: [{ participant: desk.consortium.authority.number, asset: now.defaultAsset, cap: "1" }] },
    { rails: now.rails.map((rail) => ({ ...rail, minimum: "60000" })) },
  ]);
  return { kind: "rulebook", content: { ...now, ...wrong } };
};

const wrongKeys: Drafting = (desk, random) => {
  const bank = random.pick(desk.banks);
  const many = Array.from({ length: 16 }, (_, index) => ({
    publicKey: toHex(ed25519.keysFromSeed(sha256(utf8(`many ${index}`))).publicKey),
    scopes: ["submit"],
  }));
  const known = [{ publicKey: toHex(bank.keys.publicKey), scopes: ["submit"] }];
  const content = random.pick([
    { participant: bank.number, add: many, revoke: [] },
    { participant: bank.number, add: known, revoke: [] },
    { participant: bank.number, add: [], revoke: ["ab".repeat(32)] },
    { participant: 200, add: [], revoke: [] },
  ]);
  return { kind: "keys", content, by: desk.consortium.authority };
};

const wrongTime: Drafting = (desk, random) => ({
  ...rulebook(desk, random),
  ...random.pick([{ votingSeconds: 59 }, { votingSeconds: 601 }, { effectiveHeight: 1 }]),
});

const wrongRole: Drafting = (desk, random) => ({
  kind: "participant",
  content: {
    participant: random.chance(0.5) ? desk.consortium.authority.number : random.pick(desk.banks).number,
    role: "observer",
  },
});

const noContent: Drafting = (_, random) => ({
  kind: random.pick(["rulebook", "participant", "keys"] as const),
  content: { nothing: ZERO_ID },
});

const UNSOUND: readonly Drafting[] = [
  ...[
    version,
    version,
    wrongSet,
    wrongSet,
    evidence,
    wrongRulebook,
    wrongKeys,
    wrongKeys,
    wrongTime,
    wrongRole,
    noContent,
  ],
];

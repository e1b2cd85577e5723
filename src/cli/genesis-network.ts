import { existsSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import {
  type Assembled,
  assembleGenesis,
  type Card,
  makeCard,
  type NetworkMember,
  type NetworkRequest,
  planNetwork,
  sampleCustomers,
} from "../genesis/index.js";
import { addToken, createFile, createHome, installGenesis, type KeyAlgorithm, makeDirectory } from "../node/index.js";
import { CommandFailure, failWith } from "./failure.js";
import { readAccounts, readRulebook } from "./genesis-inputs.js";

/** What `sabha genesis network` was asked for. */
export interface NetworkOptions extends NetworkRequest {
  readonly out: string;
  readonly name: string;
  readonly scheme: KeyAlgorithm;
  readonly accounts?: string;
  readonly rulebook?: string;
  readonly settlementFunding: string;
  readonly reserveFunding?: string;
  readonly passphrase?: { readonly file: string; readonly text: string };
}

/** A network on the disk. */
export interface CreatedNetwork {
  readonly directory: string;
  readonly genesis: Extract<Assembled, { ok: true }>;
  readonly members: readonly NetworkMember[];
}

/**
 * Makes a whole consortium in a new directory: `genesis.json` and a home for each participant. It
 * appears at once when everything in it is good, or not at all.
 */
export function createNetwork(options: NetworkOptions): CreatedNetwork {
  const plan = planNetwork(options);
  if (!plan.ok) return failWith(2, "", plan.problems);
  const rulebook = readRulebook(options.rulebook);
  const customers = options.accounts === undefined ? sampleCustomers(options.banks) : readAccounts(options.accounts);
  const directory = resolve(options.out);
  refuseUsed(directory);
  makeDirectory(dirname(directory));
  const draft = mkdtempSync(join(dirname(directory), `.${basename(directory)}-`));
  try {
    const cards = plan.members.map((member) => createMember(draft, member, plan.members, options));
    const { name, scheme, settlementFunding, reserveFunding } = options;
    const reserves = reserveFunding === undefined ? {} : { reserveFunding };
    const genesis = assembleGenesis({ name, scheme, cards, rulebook, customers, settlementFunding, ...reserves });
    if (!genesis.ok) return failWith(1, options.accounts ?? "", genesis.problems);
    createFile({ path: join(draft, "genesis.json"), what: "the genesis file" }, genesis.bytes);
    for (const member of plan.members) installGenesis(join(draft, member.name), genesis.bytes);
    if (existsSync(directory)) rmdirSync(directory);
    renameSync(draft, directory);
    return { directory, genesis, members: plan.members };
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

function refuseUsed(directory: string): void {
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new CommandFailure(2, `${directory} is not empty; nothing in it is ever overwritten`);
  }
}

const rpcUrl = (port: number): string => `http://127.0.0.1:${port}`;

function createMember(
  draft: string,
  member: NetworkMember,
  members: readonly NetworkMember[],
  options: NetworkOptions,
): Card {
  const path = join(draft, member.name);
  const { ports, name: participant, role } = member;
  const host = members.find((other) => other.ports !== undefined)?.ports?.rpc;
  const keys = options.passphrase === undefined ? {} : { keys: { passphraseFile: options.passphrase.file } };
  const address = `/ip4/127.0.0.1/tcp/${ports?.p2p}`;
  const created = createHome({
    path,
    ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase.text }),
    ...(ports === undefined ? {} : { consensus: options.scheme }),
    config: {
      participant,
      ...keys,
      ...(ports === undefined
        ? { client: { rpcUrl: host === undefined ? "" : rpcUrl(host) } }
        : { p2p: { listen: address }, rpc: { port: ports.rpc } }),
    },
  });
  if (ports !== undefined) {
    const token = addToken(join(path, "keys", "tokens.json"), "submit", Date.now());
    createFile({ path: join(path, "keys", "submit.token"), what: "the submit token" }, `${token}\n`);
  }
  const validator =
    created.validator === undefined
      ? {}
      : { validator: { scheme: options.scheme, ...created.validator, addresses: [address] } };
  return makeCard({ participant, role, created: Date.now(), operation: created.operation, ...validator });
}

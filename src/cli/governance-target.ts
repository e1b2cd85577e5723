import {
  type ClientKey,
  Governor,
  type ParticipantKeys,
  SabhaClient,
  SabhaError,
  type SubmitResult,
} from "../client/index.js";
import { Directory, describeResult } from "../genesis/index.js";
import { type Home, passphraseOf, readHome, readOperationKey, readPassphrase, type StoredKey } from "../node/index.js";
import type { ParticipantNumber } from "../primitives/index.js";
import { readTextInput } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import { askDirectory, clientFailure, type TargetFlags, urlOf } from "./target.js";

/** A node to talk to about governance, and as whom. */
export interface GovernanceTarget {
  readonly client: SabhaClient;
  readonly governor: Governor;
  readonly directory: Directory;
  /** For whom proposals and ballots are made. */
  readonly participant: ParticipantNumber;
  /** Present where the home's own key signs, so that any node may take what it signed. */
  readonly home: Home | undefined;
  readonly key: StoredKey | undefined;
  /** All participants now, those that governance added included. */
  readonly participants: readonly ParticipantKeys[];
}

/** How long a command waits for its proposal or ballot to be final. */
export const WAIT_MS = 60_000;
const RETRIES = 3;

/**
 * Runs a command against a node. With --home what it submits is signed here with the home's own key, so that it works
 * through any node while the bank's own is down; with --token-file the node signs for its bank.
 */
export async function onGovernance(
  flags: TargetFlags,
  command: (target: GovernanceTarget) => Promise<void>,
  retries = RETRIES,
): Promise<void> {
  const home = flags.home === undefined ? undefined : readHome(flags.home);
  const url = flags.rpc ?? (home === undefined ? undefined : urlOf(home));
  if (url === undefined) throw new CommandFailure(2, "say which node to ask: --rpc URL or --home DIR");
  if (!/^https?:\/\/[^\s]+$/u.test(url)) throw new CommandFailure(2, `${url} is not an http or https URL`);
  const token = flags.tokenFile === undefined ? {} : { token: readTextInput(flags.tokenFile, "the token file").trim() };
  const client = new SabhaClient({ url, retries, ...token });
  try {
    await command(await open(client, flags, home));
  } catch (error) {
    throw error instanceof SabhaError ? clientFailure(error, flags) : error;
  } finally {
    await client.close();
  }
}

async function open(client: SabhaClient, flags: TargetFlags, home: Home | undefined): Promise<GovernanceTarget> {
  const signsHere = home !== undefined && flags.tokenFile === undefined;
  const key = signsHere ? keyOf(home, flags) : undefined;
  const directory = home === undefined ? await askDirectory(client) : new Directory(home.genesis, home.chainId);
  const participant = home?.participant.number ?? ((await client.getStatus()).participant as ParticipantNumber);
  const signing: ClientKey | undefined =
    home === undefined || key === undefined
      ? undefined
      : { participant, chainId: home.chainId, publicKey: key.publicKey, secretKey: key.secretKey };
  const governor = new Governor(client, signing);
  const participants = await governor.participants();
  return { client, governor, directory, participant, home, key, participants };
}

const keyOf = (home: Home, flags: TargetFlags): StoredKey => readOperationKey(home, passphraseFor(home, flags));

/** The passphrase of a home's keys; undefined where they are not encrypted. */
export const passphraseFor = (home: Home, flags: TargetFlags): string | undefined =>
  flags.passphraseFile === undefined ? passphraseOf(home) : readPassphrase(flags.passphraseFile);

/** The name of a participant, those added after genesis included. */
export const nameIn = ({ participants }: Pick<GovernanceTarget, "participants">, number: number): string =>
  participants[number - 1]?.name ?? `#${number}`;

/** @throws {CommandFailure} where nobody bears the name */
export function participantIn({ participants }: GovernanceTarget, name: string): ParticipantKeys {
  const found = participants.find((participant) => participant.name === name);
  if (found === undefined) throw new CommandFailure(2, `there is no participant ${name}`);
  return found;
}

/** Fails where a submission was refused; `wanted` are the results that mean that it was done. */
export function requireResult(answer: SubmitResult, wanted: readonly string[], what: string): void {
  const result = answer.result ?? answer.status;
  if (!wanted.includes(result)) throw new CommandFailure(1, `${what} was refused: ${describeResult(result).meaning}`);
}

import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { SabhaClient, type SabhaClientOptions, SabhaError } from "../client/index.js";
import { Directory, readDirectory } from "../genesis/index.js";
import { type Home, homePath, passphraseOf, readHome, readOperationKey, readPassphrase } from "../node/index.js";
import type { ParticipantNumber } from "../primitives/index.js";
import { readTextInput } from "./arguments.js";
import { CommandFailure } from "./failure.js";

/** Options that every client command has. */
export interface TargetFlags {
  readonly rpc?: string;
  readonly tokenFile?: string;
  readonly home?: string;
  readonly passphraseFile?: string;
  readonly json?: true;
}

/** A node to talk to, and what names mean there. */
export interface Target {
  readonly url: string;
  readonly client: SabhaClient;
  readonly directory: Directory;
  /** For whom submissions are signed: the home's participant, or the node's own. */
  readonly participant: ParticipantNumber;
}

/** Adds the options that say which node to talk to, and as whom. */
export function withTarget(command: Command): Command {
  return command
    .option("--rpc <url>", "the node's JSON-RPC, for example http://127.0.0.1:26601")
    .option("--home <dir>", "a home that says where the node is and holds the token or key to submit with")
    .option("--token-file <file>", "bearer token for submissions, with --rpc")
    .option("--passphrase-file <file>", "passphrase of the home's key, where it is encrypted")
    .option("--json", "print the result as JSON");
}

/**
 * Connects a command with its node. Submissions of a home with a validator carry its token and are signed
 * by the node; a home without one signs here, with its own operation key.
 */
async function openTarget(flags: TargetFlags, retries: number): Promise<Target> {
  const home = flags.home === undefined ? undefined : readHome(flags.home);
  const url = flags.rpc ?? (home === undefined ? undefined : urlOf(home));
  if (url === undefined) throw new CommandFailure(2, "say which node to ask: --rpc URL or --home DIR");
  if (!/^https?:\/\/[^\s]+$/u.test(url)) throw new CommandFailure(2, `${url} is not an http or https URL`);
  const client = new SabhaClient({ url, retries, ...credentials(flags, home) });
  const directory = home === undefined ? await askDirectory(client) : new Directory(home.genesis, home.chainId);
  const participant = home?.participant.number ?? ((await client.getStatus()).participant as ParticipantNumber);
  return { url, client, directory, participant };
}

export function urlOf(home: Home): string {
  const { client, rpc } = home.config;
  if (client.rpcUrl !== "") return client.rpcUrl;
  const host = rpc.host === "0.0.0.0" || rpc.host === "::" ? "127.0.0.1" : rpc.host;
  return `http://${host.includes(":") ? `[${host}]` : host}:${rpc.port}`;
}

function credentials(flags: TargetFlags, home: Home | undefined): Pick<SabhaClientOptions, "token" | "key"> {
  if (flags.tokenFile !== undefined) return { token: readTextInput(flags.tokenFile, "the token file").trim() };
  if (home === undefined) return {};
  if (home.validator !== undefined) {
    const token = readToken(homePath(home, "keys/submit.token"));
    return token === undefined ? {} : { token };
  }
  const passphrase = flags.passphraseFile === undefined ? passphraseOf(home) : readPassphrase(flags.passphraseFile);
  const { publicKey, secretKey } = readOperationKey(home, passphrase);
  return { key: { participant: home.participant.number, chainId: home.chainId, publicKey, secretKey } };
}

/** The token that tools on this machine use; a home need not have one. */
function readToken(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new CommandFailure(3, `the token ${path} cannot be read (${code})`);
  }
}

export async function askDirectory(client: SabhaClient): Promise<Directory> {
  const read = readDirectory(await client.getGenesis());
  if (read.ok) return read.directory;
  throw new CommandFailure(3, `the node's genesis file cannot be read: ${read.problem}`);
}

/** Repetitions of a call while a person waits: a second in all. */
const INTERACTIVE_RETRIES = 3;

/** Runs a command against its node and ends kept connections; what the node refuses becomes one sentence. */
export async function onTarget(
  flags: TargetFlags,
  command: (target: Target) => Promise<void>,
  retries = INTERACTIVE_RETRIES,
): Promise<void> {
  let target: Target | undefined;
  try {
    target = await openTarget(flags, retries);
    await command(target);
  } catch (error) {
    throw error instanceof SabhaError ? clientFailure(error, flags) : error;
  } finally {
    await target?.client.close();
  }
}

/** Runs a command over plain readers of several nodes. */
export async function onUrls(
  urls: readonly string[],
  command: (clients: readonly SabhaClient[]) => Promise<void>,
): Promise<void> {
  for (const url of urls) {
    if (!/^https?:\/\/[^\s]+$/u.test(url)) throw new CommandFailure(2, `${url} is not an http or https URL`);
  }
  const clients = urls.map((url) => new SabhaClient({ url, retries: INTERACTIVE_RETRIES }));
  try {
    await command(clients);
  } catch (error) {
    throw error instanceof SabhaError ? clientFailure(error, { rpc: urls.join(" or ") }) : error;
  } finally {
    for (const client of clients) await client.close();
  }
}

/** Codes after which the same command may succeed later, unchanged. */
const NODE_CANNOT: readonly string[] = [
  "unreachable",
  "no_answer",
  "bad_answer",
  "busy",
  "syncing",
  "diverged",
  "stopping",
  "timeout",
  "internal_error",
];

export function clientFailure(error: SabhaError, flags: TargetFlags): CommandFailure {
  const node = flags.rpc ?? (flags.home === undefined ? "the node" : `the node of ${flags.home}`);
  const sentence = ((): string => {
    switch (error.code) {
      case "unreachable":
        return `${node} cannot be reached: is it running?`;
      case "no_answer":
        return `${node} did not answer in time; asking again is safe`;
      case "unauthorized":
      case "forbidden":
        return `${node} does not accept this without a token of the scope that it needs: give --home or --token-file`;
      case "timeout":
        return `${node} did not see it become final in time; it still may, and asking again is safe`;
      default:
        return `${node} answers ${error.code}: ${error.message}`;
    }
  })();
  return new CommandFailure(NODE_CANNOT.includes(error.code) ? 3 : error.code === "not_found" ? 1 : 2, sentence);
}

import { join, resolve } from "node:path";
import type { Command } from "commander";
import {
  assembleGenesis,
  BASE_PORT,
  type Card,
  encodeCard,
  makeCard,
  parseCard,
  SETTLEMENT_FUNDING,
  verifyGenesis,
} from "../genesis/index.js";
import {
  createFile,
  createHome,
  hasKey,
  type KeyAlgorithm,
  passphraseOf,
  readKey,
  readPassphrase,
  readSettings,
} from "../node/index.js";
import { nameList, oneOf, readInput, schemeName, wholeNumber } from "./arguments.js";
import { CommandFailure, failWith } from "./failure.js";
import { readAccounts, readRulebook } from "./genesis-inputs.js";
import { createNetwork } from "./genesis-network.js";
import { printReport } from "./genesis-report.js";
import { printJson, printTable, type Terminal } from "./terminal.js";

const SCHEME_HELP = "certificate scheme: bls12381 (constant size) or ed25519 (less work with few validators)";

const RESERVE_HELP = "open each bank's reserve for net rails, with this much of each asset; 0: empty (default: none)";

/** `sabha genesis …`: founding a consortium. */
export function addGenesisCommands(program: Command, terminal: Terminal): void {
  const genesis = program.command("genesis").description("found a consortium: keys, cards, genesis file, homes");
  addNetwork(genesis, terminal);
  addKeys(genesis, terminal);
  addCard(genesis, terminal);
  addAssemble(genesis, terminal);
  addVerify(genesis, terminal);
}

interface NetworkFlags {
  readonly banks: readonly string[];
  readonly out: string;
  readonly validators?: readonly string[];
  readonly authority: string;
  readonly name: string;
  readonly accounts?: string;
  readonly scheme: KeyAlgorithm;
  readonly basePort: number;
  readonly rulebook?: string;
  readonly settlementFunding: string;
  readonly reserveFunding?: string;
  readonly passphraseFile?: string;
  readonly json?: true;
}

function addNetwork(genesis: Command, terminal: Terminal): void {
  genesis
    .command("network")
    .description("make a whole consortium for one operator: genesis.json and a home for each participant")
    .requiredOption("--banks <names>", "the banks, with commas between them", nameList)
    .requiredOption("--out <dir>", "directory to make; it must be empty or not there")
    .option("--validators <names>", "those banks that run a node (default: all)", nameList)
    .option("--authority <name>", "the central bank that issues settlement money; it runs no node", "RBI")
    .option("--name <text>", "name of the consortium", "sabha")
    .option("--accounts <file>", "customer accounts: CSV participant,account,funding[,asset]")
    .option("--scheme <name>", SCHEME_HELP, schemeName, "bls12381")
    .option("--base-port <port>", "first port on loopback", wholeNumber(1, 65_535), BASE_PORT)
    .option("--rulebook <file>", "rails, limits and assets (default: config/rulebook.default.yaml)")
    .option(
      "--settlement-funding <amount>",
      "what each bank's settlement account gets of each asset",
      SETTLEMENT_FUNDING,
    )
    .option("--reserve-funding <amount>", RESERVE_HELP)
    .option("--passphrase-file <file>", "encrypt all keys with the first line of this file")
    .option("--json", "print the result as JSON")
    .addHelpText("after", NETWORK_HELP)
    .action((flags: NetworkFlags) => {
      const { passphraseFile, json, ...options } = flags;
      const passphrase =
        passphraseFile === undefined
          ? {}
          : { passphrase: { file: resolve(passphraseFile), text: readPassphrase(passphraseFile) } };
      const network = createNetwork({ ...options, ...passphrase });
      const { directory, genesis: made, members } = network;
      if (json === true) {
        printJson(terminal, { directory, chainId: made.chainId, members });
        return;
      }
      terminal.out(`Consortium ${made.genesis.name} is ready in ${directory}, chain id ${made.chainId}.\n\n`);
      printTable(
        terminal,
        [
          { title: "participant" },
          { title: "role" },
          { title: "home" },
          { title: "JSON-RPC" },
          { title: "peers dial" },
        ],
        members.map(({ name, role, ports }) => [
          name,
          role,
          join(directory, name),
          ports === undefined ? "-" : `http://127.0.0.1:${ports.rpc}`,
          ports === undefined ? "-" : `127.0.0.1:${ports.p2p}`,
        ]),
      );
      terminal.out(`\nStart it with: sabha devnet up --dir ${flags.out}\n`);
    });
}

const NETWORK_HELP = `
The i-th validator, counting from 0, has peer-to-peer port base + 2i and JSON-RPC port base + 2i + 1.
Banks that are no validators and the authority get a home with an operation key: client commands with
--home sign there and send to the first validator's node.

Genesis opens, for each asset such as INR: the authority's account issuance:INR and each bank's
settlement:INR (funded by --settlement-funding) and clearing:INR, with --reserve-funding also reserve:INR,
which a payment on a net rail needs. Customer accounts come from --accounts;
an account's name is the bank's own, its funding is decimal and comes from the bank's clearing account.
Without --accounts each bank gets customer-1 … customer-4 with 1000000 each, to try things with.

Example:
  sabha genesis network --banks SBI,HDFC,ICICI,AXIS --out demo
  sabha genesis network --banks SBI,HDFC,ICICI,AXIS,YES --validators SBI,HDFC,ICICI,AXIS \\
    --accounts config/examples/accounts.csv --out demo`;

interface KeysFlags {
  readonly home: string;
  readonly participant: string;
  readonly scheme: KeyAlgorithm;
  readonly validator: boolean;
  readonly passphraseFile?: string;
}

function addKeys(genesis: Command, terminal: Terminal): void {
  genesis
    .command("keys")
    .description("make a home with this participant's own keys, readable by its owner alone")
    .requiredOption("--home <dir>", "the home to make")
    .requiredOption("--participant <name>", "whose keys these are, for example SBI")
    .option("--scheme <name>", SCHEME_HELP, schemeName, "bls12381")
    .option("--no-validator", "an operation key only: this participant runs no node")
    .option("--passphrase-file <file>", "encrypt the keys with the first line of this file")
    .addHelpText("after", "\nExample:\n  sabha genesis keys --home /srv/sabha --participant SBI")
    .action((flags: KeysFlags) => {
      if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/u.test(flags.participant)) {
        throw new CommandFailure(
          2,
          `${flags.participant} is not a name of 1 to 32 letters, digits, hyphens or underscores`,
        );
      }
      const file = flags.passphraseFile;
      createHome({
        path: flags.home,
        config: {
          participant: flags.participant,
          ...(file === undefined ? {} : { keys: { passphraseFile: resolve(file) } }),
        },
        ...(file === undefined ? {} : { passphrase: readPassphrase(file) }),
        ...(flags.validator ? { consensus: flags.scheme } : {}),
      });
      const kinds = flags.validator ? "consensus, network and operation keys" : "operation key";
      terminal.out(`Made the ${kinds} of ${flags.participant} in ${join(flags.home, "keys")}. Back them up now.\n`);
      terminal.out(
        `Set the addresses in ${join(flags.home, "config.yaml")}, then: sabha genesis card --home ${flags.home}\n`,
      );
    });
}

interface CardFlags {
  readonly home: string;
  readonly role: Card["role"];
  readonly address?: readonly string[];
  readonly out?: string;
}

function addCard(genesis: Command, terminal: Terminal): void {
  genesis
    .command("card")
    .description("the public card that a participant sends to the others: keys, proof of possession, addresses")
    .requiredOption("--home <dir>", "the participant's home")
    .option("--role <role>", "bank, authority or observer", oneOf("bank", "authority", "observer"), "bank")
    .option("--address <multiaddr...>", "where other validators dial this one (default: p2p.listen of config.yaml)")
    .option("--out <file>", "write the card here instead of printing it")
    .addHelpText(
      "after",
      "\nExample:\n  sabha genesis card --home /srv/sabha --address /dns4/sabha.sbi.example/tcp/26600",
    )
    .action((flags: CardFlags) => {
      const card = encodeCard(cardOf(flags));
      if (flags.out === undefined) terminal.out(card);
      else createFile({ path: flags.out, what: "the card" }, card);
    });
}

function cardOf({ home, role, address }: CardFlags): Card {
  const settings = readSettings(home);
  const passphrase = passphraseOf(settings);
  const { participant, p2p } = settings.config;
  const request = { participant, role, created: Date.now(), operation: readKey(home, "operation", passphrase) };
  if (!hasKey(home, "consensus")) return makeCard(request);
  const addresses = address ?? [p2p.listen];
  if (addresses.some((text) => /^\/(?:ip4\/0\.0\.0\.0|ip6\/::)\//u.test(text))) {
    throw new CommandFailure(2, `p2p.listen ${p2p.listen} is no address that others can dial: give --address`);
  }
  const consensus = readKey(home, "consensus", passphrase);
  const network = readKey(home, "network", passphrase);
  return makeCard({ ...request, validator: { scheme: consensus.algorithm, consensus, network, addresses } });
}

interface AssembleFlags {
  readonly name: string;
  readonly scheme: KeyAlgorithm;
  readonly rulebook?: string;
  readonly accounts?: string;
  readonly settlementFunding: string;
  readonly reserveFunding?: string;
  readonly out: string;
}

function addAssemble(genesis: Command, terminal: Terminal): void {
  genesis
    .command("assemble")
    .description("check all cards and make the genesis file; every operator gets the same bytes")
    .argument("<card...>", "the participants' cards, in any order")
    .requiredOption("--name <text>", "name of the consortium")
    .requiredOption("--out <file>", "the genesis file to write")
    .option("--scheme <name>", SCHEME_HELP, schemeName, "bls12381")
    .option("--rulebook <file>", "rails, limits and assets (default: config/rulebook.default.yaml)")
    .option("--accounts <file>", "customer accounts: CSV participant,account,funding[,asset]")
    .option(
      "--settlement-funding <amount>",
      "what each bank's settlement account gets of each asset",
      SETTLEMENT_FUNDING,
    )
    .option("--reserve-funding <amount>", RESERVE_HELP)
    .addHelpText(
      "after",
      "\nExample:\n  sabha genesis assemble cards/*.json --name india --accounts accounts.csv --out genesis.json",
    )
    .action((files: readonly string[], flags: AssembleFlags) => {
      const cards = readCards(files);
      const rulebook = readRulebook(flags.rulebook);
      const customers = flags.accounts === undefined ? [] : readAccounts(flags.accounts);
      const { name, scheme, settlementFunding, reserveFunding } = flags;
      const reserves = reserveFunding === undefined ? {} : { reserveFunding };
      const made = assembleGenesis({ name, scheme, cards, rulebook, customers, settlementFunding, ...reserves });
      if (!made.ok)
        failWith(
          1,
          flags.accounts !== undefined && made.problems[0]?.startsWith("line ") ? flags.accounts : "",
          made.problems,
        );
      createFile({ path: flags.out, what: "the genesis file" }, made.bytes);
      terminal.out(`Wrote ${flags.out}. Compare the chain id with the other operators:\n${made.chainId}\n`);
    });
}

function readCards(files: readonly string[]): readonly Card[] {
  const cards: Card[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const parsed = parseCard(readInput(file, "the card"));
    if (parsed.ok) cards.push(parsed.card);
    else problems.push(`${file}: ${parsed.problem}`);
  }
  return problems.length > 0 ? failWith(1, "", problems) : cards;
}

function addVerify(genesis: Command, terminal: Terminal): void {
  genesis
    .command("verify")
    .description("explain a genesis file and check everything about it that can be checked offline")
    .argument("<file>", "the genesis file")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExits 0 where everything holds and 1 where something does not.\n\nExample:\n  sabha genesis verify genesis.json",
    )
    .action((file: string, flags: { readonly json?: true }) => {
      const report = verifyGenesis(readInput(file, "the genesis file"));
      printReport(terminal, report, flags.json === true);
      if (!report.ok)
        failWith(
          1,
          file,
          report.checks.flatMap(({ problems }) => problems),
        );
    });
}

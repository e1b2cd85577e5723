import type { Command } from "commander";
import {
  newTransferId,
  type Preflight,
  type Proposal,
  type ProposalRequest,
  type SubmitResult,
} from "../client/index.js";
import { type CanonicalJson, canonicalJson, type GenesisValidator } from "../genesis/index.js";
import { createFile, hasKey, readKey } from "../node/index.js";
import { type Id128, isId128, toHex } from "../primitives/index.js";
import { oneOf, wholeNumber } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import * as contents from "./governance-contents.js";
import {
  type GovernanceTarget,
  nameIn,
  onGovernance,
  participantIn,
  passphraseFor,
  requireResult,
  WAIT_MS,
} from "./governance-target.js";
import { type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

/** `sabha governance …`: what the validators decide together. */
export function addGovernanceCommands(program: Command, terminal: Terminal): void {
  const governance = program
    .command("governance")
    .description("proposals and ballots: rules, participants, keys, validators, protocol version");
  addPropose(governance, terminal);
  addPreflight(governance, terminal);
  addVote(governance, terminal);
  addReady(governance, terminal);
  addList(governance, terminal);
  addShow(governance, terminal);
  addAccuse(governance, terminal);
}

interface ProposeFlags extends TargetFlags {
  readonly effectiveHeight?: number;
  readonly votingSeconds?: number;
  readonly acceptFaults?: true;
  readonly dryRun?: true;
  readonly out?: string;
}

const withProposal = (command: Command): Command =>
  withTarget(command)
    .option(
      "--effective-height <height>",
      "first block in which it is in force (default: the block after it passes)",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .option("--voting-seconds <seconds>", "time for ballots (default: the rulebook's)", wholeNumber(60, 31_536_000))
    .option("--accept-faults", "say that a set which survives fewer faults is meant")
    .option("--dry-run", "show what it would do and submit nothing")
    .option("--out <file>", "write the proposal to a file and submit nothing");

function addPropose(governance: Command, terminal: Terminal): void {
  const propose = governance.command("propose").description("put a change to the vote; --dry-run shows its arithmetic");
  const run = (flags: ProposeFlags, change: (target: GovernanceTarget) => Promise<contents.Change> | contents.Change) =>
    onGovernance(flags, async (target) => submitProposal(target, await change(target), flags, terminal));
  withProposal(propose.command("rulebook").description("a whole new rulebook"))
    .argument("<file>", "the rulebook, YAML")
    .addHelpText(
      "after",
      "\nExample:\n  sabha governance propose rulebook new.yaml --effective-height 20000 --home demo/SBI",
    )
    .action((file: string, flags: ProposeFlags) => run(flags, () => contents.rulebookChange(file)));
  withProposal(propose.command("participant").description("a new bank or observer, from its card"))
    .argument("<card>", "the card that sabha genesis card made")
    .action((card: string, flags: ProposeFlags) => run(flags, () => contents.newcomerChange(card)));
  withProposal(propose.command("role").description("another role for a participant"))
    .argument("<name>", "the participant")
    .argument("<role>", "bank or observer", oneOf("bank", "observer"))
    .action((name: string, role: string, flags: ProposeFlags) =>
      run(flags, (target) => ({
        kind: "participant",
        content: { participant: participantIn(target, name).number, role },
      })),
    );
  withProposal(
    propose.command("keys").description("keys of a participant that cannot change them itself; the authority's"),
  )
    .argument("<name>", "the participant")
    .option("--add <key...>", "public keys to add: HEX or HEX:submit+approve+govern")
    .option("--revoke <key...>", "public keys to revoke")
    .addHelpText("after", "\nA key that is added counts only after the rulebook's keyDelaySeconds of block time.")
    .action((name: string, flags: ProposeFlags & { readonly add?: string[]; readonly revoke?: string[] }) =>
      run(flags, (target) => {
        const add = (flags.add ?? []).map(contents.keyWithScopes);
        return {
          kind: "keys",
          content: { participant: participantIn(target, name).number, add, revoke: flags.revoke ?? [] },
        };
      }),
    );
  withProposal(propose.command("validators").description("validators that join, change their keys or leave"))
    .option("--add <card...>", "cards of validators to add, or to give new keys and addresses")
    .option("--remove <name...>", "validators to take out")
    .addHelpText(
      "after",
      "\nExample:\n  sabha governance propose validators --add yes.card.json --dry-run --home demo/SBI",
    )
    .action((flags: ProposeFlags & { readonly add?: string[]; readonly remove?: string[] }) =>
      run(flags, (target) => contents.validatorsChange(target, { add: flags.add ?? [], remove: flags.remove ?? [] })),
    );
  withProposal(propose.command("version").description("a protocol version that a quorum of validators runs"))
    .argument("<version>", "its number", wholeNumber(1, 0xffff_ffff))
    .action((version: number, flags: ProposeFlags) => run(flags, () => ({ kind: "version", content: { version } })));
  withProposal(propose.command("file").description("a proposal that propose --out has written"))
    .argument("<file>", "the proposal, JSON")
    .action((file: string, flags: ProposeFlags) => {
      const { kind, content, ...said } = contents.proposalFile(file);
      return run({ ...(said as object), ...flags }, () => ({ kind, content }));
    });
}

const requestOf = (change: contents.Change, flags: ProposeFlags): ProposalRequest => ({
  ...change,
  ...(flags.acceptFaults === true ? { acceptFaults: true } : {}),
  ...(flags.effectiveHeight === undefined ? {} : { effectiveHeight: flags.effectiveHeight }),
  ...(flags.votingSeconds === undefined ? {} : { votingSeconds: flags.votingSeconds }),
});

async function submitProposal(
  target: GovernanceTarget,
  change: contents.Change,
  flags: ProposeFlags,
  terminal: Terminal,
): Promise<void> {
  const request = requestOf(change, flags);
  if (flags.out !== undefined) {
    createFile({ path: flags.out, what: "the proposal" }, canonicalJson(request as unknown as CanonicalJson));
    terminal.out(`Wrote ${flags.out}. Try it out with: sabha governance preflight ${flags.out}\n`);
    return;
  }
  const preflight = await target.governor.preflight(request, target.participant);
  if (flags.dryRun === true || preflight.result !== "proposed") {
    printPreflight(terminal, preflight, flags.json === true);
    return;
  }
  const id = newTransferId(target.participant);
  terminal.err(`proposal ${id}\n`);
  const answer = await target.governor.propose(id, request, { waitFor: "final", timeoutMs: WAIT_MS });
  if (flags.json === true) printJson(terminal, { ...answer, preflight });
  else {
    printFields(terminal, [
      ["proposal", id],
      ["result", answer.result ?? answer.status],
      ["needs", `${preflight.threshold} of ${preflight.voters} validators`],
      ...preflight.effects.map((effect) => ["effect", effect] as const),
    ]);
    terminal.out(`\nThe validators vote with: sabha governance vote ${id} yes --home HOME\n`);
  }
  requireResult(answer, ["proposed", "exists"], "the proposal");
}

/** Shows what a proposal would do; fails where it would be refused. */
function printPreflight(terminal: Terminal, preflight: Preflight, asJson: boolean): void {
  if (asJson) printJson(terminal, preflight);
  else {
    printFields(terminal, [
      ["result", preflight.result],
      ["needs", `${preflight.threshold} of ${preflight.voters} validators`],
      ...preflight.effects.map((effect) => ["effect", effect] as const),
    ]);
  }
  if (preflight.result === "proposed") return;
  throw new CommandFailure(1, `it would be refused: ${preflight.result}`, preflight.problems);
}

function addPreflight(governance: Command, terminal: Terminal): void {
  withTarget(governance.command("preflight").description("what a proposal would do, without submitting it"))
    .argument("<file>", "the proposal: JSON of propose --out, or a rulebook in YAML")
    .addHelpText("after", "\nExits 0 where it would be accepted and 1 where not.")
    .action((file: string, flags: TargetFlags) =>
      onGovernance(flags, async ({ governor, participant }) =>
        printPreflight(
          terminal,
          await governor.preflight(contents.proposalFile(file), participant),
          flags.json === true,
        ),
      ),
    );
}

interface VoteFlags extends TargetFlags {
  readonly runs?: number;
}

function addVote(governance: Command, terminal: Terminal): void {
  withTarget(governance.command("vote").description("cast, or change, this validator's ballot"))
    .argument("<id>", "the proposal")
    .argument("<choice>", "yes or no", oneOf("yes", "no"))
    .option(
      "--runs <version>",
      "newest protocol version that this bank's node executes (default: what the node asked executes)",
      wholeNumber(1, 0xffff_ffff),
    )
    .addHelpText("after", "\nExample:\n  sabha governance vote 00000002… yes --home demo/HDFC")
    .action((text: string, choice: "yes" | "no", flags: VoteFlags) =>
      onGovernance(flags, async ({ governor, participant }) => {
        const proposalId = idOf(text);
        const runs = flags.runs ?? (await governor.rules()).protocolVersionMax;
        const ballot = { id: newTransferId(participant), proposalId, choice, runs };
        const answer = await governor.vote(ballot, { waitFor: "final", timeoutMs: WAIT_MS });
        if (flags.json === true) printJson(terminal, answer);
        else {
          const state = (await governor.proposals({ ids: [proposalId] })).proposals[0]?.state ?? "unknown";
          printFields(terminal, [
            ["ballot", `${choice} on ${proposalId}`],
            ["result", answer.result ?? answer.status],
            ["proposal", state],
          ]);
        }
        requireResult(answer, ["applied", "exists"], "the ballot");
      }),
    );
}

/** Repetitions while the newcomer's node still catches up: half a minute. */
const CATCH_UP_RETRIES = 10;

function addReady(governance: Command, terminal: Terminal): void {
  withTarget(
    governance
      .command("ready")
      .description("state that this bank's own node has caught up; a newcomer validates only once it has said so"),
  )
    .argument("<id>", "the proposal that makes it a validator")
    .addHelpText("after", "\nExample:\n  sabha governance ready 00000002… --home demo/YES")
    .action((text: string, flags: TargetFlags) =>
      onGovernance(
        flags,
        async (target) => {
          const proposalId = idOf(text);
          const answer = await sayReady(target, proposalId, flags);
          if (flags.json === true) printJson(terminal, answer);
          else {
            const state = (await target.governor.proposals({ ids: [proposalId] })).proposals[0]?.state ?? "unknown";
            printFields(terminal, [
              ["ready", nameIn(target, target.participant)],
              ["result", answer.result ?? answer.status],
              ["proposal", state],
            ]);
          }
          requireResult(answer, ["applied", "exists"], "the statement");
        },
        CATCH_UP_RETRIES,
      ),
    );
}

/** What the bank's own node has executed and computed, and no other's: else it would prove nothing. */
async function sayReady(target: GovernanceTarget, proposalId: Id128, flags: TargetFlags): Promise<SubmitResult> {
  const { client, governor, participant } = target;
  if ((await client.getStatus()).participant !== participant)
    throw new CommandFailure(2, "that is another bank's node: a newcomer's own one says that it is ready");
  const [proposal] = (await governor.proposals({ ids: [proposalId] })).proposals;
  if (proposal === undefined)
    throw new CommandFailure(1, "the node knows no such proposal: it has not caught up so far");
  if (proposal.stateRoot === undefined)
    throw new CommandFailure(2, `the proposal is of kind ${proposal.kind}: it makes nobody a validator`);
  requireOwnKey(target, proposal, flags);
  const { height: executedHeight } = await governor.rules();
  const statement = { id: newTransferId(participant), proposalId, executedHeight, stateRoot: proposal.stateRoot };
  return governor.sayReady(statement, { waitFor: "final", timeoutMs: WAIT_MS });
}

/** Votes with another key than the proposal names would count for nothing. */
function requireOwnKey(target: GovernanceTarget, { content }: Proposal, flags: TargetFlags): void {
  const { home, participant } = target;
  if (home === undefined || !hasKey(home.path, "consensus")) return;
  const { validators } = content as { readonly validators: readonly GenesisValidator[] };
  const named = validators.find((validator) => validator.participant === participant);
  const own = readKey(home.path, "consensus", passphraseFor(home, flags));
  if (named !== undefined && named.consensusKey !== toHex(own.publicKey))
    throw new CommandFailure(
      1,
      "the proposal names another consensus key than this home has: propose its present card",
    );
}

function idOf(text: string): Id128 {
  if (!isId128(text)) throw new CommandFailure(2, `${text} is not an id of 32 hexadecimal digits`);
  return text;
}

function addList(governance: Command, terminal: Terminal): void {
  withTarget(governance.command("list").description("proposals, newest first"))
    .option("--limit <number>", "at most so many", wholeNumber(1, 100), 20)
    .action((flags: TargetFlags & { readonly limit: number }) =>
      onGovernance(flags, async (target) => {
        const { count: all } = await target.governor.proposals({ limit: 1 });
        const from = Math.max(0, all - flags.limit);
        const { proposals } = await target.governor.proposals({ from, limit: flags.limit });
        const newestFirst = [...proposals].reverse();
        if (flags.json === true) {
          printJson(terminal, newestFirst);
          return;
        }
        printTable(
          terminal,
          [
            { title: "proposal" },
            { title: "kind" },
            { title: "by" },
            { title: "state" },
            { title: "yes", align: "right" },
            { title: "no", align: "right" },
            { title: "effective", align: "right" },
          ],
          newestFirst.map((proposal) => [
            ...[proposal.id, proposal.kind, nameIn(target, proposal.proposer), proposal.state],
            ...[String(ballotsOf(proposal, "yes").length), String(ballotsOf(proposal, "no").length)],
            proposal.effectiveHeight === 0 ? "once passed" : count(proposal.effectiveHeight),
          ]),
        );
      }),
    );
}

const ballotsOf = (proposal: Proposal, choice: "yes" | "no"): readonly number[] =>
  proposal.ballots.filter((ballot) => ballot.choice === choice).map(({ participant }) => participant);

function addShow(governance: Command, terminal: Terminal): void {
  withTarget(governance.command("show").description("one proposal with its ballots and content"))
    .argument("<id>", "the proposal")
    .action((text: string, flags: TargetFlags) =>
      onGovernance(flags, async (target) => {
        const [proposal] = (await target.governor.proposals({ ids: [idOf(text)] })).proposals;
        if (proposal === undefined) throw new CommandFailure(1, `there is no proposal ${text}`);
        if (flags.json === true) {
          printJson(terminal, proposal);
          return;
        }
        const names = (choice: "yes" | "no"): string =>
          ballotsOf(proposal, choice)
            .map((number) => nameIn(target, number))
            .join(", ") || "nobody";
        const time = (ms: number): string => new Date(ms).toISOString();
        printFields(terminal, [
          ["proposal", proposal.id],
          [
            "kind",
            `${proposal.kind}, by ${nameIn(target, proposal.proposer)} at height ${count(proposal.proposedHeight)}`,
          ],
          [
            "state",
            proposal.resolution === undefined
              ? proposal.state
              : `${proposal.state} at height ${count(proposal.resolution.height)}`,
          ],
          ["ballots until", time(proposal.deadline)],
          [
            "effective",
            proposal.effectiveHeight === 0
              ? "in the block after it passes"
              : `height ${count(proposal.effectiveHeight)}`,
          ],
          ...(proposal.earliest === undefined ? [] : ([["not before", time(proposal.earliest)]] as const)),
          ["yes", names("yes")],
          ["no", names("no")],
          ...(proposal.ready === undefined
            ? []
            : ([
                ["ready", proposal.ready.map(({ participant }) => nameIn(target, participant)).join(", ") || "nobody"],
              ] as const)),
        ]);
        terminal.out(`\n${canonicalJson((proposal.content ?? {}) as CanonicalJson)}`);
      }),
    );
}

function addAccuse(governance: Command, terminal: Terminal): void {
  withProposal(
    governance
      .command("accuse")
      .description("put a validator's two contradicting votes to the vote: the set goes on without it"),
  )
    .argument("[name]", "the validator; not needed where the node has evidence against one only")
    .addHelpText("after", "\nExample:\n  sabha governance accuse AXIS --accept-faults --home demo/SBI")
    .action((name: string | undefined, flags: ProposeFlags) =>
      onGovernance(flags, async (target) =>
        submitProposal(target, await contents.accusation(target, name), flags, terminal),
      ),
    );
}

import type { Command } from "commander";
import { verifyReceipt } from "../client/proofs.js";
import { canonicalJson, decodeGovernRecord, decodeTransfer, describeResult, readDirectory } from "../genesis/index.js";
import { createFile } from "../node/index.js";
import { isId128 } from "../primitives/index.js";
import { readInput, wholeNumber } from "./arguments.js";
import { CommandFailure } from "./failure.js";
import { onTarget, type TargetFlags, withTarget } from "./target.js";
import { count, printFields, printJson, type Terminal } from "./terminal.js";

/** `sabha receipt …`: portable proofs that a transfer has its outcome, final. */
export function addReceiptCommands(program: Command, terminal: Terminal): void {
  const receipt = program.command("receipt").description("portable proofs of what became of a transfer");
  addGet(receipt, terminal);
  addVerify(receipt, terminal);
}

interface GetFlags extends TargetFlags {
  readonly out?: string;
  readonly wait: number;
}

function addGet(receipt: Command, terminal: Terminal): void {
  withTarget(receipt.command("get").description("fetch the receipt of a transfer; one file, checked offline"))
    .argument("<id>", "the transfer's id, or its end-to-end id as id:TEXT")
    .option("--out <file>", "write it here instead of printing it")
    .option("--wait <seconds>", "how long to wait until it is proven", wholeNumber(1, 600), 30)
    .addHelpText("after", "\nExample:\n  sabha receipt get 00000004… --home demo/SBI --out receipt.json")
    .action((text: string, flags: GetFlags) =>
      onTarget(flags, async ({ client, directory, participant }) => {
        const id = text.startsWith("id:") ? directory.transferOf(participant, text.slice(3)) : text;
        if (!isId128(id)) throw new CommandFailure(2, `${text} is not an id of 32 hexadecimal digits`);
        const receiptFile = canonicalJson(await client.getReceipt(id, { timeoutMs: flags.wait * 1000 }));
        if (flags.out === undefined) terminal.out(receiptFile);
        else {
          createFile({ path: flags.out, what: "the receipt" }, receiptFile);
          terminal.out(`Wrote ${flags.out}. Check it with: sabha receipt verify ${flags.out} --genesis genesis.json\n`);
        }
      }),
    );
}

interface VerifyFlags {
  readonly genesis: string;
  readonly json?: true;
}

function addVerify(receipt: Command, terminal: Terminal): void {
  receipt
    .command("verify")
    .description("check a receipt against the genesis file, offline")
    .argument("<file>", "the receipt")
    .requiredOption("--genesis <file>", "the consortium's genesis file")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExits 0 where every check holds and 1 where one does not.\n\nExample:\n  sabha receipt verify receipt.json --genesis demo/genesis.json",
    )
    .action((file: string, flags: VerifyFlags) => verify(file, flags, terminal));
}

function verify(file: string, flags: VerifyFlags, terminal: Terminal): void {
  const genesisBytes = readInput(flags.genesis, "the genesis file");
  const result = verifyReceipt(genesisBytes, readInput(file, "the receipt"));
  if (!result.ok) {
    if (flags.json === true) printJson(terminal, { ok: false, check: result.check, detail: result.detail });
    throw new CommandFailure(1, `${file} proves nothing: ${result.detail} (check ${result.check})`);
  }
  const read = readDirectory(genesisBytes);
  if (!read.ok) throw new CommandFailure(1, `${flags.genesis}: ${read.problem}`);
  const { directory } = read;
  const { proven } = result;
  const { outcome, provenBy } = proven;
  const code = describeResult(outcome.code);
  const record = transferIn(proven.record, code.name);
  if (flags.json === true) {
    printJson(terminal, {
      ok: true,
      chainId: proven.chainId,
      id: proven.id,
      outcome: { ...outcome, result: code.name, status: code.status, reason: code.reason },
      record,
      provenBy,
    });
    return;
  }
  printFields(terminal, [
    ["receipt", "every check holds"],
    ["consortium", `${directory.genesis.name}, chain id ${proven.chainId}`],
    ["id", proven.id],
    ["record", recordName(proven.record)],
    ["outcome", `${code.name}: ${code.meaning}`],
    ["ISO 20022", [code.status, code.reason].filter((text) => text !== undefined).join(" ") || "unknown"],
    ...(record === undefined
      ? []
      : ([
          ["debit", record.debitAccountId],
          ["credit", record.creditAccountId],
          ["amount", directory.display(outcome.amount, record.asset)],
        ] as const)),
    ["signed by", directory.nameOf(outcome.participant)],
    ["final", `height ${count(outcome.height)}, ${new Date(outcome.timestamp).toISOString()}`],
    ["proven by", `block ${count(provenBy.height)}, signed by ${provenBy.signers.join(", ")}`],
  ]);
}

/** What was asked for, where governance was asked. */
function recordName(record: Uint8Array): string {
  const govern = decodeGovernRecord(record);
  switch (govern?.type) {
    case "proposal":
      return `proposal of kind ${govern.kind}, content ${govern.contentHash}`;
    case "ballot":
      return `ballot ${govern.choice} on proposal ${govern.proposalId}`;
    case "key":
      return `${govern.change} key ${govern.publicKey}`;
    case "ready":
      return `ready to validate as proposal ${govern.proposalId} asks`;
    case undefined:
      return "payment or account";
  }
}

/**
 * The record as a transfer; `undefined` where it opens an account or acts on one, and for those of governance, which
 * bear their type where a transfer has the first byte of a participant's number.
 */
function transferIn(record: Uint8Array, result: string): ReturnType<typeof decodeTransfer> | undefined {
  if (decodeGovernRecord(record) !== undefined) return undefined;
  const fields = decodeTransfer(record);
  return result === "applied" || /^0+$/u.test(fields.creditAccountId) ? undefined : fields;
}

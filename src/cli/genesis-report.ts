import { Directory, type GenesisReport, thresholds } from "../genesis/index.js";
import { count, printFields, printJson, printTable, type Terminal } from "./terminal.js";

type Genesis = NonNullable<GenesisReport["genesis"]>;

/** Shows what a genesis file says and which checks hold. */
export function printReport(terminal: Terminal, report: GenesisReport, asJson: boolean): void {
  if (asJson) {
    printJson(terminal, jsonReport(report));
    return;
  }
  if (report.genesis !== undefined) printGenesis(terminal, report.genesis, report.chainId);
  printTable(
    terminal,
    [{ title: "check" }, { title: "result" }],
    report.checks.flatMap(({ name, problems }) =>
      problems.length === 0 ? [[name, "holds"]] : problems.map((problem) => [name, `FAILS: ${problem}`]),
    ),
  );
}

function printGenesis(terminal: Terminal, genesis: Genesis, chainId: GenesisReport["chainId"]): void {
  const directory = new Directory(genesis, chainId);
  const { faults, quorum } = thresholds(genesis.validators.length);
  const survives = `${genesis.validators.length}, of which ${quorum} decide; ${faults} may fail in any way`;
  printFields(terminal, [
    ["consortium", genesis.name],
    ["chain id", chainId],
    ["time", new Date(genesis.timestamp).toISOString()],
    ["certificates", genesis.scheme],
    ["validators", survives],
    ["accounts", `${count(genesis.accounts.length)}, ${count(genesis.funding.length)} of them funded`],
    ...genesis.rulebook.assets.map(
      ({ number, code }) => [`issued ${code}`, directory.display(issued(genesis, number), number)] as const,
    ),
    ["rails", genesis.rulebook.rails.map(({ name }) => name).join(", ")],
  ]);
  terminal.out("\n");
  const validators = new Map(genesis.validators.map((validator) => [validator.participant, validator]));
  const owned = new Map<number, number>();
  for (const { owner } of genesis.accounts) owned.set(owner, (owned.get(owner) ?? 0) + 1);
  printTable(
    terminal,
    [
      { title: "#", align: "right" },
      { title: "participant" },
      { title: "role" },
      { title: "accounts", align: "right" },
      { title: "validator" },
    ],
    genesis.participants.map(({ number, name, role }) => [
      String(number),
      name,
      role,
      count(owned.get(number) ?? 0),
      validators.get(number)?.addresses.join(" ") ?? "-",
    ]),
  );
  terminal.out("\n");
}

/** Settlement money of an asset that genesis issues, in minor units. */
function issued(genesis: Genesis, asset: number): bigint {
  const sources = new Set(
    genesis.accounts.filter((account) => account.kind === "issuance" && account.asset === asset).map(({ id }) => id),
  );
  return genesis.funding.reduce((sum, { debit, amount }) => (sources.has(debit) ? sum + BigInt(amount) : sum), 0n);
}

function jsonReport(report: GenesisReport): unknown {
  const { ok, chainId, genesis, checks } = report;
  if (genesis === undefined) return { ok, chainId, checks };
  const { faults, quorum } = thresholds(genesis.validators.length);
  return {
    ok,
    chainId,
    name: genesis.name,
    timestamp: genesis.timestamp,
    scheme: genesis.scheme,
    participants: genesis.participants.map(({ number, name, role }) => ({ number, name, role })),
    validators: genesis.validators.map(({ participant, addresses }) => ({ participant, addresses })),
    faultsTolerated: faults,
    quorum,
    accounts: genesis.accounts.length,
    funding: genesis.funding.length,
    issued: genesis.rulebook.assets.map(({ number, code }) => ({ asset: code, amount: issued(genesis, number) })),
    checks,
  };
}

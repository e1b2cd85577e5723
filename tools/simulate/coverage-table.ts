import type { CampaignCoverage, Tally } from "../../src/simulator/index.js";

const NAME_WIDTH = 76;
const LINE_WIDTH = 110;

/** The coverage of a campaign for people: what was reached, how often, and what never. */
export function coverageTable(coverage: CampaignCoverage): string {
  return [
    section("rules of docs/protocol.md, checked or seen at work", coverage.rules()),
    section("checks", byNumber(coverage.group("checks"))),
    section("what honest machines did", coverage.group("facts")),
    section("faults", coverage.group("faults")),
    section("liars", coverage.group("liars")),
    section("results of the ledger", coverage.group("results")),
  ].join("\n");
}

function section(title: string, tallies: ReadonlyMap<string, Tally>): string {
  const reached = [...tallies].filter(([, { times }]) => times > 0);
  const never = [...tallies].filter(([, { times }]) => times === 0).map(([name]) => name);
  const head = `${`${title}: ${reached.length}/${tallies.size}`.padEnd(NAME_WIDTH)}  histories       times`;
  const lines = reached.map(
    ([name, { histories, times }]) => `  ${name.padEnd(NAME_WIDTH - 2)} ${pad(histories, 10)} ${pad(times, 11)}`,
  );
  const rest = never.length === 0 ? [] : wrapped(`never: ${never.join(", ")}`);
  return `${[head, ...lines, ...rest].join("\n")}\n`;
}

/** Rules in the order of their numbers, then those that have none. */
function byNumber(tallies: ReadonlyMap<string, Tally>): ReadonlyMap<string, Tally> {
  const key = (name: string): string =>
    name.replace(/^([A-Z]+)-(\d+)/, (_, family, digits) => `${family}-${digits.padStart(3, "0")}`);
  return new Map([...tallies].sort(([left], [right]) => (key(left) < key(right) ? -1 : 1)));
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = " ";
  for (const word of text.split(" ")) {
    if (line.length + word.length > LINE_WIDTH) {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

const pad = (value: number, width: number): string => String(value).padStart(width);

import type { Rulebook } from "./rulebook.js";

/** One member that two rulebooks say differently; a side is absent where it has no such member. */
export interface RulebookDifference {
  /** For people, for example `rail IMPS (2): maximum`. */
  readonly member: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Everything in which two rulebooks differ, in the order in which a rulebook is read. */
export function rulebookDifferences(before: Rulebook, after: Rulebook): readonly RulebookDifference[] {
  const [left, right] = [membersOf(before), membersOf(after)];
  const names = [...left.keys(), ...[...right.keys()].filter((name) => !left.has(name))];
  return names.flatMap((member) => {
    const difference = { member, before: left.get(member), after: right.get(member) };
    return difference.before === difference.after ? [] : [difference];
  });
}

/** Every leaf of a rulebook under a name that does not depend on its place in a list. */
function membersOf(rulebook: Rulebook): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  const put = (name: string, value: unknown): void => {
    if (value !== undefined) members.set(name, typeof value === "string" ? value : JSON.stringify(value));
  };
  const { assets, rails, participantCaps, netDebitCaps, screening, governance, ...plain } = rulebook;
  for (const { number, ...rest } of assets)
    for (const [name, value] of Object.entries(rest)) put(`asset ${number}: ${name}`, value);
  for (const { number, ...rest } of rails)
    for (const [name, value] of Object.entries(rest)) put(`rail ${number}: ${name}`, value);
  for (const [name, value] of Object.entries(plain)) put(name, value);
  for (const [name, value] of Object.entries(participantCaps)) put(`participantCaps: ${name}`, value);
  for (const { participant, asset, cap } of netDebitCaps ?? [])
    put(`net debit cap of participant ${participant} in asset ${asset}`, cap);
  for (const { number, ...rest } of screening ?? [])
    for (const [name, value] of Object.entries(rest)) put(`screening rule ${number}: ${name}`, value);
  for (const [name, value] of Object.entries(governance ?? {})) put(`governance: ${name}`, value);
  return members;
}

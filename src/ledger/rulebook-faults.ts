import type { Rulebook, RulebookRail } from "../formats/index.js";

const AMOUNT_MAX = 0xffff_ffff_ffff_ffffn;

/**
 * What makes a rulebook of the right shape one that cannot be in force, a sentence each; empty if sound. Genesis and
 * governance ask alike.
 */
export function rulebookFaults(rulebook: Rulebook): readonly string[] {
  const faults: string[] = [];
  const assets = new Set(rulebook.assets.map(({ number }) => number));
  const rails = new Set(rulebook.rails.map(({ number }) => number));
  if (assets.size !== rulebook.assets.length) faults.push("two assets have one number");
  if (rails.size !== rulebook.rails.length) faults.push("two rails have one number");
  if (assets.has(0)) faults.push("0 is no asset's number");
  if (!assets.has(rulebook.defaultAsset))
    faults.push(`the default asset ${rulebook.defaultAsset} is not in the rulebook`);
  if (!rails.has(rulebook.defaultRail)) faults.push(`the default rail ${rulebook.defaultRail} is not in the rulebook`);
  for (const rail of rulebook.rails) faults.push(...railFaults(rail));
  if (rulebook.checkpointBlocks < 1) faults.push("checkpointBlocks is below 1");
  if (rulebook.expiriesPerBlockMax < 1) faults.push("expiriesPerBlockMax is below 1: nothing would ever expire");
  faults.push(...windowFaults(rulebook, assets), ...screeningFaults(rulebook, rails));
  return faults;
}

function railFaults(rail: RulebookRail): string[] {
  const faults: string[] = [];
  const fault = (detail: string): number => faults.push(`rail ${rail.name} ${detail}`);
  if (rail.number > 255) fault("has a number above 255");
  if (BigInt(rail.minimum) > BigInt(rail.maximum)) fault("has a minimum above its maximum");
  const amounts = {
    maximum: rail.maximum,
    "daily limit": rail.accountDailyMaximum,
    "window limit": rail.bankWindowMaximum,
    fee: rail.fee,
  };
  for (const [name, amount] of Object.entries(amounts))
    if (BigInt(amount ?? 0) > AMOUNT_MAX) fault(`has a ${name} of more than 64 bits`);
  const isNet = rail.settlement === "net";
  if (isNet && rail.onShortage === "queue") fault("is net, so no transfer waits for liquidity in a queue");
  if (rail.onShortage === "queue" && rail.queueSecondsMax === undefined) fault("has a queue without queueSecondsMax");
  if (rail.onShortage !== "queue" && rail.queueSecondsMax !== undefined) fault("has queueSecondsMax without a queue");
  if (!isNet && rail.bankWindowMaximum !== undefined) fault("has bankWindowMaximum, but no windows: it is gross");
  if (rail.acceptance === true) {
    if (rail.timeoutSecondsMax === 0) fault("needs timeoutSecondsMax above 0: each transfer waits for acceptance");
    if (rail.partialPost) fault("cannot post parts: only the exact amount is accepted");
    if (rail.onShortage === "queue") fault("cannot queue: its transfers wait for acceptance already");
    if ((rail.turnaroundSeconds ?? 0) > rail.timeoutSecondsMax) fault("has turnaroundSeconds above timeoutSecondsMax");
  } else if (rail.turnaroundSeconds !== undefined) fault("has turnaroundSeconds, but needs no acceptance");
  return faults;
}

function windowFaults({ windowTimes, netDebitCaps }: Rulebook, assets: ReadonlySet<number>): string[] {
  const faults: string[] = [];
  for (const [index, time] of (windowTimes ?? []).entries())
    if (index > 0 && time <= (windowTimes?.[index - 1] as number)) faults.push("windowTimes are not ascending");
  const named = new Set<string>();
  for (const { participant, asset } of netDebitCaps ?? []) {
    if (!assets.has(asset)) faults.push(`a net debit cap is in unknown asset ${asset}`);
    if (named.has(`${participant}/${asset}`)) faults.push(`participant ${participant} has two net debit caps`);
    named.add(`${participant}/${asset}`);
  }
  return faults;
}

function screeningFaults({ screening }: Rulebook, rails: ReadonlySet<number>): string[] {
  const faults: string[] = [];
  const numbers = new Set<number>();
  for (const rule of screening ?? []) {
    const fault = (detail: string): number => faults.push(`screening rule ${rule.number} ${detail}`);
    if (numbers.has(rule.number)) fault("is listed twice");
    numbers.add(rule.number);
    for (const rail of rule.rails ?? []) if (!rails.has(rail)) fault(`looks at unknown rail ${rail}`);
    if (rule.kind === "velocity" && rule.count === undefined && rule.sum === undefined)
      fault("has neither count nor sum");
  }
  return faults;
}

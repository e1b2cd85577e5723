import type { Rulebook, RulebookRail } from "../../../formats/index.js";
import type { Books } from "./books.js";

/** Whether a rulebook of the right shape may not follow the one in force (LEDG-43). */
export function isUnfit(next: Rulebook, books: Books): boolean {
  const numbers = next.rails.map(({ number }) => number);
  const assets = next.assets.map(({ number }) => number);
  const { windowTimes = [], netDebitCaps = [], screening = [] } = next;
  const rules = screening.map(({ number }) => number);
  return (
    hasTwice(numbers) ||
    hasTwice(assets) ||
    hasTwice(rules) ||
    hasTwice(netDebitCaps.map(({ participant, asset }) => `${participant}/${asset}`)) ||
    assets.includes(0) ||
    !assets.includes(next.defaultAsset) ||
    !numbers.includes(next.defaultRail) ||
    next.rails.some(isUnsound) ||
    windowTimes.some((time, index) => index > 0 && time <= (windowTimes[index - 1] as number)) ||
    netDebitCaps.some(({ asset, participant }) => !assets.includes(asset) || books.roles.get(participant) !== "bank") ||
    screening.some(({ rails = [] }) => rails.some((rail) => !numbers.includes(rail))) ||
    screening.some((rule) => rule.kind === "velocity" && rule.count === undefined && rule.sum === undefined) ||
    leavesSomethingBehind(next, books)
  );
}

const hasTwice = (values: readonly (number | string)[]): boolean => new Set(values).size < values.length;

function isUnsound(rail: RulebookRail): boolean {
  const { number, minimum, maximum, acceptance = false, partialPost, timeoutSecondsMax, turnaroundSeconds } = rail;
  const queues = rail.onShortage === "queue";
  const isNet = rail.settlement === "net";
  const amounts = [maximum, rail.accountDailyMaximum, rail.bankWindowMaximum, rail.fee].map((text) =>
    BigInt(text ?? 0),
  );
  const isQueueWrong = queues !== (rail.queueSecondsMax !== undefined) || (queues && (isNet || acceptance));
  const isAcceptanceWrong = acceptance
    ? timeoutSecondsMax === 0 || partialPost || (turnaroundSeconds ?? 0) > timeoutSecondsMax
    : turnaroundSeconds !== undefined;
  const isTooLarge = amounts.some((amount) => amount >= 2n ** 64n);
  const isWindowWrong = !isNet && rail.bankWindowMaximum !== undefined;
  const isUnbounded = number > 255 || BigInt(minimum) > BigInt(maximum) || isTooLarge;
  return isUnbounded || isQueueWrong || isAcceptanceWrong || isWindowWrong;
}

/** No account loses its asset, and no pending transfer its rail. */
function leavesSomethingBehind(next: Rulebook, books: Books): boolean {
  const keepsAsset = (asset: number): boolean => {
    const [before, after] = [books.rulebook, next].map(({ assets }) => assets.find(({ number }) => number === asset));
    return before?.code === after?.code && before?.exponent === after?.exponent;
  };
  const wayOf = (rules: Rulebook, rail: number): string => {
    const found = rules.rails.find(({ number }) => number === rail);
    return found === undefined ? "none" : `${found.settlement ?? "gross"} ${found.acceptance ?? false}`;
  };
  return (
    [...books.accounts.values()].some(({ asset }) => !keepsAsset(asset)) ||
    [...books.pendings.values()].some(({ record: { rail } }) => wayOf(next, rail) !== wayOf(books.rulebook, rail))
  );
}

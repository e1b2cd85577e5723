import type { FaultEvent, History } from "./history.js";

/** A fault with its end, where something took it back. */
export interface Episode {
  readonly number: number;
  /** A healing stands for itself where it ended nothing by itself. */
  readonly nature: "fault" | "healing" | "remark";
  readonly kind: string;
  readonly target: string;
  readonly text: string;
  /** Seconds. */
  readonly from: number;
  readonly to: number | undefined;
  /** Whether it went on until the end, if nothing took it back. */
  readonly isLasting: boolean;
}

/** Kinds that say what was seen or done, and do no harm. */
export const REMARKS: ReadonlySet<string> = new Set(["note", "seen"]);

/**
 * Gives each fault its end: when all its targets were healed, or when a fault of the same kind at the same target took its
 * place (another load, another delay).
 */
export function episodesOf(history: History): readonly Episode[] {
  const faults = history.entries.filter((entry): entry is FaultEvent => entry.type === "fault");
  const all: { readonly fault: FaultEvent; to: number | undefined }[] = [];
  let open: { readonly episode: (typeof all)[number]; readonly ill: Set<string> }[] = [];
  for (const fault of faults) {
    const targets = targetsOf(fault);
    const before = open.length;
    open = open.filter(({ episode, ill }) => {
      if (fault.isHealing === true) for (const target of targets) ill.delete(target);
      const isHealed = fault.isHealing === true && (ill.size === 0 || isHealedLink(fault, episode.fault));
      const isReplaced = episode.fault.kind === fault.kind && episode.fault.target === fault.target;
      if (isHealed || isReplaced) episode.to = fault.at / 1_000;
      return !isHealed && !isReplaced;
    });
    if (fault.isHealing === true && open.length < before) continue;
    const episode = { fault, to: undefined };
    all.push(episode);
    if (fault.isHealing !== true && !REMARKS.has(fault.kind)) open.push({ episode, ill: new Set(targets) });
  }
  return all.map(({ fault, to }, index) => {
    const { kind, target, text, at, isHealing } = fault;
    const nature = isHealing === true ? "healing" : REMARKS.has(kind) ? "remark" : "fault";
    return {
      number: index + 1,
      nature,
      kind,
      target,
      text,
      from: at / 1_000,
      to,
      isLasting: nature === "fault" && kind !== "reset",
    };
  });
}

/** All links were healed, and this fault was one of links: a killed node stays killed. */
const isHealedLink = (healing: FaultEvent, fault: FaultEvent): boolean =>
  healing.kind === "heal" && healing.target === "all" && (fault.target.includes("|") || fault.target === "all");

/** Names of nodes; a set of links is one target. */
const targetsOf = ({ target }: FaultEvent): readonly string[] => (target.includes("|") ? [target] : target.split(","));

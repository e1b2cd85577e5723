import { readFileSync } from "node:fs";
import type { History, RecordedFrame, Violation } from "../../src/simulator/index.js";

/** What a page shows. */
export interface TracePage {
  /** Such as the command that plays the history again. */
  readonly title: string;
  readonly history: History;
  readonly violations: readonly Violation[];
  readonly summary: string;
}

/**
 * A page that stands by itself: style, script and the history inside, nothing loaded from anywhere. Frames go in as
 * rows of numbers beside lists of the strings in them, so that 50,000 of them make two or three megabytes.
 */
export function tracePage(page: TracePage): string {
  const template = readFileSync(new URL("./trace-page.html", import.meta.url), "utf8");
  const data = JSON.stringify(compact(page)).replaceAll("<", "\\u003c");
  return template.replaceAll("__TITLE__", () => escaped(page.title)).replace('"__DATA__"', () => data);
}

/** Strings that come again and again, by number. */
class Strings {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.list.length);
    return this.list.push(text) - 1;
  }
}

/** Fates of a frame, as the page knows them. */
const ARRIVED = 0;
const LOST = 1;
const REFUSED = 2;

const fateOf = ({ arrivedAt, isTaken }: RecordedFrame): number => {
  if (arrivedAt !== undefined) return ARRIVED;
  return isTaken ? LOST : REFUSED;
};

const TO_THE_MICROSECOND = 1_000;
const rounded = (ms: number): number => Math.round(ms * TO_THE_MICROSECOND) / TO_THE_MICROSECOND;

function compact({ title, history, violations, summary }: TracePage): object {
  const kinds = new Strings();
  const hashes = new Strings();
  const details = new Strings();
  const frames = history.frames
    .toSorted((left, right) => left.sentAt - right.sentAt)
    .map((frame) => {
      const { label, from, to, sentAt, arrivedAt = sentAt, bytes } = frame;
      const words = [
        kinds.number(label.kind),
        label.view,
        label.height,
        hashes.number(label.hash),
        details.number(label.detail),
      ];
      return [rounded(sentAt), rounded(arrivedAt), from, to, fateOf(frame), ...words, bytes];
    });
  return {
    title,
    summary,
    endMs: Math.ceil(history.endMs),
    machines: history.machines,
    kinds: kinds.list,
    hashes: hashes.list,
    details: details.list,
    frames,
    marks: history.marks.map(({ at, machine = -1, kind, text }) => [rounded(at), machine, kind, text]),
    violations: violations.map(({ atMs, rule, detail }) => ({ atMs, rule, detail })),
  };
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

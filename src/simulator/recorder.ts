import { decodeMessage, type Message } from "../consensus/index.js";
import { sha256 } from "../crypto/index.js";

/** A machine of a recorded history. */
export interface RecordedMachine {
  readonly name: string;
  readonly validator: number;
  readonly isHonest: boolean;
}

/** What a frame says, for people. */
export interface FrameLabel {
  /** Such as "PREPARE" or "proposal". */
  readonly kind: string;
  /** View that it is about; 0 where it is about none. */
  readonly view: number;
  /** Height that it is about; 0 where it is about none. */
  readonly height: number;
  /** First digits of the hash or digest that it is about. */
  readonly hash: string;
  readonly detail: string;
}

/** One frame on its way between two machines, by place in the list of machines. */
export interface RecordedFrame {
  readonly label: FrameLabel;
  readonly from: number;
  readonly to: number;
  readonly sentAt: number;
  /** Virtual time, ms; undefined: it never arrived. */
  arrivedAt: number | undefined;
  /** Whether the link took it. */
  readonly isTaken: boolean;
  readonly bytes: number;
}

/** Something that befell a machine, or all of them, or that a machine did. */
export interface RecordedMark {
  readonly at: number;
  /** Place in the list of machines; undefined: all. */
  readonly machine: number | undefined;
  readonly kind: "start" | "crash" | "fault" | "disk" | "view" | "final" | "fact" | "submit";
  readonly text: string;
}

/** A history as it was seen from above. */
export interface History {
  readonly machines: readonly RecordedMachine[];
  readonly frames: readonly RecordedFrame[];
  readonly marks: readonly RecordedMark[];
  /** Virtual time at the end, ms. */
  readonly endMs: number;
}

const HASH_DIGITS = 8;

/** Writes down one simulation for a page that people look at; the digest of a history comes from `Trace`. */
export class Recorder {
  #machines: readonly RecordedMachine[] = [];
  readonly #frames: RecordedFrame[] = [];
  readonly #marks: RecordedMark[] = [];
  /** Frames that have not arrived, by their bytes: each broadcast is one array on several ways. */
  readonly #underWay = new Map<Uint8Array, RecordedFrame[]>();
  #lastLabel: { readonly frame: Uint8Array; readonly label: FrameLabel } | undefined;
  #endMs = 0;

  begin(machines: readonly RecordedMachine[]): void {
    this.#machines = machines;
  }

  sent(
    at: number,
    way: { readonly from: number; readonly to: number; readonly isTaken: boolean },
    frame: Uint8Array,
  ): void {
    const label = this.#labelOf(frame);
    const recorded: RecordedFrame = { label, ...way, sentAt: at, arrivedAt: undefined, bytes: frame.length };
    this.#frames.push(recorded);
    if (!way.isTaken) return;
    const known = this.#underWay.get(frame);
    if (known === undefined) this.#underWay.set(frame, [recorded]);
    else known.push(recorded);
  }

  /** A frame reached a machine; one that comes again is on its way twice. */
  arrived(at: number, machine: string, frame: Uint8Array): void {
    this.#endMs = at;
    const to = this.#place(machine);
    const ways = (this.#underWay.get(frame) ?? []).filter((way) => way.to === to);
    const first = ways.find(({ arrivedAt }) => arrivedAt === undefined);
    if (first !== undefined) first.arrivedAt = at;
    else if (ways[0] !== undefined) this.#frames.push({ ...ways[0], arrivedAt: at });
  }

  mark(at: number, machine: string | undefined, kind: RecordedMark["kind"], text: string): void {
    this.#endMs = at;
    this.#marks.push({ at, machine: machine === undefined ? undefined : this.#place(machine), kind, text });
  }

  get history(): History {
    return { machines: this.#machines, frames: this.#frames, marks: this.#marks, endMs: this.#endMs };
  }

  #place(machine: string): number {
    return this.#machines.findIndex(({ name }) => name === machine);
  }

  #labelOf(frame: Uint8Array): FrameLabel {
    if (this.#lastLabel?.frame === frame) return this.#lastLabel.label;
    const decoded = decodeMessage(sha256, undefined, frame);
    const label = decoded.ok ? labelOf(decoded.value) : { ...NOTHING, kind: "broken", detail: decoded.fault.detail };
    this.#lastLabel = { frame, label };
    return label;
  }
}

const NOTHING: FrameLabel = { kind: "", view: 0, height: 0, hash: "", detail: "" };

const short = (hash: string): string => hash.slice(0, HASH_DIGITS);

const listed = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function labelOf(message: Message): FrameLabel {
  switch (message.type) {
    case "proposal": {
      const { hash, header, body } = message.proposal.block;
      const { view, height, parentView, executed } = header;
      const detail = `${listed(body.length, "batch").replace(/chs$/, "ches")}, parent of view ${parentView}, claims results to ${executed.height}`;
      return { kind: "proposal", view, height, hash: short(hash), detail };
    }
    case "vote": {
      const { kind, view, hash, certificate } = message.vote;
      const detail =
        certificate === undefined ? "" : `with the ${certificate.kind} certificate of view ${certificate.view}`;
      return { ...NOTHING, kind, view, hash: kind === "TIMEOUT" ? "" : short(hash), detail };
    }
    case "certificate": {
      const { kind, view, hash, signers } = message.certificate;
      const detail = `${kind}, signers ${signersOf(signers)}`;
      return { ...NOTHING, kind: "certificate", view, hash: kind === "TIMEOUT" ? "" : short(hash), detail };
    }
    case "commit-proof": {
      const { view, hash, signers } = message.proof.commit;
      return { ...NOTHING, kind: "commit-proof", view, hash: short(hash), detail: `signers ${signersOf(signers)}` };
    }
    case "status": {
      const { view, finalizedView, finalizedHeight } = message.status;
      return { ...NOTHING, kind: "status", view, height: finalizedHeight, detail: `final to view ${finalizedView}` };
    }
    case "epoch-close": {
      const { header, hash } = message.close;
      const { epoch, view, height } = header;
      return { ...NOTHING, kind: "epoch-close", view, height, hash: short(hash), detail: `epoch ${epoch} is over` };
    }
    default:
      return { ...NOTHING, kind: message.type, ...fetchLabel(message) };
  }
}

function fetchLabel(
  message: Exclude<Message, { type: "proposal" | "vote" | "certificate" | "commit-proof" | "status" | "epoch-close" }>,
): Partial<FrameLabel> {
  switch (message.type) {
    case "push-batch":
      return { detail: listed(message.bytes.length, "byte") };
    case "get-batches":
      return { hash: short(message.digests[0] ?? ""), detail: listed(message.digests.length, "digest") };
    case "batches":
      return { detail: listed(message.batches.length, "body").replace(/bodys$/, "bodies") };
    case "get-certificates":
      return { view: message.first, detail: `views ${message.first} to ${message.last}` };
    case "certificates":
      return { view: message.certificates[0]?.view ?? 0, detail: listed(message.certificates.length, "certificate") };
    case "get-blocks":
      return { hash: short(message.hash), detail: `up to ${listed(message.count, "block")}` };
    case "get-range":
      return { height: message.from, detail: `up to ${listed(message.count, "block")}` };
    case "blocks":
    case "range": {
      const [first] = message.blocks;
      const detail = listed(message.blocks.length, "block");
      return {
        view: first?.header.view ?? 0,
        height: first?.header.height ?? 0,
        hash: short(first?.hash ?? ""),
        detail,
      };
    }
  }
}

const signersOf = (mask: number): string =>
  Array.from({ length: 32 }, (_, index) => index)
    .filter((index) => ((mask >>> index) & 1) === 1)
    .join(" ");

let current: Recorder | undefined;

/**
 * Runs something and records the last simulation that it makes. Named scenarios make theirs themselves, so the
 * recorder is not handed down but waits here until `run` is over.
 */
export function recording<T>(run: () => T): { readonly result: T; readonly history: History } {
  const recorder = new Recorder();
  current = recorder;
  try {
    return { result: run(), history: recorder.history };
  } finally {
    current = undefined;
  }
}

/** The recorder that waits for a simulation. */
export const waitingRecorder = (): Recorder | undefined => current;

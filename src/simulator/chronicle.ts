import { decodeMessage } from "../consensus/index.js";
import { sha256 } from "../crypto/index.js";
import type { ReplicaEvent } from "../replica/index.js";
import { Coverage } from "./coverage.js";
import type { SimulatedNode } from "./node.js";
import { type Recorder, waitingRecorder } from "./recorder.js";
import { Trace } from "./trace.js";

type AgreementFact = Extract<ReplicaEvent, { type: "agreement" }>["fact"];

/**
 * What is written down of one history: its digest, what it covered, and, where a page of it is wanted, everything
 * that people look for. It changes nothing of the history.
 */
export class Chronicle {
  readonly coverage = new Coverage();
  readonly #now: () => number;
  readonly #trace = new Trace();
  readonly #recorder: Recorder | undefined = waitingRecorder();
  readonly #factOfCode = new Map<number, string>();

  /** @param now virtual time, ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  begin(machines: readonly SimulatedNode[]): void {
    this.#recorder?.begin(machines.map(({ name, index, isHonest }) => ({ name, validator: index, isHonest })));
  }

  /** SHA-256 of the history so far. */
  get digest(): string {
    return this.#trace.digest();
  }

  get events(): number {
    return this.#trace.events;
  }

  /** Something befell the machines. */
  note(what: string): void {
    this.#trace.record(this.#now(), what);
    this.#recorder?.mark(this.#now(), undefined, "fault", what);
  }

  /** Something reached a machine: everything goes into the digest, and what people want to see to the recorder too. */
  record(what: string, content: Uint8Array | undefined): void {
    const now = this.#now();
    this.#trace.record(now, what, content);
    if (this.#recorder === undefined) return;
    if (content !== undefined) {
      // As in "1>2 consensus".
      const [machine = ""] = what.slice(what.indexOf(">") + 1).split(" ");
      this.#recorder.arrived(now, machine, content);
      return;
    }
    const [event = "", machine = ""] = what.split(" ");
    if (event === "start" || event === "crash" || event === "submit") this.#recorder.mark(now, machine, event, what);
    else if (event === "disk-failed" || event === "disk-lies") this.#recorder.mark(now, machine, "disk", what);
  }

  /** An honest machine sends. The first two bytes tell the kind of message; one frame of each is decoded. */
  countFrame(frame: Uint8Array): void {
    const code = ((frame[0] ?? 0) << 8) | (frame[1] ?? 0);
    let fact = this.#factOfCode.get(code);
    if (fact === undefined) {
      const decoded = decodeMessage(sha256, undefined, frame);
      if (!decoded.ok) return;
      fact = `sent ${decoded.value.type}`;
      this.#factOfCode.set(code, fact);
    }
    this.coverage.hit("facts", fact);
  }

  /** A frame is on its way, or was refused by its link. */
  sent(from: SimulatedNode, to: SimulatedNode, frame: Uint8Array, isTaken: boolean): void {
    this.#recorder?.sent(this.#now(), { from: from.id, to: to.id, isTaken }, frame);
  }

  /** An honest machine tells what happened to it. */
  observed(node: SimulatedNode, event: ReplicaEvent): void {
    switch (event.type) {
      case "peer-fault":
        this.coverage.hit("facts", "peer at fault");
        this.#mark(node, "fact", `finds ${event.peer - 1} at fault: ${event.reason}`);
        return;
      case "evidence": {
        const { signer, view } = event.equivocation;
        this.coverage.hit("facts", "evidence");
        this.#mark(node, "fact", `has evidence against ${signer} in view ${view}`);
        return;
      }
      case "store-failed":
        this.coverage.hit("facts", "store failed");
        this.#mark(node, "disk", `store failed: ${event.failure.code}`);
        return;
      case "catching-up":
        this.coverage.hit("facts", "catching up");
        return;
      case "agreement":
        this.coverage.hit("facts", nameOf(event.fact));
        this.#markFact(node, event.fact);
        return;
      case "peers-changed":
        this.coverage.hit("facts", "peers changed");
        return;
      case "submitted":
      case "admitted":
      case "voting":
      case "executed":
        // Timings, which virtual time makes meaningless.
        return;
    }
  }

  #markFact(node: SimulatedNode, fact: AgreementFact): void {
    if (fact.type === "view-entered") this.#mark(node, "view", `view ${fact.view} by ${fact.by}`);
    else if (fact.type === "finalized") {
      for (const { header, hash } of fact.blocks) {
        this.#mark(node, "final", `height ${header.height}, view ${header.view}, ${hash.slice(0, 8)}`);
      }
    } else if (fact.type !== "prepared") this.#mark(node, "fact", nameOf(fact));
  }

  #mark(node: SimulatedNode, kind: "fact" | "disk" | "view" | "final", text: string): void {
    this.#recorder?.mark(this.#now(), node.name, kind, text);
  }
}

/** As coverage knows it. */
function nameOf(fact: AgreementFact): string {
  switch (fact.type) {
    case "view-entered":
      return `view entered by ${fact.by}`;
    case "timed-out":
      return `timed out: ${fact.reason}`;
    case "proposed":
      return fact.batches === 0 ? "proposed an empty block" : "proposed batches";
    case "proposal-refused":
      return "proposal refused";
    case "bad-votes":
      return "bad votes";
    default:
      return fact.type;
  }
}

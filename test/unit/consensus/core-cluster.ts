import {
  type Admitted,
  type AgreementMessage,
  type AgreementState,
  type BatchInfo,
  type Block,
  createAgreement,
  type Effect,
  type Event,
  LAN_TIMING,
  type Recovered,
  type SelfProving,
  type Succession,
  step,
} from "../../../src/consensus/index.js";
import { sha256 } from "../../../src/crypto/index.js";
import {
  bitmapOf,
  type Claim,
  type EpochClose,
  makeValidatorSet,
  type Successor,
  type ValidatorSet,
} from "../../../src/formats/index.js";
import {
  type Digest,
  epoch,
  height,
  participantNumber,
  toHex,
  utf8,
  type ValidatorIndex,
  view,
} from "../../../src/primitives/index.js";

export const CHAIN = toHex(sha256(utf8("chain of the tests"))) as Digest;
export const GENESIS_TIME = 1_700_000_000_000;

/** Digest of any text. */
export const digest = (text: string): Digest => toHex(sha256(utf8(text))) as Digest;

/** What executing all blocks up to a height gives in these tests. */
export const claimAt = (at: number): Claim => ({
  height: height(at),
  resultsRoot: digest(`results ${at}`),
  stateHeight: height(0),
  stateRoot: digest("state"),
});

/** Validator of these tests with an index that stays, whatever its place in a set. */
export const bank = (index: number): Successor => ({
  participant: participantNumber(index + 1),
  name: `BANK${index}`,
  publicKey: utf8(`key ${index}`),
  networkKey: digest(`network ${index}`),
  addresses: [],
});

export const setOf = (n: number): ValidatorSet =>
  makeValidatorSet(
    sha256,
    epoch(0),
    Array.from({ length: n }, (_, index) => bank(index)),
  );

const FRESH: Recovered = {
  record: undefined,
  head: { view: view(0), height: height(0), hash: CHAIN, timestamp: GENESIS_TIME, executed: claimAt(0) },
  headProof: undefined,
  certificates: [],
  blocks: [],
  ordered: new Map(),
  ownClaims: [claimAt(0)],
  certifiedClaims: [],
  lastEventfulHeight: height(0),
  nextDeadline: undefined,
  diverged: false,
};

/** What a first start finds. */
export const freshRecovery = (): Recovered => FRESH;

/** A fresh core with no heartbeat, so that silence is silence. */
export function core(self: number, n = 4, recovered: Partial<Recovered> = {}, at = 0): AgreementState {
  return createAgreement({
    chainId: CHAIN,
    set: setOf(n),
    self: self < n ? (self as ValidatorIndex) : undefined,
    ownKeys: [toHex(utf8(`key ${self}`))],
    timing: { ...LAN_TIMING, maxIdleMs: Number.POSITIVE_INFINITY },
    recovered: { ...FRESH, ...recovered },
    at,
  });
}

export const batch = (name: string, now = GENESIS_TIME): BatchInfo => ({
  digest: digest(name),
  size: 320,
  notAfter: now + 300_000,
  count: 1,
  lane: "usual",
  participant: participantNumber(1),
});

/**
 * Cores wired together without a network: effects are performed at once, messages delivered in rounds
 * of one virtual millisecond, signatures are names. Everything is visible and can be held back.
 */
export class CoreCluster {
  readonly cores: AgreementState[];
  readonly finalized: Block[][];
  readonly sent: { readonly from: number; readonly to: number; readonly message: AgreementMessage }[] = [];
  readonly effects: { readonly by: number; readonly effect: Effect }[] = [];
  readonly down = new Set<number>();
  /** What executing the block at a height tells about validators to come. */
  succession: (by: number, at: number) => Succession | undefined = () => undefined;
  /** What ended each epoch, as the first core found it final. */
  readonly closes = new Map<number, EpochClose>();
  /** Drops a message where it returns false. */
  passes: (from: number, to: number, message: AgreementMessage) => boolean = () => true;
  /** Virtual milliseconds that a message takes, 1 at the least. */
  delayMs: (from: number, to: number, message: AgreementMessage) => number = () => 1;
  now = 0;
  #queue: { readonly at: number; readonly from: number; readonly to: number; readonly message: AgreementMessage }[] =
    [];
  #fetched: { readonly at: number; readonly to: number; readonly blocks: readonly Block[] }[] = [];
  #timers: { readonly at: number; readonly to: number; readonly event: Event }[] = [];

  /** @param followers cores beyond the validators of the first epoch */
  constructor(n = 4, followers = 0) {
    this.cores = Array.from({ length: n + followers }, (_, index) => core(index, n));
    this.finalized = this.cores.map(() => []);
    for (let index = 0; index < n + followers; index += 1)
      this.#timers.push({ at: LAN_TIMING.tickMs, to: index, event: { type: "tick" } });
  }

  feed(to: number, event: Event): void {
    const state = this.cores[to];
    if (state === undefined || this.down.has(to)) return;
    const effects = step(state, event, { at: this.now, wall: GENESIS_TIME + 1_000 + this.now });
    for (const effect of effects) this.perform(to, effect);
  }

  /** Every core holds the batch. */
  submit(info: BatchInfo): void {
    this.cores.forEach((_, index) => {
      this.feed(index, { type: "batch-held", batch: info });
    });
  }

  perform(by: number, effect: Effect): void {
    this.effects.push({ by, effect });
    switch (effect.type) {
      case "sign":
        this.feed(by, { type: "signed", subject: effect.subject, signature: utf8(`vote of ${by}`) });
        return;
      case "check-votes": {
        const signers = bitmapOf(effect.votes.map(({ signer }) => signer));
        const certificate = { ...effect.subject, signers, signature: utf8("aggregate") };
        this.feed(by, { type: "votes-checked", subject: effect.subject, certificate, bad: [] });
        return;
      }
      case "send":
        this.#send(by, effect);
        return;
      case "arm-timer":
        this.#timers.push({
          at: this.now + effect.timer.afterMs,
          to: by,
          event: { type: "timer-fired", timer: effect.timer },
        });
        return;
      case "persist-final":
        this.finalized[by]?.push(...effect.blocks);
        for (const block of effect.blocks) {
          this.execute(by, block);
        }
        if (effect.close !== undefined && !this.closes.has(effect.close.header.epoch))
          this.closes.set(effect.close.header.epoch, effect.close);
        return;
      case "send-close": {
        const close = this.closes.get(effect.epoch);
        if (close !== undefined)
          this.#send(by, { type: "send", to: effect.to, message: { type: "epoch-close", close } });
        return;
      }
      case "fetch-blocks": {
        const found: Block[] = [];
        for (let hash = effect.hash; ; ) {
          const block = this.#find(hash);
          if (block === undefined) break;
          found.push(block);
          hash = block.header.parentHash;
        }
        if (found.length > 0) this.#fetched.push({ at: this.now + 2, to: by, blocks: found });
        return;
      }
      default:
    }
  }

  /** Executes a finalised block at once; a test may put it off. */
  execute: (by: number, block: Block) => void = (by, { header, body }) =>
    this.feed(by, {
      type: "executed",
      claim: claimAt(header.height),
      eventful: body.length > 0,
      nextDeadline: undefined,
      succession: this.succession(by, header.height),
    });

  #find(hash: Digest): Block | undefined {
    for (const [index, state] of this.cores.entries()) {
      if (this.down.has(index)) continue;
      const block = state.blocks.get(hash) ?? this.finalized[index]?.find((final) => final.hash === hash);
      if (block !== undefined) return block;
    }
    return undefined;
  }

  /** Lets virtual time pass. */
  run(milliseconds: number): void {
    const end = this.now + milliseconds;
    while (this.now < end) {
      this.now += 1;
      const delivered = this.#queue.filter(({ at }) => at <= this.now);
      this.#queue = this.#queue.filter(({ at }) => at > this.now);
      for (const { from, to, message } of delivered) this.#deliver(from, to, message);
      const fetched = this.#fetched.filter(({ at }) => at <= this.now);
      this.#fetched = this.#fetched.filter(({ at }) => at > this.now);
      for (const { to, blocks } of fetched) this.feed(to, { type: "blocks-fetched", blocks, proof: undefined });
      const due = this.#timers.filter((timer) => timer.at <= this.now);
      this.#timers = this.#timers.filter((timer) => timer.at > this.now);
      for (const { to, event } of due) {
        this.feed(to, event);
        if (event.type === "tick") this.#timers.push({ at: this.now + LAN_TIMING.tickMs, to, event });
      }
    }
  }

  heights(): number[] {
    return this.cores.map((state) => state.head.height);
  }

  /** Place of a core in the set that another one follows. */
  #placeOf(index: number, state: AgreementState): ValidatorIndex | undefined {
    const place = state.setting.set.members.findIndex(({ participant }) => participant === index + 1);
    return place < 0 ? undefined : (place as ValidatorIndex);
  }

  #deliver(from: number, to: number, message: AgreementMessage): void {
    const state = this.cores[to] as AgreementState;
    const place = this.#placeOf(from, state);
    if (place !== undefined) {
      this.feed(to, { type: "received", from: place, message: message as Admitted<AgreementMessage> });
      return;
    }
    // What a replica does with those who are no validators of its epoch.
    if (message.type === "status" && message.status.epoch < state.setting.set.epoch) {
      const close = this.closes.get(message.status.epoch);
      if (close !== undefined)
        this.#queue.push({ at: this.now + 1, from: to, to: from, message: { type: "epoch-close", close } });
    }
    if (message.type === "epoch-close") this.feed(to, { type: "learned", message: message as Admitted<SelfProving> });
  }

  #send(by: number, effect: Extract<Effect, { type: "send" }>): void {
    const { members } = (this.cores[by] as AgreementState).setting.set;
    const receivers =
      effect.to === "all" ? this.cores.map((_, index) => index) : [(members[effect.to]?.participant ?? 1) - 1];
    for (const to of receivers) {
      if (to === by || this.down.has(to) || !this.passes(by, to, effect.message)) continue;
      this.sent.push({ from: by, to, message: effect.message });
      const at = this.now + this.delayMs(by, to, effect.message);
      this.#queue.push({ at, from: by, to, message: effect.message });
    }
  }
}

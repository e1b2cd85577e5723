import { sha256 } from "../crypto/portable.js";
import {
  type BallotChoice,
  type CanonicalJson,
  canonicalJson,
  encodeBallot,
  encodeKeyChange,
  encodeProposal,
  encodeReady,
  type GenesisValidator,
  type KeyFields,
  type ProposalKind,
  type Rulebook,
} from "../formats/index.js";
import { type Digest, type Height, type Id128, utf8 } from "../primitives/index.js";
import { type BatchSigner, type ClientKey, signerOf } from "./local-signing.js";
import type { SabhaClient } from "./sabha-client.js";
import type { SubmitOptions, SubmitResult } from "./types.js";

/** What is put to the vote; `content` as docs/formats.md describes it for the kind. */
export interface ProposalRequest {
  readonly kind: ProposalKind;
  readonly content: object;
  /** Says that a set which survives fewer faults is meant. */
  readonly acceptFaults?: boolean;
  /** First block in which it is in force; absent: the block after it passes. */
  readonly effectiveHeight?: number;
  /** Seconds of block time for ballots; absent: as long as the rulebook allows. */
  readonly votingSeconds?: number;
}

export interface Preflight {
  /** The result that the proposal would get now. */
  readonly result: string;
  readonly problems: readonly string[];
  readonly threshold: number;
  readonly voters: number;
  readonly effects: readonly string[];
  readonly validators?: { readonly before: SetArithmetic; readonly after: SetArithmetic };
}

export interface SetArithmetic {
  readonly members: readonly string[];
  readonly faults: number;
  readonly quorum: number;
}

export interface Proposal {
  readonly id: string;
  readonly kind: ProposalKind;
  readonly state: "open" | "passed" | "activated" | "lapsed" | "not_activated";
  readonly proposer: number;
  readonly acceptFaults: boolean;
  readonly effectiveHeight: number;
  readonly proposedHeight: number;
  readonly deadline: number;
  readonly passedHeight?: number;
  readonly earliest?: number;
  readonly resolution?: { readonly height: number; readonly index: number };
  readonly ballots: readonly {
    readonly participant: number;
    readonly choice: BallotChoice;
    readonly runs: number;
    readonly height: number;
  }[];
  /** Of a change of validators: the state root that newcomers state, and those that have. */
  readonly stateRoot?: string;
  readonly ready?: readonly { readonly participant: number; readonly height: number }[];
  /** Absent in listings; present where proposals were asked for by their ids. */
  readonly content?: Readonly<Record<string, unknown>>;
}

export interface ParticipantKeys {
  readonly number: number;
  readonly name: string;
  readonly role: "authority" | "bank" | "observer";
  readonly isValidator: boolean;
  readonly keys: readonly {
    readonly publicKey: string;
    readonly scopes: readonly string[];
    readonly activeFrom: number;
    readonly revokedFrom?: number;
  }[];
}

export interface Rules {
  readonly height: number;
  readonly epoch: number;
  readonly protocolVersion: number;
  readonly protocolVersionMax: number;
  readonly validators: readonly (Omit<GenesisValidator, "proofOfPossession"> & { readonly name: string })[];
  readonly rulebook: Rulebook;
}

/** A participant's key change, as the ledger's record of it says. */
export type KeyChangeRequest = Omit<KeyFields, "effectiveHeight"> & { readonly effectiveHeight?: number };

/**
 * Governance over one node's JSON-RPC. With a key, proposals and ballots are signed here and any node takes them;
 * without, the node signs for its own bank and needs a token of scope `govern`.
 */
export class Governor {
  readonly #client: SabhaClient;
  readonly #sign: BatchSigner | undefined;

  constructor(client: SabhaClient, key?: ClientKey) {
    this.#client = client;
    this.#sign = key === undefined ? undefined : signerOf(key);
  }

  /** @param id kept by the caller: the same id makes a retry safe */
  async propose(id: Id128, request: ProposalRequest, options: SubmitOptions = {}): Promise<SubmitResult> {
    if (this.#sign === undefined)
      return this.#first(this.#client.call("gov_propose", { proposal: { id, ...request } }, options));
    const records = encodeProposal(sha256, {
      ...{ id, kind: request.kind, acceptFaults: request.acceptFaults ?? false },
      effectiveHeight: (request.effectiveHeight ?? 0) as Height,
      votingSeconds: request.votingSeconds ?? 0,
      content: utf8(canonicalJson(request.content as CanonicalJson)),
    });
    return this.#submit(records, options);
  }

  /** @param runs newest protocol version that the voter's node executes; where the node signs, it states its own */
  async vote(
    ballot: { readonly id: Id128; readonly proposalId: Id128; readonly choice: BallotChoice; readonly runs: number },
    options: SubmitOptions = {},
  ): Promise<SubmitResult> {
    if (this.#sign !== undefined) return this.#submit(encodeBallot(ballot), options);
    const { id, proposalId, choice } = ballot;
    return this.#first(this.#client.call("gov_vote", { id, proposalId, choice }, options));
  }

  /**
   * States that the participant's own node has caught up and may validate as a proposal asks. Only what that node itself
   * said goes into it; where the node signs, it reads its own ledger.
   */
  async sayReady(
    statement: {
      readonly id: Id128;
      readonly proposalId: Id128;
      readonly executedHeight: number;
      readonly stateRoot: string;
    },
    options: SubmitOptions = {},
  ): Promise<SubmitResult> {
    const { id, proposalId } = statement;
    if (this.#sign === undefined) return this.#first(this.#client.call("gov_sayReady", { id, proposalId }, options));
    const executedHeight = statement.executedHeight as Height;
    return this.#submit(
      encodeReady({ id, proposalId, executedHeight, stateRoot: statement.stateRoot as Digest }),
      options,
    );
  }

  /** One change of the participant's own keys. */
  async changeKey(change: KeyChangeRequest, options: SubmitOptions = {}): Promise<SubmitResult> {
    const effectiveHeight = (change.effectiveHeight ?? 0) as Height;
    if (this.#sign !== undefined) return this.#submit(encodeKeyChange({ ...change, effectiveHeight }), options);
    return this.#first(this.#client.call("gov_changeKeys", { changes: [{ ...change, effectiveHeight }] }, options));
  }

  /** What a proposal would do; submits nothing. @param participant who would propose it */
  async preflight(proposal: ProposalRequest, participant?: number): Promise<Preflight> {
    const who = participant === undefined ? {} : { participant };
    return (await this.#client.call("gov_preflight", { proposal, ...who })) as Preflight;
  }

  /** In the order in which they were made; `count` is that of all. */
  async proposals(
    query: { readonly ids?: readonly string[]; readonly from?: number; readonly limit?: number } = {},
  ): Promise<{ readonly proposals: readonly Proposal[]; readonly count: number }> {
    return (await this.#client.call("gov_getProposals", query)) as { proposals: readonly Proposal[]; count: number };
  }

  async participants(): Promise<readonly ParticipantKeys[]> {
    const answer = await this.#client.call("gov_getParticipants", {});
    return (answer as { readonly participants: readonly ParticipantKeys[] }).participants;
  }

  async rules(): Promise<Rules> {
    return (await this.#client.call("gov_getRules", {})) as Rules;
  }

  async #submit(records: Uint8Array, options: SubmitOptions): Promise<SubmitResult> {
    const { bytes } = (this.#sign as BatchSigner)(records, "govern");
    return this.#first(this.#client.submitBatch(bytes, options));
  }

  async #first(answer: Promise<unknown>): Promise<SubmitResult> {
    return ((await answer) as readonly SubmitResult[])[0] as SubmitResult;
  }
}

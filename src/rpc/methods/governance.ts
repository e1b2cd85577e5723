import { z } from "zod";
import { sha256 } from "../../crypto/index.js";
import {
  BALLOT_CHOICES,
  type BallotChoice,
  type CanonicalJson,
  canonicalJson,
  encodeBallot,
  encodeKeyChange,
  encodeProposal,
  encodeReady,
  KEY_CHANGES,
  type KeyChange,
  type KeyScope,
  PROPOSAL_CONTENT_BYTES_MAX,
  PROPOSAL_KINDS,
  type ProposalKind,
  SCOPE_BITS,
} from "../../formats/index.js";
import { type Height, utf8 } from "../../primitives/index.js";
import { invalidParams } from "../errors.js";
import type { Answer } from "../json-rpc.js";
import { type Call, defineMethod, failed, type Method, type MethodContext, submitFault, succeeded } from "../method.js";
import { type CheckedParams, height, id128, participant } from "../params.js";
import {
  renderParticipant,
  renderPreflight,
  renderProposal,
  renderRules,
  renderWholeProposal,
} from "../render-governance.js";
import * as schemas from "../schemas-governance.js";
import { SUBMISSION_ERRORS, submitSigned, type Wait } from "./submissions.js";

const namesOf = <Name extends string>(numbers: Readonly<Record<Name, number>>) =>
  z.enum(Object.keys(numbers) as [Name, ...Name[]]);

const proposalShape = {
  kind: namesOf<ProposalKind>(PROPOSAL_KINDS),
  content: z.record(z.string(), z.unknown()),
  acceptFaults: z.boolean().default(false),
  effectiveHeight: height.default(0 as Height),
  votingSeconds: z.int().min(0).max(0xffff_ffff).default(0),
};
const draftSchema = z.strictObject(proposalShape);
const proposalSchema = z.strictObject({ id: id128.optional(), ...proposalShape });

const keyChangeSchema = z.strictObject({
  id: id128,
  change: namesOf<KeyChange>(KEY_CHANGES),
  publicKey: z.string().regex(/^[0-9a-f]{64}$/, "not 64 lower-case hexadecimal digits"),
  scopes: z.array(namesOf<KeyScope>(SCOPE_BITS)).max(3).default([]),
  effectiveHeight: height.default(0 as Height),
});

/** Changes of one call. */
const KEY_CHANGES_MAX = 64;
const PAGE_DEFAULT = 20;
const PAGE_MAX = 100;
/** Proposals with their contents, each of which may be a quarter of a mebibyte. */
const IDS_MAX = 8;

/** The methods of governance: proposals, ballots, the participant's own keys, and what is in force. */
export function governanceMethods(context: MethodContext): readonly Method[] {
  return [...changingMethods(context), ...readingMethods(context)];
}

function changingMethods(context: MethodContext): readonly Method[] {
  const { api, limits } = context;
  const waitShape = {
    waitFor: z.enum(["admitted", "final"]).default("admitted"),
    timeoutMs: z.int().min(1).max(limits.waitMsMax).default(limits.waitMsDefault),
  };
  const common = { scope: "govern", waits: true, errors: SUBMISSION_ERRORS } as const;
  return [
    defineMethod(context, {
      ...common,
      name: "gov_propose",
      summary: "Signs a proposal for the node's own participant and submits it; with dryRun tells what it would do",
      params: { proposal: proposalSchema, dryRun: z.boolean().default(false), ...waitShape },
      result: z.union([schemas.preflight, schemas.submitResults]),
      handle: ({ proposal, dryRun, ...wait }, call) => {
        const content = contentBytes(proposal.content);
        if (!content.ok) return failed(content.fault);
        const { id, ...draft } = { ...proposal, content: content.params };
        if (dryRun)
          return succeeded(
            renderPreflight(api.governance.preflight({ ...draft, proposer: api.defaults().participant })),
          );
        if (id === undefined) return failed(invalidParams("proposal.id", "missing"));
        return submit(context, encodeProposal(sha256, { ...draft, id }), wait, call);
      },
    }),
    defineMethod(context, {
      ...common,
      name: "gov_vote",
      summary:
        "Signs and submits a ballot of the node's own participant; it states the protocol version that this node runs",
      params: { id: id128, proposalId: id128, choice: namesOf<BallotChoice>(BALLOT_CHOICES), ...waitShape },
      result: schemas.submitResults,
      handle: ({ id, proposalId, choice, ...wait }, call) => {
        const runs = api.governance.rules().protocolVersionMax;
        return submit(context, encodeBallot({ id, proposalId, choice, runs }), wait, call);
      },
    }),
    defineMethod(context, {
      ...common,
      name: "gov_sayReady",
      summary:
        "Signs and submits that this node has caught up and may validate as a proposal asks, from what its own ledger says",
      params: { id: id128, proposalId: id128, ...waitShape },
      result: schemas.submitResults,
      handle: ({ id, proposalId, ...wait }, call) => {
        const [proposal] = api.governance.proposalsById([proposalId]);
        if (proposal?.stateRoot === undefined)
          return failed(invalidParams("proposalId", "no change of validators that this node knows"));
        const executedHeight = api.governance.rules().height;
        return submit(
          context,
          encodeReady({ id, proposalId, executedHeight, stateRoot: proposal.stateRoot }),
          wait,
          call,
        );
      },
    }),
    defineMethod(context, {
      ...common,
      name: "gov_changeKeys",
      summary: "Adds and revokes operation keys of the node's own participant",
      params: { changes: z.array(keyChangeSchema).min(1).max(KEY_CHANGES_MAX), ...waitShape },
      result: schemas.submitResults,
      handle: ({ changes, ...wait }, call) => {
        const bare = changes.findIndex(({ change, scopes }) => (change === "add") !== scopes.length > 0);
        if (bare >= 0) return failed(invalidParams(`changes[${bare}].scopes`, "a key to add has scopes, others none"));
        const records = new Uint8Array(changes.length * 128);
        for (const [index, change] of changes.entries()) records.set(encodeKeyChange(change), index * 128);
        return submit(context, records, wait, call);
      },
    }),
  ];
}

function readingMethods(context: MethodContext): readonly Method[] {
  const { api } = context;
  return [
    defineMethod(context, {
      name: "gov_preflight",
      summary: "What a proposal of a participant would get as its result, and what it would change; submits nothing",
      answersFrom: "latest",
      params: { proposal: draftSchema, participant: participant.optional() },
      result: schemas.preflight,
      errors: ["syncing"],
      handle: ({ proposal, participant: proposer }) => {
        const content = contentBytes(proposal.content);
        if (!content.ok) return failed(content.fault);
        const draft = { ...proposal, content: content.params, proposer: proposer ?? api.defaults().participant };
        return succeeded(renderPreflight(api.governance.preflight(draft)));
      },
    }),
    defineMethod(context, {
      name: "gov_getProposals",
      summary: "Proposals with their ballots, in the order in which they were made; or those with the given ids, whole",
      answersFrom: "latest",
      params: {
        ids: z.array(id128).min(1).max(IDS_MAX).optional(),
        from: z.int().min(0).default(0),
        limit: z.int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
      },
      result: schemas.proposals,
      errors: ["syncing"],
      handle: ({ ids, from, limit }) => {
        const { proposals, count } = api.governance.proposals(from, ids === undefined ? limit : 0);
        if (ids === undefined) return succeeded({ proposals: proposals.map(renderProposal), count });
        return succeeded({ proposals: api.governance.proposalsById(ids).map(renderWholeProposal), count });
      },
    }),
    defineMethod(context, {
      name: "gov_getParticipants",
      summary: "Every participant with its role and operation keys, those added after genesis included",
      answersFrom: "latest",
      params: {},
      result: schemas.participants,
      errors: ["syncing"],
      handle: () => succeeded({ participants: api.governance.participants().map(renderParticipant) }),
    }),
    defineMethod(context, {
      name: "gov_getRules",
      summary: "The rulebook, protocol version and validators in force",
      answersFrom: "latest",
      params: {},
      result: schemas.rules,
      errors: ["syncing"],
      handle: () => succeeded(renderRules(api.governance.rules())),
    }),
  ];
}

/** Content in its one encoding; whether it is what the kind asks for the ledger says. */
function contentBytes(content: Readonly<Record<string, unknown>>): CheckedParams<Uint8Array> {
  try {
    const bytes = utf8(canonicalJson(content as CanonicalJson));
    if (bytes.length <= PROPOSAL_CONTENT_BYTES_MAX) return { ok: true, params: bytes };
    return { ok: false, fault: invalidParams("proposal.content", `above ${PROPOSAL_CONTENT_BYTES_MAX} bytes`) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { ok: false, fault: invalidParams("proposal.content", "holds null, fractions or what is no JSON") };
  }
}

function submit(context: MethodContext, records: Uint8Array, wait: Wait, call: Call): Answer | Promise<Answer> {
  const fault = submitFault(context.api);
  if (fault !== undefined) return failed(fault);
  return submitSigned(context, context.api.signGovern(records), wait, call);
}

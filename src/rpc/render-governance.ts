import { toHex } from "../primitives/index.js";
import type { ParticipantKeysView, PreflightView, ProposalView, RulesView } from "./ports.js";
import type { ParticipantKeysJson, PreflightJson, ProposalJson, RulesJson } from "./schemas-governance.js";

/** Views of governance as JSON; the shapes are in `schemas-governance.ts`. */
export const renderPreflight = ({ validators, ...view }: PreflightView): PreflightJson => ({
  result: view.result,
  problems: [...view.problems],
  threshold: view.threshold,
  voters: view.voters,
  effects: [...view.effects],
  ...(validators === undefined
    ? {}
    : {
        validators: {
          before: { ...validators.before, members: [...validators.before.members] },
          after: { ...validators.after, members: [...validators.after.members] },
        },
      }),
});

export const renderProposal = (view: ProposalView): ProposalJson => ({
  id: view.id,
  kind: view.kind,
  state: view.state,
  proposer: view.proposer,
  acceptFaults: view.acceptFaults,
  effectiveHeight: view.effectiveHeight,
  proposedHeight: view.proposedHeight,
  deadline: view.deadline,
  ...(view.passedHeight === undefined ? {} : { passedHeight: view.passedHeight }),
  ...(view.earliest === undefined ? {} : { earliest: view.earliest }),
  ...(view.resolution === undefined ? {} : { resolution: view.resolution }),
  ballots: view.ballots.map((ballot) => ({ ...ballot })),
  ...(view.stateRoot === undefined
    ? {}
    : { stateRoot: view.stateRoot, ready: view.ready.map((statement) => ({ ...statement })) }),
});

export const renderWholeProposal = (view: ProposalView): ProposalJson => ({
  ...renderProposal(view),
  content: JSON.parse(new TextDecoder().decode(view.content)) as Record<string, unknown>,
});

export const renderParticipant = ({
  number,
  name,
  role,
  isValidator,
  keys,
}: ParticipantKeysView): ParticipantKeysJson => ({
  number,
  name,
  role,
  isValidator,
  keys: keys.map(({ publicKey, scopes, activeFrom, revokedFrom }) => ({
    publicKey: toHex(publicKey),
    scopes: [...scopes],
    activeFrom,
    ...(revokedFrom === undefined ? {} : { revokedFrom }),
  })),
});

export const renderRules = (view: RulesView): RulesJson => ({
  height: view.height,
  epoch: view.epoch,
  protocolVersion: view.protocolVersion,
  protocolVersionMax: view.protocolVersionMax,
  validators: view.validators.map(({ participant, name, publicKey, networkKey, addresses }) => ({
    ...{ participant, name, networkKey },
    consensusKey: toHex(publicKey),
    addresses: [...addresses],
  })),
  rulebook: { ...view.rulebook },
});

import * as accomplices from "./accomplices.js";
import { byteMutator } from "./bytes.js";
import { lateVoter, slowLeader } from "./delays.js";
import { fieldMutator } from "./fields.js";
import * as floods from "./floods.js";
import * as leaders from "./leaders.js";
import * as misplaced from "./misplaced.js";
import { syncPoisoner } from "./poisoned-sync.js";
import type { Behaviour } from "./puppet.js";
import { twoAmounts } from "./two-amounts.js";
import * as voters from "./voters.js";
import * as withholders from "./withholders.js";

export { type Behaviour, Puppet } from "./puppet.js";
export { forgeReceipts } from "./receipts.js";
export { Ring } from "./ring.js";

/** Every Byzantine behaviour by name. */
export const BEHAVIOURS = {
  equivocator: leaders.equivocator,
  "two-amounts": twoAmounts,
  "silent-leader": leaders.silentLeader,
  "slow-leader": slowLeader,
  censor: leaders.censor,
  "tail-forker": leaders.tailForker,
  "claim-liar": leaders.claimLiar,
  "time-liar": leaders.timeLiar,
  repeater: leaders.repeater,
  phantom: leaders.phantom,
  mutator: leaders.mutator,
  "field-mutator": fieldMutator,
  "byte-mutator": byteMutator,
  conflicter: voters.conflicter,
  "masked-equivocator": voters.maskedEquivocator,
  nuller: voters.nuller,
  corruptor: voters.corruptor,
  usurper: voters.usurper,
  echo: voters.echo,
  poisoner: voters.poisoner,
  forger: voters.forger,
  selective: withholders.selective,
  withholder: withholders.withholder,
  "proposal-withholder": withholders.proposalWithholder,
  "vote-withholder": withholders.voteWithholder,
  "certificate-withholder": withholders.certificateWithholder,
  "late-voter": lateVoter,
  "stale-voter": misplaced.staleVoter,
  "wrong-epoch": misplaced.wrongEpoch,
  impersonator: misplaced.impersonator,
  misdirector: misplaced.misdirector,
  flooder: floods.flooder,
  "batch-flooder": floods.batchFlooder,
  "duplicate-flooder": floods.duplicateFlooder,
  "signature-flooder": floods.signatureFlooder,
  "sync-poisoner": syncPoisoner,
  accomplice: accomplices.accomplice,
  hoarder: accomplices.hoarder,
  "yes-man": accomplices.yesMan,
  conjugate: accomplices.conjugate,
} as const satisfies Readonly<Record<string, Behaviour>>;

export type BehaviourName = keyof typeof BEHAVIOURS;
export const BEHAVIOUR_NAMES = Object.keys(BEHAVIOURS) as readonly BehaviourName[];

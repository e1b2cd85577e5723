import { slowLeader } from "./delays.js";
import { fieldMutator } from "./fields.js";
import * as leaders from "./leaders.js";
import type { Behaviour } from "./puppet.js";
import { twoAmounts } from "./two-amounts.js";
import * as voters from "./voters.js";

export { type Behaviour, Puppet } from "./puppet.js";
export { Ring } from "./ring.js";

/** Every Byzantine behaviour by name. */
export const BEHAVIOURS = {
  equivocator: leaders.equivocator,
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
  conflicter: voters.conflicter,
  nuller: voters.nuller,
  selective: voters.selective,
  withholder: voters.withholder,
  corruptor: voters.corruptor,
  usurper: voters.usurper,
  echo: voters.echo,
  poisoner: voters.poisoner,
  forger: voters.forger,
  flooder: voters.flooder,
} as const satisfies Readonly<Record<string, Behaviour>>;

export type BehaviourName = keyof typeof BEHAVIOURS;
export const BEHAVIOUR_NAMES = Object.keys(BEHAVIOURS) as readonly BehaviourName[];

/** Those that a real process may have: also one whose lies the simulator's checkers could not follow. */
export const PROCESS_BEHAVIOURS = { ...BEHAVIOURS, "two-amounts": twoAmounts } as const;

export type ProcessBehaviourName = keyof typeof PROCESS_BEHAVIOURS;

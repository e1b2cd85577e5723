import { parseArgs } from "node:util";
import { certificateScheme, sha256 } from "../../src/crypto/index.js";
import { genesisValidatorSet } from "../../src/formats/index.js";
import { type Interpose, runNode } from "../../src/node/index.js";
import { validatorIndex } from "../../src/primitives/index.js";
import { PROCESS_BEHAVIOURS, type ProcessBehaviourName, Puppet, Random } from "../../src/simulator/index.js";

/*
 * A validator that lies: the node of production with the simulator's adversaries between its replica and its peers. It
 * has its own home's keys and no others. Tell it `{ misbehave: true | false }` over IPC; it begins as a liar, and ends
 * when the program that started it does.
 */

/** How often it speaks unasked, milliseconds. */
const VOLUNTEER_MS = 150;

const { values } = parseArgs({ options: { home: { type: "string" }, behaviours: { type: "string" } } });
const { home, behaviours } = values;
if (home === undefined || behaviours === undefined) throw new Error("--home and --behaviours are needed");
const chosen = behaviours.split(",").flatMap((name) => {
  if (name === "") return [];
  const behaviour = PROCESS_BEHAVIOURS[name as ProcessBehaviourName];
  if (behaviour === undefined) throw new Error(`no behaviour ${name}`);
  return behaviour;
});

const interpose: Interpose = ({ home: { genesis, chainId, validator }, keys, log, around }) => {
  if (validator === undefined) throw new Error("a validator's home");
  const none = new Uint8Array(0);
  const isSelf = (index: number): boolean => index === validator;
  // The adversaries speak of places among the validators of genesis, whose set they never leave.
  const participantAt = (index: number) =>
    (genesis.validators[index] as (typeof genesis.validators)[number]).participant;
  const indexOf = (participant: number) =>
    validatorIndex(genesis.validators.findIndex((member) => member.participant === participant));
  const puppet = new Puppet({
    index: validator,
    scheme: certificateScheme(genesis.scheme),
    behaviours: chosen,
    random: new Random(Date.now() % 1_000_000, "byzantine"),
    consortium: {
      chainId,
      set: genesisValidatorSet(sha256, genesis),
      secretKeys: genesis.validators.map((_, index) => (isSelf(index) ? keys.consensus.secretKey : none)),
      banks: genesis.validators.map(({ participant }, index) => ({
        number: participant,
        keys: isSelf(index) ? keys.operation : { publicKey: none, secretKey: none },
      })),
    },
  });
  const others = puppet.consortium.set.members.map((_, index) => index as typeof validator).filter((i) => !isSelf(i));
  process.on("message", (message: { readonly misbehave?: boolean }) => {
    if (message.misbehave !== undefined) puppet.isActive = message.misbehave;
    log.info({ misbehaves: puppet.isActive }, "told how to behave");
  });
  setInterval(() => {
    for (const to of others) {
      for (const frame of puppet.volunteered(to)) around.transport.send(participantAt(to), "consensus", frame);
    }
  }, VOLUNTEER_MS).unref();
  return {
    ...around,
    // A liar that lives twice does not mind.
    trustsRecord: true,
    transport: {
      send(to, channel, frame) {
        let isQueued = true;
        for (const [on, bytes, delayMs] of puppet.outgoing(indexOf(to), channel, frame)) {
          if (delayMs > 0) setTimeout(() => around.transport.send(to, on, bytes), delayMs).unref();
          else isQueued = around.transport.send(to, on, bytes) && isQueued;
        }
        return isQueued;
      },
    },
    receive(from, channel, frame) {
      for (const reaction of puppet.heard(indexOf(from), frame)) {
        around.transport.send(participantAt(reaction.to), "consensus", reaction.frame);
      }
      around.receive(from, channel, frame);
    },
  };
};

process.on("disconnect", () => process.exit(0));
await runNode(home, "byzantine", interpose);
process.disconnect?.();

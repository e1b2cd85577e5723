import type { Message, Vote } from "../../consensus/index.js";
import { type Digest, toHex, ZERO_DIGEST } from "../../primitives/index.js";
import type { Behaviour, Puppet } from "./puppet.js";

/** Byzantine in single fields, in the manner of ByzzFuzz: one field of one message at a time, to some of the peers. */

/** The message before of each kind, by liar. */
const before = new WeakMap<Puppet, Map<Message["type"], Message>>();

/** Leads to a number, a digest or bytes within a message. */
type Path = readonly (string | number)[];

/** Lists long enough to be work keep to these many entries. */
const ENTRIES_MAX = 4;
const DIGEST_LENGTH = 64;

/**
 * Any field of any message: a number one up or down or swapped with another, anything replaced by what stood there in the
 * message before, a digest by zeros, by another block's or by a random one, bytes by almost the same; signed again where
 * a signature of its own covers it (attack 33).
 */
export const fieldMutator: Behaviour = {
  name: "field-mutator",
  rewrite(puppet, message) {
    const earlier = before.get(puppet) ?? new Map<Message["type"], Message>();
    const old = earlier.get(message.type);
    before.set(puppet, earlier.set(message.type, message));
    if (!puppet.random.chance(0.3)) return [message];
    const paths = fieldsOf(message);
    if (paths.length === 0) return [message];
    const path = puppet.random.pick(paths);
    const oldValue = path.reduce<unknown>(memberOf, old);
    const changed = withField(message, path, (value) =>
      isAlike(oldValue, value) && puppet.random.chance(0.3) ? oldValue : otherValue(puppet, message, value),
    ) as Message;
    return [signedAgain(puppet, changed)];
  },
};

function fieldsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value === "number" || value instanceof Uint8Array) return [path];
  if (typeof value === "string") return value.length === DIGEST_LENGTH ? [path] : [];
  if (typeof value !== "object" || value === null) return [];
  const entries = Array.isArray(value) ? value.slice(0, ENTRIES_MAX).map((entry, at) => [at, entry] as const) : [];
  const members = Array.isArray(value) ? entries : Object.entries(value);
  return members.flatMap(([name, member]) => (name === "version" ? [] : fieldsOf(member, [...path, name])));
}

function withField(value: unknown, path: Path, change: (value: unknown) => unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return change(value);
  if (Array.isArray(value)) return value.map((entry, at) => (at === name ? withField(entry, rest, change) : entry));
  const members = value as Readonly<Record<string, unknown>>;
  return { ...members, [name]: withField(members[name], rest, change) };
}

function otherValue(puppet: Puppet, message: Message, value: unknown): unknown {
  const { random } = puppet;
  if (typeof value === "number") {
    const others = fieldsOf(message).map((path) => path.reduce<unknown>(memberOf, message));
    const numbers = others.filter((other): other is number => typeof other === "number" && other < 256);
    return random.pick([value + 1, Math.max(0, value - 1), 0, ...(value < 256 ? numbers : [])]);
  }
  if (typeof value === "string") {
    const known: Digest[] = [...puppet.blocks.keys()];
    return random.pick([ZERO_DIGEST, toHex(random.bytes(32)), ...(known.length > 0 ? [random.pick(known)] : [])]);
  }
  const bytes = (value as Uint8Array).slice();
  if (bytes.length > 0) {
    const at = random.integer(0, bytes.length - 1);
    bytes[at] = (bytes[at] as number) ^ (1 << random.integer(0, 7));
  }
  return bytes;
}

const memberOf = (value: unknown, name: string | number): unknown =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string | number, unknown>>)[name] : undefined;

/** A value that an encoder would take in the other's place. */
const isAlike = (one: unknown, other: unknown): boolean =>
  typeof one === typeof other && one instanceof Uint8Array === other instanceof Uint8Array;

/** What its own key can make good: a changed block is hashed and signed again, a changed vote signed. */
function signedAgain(puppet: Puppet, message: Message): Message {
  if (message.type === "proposal" && puppet.random.chance(0.8)) {
    return { type: "proposal", proposal: puppet.propose(message.proposal, {}) };
  }
  if (message.type !== "vote" || !puppet.random.chance(0.8)) return message;
  const { certificate, signer, ...subject } = message.vote;
  const vote: Vote = { ...puppet.vote(subject), signer, certificate };
  return { type: "vote", vote };
}

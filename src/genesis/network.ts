import { VALIDATORS_MAX, VALIDATORS_MIN } from "../primitives/index.js";
import type { CustomerAccount } from "./accounts.js";
import { PARTICIPANT_NAME } from "./card.js";

/** A consortium that one operator makes at once, for trying out, demonstrations and benchmarks. */
export interface NetworkRequest {
  readonly banks: readonly string[];
  /** Those banks that run a node; all where it is absent. */
  readonly validators?: readonly string[];
  readonly authority: string;
  readonly basePort: number;
}

/** One home of the network. */
export interface NetworkMember {
  readonly name: string;
  readonly role: "authority" | "bank";
  /** Absent for a participant without a node. */
  readonly ports?: { readonly p2p: number; readonly rpc: number };
}

export type PlannedNetwork =
  | { readonly ok: true; readonly members: readonly NetworkMember[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** First port of a network where none is asked for. */
export const BASE_PORT = 26_600;

/** ₹100 crore for each bank where nothing else is asked for. */
export const SETTLEMENT_FUNDING = "1000000000";

const BANKS_MAX = 256;

/**
 * Who takes part and on which ports: the i-th validator, in the order asked for, counting from 0, has
 * peer-to-peer port base + 2i and RPC port base + 2i + 1 on loopback.
 */
export function planNetwork(request: NetworkRequest): PlannedNetwork {
  const { banks, authority, basePort } = request;
  const validators = request.validators ?? banks;
  const problems: string[] = [];
  for (const name of [...banks, authority]) {
    if (!PARTICIPANT_NAME.test(name)) {
      problems.push(`${JSON.stringify(name)} is not a name of 1 to 32 letters, digits, hyphens or underscores`);
    }
  }
  for (const name of twice(banks)) problems.push(`bank ${name} is named twice`);
  for (const name of twice(validators)) problems.push(`validator ${name} is named twice`);
  for (const name of validators) if (!banks.includes(name)) problems.push(`validator ${name} is not one of the banks`);
  if (banks.includes(authority)) problems.push(`${authority} is the authority and cannot be one of the banks too`);
  if (banks.length > BANKS_MAX) problems.push(`${banks.length} banks are more than ${BANKS_MAX}`);
  if (validators.length < VALIDATORS_MIN || validators.length > VALIDATORS_MAX) {
    problems.push(`${validators.length} validators where ${VALIDATORS_MIN} to ${VALIDATORS_MAX} are needed`);
  }
  if (basePort < 1 || basePort + 2 * validators.length - 1 > 65_535) {
    problems.push(`ports ${basePort} to ${basePort + 2 * validators.length - 1} are not all within 1 to 65535`);
  }
  if (problems.length > 0) return { ok: false, problems };
  const members: NetworkMember[] = banks.map((name) => {
    const index = validators.indexOf(name);
    return index < 0
      ? { name, role: "bank" }
      : { name, role: "bank", ports: { p2p: basePort + 2 * index, rpc: basePort + 2 * index + 1 } };
  });
  return { ok: true, members: [...members, { name: authority, role: "authority" }] };
}

/** Customers to try the network with: four a bank, ₹10,00,000 each. */
export const sampleCustomers = (banks: readonly string[]): readonly CustomerAccount[] =>
  banks.flatMap((participant) =>
    [1, 2, 3, 4].map((number) => ({
      line: 0,
      participant,
      account: `customer-${number}`,
      funding: "1000000",
      asset: "",
    })),
  );

const twice = (names: readonly string[]): readonly string[] =>
  names.filter((name, index) => names.indexOf(name) !== index);

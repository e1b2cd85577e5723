import { parseYaml } from "../genesis/index.js";
import { MULTIADDR } from "./config-options.js";
import { readBounded } from "./files.js";
import { HomeError } from "./home-error.js";

/** Longest file of addresses that is read, in bytes. */
const FILE_BYTES_MAX = 65_536;

/** Most addresses of one validator, as in genesis. */
const ADDRESSES_MAX = 8;

/**
 * Reads where this node finds other validators when genesis does not say it right for this place: behind a
 * NAT, over a VPN, through a relay. A YAML file of lists: name of a validator, addresses to dial. Identity does not
 * depend on it: whoever answers must still prove the network key that genesis names.
 *
 * @param names of the participants that may stand in the file
 * @returns addresses by name; validators that the file does not name keep those of genesis
 * @throws {HomeError} PEERS_BAD, FILE_MISSING, FILE_UNREADABLE
 */
export function readPeersFile(path: string, names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const bytes = readBounded({ path, what: "the addresses of other validators" }, FILE_BYTES_MAX);
  const parsed = parseYaml(new TextDecoder().decode(bytes));
  if (!parsed.ok) throw new HomeError({ code: "PEERS_BAD", path, problems: parsed.problems });
  const entries = Object.entries(parsed.value);
  const problems = entries.flatMap(([name, addresses]) => problemsOf(name, addresses, names));
  if (problems.length > 0) throw new HomeError({ code: "PEERS_BAD", path, problems });
  return new Map(entries as [string, string[]][]);
}

function problemsOf(name: string, addresses: unknown, names: readonly string[]): readonly string[] {
  const shown = JSON.stringify(name.slice(0, 64));
  if (!names.includes(name)) return [`${shown} is no participant in genesis.json`];
  const isList = Array.isArray(addresses) && addresses.length > 0 && addresses.length <= ADDRESSES_MAX;
  if (!isList) return [`${shown} needs a list of 1 to ${ADDRESSES_MAX} addresses`];
  return addresses
    .filter((address) => typeof address !== "string" || !MULTIADDR.test(address))
    .map(() => `${shown} has an address that is not like /ip4/10.0.0.1/tcp/26600`);
}

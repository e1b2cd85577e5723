import type { CertificateJson, SabhaClient } from "../../src/client/index.js";
import { certificateScheme, sha256 } from "../../src/crypto/index.js";
import {
  bitmapOf,
  type Certificate,
  chainIdOf,
  genesisValidatorSet,
  type Header,
  parseGenesis,
  readHeader,
  signersOf,
  verifyCertificate,
} from "../../src/formats/index.js";
import { type Digest, decode, type Epoch, fromHex, type View } from "../../src/primitives/index.js";
import { type AskedNode, clientOf } from "./final-state.js";

/** Two final blocks at one height, and who must have lied for both to be there. */
export interface Conviction {
  readonly height: number;
  /** The two nodes that hold the two blocks. */
  readonly nodes: readonly [string, string];
  /** What each culprit signed both of, for example `COMMIT and TIMEOUT in view 12`. */
  readonly contradiction: string;
  /** Names, ascending by validator. */
  readonly culprits: readonly string[];
}

/**
 * Looks for final blocks that contradict each other, and convicts from certificates alone: their signers are a quorum
 * each, so f + 1 validators signed both sides. If the two blocks were certified in one view, those signed both blocks;
 * otherwise the chain of the later one shows what its quorum said in the earlier one's view: it prepared another block,
 * or left the view (SAFE-1 and the rule that nobody signs COMMIT and TIMEOUT in one view).
 *
 * @returns one conviction for the lowest fork of each pair of nodes that has one
 */
export async function convict(nodes: readonly AskedNode[], genesisBytes: Uint8Array): Promise<readonly Conviction[]> {
  const court = new Court(genesisBytes);
  const clients = nodes.map((node) => ({ name: node.name, client: clientOf(node, { timeoutMs: 20_000 }) }));
  const convictions: Conviction[] = [];
  try {
    const [first, ...rest] = clients;
    for (const other of first === undefined ? [] : rest) {
      const conviction = await court.compare(first as Witness, other);
      if (conviction !== undefined) convictions.push(conviction);
    }
  } finally {
    for (const { client } of clients) await client.close();
  }
  return convictions;
}

interface Witness {
  readonly name: string;
  readonly client: SabhaClient;
}

class Court {
  readonly #names: readonly string[];
  readonly #verifies: (certificate: Certificate) => boolean;

  constructor(genesisBytes: Uint8Array) {
    const parsed = parseGenesis(genesisBytes);
    if (!parsed.ok) throw new RangeError("the genesis file cannot be read");
    const set = genesisValidatorSet(sha256, parsed.genesis);
    const verifier = certificateScheme(parsed.genesis.scheme).verifiers(set.members.map((member) => member.publicKey));
    const chainId = chainIdOf(sha256, genesisBytes);
    this.#names = set.members.map(({ name }) => name);
    this.#verifies = (certificate) => verifyCertificate(certificate, { chainId, set, verifier });
  }

  async compare(left: Witness, right: Witness): Promise<Conviction | undefined> {
    const height = await forkHeight(left.client, right.client);
    if (height === undefined) return undefined;
    const proofs = await Promise.all([left, right].map(async ({ client }) => client.getFinality(height)));
    const [one, two] = proofs.map(({ prepare, commit }) => ({
      prepare: certificateOf(prepare),
      commit: certificateOf(commit),
    }));
    if (one === undefined || two === undefined) return undefined;
    const isFirst = one.commit.view <= two.commit.view;
    const [early, late, lateChain] = isFirst ? [one, two, right.client] : [two, one, left.client];
    const { view } = early.commit;
    const found =
      early.commit.view === late.commit.view
        ? { against: late.commit, with: early.commit }
        : await saidInView(lateChain, height, view, early);
    if (found === undefined) return undefined;
    for (const certificate of [found.with, found.against]) {
      if (!this.#verifies(certificate)) throw new Error("a node handed out a certificate that does not verify");
    }
    const both = signersOf(found.with.signers & found.against.signers);
    return {
      height,
      nodes: [left.name, right.name],
      contradiction: `${found.with.kind} and ${found.against.kind === found.with.kind ? "another " : ""}${found.against.kind} in view ${view}`,
      culprits: both.map((index) => this.#names[index] ?? String(index)),
    };
  }
}

/** Lowest height at which both have executed different blocks; chains are hash-linked, so all above it differ too. */
async function forkHeight(left: SabhaClient, right: SabhaClient): Promise<number | undefined> {
  const [one, two] = await Promise.all([left.getStatus(), right.getStatus()]);
  const differs = async (height: number): Promise<boolean> => {
    const [mine, yours] = await Promise.all([left.getBlock(height), right.getBlock(height)]);
    return mine.hash !== yours.hash;
  };
  let high = Math.min(one.executedHeight, two.executedHeight);
  if (high < 1 || !(await differs(high))) return undefined;
  let low = 0;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await differs(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** What the quorum of a chain said in a view, where the chain above a height shows it. */
async function saidInView(
  chain: SabhaClient,
  from: number,
  view: View,
  early: { readonly prepare: Certificate; readonly commit: Certificate },
): Promise<{ readonly with: Certificate; readonly against: Certificate } | undefined> {
  const { executedHeight } = await chain.getStatus();
  for (let height = from; height <= executedHeight; height += 1) {
    const header = await headerAt(chain, height);
    const skip = header.skips.find((certificate) => certificate.view === view);
    if (skip !== undefined) return { with: early.commit, against: skip };
    const { parentCertificate } = header;
    if (parentCertificate?.view === view) return { with: early.prepare, against: parentCertificate };
    if (header.parentView > view) return undefined;
  }
  return undefined;
}

async function headerAt(chain: SabhaClient, height: number): Promise<Header> {
  const { header } = await chain.getBlock(height, { full: true });
  const decoded = decode(fromHex(header ?? "") ?? new Uint8Array(0), readHeader);
  if (!decoded.ok) throw new Error(`a header that cannot be read at height ${height}`);
  return decoded.value;
}

function certificateOf({ kind, epoch, view, hash, signers, signature }: CertificateJson): Certificate {
  return {
    kind,
    epoch: epoch as Epoch,
    view: view as View,
    hash: hash as Digest,
    signers: bitmapOf(signers),
    signature: fromHex(signature) ?? new Uint8Array(0),
  };
}

import type { Verification } from "../crypto/index.js";
import { type Digest, decode, fromHex, toHex, utf8, type View } from "../primitives/index.js";
import { blockHash, type Header, readHeader } from "./block.js";
import { type CanonicalJson, canonicalJson } from "./canonical-json.js";
import { type Certificate, readCommitProof, signersOf } from "./certificate.js";
import { hex, list, object, oneOf, parseCanonical, type Shape, type Shaped } from "./json-shape.js";
import { type CertifiedFile, type CertifiedHeader, certifiedFile, certifiedOf, certifiedShape } from "./receipt.js";
import {
  certificateFault,
  type ProofFailure,
  type Proven,
  type ProvingBlock,
  type TrustedChain,
  trustGenesis,
  verifyHeader,
} from "./verify.js";

/**
 * Two final blocks that exclude each other, and the headers that lead from the later one down to the view of the
 * earlier: enough to name at least f + 1 validators that signed a contradiction, and never one that did not
 * (docs/protocol.md, "Fork forensics").
 */
export interface ForkProof {
  readonly chainId: Digest;
  readonly first: CertifiedHeader;
  readonly second: CertifiedHeader;
  /** Headers from the parent of the second block downwards, each the parent of the one before. */
  readonly ancestors: readonly Uint8Array[];
}

export interface ProvenFork {
  readonly chainId: Digest;
  /** The block of the lower view, and the one that contradicts it. */
  readonly blocks: readonly [ProvingBlock, ProvingBlock];
  /** What each culprit signed both of, in `view`. */
  readonly contradiction: readonly [Certificate["kind"], Certificate["kind"]];
  readonly view: View;
  /** Names of the validators that signed both, ascending by validator. */
  readonly culprits: readonly string[];
}

const FORK_PROOF_BYTES_MAX = 64 * 1_048_576;
const HEADER_BYTES_MAX = 16 * 1_048_576;
const ANCESTORS_MAX = 65_536;

interface ForkFile {
  readonly format: "sabha/fork-proof/1";
  readonly chainId: string;
  readonly first: CertifiedFile;
  readonly second: CertifiedFile;
  readonly ancestors: readonly string[];
}

const forkFile: Shape<ForkFile> = object<ForkFile>({
  format: oneOf("sabha/fork-proof/1"),
  chainId: hex(32),
  first: certifiedShape,
  second: certifiedShape,
  ancestors: list(0, ANCESTORS_MAX, hex(1, HEADER_BYTES_MAX)),
});

export function encodeForkProof(proof: ForkProof): Uint8Array {
  const file: ForkFile = {
    format: "sabha/fork-proof/1",
    chainId: proof.chainId,
    first: certifiedFile(proof.first),
    second: certifiedFile(proof.second),
    ancestors: proof.ancestors.map(toHex),
  };
  return utf8(canonicalJson(file as unknown as CanonicalJson));
}

function decodeForkProof(bytes: Uint8Array): Shaped<ForkProof> {
  const parsed = parseCanonical(bytes, FORK_PROOF_BYTES_MAX, forkFile);
  if (!parsed.ok) return parsed;
  const raw = (text: string): Uint8Array => fromHex(text) as Uint8Array;
  const { chainId, first, second, ancestors } = parsed.value;
  return {
    ok: true,
    value: {
      chainId: chainId as Digest,
      first: certifiedOf(first),
      second: certifiedOf(second),
      ancestors: ancestors.map(raw),
    },
  };
}

/**
 * Names the validators behind two final blocks that exclude each other. Never throws, whatever the files hold, and
 * names nobody where the blocks can both be final.
 */
export function verifyForkProof(
  genesisBytes: Uint8Array,
  proofBytes: Uint8Array,
  verification: Verification,
): Proven<ProvenFork> {
  const trusted = trustGenesis(genesisBytes, verification);
  if (!trusted.ok) return trusted;
  const chain = trusted.proven;
  const decoded = decodeForkProof(proofBytes);
  if (!decoded.ok) {
    return failed(
      "encoding",
      `The fork proof is not in its canonical encoding: ${decoded.fault.path} ${decoded.fault.detail}.`,
    );
  }
  const proof = decoded.value;
  if (proof.chainId !== chain.chainId) return failed("chain-id", `The fork proof is of chain ${proof.chainId}.`);
  return convict(chain, proof);
}

/** One of the two final blocks with what certifies it. */
interface Side {
  readonly header: Header;
  readonly block: ProvingBlock;
  readonly prepare: Certificate;
  readonly commit: Certificate;
  /** With the validators of its epoch. */
  readonly chain: TrustedChain;
}

function convict(genesisChain: TrustedChain, proof: ForkProof): Proven<ProvenFork> {
  const one = sideOf(genesisChain, proof.first);
  if (!one.ok) return one;
  const two = sideOf(genesisChain, proof.second);
  if (!two.ok) return two;
  const [first, second] = [one.proven, two.proven];
  if (first.block.epoch !== second.block.epoch) return failed("fork", "The blocks are of two epochs.");
  if (first.chain.set.hash !== second.chain.set.hash)
    return failed("fork", "The blocks are of two sets of validators: their epochs began differently.");
  const { chain } = first;
  if (first.block.view > second.block.view)
    return failed("fork", "The second block is of a lower view than the first.");
  if (first.block.hash === second.block.hash) return failed("fork", "Both are the same block.");
  if (first.block.view === second.block.view) {
    return convicted(chain, [first, second], [first.commit, second.commit]);
  }
  const above = firstAbove(chain, second, proof.ancestors, first.block.view);
  if (!above.ok) return above;
  return judge(chain, [first, second], above.proven);
}

function sideOf(chain: TrustedChain, certifiedBlock: CertifiedHeader): Proven<Side> {
  const verified = verifyHeader(chain, certifiedBlock);
  if (!verified.ok) return verified;
  const pair = decode(certifiedBlock.commitProof, readCommitProof);
  if (!pair.ok) return failed("commit-pair", `The commit proof cannot be read: ${pair.fault.detail}.`);
  const { header, provenBy, chain: own } = verified.proven;
  return { ok: true, proven: { header, block: provenBy, chain: own, ...pair.value } };
}

/** The later block or that ancestor of it whose view is above `view` and whose parent's is not. */
interface Above {
  readonly header: Header;
  /** The PrepareQC of that block. */
  readonly prepare: Certificate;
}

function firstAbove(chain: TrustedChain, second: Side, ancestors: readonly Uint8Array[], view: View): Proven<Above> {
  let current: Above = { header: second.header, prepare: second.prepare };
  for (let index = 0; current.header.parentView > view; index += 1) {
    const bytes = ancestors[index];
    const parent = bytes === undefined ? undefined : decode(bytes, readHeader);
    const { parentCertificate, parentHash } = current.header;
    if (bytes === undefined || parent?.ok !== true || parentCertificate === undefined) {
      return failed("fork", `The ancestors of the second block end above view ${view}.`);
    }
    if (blockHash(chain.sha256, bytes) !== parentHash || parentCertificate.hash !== parentHash) {
      return failed("fork", `Ancestor ${index + 1} is not the parent of the header before it.`);
    }
    current = { header: parent.value, prepare: parentCertificate };
  }
  return { ok: true, proven: current };
}

/** What the later block's chain says of the view in which the earlier one was committed. */
function judge(chain: TrustedChain, [first, second]: readonly [Side, Side], above: Above): Proven<ProvenFork> {
  const { view, hash } = first.block;
  const { parentView, parentHash, parentCertificate, skips } = above.header;
  if (parentView === view) {
    if (parentHash === hash) return failed("fork", "The second block descends from the first: both can be final.");
    return parentCertificate === undefined
      ? failed("fork", "The header above the first block's view names no certificate of its parent.")
      : convicted(chain, [first, second], [first.prepare, parentCertificate]);
  }
  const skip = skips.find((certificate) => certificate.kind === "TIMEOUT" && certificate.view === view);
  if (skip !== undefined && certificateFault(chain, "TC", skip) === undefined) {
    return convicted(chain, [first, second], [first.commit, skip]);
  }
  // Nobody may prepare a block that skips a view without its TC: everybody who did is guilty.
  return convicted(chain, [first, second], [above.prepare, above.prepare]);
}

function convicted(
  chain: TrustedChain,
  [first, second]: readonly [Side, Side],
  [one, other]: readonly [Certificate, Certificate],
): Proven<ProvenFork> {
  for (const certificate of [one, other]) {
    const fault = certificateFault(chain, `${certificate.kind} certificate`, certificate);
    if (fault !== undefined) return fault;
  }
  const culprits = signersOf((one.signers & other.signers) >>> 0);
  return {
    ok: true,
    proven: {
      chainId: chain.chainId,
      blocks: [first.block, second.block],
      contradiction: [one.kind, other.kind],
      view: one.view,
      culprits: culprits.map((index) => chain.set.members[index]?.name ?? ""),
    },
  };
}

const failed = (check: ProofFailure["check"], detail: string): ProofFailure => ({ ok: false, check, detail });

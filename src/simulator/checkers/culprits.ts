import { type Block, blockFromBytes } from "../../consensus/index.js";
import { type SetVerifier, sha256 } from "../../crypto/index.js";
import type { Certificate, CommitProof, ValidatorSet } from "../../formats/index.js";
import { voteBytes } from "../../formats/index.js";
import type { Digest, Height } from "../../primitives/index.js";
import type { FinalBlock } from "../../replica/index.js";

/** What a court is handed: the chain that a machine holds final, whatever the others hold. */
export interface Witness {
  readonly name: string;
  readonly final: readonly FinalBlock[];
}

/** Validators who signed both sides of a contradiction, which no honest one does. */
export interface Conviction {
  readonly height: Height;
  readonly between: readonly [string, string];
  readonly contradiction: string;
  /** Ascending. */
  readonly culprits: readonly number[];
}

interface ProvenBlock extends Block {
  readonly proof: CommitProof | undefined;
}

/**
 * Who must have lied, from certificates alone (docs/protocol.md, why two blocks cannot both be final). Two chains that
 * part show two quorums about one view: both certified another block there, or one committed what the other skipped.
 * Two quorums share f + 1 validators at least, and no honest one of them signs both.
 *
 * @returns one conviction for each pair of witnesses whose chains part; empty where there is no fork
 */
export function convict(
  witnesses: readonly Witness[],
  chain: { readonly chainId: Digest; readonly set: ValidatorSet; readonly verifier: SetVerifier },
): Conviction[] {
  const quorum = quorumOf(chain.set.members.length);
  const signersOf = (certificate: Certificate): ReadonlySet<number> => {
    const signers = Array.from({ length: 32 }, (_, index) => index).filter((at) => (certificate.signers >>> at) & 1);
    const message = voteBytes(certificate, { chainId: chain.chainId, valsetHash: chain.set.hash });
    const isSound =
      signers.length >= quorum && chain.verifier.verifyCertificate(signers, message, certificate.signature);
    // Certificates that a machine made final blocks of verify, or the machine is broken: nobody is convicted by others.
    return new Set(isSound ? signers : []);
  };
  const convictions: Conviction[] = [];
  for (const [at, one] of witnesses.entries()) {
    for (const other of witnesses.slice(at + 1)) {
      const height = one.final.findIndex((block, index) => {
        const theirs = other.final[index];
        return theirs !== undefined && theirs.hash !== block.hash;
      });
      if (height < 0) continue;
      const sides = [proving(one, height), proving(other, height)] as const;
      const found = contradiction(...sides);
      if (found === undefined) continue;
      const [left, right] = found.map(signersOf) as [ReadonlySet<number>, ReadonlySet<number>];
      convictions.push({
        height: (height + 1) as Height,
        between: [one.name, other.name],
        contradiction: `${found[0].kind} and ${found[1].kind} in view ${found[0].view}`,
        culprits: [...left].filter((signer) => right.has(signer)),
      });
    }
  }
  return convictions;
}

const quorumOf = (n: number): number => Math.ceil((n + Math.floor((n - 1) / 3) + 1) / 2);

/** The blocks from where the chains part up to the first that a CommitQC names. */
function proving(witness: Witness, from: number): readonly ProvenBlock[] {
  const blocks: ProvenBlock[] = [];
  for (const { header, body, proof } of witness.final.slice(from)) {
    const block = blockFromBytes(sha256, header, body);
    if (!block.ok) return [];
    blocks.push({ ...block.value, proof });
    if (proof !== undefined) return blocks;
  }
  return [];
}

/** Two certificates about one view that exclude each other. */
function contradiction(
  left: readonly ProvenBlock[],
  right: readonly ProvenBlock[],
): readonly [Certificate, Certificate] | undefined {
  const [mine, yours] = [left.at(-1)?.proof, right.at(-1)?.proof];
  if (mine === undefined || yours === undefined) return undefined;
  if (mine.commit.view > yours.commit.view) return contradiction(right, left);
  const { view } = mine.commit;
  if (yours.commit.view === view) return [mine.commit, yours.commit];
  // The later chain passes over the earlier one's view: it built on another block of it, or on its being skipped.
  const over = right.find(({ header }) => header.parentView <= view && view < header.view)?.header;
  const against = over?.parentView === view ? over.parentCertificate : over?.skips.find((skip) => skip.view === view);
  return against === undefined ? undefined : [mine.commit, against];
}

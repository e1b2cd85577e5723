import { sha256 } from "../../crypto/index.js";
import {
  blockHash,
  type CanonicalJson,
  canonicalJson,
  readHeader,
  type TrustedChain,
  type ValidatorSet,
  verifyBalanceProofOn,
  verifyCertificate,
  verifyReceiptOn,
} from "../../formats/index.js";
import { decode, type Height, type Id128, utf8 } from "../../primitives/index.js";
import { type OutcomeView, Queries } from "../../replica/index.js";
import { type Consortium, trustedChain } from "../consortium.js";
import type { SimulatedNode } from "../node.js";
import type { LedgerRules } from "./ledger-rules.js";
import type { Violations } from "./violations.js";

/** Outcomes and accounts of one machine that are asked for. */
const ASKED_MAX = 4;
const RECEIPTS = "receipts of an honest machine verify";
const BALANCES = "balance proofs of an honest machine verify";
const FINALITY = "finality proofs of an honest machine verify";

/**
 * Plays the auditor at the end of a history: what an honest machine's read model hands out verifies against genesis
 * alone, and is about the block that the checkers saw become final (attack 94).
 */
export class ProofRules {
  readonly #consortium: Consortium;
  readonly #ledger: LedgerRules;
  readonly #violations: Violations;
  readonly #trusted: TrustedChain;
  readonly #setOf: (epoch: number) => ValidatorSet | undefined;
  readonly #genesisBytes: Uint8Array;

  /** @param setOf validators of the epochs after the first */
  constructor(
    consortium: Consortium,
    ledger: LedgerRules,
    violations: Violations,
    setOf: (epoch: number) => ValidatorSet | undefined,
  ) {
    this.#consortium = consortium;
    this.#ledger = ledger;
    this.#violations = violations;
    this.#setOf = setOf;
    this.#genesisBytes = genesisBytesOf(consortium);
    this.#trusted = trustedChain(consortium);
  }

  /** @param isCertified whether the last results are claimed by a final header, so that all are to be proven */
  review(node: SimulatedNode, isCertified: boolean): void {
    const { replica, store } = node;
    const { genesis, chainId, candidates } = this.#consortium;
    if (replica === undefined || replica.executedHeight() === 0) return;
    const queries = new Queries({
      ...{ replica, store, genesis, chainId, version: "1" },
      genesisBytes: this.#genesisBytes,
      participant: (candidates[node.index] as (typeof candidates)[number]).participant,
    });
    // Results on their way to the disk are read already, and proven only when they are there.
    const isWritten = queries.executedHeight() === replica.executedHeight();
    for (const height of this.#heights(queries.executedHeight())) {
      this.#receipt(node, queries, height, isCertified && isWritten);
      this.#finality(node, queries, height);
    }
    for (const { clearing } of this.#consortium.banks.slice(0, ASKED_MAX)) {
      const answer = queries.balanceProof(clearing);
      if (answer.type !== "proven") continue;
      const verdict = verifyBalanceProofOn(this.#trusted, utf8(canonicalJson(answer.proof)));
      const detail = (): string => `${node.name}: ${verdict.ok ? verdict.proven.account.id : verdict.detail}`;
      this.#violations.check(verdict.ok && verdict.proven.account.id === clearing, BALANCES, detail);
    }
  }

  /** Some with outcomes, evenly from the first to the last. */
  #heights(executed: number): Height[] {
    const eventful = this.#ledger.chain.filter(({ header, body }) => body.length > 0 && header.height <= executed);
    const stride = Math.max(1, Math.floor(eventful.length / ASKED_MAX));
    return eventful.filter((_, at) => at % stride === 0).map(({ header }) => header.height);
  }

  #receipt(node: SimulatedNode, queries: Queries, height: Height, isCertified: boolean): void {
    const [item] = queries.outcomes(height, { from: 0, limit: 1 })?.items ?? [];
    const id = item === undefined ? undefined : idOf(item);
    if (id === undefined) return;
    const answer = queries.receipt(id);
    if (answer.type !== "proven") {
      const detail = (): string => `${node.name}: no receipt of ${id} at ${height}: ${answer.type}`;
      this.#violations.check(!isCertified, RECEIPTS, detail);
      return;
    }
    const verdict = verifyReceiptOn(this.#trusted, utf8(canonicalJson(answer.proof)));
    const detail = (): string => `${node.name}: ${id} at ${height}: ${verdict.ok ? "another block" : verdict.detail}`;
    const block = verdict.ok ? this.#ledger.chain[verdict.proven.outcome.height - 1] : undefined;
    const isOf = verdict.ok && verdict.proven.id === id && verdict.proven.blockHash === block?.hash;
    this.#violations.check(isOf, RECEIPTS, detail);
  }

  /** Signatures of a CommitQC, and hash links from its block down to this one. */
  #finality(node: SimulatedNode, queries: Queries, height: Height): void {
    const finality = queries.finality(height);
    const hashes = (finality?.headers ?? []).map((header) => blockHash(sha256, header));
    const parents = (finality?.headers ?? []).map((bytes) => {
      const header = decode(bytes, readHeader);
      return header.ok ? header.value.parentHash : undefined;
    });
    const chain = finality === undefined ? undefined : this.#chainOf(finality.proof.commit.epoch);
    const isProven =
      finality !== undefined &&
      chain !== undefined &&
      hashes[0] === finality.proof.commit.hash &&
      hashes.every((hash, at) => at === 0 || hash === parents[at - 1]) &&
      hashes[hashes.length - 1] === this.#ledger.chain[height - 1]?.hash &&
      verifyCertificate(finality.proof.prepare, chain) &&
      verifyCertificate(finality.proof.commit, chain);
    this.#violations.check(isProven, FINALITY, () => `${node.name} at ${height}`);
  }

  /** Keys and validators of an epoch. */
  #chainOf(epoch: number): Pick<TrustedChain, "chainId" | "set" | "verifier"> | undefined {
    const { chainId, set: first, verifierOf } = this.#trusted;
    if (epoch === first.epoch) return this.#trusted;
    const set = this.#setOf(epoch);
    return set === undefined ? undefined : { chainId, set, verifier: verifierOf(set) };
  }
}

/** Of what a receipt is asked by; accounts and settled windows have none. */
function idOf(item: OutcomeView): Id128 | undefined {
  if (item.type === "transfer") return item.transfer.id;
  return "id" in item ? item.id : undefined;
}

/** Consortia are made once for many histories. */
const genesisFiles = new WeakMap<Consortium, Uint8Array>();

function genesisBytesOf(consortium: Consortium): Uint8Array {
  const known = genesisFiles.get(consortium) ?? utf8(canonicalJson(consortium.genesis as unknown as CanonicalJson));
  genesisFiles.set(consortium, known);
  return known;
}

import { certificateScheme, ed25519, type KeyPair, type SchemeName } from "../crypto/index.js";
import { type CanonicalJson, canonicalJson, type KeyScope, type ParticipantRole, shape } from "../formats/index.js";
import { concatBytes, fromHex, toHex, utf8 } from "../primitives/index.js";

/**
 * What a bank sends to the others before there is a genesis: its public keys and where its validator is
 * reached. It is signed with the bank's own operation key (and the validator's network key), so nobody
 * can change it on the way; that it comes from this bank the banks must establish among themselves, for
 * example by reading its fingerprint over the telephone.
 */
export interface Card {
  readonly format: "sabha/card/1";
  readonly participant: string;
  readonly role: ParticipantRole;
  /** UTC milliseconds. The newest card's time becomes the time of genesis. */
  readonly created: number;
  readonly keys: readonly { readonly publicKey: string; readonly scopes: readonly KeyScope[] }[];
  /** Absent for a participant without a validator. */
  readonly validator?: CardValidator;
  /** Ed25519 over the tag and the canonical encoding of all other members, hexadecimal. */
  readonly signatures: { readonly operation: string; readonly network?: string };
}

export interface CardValidator {
  readonly scheme: SchemeName;
  readonly consensusKey: string;
  readonly proofOfPossession: string;
  readonly networkKey: string;
  readonly addresses: readonly string[];
}

/** What a card says, and the keys that it shows and is signed with. */
export interface CardRequest {
  readonly participant: string;
  readonly role: ParticipantRole;
  readonly created: number;
  readonly operation: KeyPair;
  readonly validator?: {
    readonly scheme: SchemeName;
    readonly consensus: KeyPair;
    readonly network: KeyPair;
    readonly addresses: readonly string[];
  };
}

const CARD_BYTES_MAX = 16_384;
const CARD_TAG = utf8("sabha/card/1");
const SCOPES: readonly KeyScope[] = ["submit", "approve", "govern"];

/** Names of participants are also names of directories and columns of files. */
export const PARTICIPANT_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;

const cardShape: shape.Shape<Card> = shape.object<Omit<Card, "validator">, { readonly validator: CardValidator }>(
  {
    format: shape.oneOf("sabha/card/1"),
    participant: shape.text(PARTICIPANT_NAME, "a name of 1 to 32 letters, digits, hyphens or underscores"),
    role: shape.oneOf("authority", "bank", "observer"),
    created: shape.integer(0, 253_402_300_799_999),
    keys: shape.list(
      1,
      16,
      shape.object({ publicKey: shape.hex(32), scopes: shape.list(1, 3, shape.oneOf("submit", "approve", "govern")) }),
    ),
    signatures: shape.object<{ readonly operation: string }, { readonly network: string }>(
      { operation: shape.hex(64) },
      { network: shape.hex(64) },
    ),
  },
  {
    validator: shape.object<CardValidator>({
      scheme: shape.oneOf("bls12381", "ed25519", "keyed-hash"),
      consensusKey: shape.hex(32, 48),
      proofOfPossession: shape.hex(32, 96),
      networkKey: shape.hex(32),
      addresses: shape.list(1, 8, shape.text(/^\/[\x21-\x7e]{1,255}$/, "a multiaddr of at most 256 characters")),
    }),
  },
);

/** Makes and signs a card. */
export function makeCard(request: CardRequest): Card {
  const content = {
    format: "sabha/card/1",
    participant: request.participant,
    role: request.role,
    created: request.created,
    keys: [{ publicKey: toHex(request.operation.publicKey), scopes: SCOPES }],
    ...(request.validator === undefined ? {} : { validator: validatorPart(request.validator) }),
  } as const;
  const message = signedMessage(content);
  const sign = (key: KeyPair): string => toHex(ed25519.sign(key.secretKey, message));
  const network = request.validator?.network;
  const signatures = {
    operation: sign(request.operation),
    ...(network === undefined ? {} : { network: sign(network) }),
  };
  return { ...content, signatures };
}

function validatorPart(validator: NonNullable<CardRequest["validator"]>): CardValidator {
  return {
    scheme: validator.scheme,
    consensusKey: toHex(validator.consensus.publicKey),
    proofOfPossession: toHex(certificateScheme(validator.scheme).provePossession(validator.consensus.secretKey)),
    networkKey: toHex(validator.network.publicKey),
    addresses: validator.addresses,
  };
}

const signedMessage = (content: Omit<Card, "signatures">): Uint8Array =>
  concatBytes(CARD_TAG, utf8(canonicalJson(content as unknown as CanonicalJson)));

/** The file that is sent. */
export const encodeCard = (card: Card): string => canonicalJson(card as unknown as CanonicalJson);

/** Reads a card and checks its signatures and its proof of possession. */
export function parseCard(
  bytes: Uint8Array,
): { readonly ok: true; readonly card: Card } | { readonly ok: false; readonly problem: string } {
  const parsed = shape.parseCanonical(bytes, CARD_BYTES_MAX, cardShape);
  if (!parsed.ok) {
    const { path, detail } = parsed.fault;
    return { ok: false, problem: path === "" ? detail : `${path}: ${detail}` };
  }
  const problem = cardProblem(parsed.value);
  return problem === undefined ? { ok: true, card: parsed.value } : { ok: false, problem };
}

/** Why a card proves nothing; one sentence that names the participant. */
function cardProblem(card: Card): string | undefined {
  const { signatures, ...content } = card;
  const message = signedMessage(content);
  const bytes = (text: string): Uint8Array => fromHex(text) as Uint8Array;
  const signedBy = (key: string, signature: string | undefined): boolean =>
    signature !== undefined && ed25519.verify(bytes(key), message, bytes(signature));
  if (!signedBy((card.keys[0] as Card["keys"][number]).publicKey, signatures.operation)) {
    return `the card of ${card.participant} is not signed with its operation key`;
  }
  const { validator } = card;
  if (validator === undefined) return undefined;
  if (validator.scheme === "keyed-hash")
    return `the card of ${card.participant} uses keyed-hash, which protects nothing`;
  if (!signedBy(validator.networkKey, signatures.network)) {
    return `the card of ${card.participant} is not signed with its network key`;
  }
  const { consensusKey, proofOfPossession } = validator;
  return certificateScheme(validator.scheme).verifyPossession(bytes(consensusKey), bytes(proofOfPossession))
    ? undefined
    : `the card of ${card.participant} does not prove that it holds its consensus key`;
}

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync } from "node:fs";
import { type CanonicalJson, canonicalJson, shape } from "../formats/index.js";
import { readSecret, replaceFile } from "./files.js";
import { HomeError } from "./home-error.js";

/** What a bearer token allows. */
export type TokenScope = "submit" | "approve" | "govern";
export const TOKEN_SCOPES: readonly TokenScope[] = ["submit", "approve", "govern"];

interface TokenEntry {
  readonly scope: TokenScope;
  /** SHA-256 of the token: who reads the file cannot use it. */
  readonly sha256: string;
  /** UTC milliseconds. */
  readonly created: number;
}

interface TokenList {
  readonly format: "sabha/tokens/1";
  readonly tokens: readonly TokenEntry[];
}

const TOKENS_MAX = 256;
const FILE_BYTES_MAX = 65_536;

const tokenList = shape.object<TokenList>({
  format: shape.oneOf("sabha/tokens/1"),
  tokens: shape.list(
    0,
    TOKENS_MAX,
    shape.object<TokenEntry>({
      scope: shape.oneOf(...TOKEN_SCOPES),
      sha256: shape.hex(32),
      created: shape.integer(0, Number.MAX_SAFE_INTEGER),
    }),
  ),
});

const what = "the list of token hashes";

function readTokens(path: string): readonly TokenEntry[] {
  if (!existsSync(path)) return [];
  const parsed = shape.parseCanonical(readSecret({ path, what }, FILE_BYTES_MAX), FILE_BYTES_MAX, tokenList);
  if (!parsed.ok) throw new HomeError({ code: "TOKENS_BAD", path, detail: parsed.fault.detail });
  return parsed.value.tokens;
}

const hashOf = (token: string): Buffer => createHash("sha256").update(token, "utf8").digest();

/**
 * Makes a new token and adds its hash to the list. A running node knows it after its next start.
 *
 * @returns the token; it is kept nowhere
 * @throws {HomeError} TOKENS_BAD, FILE_EXPOSED, FILE_UNWRITABLE
 */
export function addToken(path: string, scope: TokenScope, created: number): string {
  const tokens = readTokens(path);
  if (tokens.length >= TOKENS_MAX) {
    throw new HomeError({
      code: "TOKENS_BAD",
      path,
      detail: `it has ${TOKENS_MAX} tokens, which is the most it can hold`,
    });
  }
  const token = `sabha_${scope}_${randomBytes(32).toString("base64url")}`;
  const entry: TokenEntry = { scope, sha256: hashOf(token).toString("hex"), created };
  const list: TokenList = { format: "sabha/tokens/1", tokens: [...tokens, entry] };
  replaceFile({ path, what }, canonicalJson(list as unknown as CanonicalJson));
  return token;
}

/** Answers which scopes a token has, comparing hashes in constant time. */
export interface TokenBook {
  /** `undefined` if nobody made the token. */
  scopesOf(token: string): readonly TokenScope[] | undefined;
}

/** Reads the list once. A list that is not there has no tokens: then nobody may submit through this node. */
export function loadTokens(path: string): TokenBook {
  const entries = readTokens(path).map(({ scope, sha256 }) => ({ scope, hash: Buffer.from(sha256, "hex") }));
  return {
    scopesOf: (token) => {
      const hash = hashOf(token);
      const scopes = entries.filter((entry) => timingSafeEqual(entry.hash, hash)).map(({ scope }) => scope);
      return scopes.length === 0 ? undefined : scopes;
    },
  };
}

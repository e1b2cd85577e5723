/**
 * Numbers and digests that must never be swapped for each other.
 *
 * Heights, views, epochs and times are JavaScript numbers: every decoder refuses a value above 2^53 − 1,
 * which at one view a millisecond lasts 285,000 years. Money is never one of these: it is a `bigint`
 * or, inside the ledger's hot loop, two 32-bit halves.
 */
declare const brand: unique symbol;

export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Position in the agreement protocol of one epoch; from 1, view 0 is the epoch's anchor block. */
export type View = Brand<number, "View">;
/** Position of a block in the ledger; genesis is 0. */
export type Height = Brand<number, "Height">;
/** Period with one validator set; from 0. */
export type Epoch = Brand<number, "Epoch">;
/** Index of a validator in its epoch's set, 0 … n−1. */
export type ValidatorIndex = Brand<number, "ValidatorIndex">;
/** Number of a participant on the ledger, an unsigned 32-bit integer from 1. */
export type ParticipantNumber = Brand<number, "ParticipantNumber">;
/** SHA-256 digest as 64 lower-case hexadecimal characters. */
export type Digest = Brand<string, "Digest">;
/** 128-bit identifier of an account or a transfer as 32 lower-case hexadecimal characters. */
export type Id128 = Brand<string, "Id128">;

/** 32 zero bytes: the "hash" that a TIMEOUT vote and a timeout certificate carry. */
export const ZERO_DIGEST = "0".repeat(64) as Digest;

/** Casts: the caller has checked, or computed, that the value is one. */
export const view = (value: number): View => value as View;
export const height = (value: number): Height => value as Height;
export const epoch = (value: number): Epoch => value as Epoch;
export const validatorIndex = (value: number): ValidatorIndex => value as ValidatorIndex;
export const participantNumber = (value: number): ParticipantNumber => value as ParticipantNumber;

const HEX_64 = /^[0-9a-f]{64}$/;
const HEX_32 = /^[0-9a-f]{32}$/;

/** True for 64 lower-case hexadecimal characters. */
export const isDigest = (value: unknown): value is Digest => typeof value === "string" && HEX_64.test(value);

/** True for 32 lower-case hexadecimal characters. */
export const isId128 = (value: unknown): value is Id128 => typeof value === "string" && HEX_32.test(value);

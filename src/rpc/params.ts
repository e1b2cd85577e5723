import { z } from "zod";
import { type Digest, fromHex, type Height, type Id128, type ParticipantNumber } from "../primitives/index.js";
import { invalidParams, type RpcFault } from "./errors.js";

/** Parameters as a method wants them, or what is wrong with them and where. */
export type CheckedParams<P> =
  | { readonly ok: true; readonly params: P }
  | { readonly ok: false; readonly fault: RpcFault };

/** Pieces of parameter schemas. All text is canonical: one spelling per value. */
export const id128 = z
  .string()
  .regex(/^[0-9a-f]{32}$/, "not 32 lower-case hexadecimal digits")
  .transform((text) => text as Id128);

export const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "not 64 lower-case hexadecimal digits")
  .transform((text) => text as Digest);

/** A safe integer, as a number or as its decimal string. */
const count = z
  .union([z.int().min(0), z.string().regex(/^(?:0|[1-9][0-9]{0,15})$/, "not a decimal integer")])
  .transform(Number)
  .refine(Number.isSafeInteger, "above 2^53 - 1");

export const height = count.transform((value) => value as Height);

export const participant = z
  .int()
  .min(1)
  .max(0xffff_ffff)
  .transform((value) => value as ParticipantNumber);

export const cursor = z.string().min(1).max(128);

/** Bytes as lower-case hexadecimal. */
export const hexBytes = (bytesMax: number) =>
  z
    .string()
    .max(2 * bytesMax)
    .transform((text, context) => {
      const bytes = fromHex(text);
      if (bytes !== undefined) return bytes;
      context.addIssue({ code: "custom", message: "not lower-case hexadecimal" });
      return z.NEVER;
    });

/**
 * Parameters by name, or by position in the order of the schema's fields. Unknown ones are refused.
 */
export function checkParams<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  raw: object | undefined,
): CheckedParams<z.output<z.ZodObject<Shape>>> {
  const named = nameParams(Object.keys(schema.shape), raw);
  if (!named.ok) return named;
  const result = schema.safeParse(named.params);
  if (result.success) return { ok: true, params: result.data };
  const { path, reason } = firstIssue(result.error);
  return { ok: false, fault: invalidParams(path, reason) };
}

/** Positional parameters under their names. */
export function nameParams(
  names: readonly string[],
  raw: object | undefined,
): CheckedParams<Readonly<Record<string, unknown>>> {
  if (!Array.isArray(raw)) return { ok: true, params: (raw ?? {}) as Readonly<Record<string, unknown>> };
  if (raw.length > names.length) {
    return { ok: false, fault: invalidParams(`[${names.length}]`, `at most ${names.length} parameters`) };
  }
  return { ok: true, params: Object.fromEntries(raw.map((value, index) => [names[index] as string, value])) };
}

function firstIssue(error: z.ZodError): { readonly path: string; readonly reason: string } {
  const issue = error.issues[0];
  if (issue === undefined) return { path: "", reason: "invalid" };
  if (issue.code === "unrecognized_keys") {
    return { path: pathText([...issue.path, issue.keys[0] ?? ""]), reason: "unknown parameter" };
  }
  return { path: pathText(issue.path), reason: issue.message };
}

/** `["transfers", 3, "amount"]` as `transfers[3].amount`; a long name of the client's is cut. */
function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += `${text === "" ? "" : "."}${String(step).slice(0, 64)}`;
  }
  return text;
}

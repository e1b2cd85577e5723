import type { IncomingMessage } from "node:http";

/** What all requests together may hold in memory while they arrive. */
export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** False where the bytes do not fit. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** Why a body was not read; the status code goes to the client. */
export class BodyError extends Error {
  override readonly name = "BodyError";
  readonly code: "too_large" | "busy" | "interrupted";
  readonly statusCode: number;

  constructor(code: "too_large" | "busy" | "interrupted") {
    super(code);
    this.code = code;
    this.statusCode = code === "too_large" ? 413 : code === "busy" ? 503 : 400;
  }
}

/**
 * Reads a body of at most `bytesMax`, whatever its headers promise.
 *
 * @throws {BodyError} before more than the limit is held
 */
export async function readBody(request: IncomingMessage, bytesMax: number, budget: BodyBudget): Promise<Uint8Array> {
  const promised = Number(request.headers["content-length"] ?? "0");
  if (promised > bytesMax) throw new BodyError("too_large");
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (length + chunk.length > bytesMax) throw new BodyError("too_large");
      if (!budget.take(chunk.length)) throw new BodyError("busy");
      length += chunk.length;
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BodyError) throw error;
    throw new BodyError("interrupted");
  } finally {
    budget.release(length);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
}

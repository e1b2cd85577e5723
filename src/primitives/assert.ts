/** Our own mistake. Nothing catches it: the process dies loudly, the durable record stays good. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/**
 * States what the surrounding code relies on. Never for input of peers, clients or files: those get a
 * rejection or a typed error.
 *
 * @throws {InvariantError} when the condition is false
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Ends an exhaustive `switch`; does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable case: ${String(value)}`);
}

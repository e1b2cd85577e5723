/** Exit codes: 1 the thing checked does not hold, 2 wrong use, 3 the node cannot go on. */
export type FailureExit = 1 | 2 | 3;

/** Ends a command with one clear sentence on standard error; further lines may follow it. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: FailureExit;
  readonly details: readonly string[];

  constructor(exitCode: FailureExit, message: string, details: readonly string[] = []) {
    super(message);
    this.exitCode = exitCode;
    this.details = details;
  }
}

/** Fails with the first problem as the sentence and the others below it. */
export function failWith(exitCode: FailureExit, context: string, problems: readonly string[]): never {
  const [first = "it does not hold", ...others] = problems;
  throw new CommandFailure(exitCode, context === "" ? first : `${context}: ${first}`, others);
}

/** JSON-RPC and HTTP: one table of methods, served over two transports. */
export type { BrowserGuard } from "./browser-guard.js";
export { SERVER_ERRORS, type ServerErrorCode } from "./errors.js";
export { RPC_LIMITS, type RpcLimits } from "./limits.js";
export type * from "./ports.js";
export {
  createRpcServer,
  type RpcServer,
  RpcServerError,
  type RpcServerFault,
  type RpcServerOptions,
} from "./server.js";
export {
  SUBMISSION_LIMITS,
  type SubmissionLimits,
  Submitter,
  type SubmitterClock,
  type SubmitterOptions,
  systemClock,
} from "./submission.js";

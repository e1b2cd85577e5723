/** JSON-RPC and HTTP: one table of methods, served over two transports. */
export type { BrowserGuard } from "./browser-guard.js";
export type { RpcLimits } from "./limits.js";
export type * from "./ports.js";
export {
  createRpcServer,
  type RpcServer,
  RpcServerError,
  type RpcServerFault,
  type RpcServerOptions,
} from "./server.js";
export {
  type SubmissionLimits,
  Submitter,
  type SubmitterClock,
  type SubmitterOptions,
  systemClock,
} from "./submission.js";

import { ProtocolVersionError } from "../ledger/index.js";
import { NetworkError } from "../network/index.js";
import { StoreGapError } from "../replica/index.js";
import { RpcServerError } from "../rpc/index.js";
import { StoreError, type StoreFault } from "../storage/index.js";

/** The node cannot go on: one sentence about what happened and one about what to do; exit code 3. */
export class NodeFailure extends Error {
  override readonly name = "NodeFailure";

  constructor(cause: Error) {
    super(sentence(cause), { cause });
  }
}

function sentence(cause: Error): string {
  if (cause instanceof StoreError) return `${cause.message}; ${storeAdvice(cause.fault.code)}`;
  if (cause instanceof StoreGapError) return `${cause.message}; ${storeAdvice("STORE_CORRUPT")}`;
  if (cause instanceof RpcServerError) {
    const { code, host, port } = cause.fault;
    const why = code === "PORT_BUSY" ? "another process uses it" : "this machine does not allow it";
    return `JSON-RPC cannot listen on ${host} port ${port}, ${why}: change rpc.host or rpc.port in config.yaml`;
  }
  if (cause instanceof NetworkError) return networkSentence(cause);
  if (cause instanceof ProtocolVersionError) return `${cause.message}: upgrade sabha and start the node again`;
  return `an unexpected failure: ${cause.stack ?? cause.message}`;
}

function networkSentence(error: NetworkError): string {
  const { fault } = error;
  switch (fault.code) {
    case "LISTEN_FAILED":
      return `the validators' port ${fault.addresses.join(", ")} is taken or not ours: stop the other process or change p2p.listen in config.yaml`;
    case "BAD_ADDRESS":
      return `${fault.address} is not a TCP address that can be used: correct it in config.yaml or genesis.json`;
    case "BAD_NETWORK_KEY":
      return `the network key of ${fault.name} in genesis.json is not an Ed25519 public key`;
  }
}

function storeAdvice(code: StoreFault["code"]): string {
  switch (code) {
    case "STORE_LOCKED":
      return "stop the node that runs on this home first";
    case "STORE_CORRUPT":
      return "run `sabha store verify` on it, and see docs/operations.md for replacing a damaged store";
    case "STORE_FULL":
      return "free disk space and start the node again; nothing that was acknowledged is lost";
    case "STORE_IO":
      return "check the disk and start the node again; nothing that was acknowledged is lost";
    case "STORE_VERSION":
      return "run the version of sabha that wrote it";
    case "STORE_FOREIGN":
      return "this data directory belongs to another consortium: use another home";
    case "STORE_MISSING":
    case "STORE_CLOSED":
      return "check data.dir in config.yaml";
  }
}

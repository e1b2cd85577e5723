import { z } from "zod";
import { BLOCK_TRANSFERS_MAX, type Digest, type Height } from "../../primitives/index.js";
import { invalidParams, METHOD_NOT_FOUND, serverError } from "../errors.js";
import type { Answer } from "../json-rpc.js";
import { defineMethod, failed, type Method, type MethodContext, succeeded } from "../method.js";
import { cursor, digest, height, id128, participant } from "../params.js";
import { renderBlock, renderConsensus, renderEvidence, renderFinality, renderPeer, renderStatus } from "../render.js";
import * as schemas from "../schemas.js";

/** Blocks, finality and the state of agreement. */
export function chainMethods(context: MethodContext): readonly Method[] {
  const { api } = context;
  return [
    defineMethod(context, {
      name: "chain_getStatus",
      summary: "Where this node stands",
      params: {},
      result: schemas.status,
      handle: () => succeeded(renderStatus(api.status())),
    }),
    defineMethod(context, {
      name: "chain_getBlock",
      summary: "A finalised block by height or hash; with full, also its header bytes, batches and outcomes",
      params: { height: height.optional(), hash: digest.optional(), full: z.boolean().default(false) },
      result: schemas.block,
      errors: ["not_found"],
      handle: (params) => getBlock(context, params),
    }),
    defineMethod(context, {
      name: "chain_getFinality",
      summary:
        "The certificates that make the block at a height final, the headers between, and the ends of the epochs before",
      params: { height },
      result: schemas.finality,
      errors: ["not_found", "not_yet_proven"],
      handle: (params) => {
        const finality = api.finality(params.height);
        return finality === undefined ? failed(serverError("not_found")) : succeeded(renderFinality(finality));
      },
    }),
    defineMethod(context, {
      name: "chain_getGenesis",
      summary: "The genesis file, byte for byte; its SHA-256 is the chain id",
      params: {},
      result: schemas.genesis,
      handle: () => succeeded({ chainId: api.status().chainId, genesis: new TextDecoder().decode(api.genesisBytes()) }),
    }),
    defineMethod(context, {
      name: "consensus_getStatus",
      summary: "View, leader, validators, quorum margin, and which banks are missing if nothing becomes final",
      params: {},
      result: schemas.consensusStatus,
      handle: () => succeeded(renderConsensus(api.consensusStatus())),
    }),
    defineMethod(context, {
      name: "consensus_getEvidence",
      summary: "Equivocations that this node saw, with both signed votes",
      params: {},
      result: z.array(schemas.evidence),
      handle: () => succeeded(api.evidence().map(renderEvidence)),
    }),
    defineMethod(context, {
      name: "net_getPeers",
      summary: "The other validators and the connections to them",
      params: {},
      result: z.array(schemas.peer),
      handle: () => succeeded(api.peers().map(renderPeer)),
    }),
  ];
}

function getBlock(
  { api }: MethodContext,
  params: { readonly height?: Height | undefined; readonly hash?: Digest | undefined; readonly full: boolean },
): Answer {
  const at = params.height ?? params.hash;
  if (at === undefined || (params.height !== undefined && params.hash !== undefined)) {
    return failed(invalidParams("", "either height or hash"));
  }
  const block = api.block(at);
  if (block === undefined) return failed(serverError("not_found"));
  if (!params.full) return succeeded(renderBlock(block, false));
  // Every record of a full block, and as many system outcomes as a block can hold.
  const page = api.outcomes(block.header.height, { from: 0, limit: 2 * BLOCK_TRANSFERS_MAX });
  return succeeded(renderBlock(block, true, page?.items));
}

/** Streams; they exist over WebSocket only. */
export function streamMethods(context: MethodContext): readonly Method[] {
  const filter = z.strictObject({ accountId: id128.optional(), participant: participant.optional() });
  return [
    defineMethod(context, {
      name: "chain_subscribe",
      summary: "Streams blocks, transfers or other events of the ledger, from behind a cursor, without gaps",
      webSocketOnly: true,
      params: { stream: z.enum(["blocks", "transfers", "events"]), from: cursor.optional(), filter: filter.optional() },
      result: schemas.subscription,
      errors: ["too_large"],
      handle: (params, call) => {
        if (call.streams === undefined) return failed(METHOD_NOT_FOUND);
        if (params.stream === "blocks" && params.filter !== undefined) {
          return failed(invalidParams("filter", "blocks have no filter"));
        }
        const added = call.streams.add(params.stream, params.from, params.filter ?? {});
        if (added.ok) return succeeded({ subscription: added.id });
        return failed(
          added.fault === "bad_cursor"
            ? invalidParams("from", "not a cursor of this stream")
            : serverError("too_large", { limit: "subscriptions" }),
        );
      },
    }),
    defineMethod(context, {
      name: "chain_unsubscribe",
      summary: "Ends a stream of this connection",
      webSocketOnly: true,
      params: { subscription: z.string().min(1).max(16) },
      result: z.literal(true),
      errors: ["not_found"],
      handle: (params, call) =>
        call.streams?.remove(params.subscription) === true ? succeeded(true) : failed(serverError("not_found")),
    }),
  ];
}

import { z } from "zod";
import { defineMethod, type Method, type MethodContext, succeeded } from "./method.js";
import { chainMethods, streamMethods } from "./methods/chain.js";
import { comparisonMethods } from "./methods/comparison.js";
import { governanceMethods } from "./methods/governance.js";
import { ledgerMethods } from "./methods/ledger.js";
import { settlementMethods } from "./methods/settlement.js";
import { submissionMethods } from "./methods/submissions.js";
import { waitingMethods } from "./methods/waiting.js";
import { openRpcDocument } from "./open-rpc.js";

/** Every method of the interface; what is not here does not exist. */
export function methodTable(context: MethodContext, version: string): ReadonlyMap<string, Method> {
  const methods: Method[] = [
    ...submissionMethods(context),
    ...ledgerMethods(context),
    ...governanceMethods(context),
    ...chainMethods(context),
    ...comparisonMethods(context),
    ...settlementMethods(context),
    ...waitingMethods(context),
    ...streamMethods(context),
  ];
  methods.push(
    defineMethod(context, {
      name: "rpc.discover",
      summary: "This document (OpenRPC)",
      params: {},
      result: z.record(z.string(), z.unknown()),
      handle: () => succeeded(openRpcDocument(methods, version)),
    }),
  );
  return new Map(methods.map((method) => [method.name, method]));
}

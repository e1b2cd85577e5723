import { z } from "zod";
import { SERVER_ERRORS, type ServerErrorCode } from "./errors.js";
import type { Method } from "./method.js";

/**
 * The interface described by itself (OpenRPC 1.3.2), from the same table that serves it. Errors carry their stable
 * name in `data.code`.
 */
export function openRpcDocument(methods: readonly Method[], version: string): Readonly<Record<string, unknown>> {
  return {
    openrpc: "1.3.2",
    info: {
      title: "sabha",
      version,
      description:
        "Amounts are decimal strings of minor units; heights, views and times (UTC milliseconds) are integers; ids, hashes, keys and signatures are lower-case hexadecimal.",
    },
    methods: methods.map(describe),
  };
}

function describe(method: Method): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(method.params, { io: "input" });
  const required = new Set(schema.required ?? []);
  return {
    name: method.name,
    summary: method.summary,
    paramStructure: "by-name",
    params: Object.entries(schema.properties ?? {}).map(([name, property]) => ({
      name,
      required: required.has(name),
      schema: property,
    })),
    result: { name: "result", schema: withoutDialect(z.toJSONSchema(method.result)) },
    errors: [
      { code: -32602, message: "Invalid params" },
      ...errorNames(method).map((name) => ({ ...SERVER_ERRORS[name], data: { code: name } })),
    ],
    "x-scope": method.scope,
    "x-transports": method.webSocketOnly ? ["websocket"] : ["http", "websocket"],
  };
}

const errorNames = (method: Method): readonly ServerErrorCode[] => [
  ...(method.scope !== "read" ? (["unauthorized", "forbidden"] as const) : []),
  ...method.errors,
];

function withoutDialect(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { $schema: _, ...rest } = schema;
  return rest;
}

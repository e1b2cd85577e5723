import { describe, expect, test } from "vitest";
import { type Answer, type DispatchOptions, dispatch, type Target } from "../../../src/rpc/json-rpc.js";
import { malformedJson, wellFormedJson } from "./json-cases.js";

const returns = (make: (params: object | undefined) => unknown): Target => ({
  waits: false,
  invoke: (params): Answer => ({ ok: true, result: make(params) }),
});

/** The methods of the specification's examples. */
const METHODS = new Map<string, Target>([
  [
    "subtract",
    returns((params) => {
      const [minuend, subtrahend] = Array.isArray(params)
        ? (params as number[])
        : [(params as { minuend: number }).minuend, (params as { subtrahend: number }).subtrahend];
      return (minuend as number) - (subtrahend as number);
    }),
  ],
  ["update", returns(() => undefined)],
  ["notify_hello", returns(() => undefined)],
  ["sum", returns((params) => (params as number[]).reduce((left, right) => left + right, 0))],
  ["get_data", returns(() => ["hello", 5])],
  ["echo", returns((params) => params ?? null)],
]);

const thrown: unknown[] = [];
const OPTIONS: DispatchOptions = {
  target: (method) => METHODS.get(method),
  batchMax: 10,
  depthMax: 32,
  responseBytesMax: 1_000,
  onThrow: (error) => thrown.push(error),
};

const send = async (text: string | Uint8Array, options: Partial<DispatchOptions> = {}): Promise<unknown> => {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const answer = await dispatch(bytes, { ...OPTIONS, ...options });
  return answer === undefined ? undefined : JSON.parse(answer);
};

const result = (value: unknown, id: unknown) => ({ jsonrpc: "2.0", result: value, id });
const error = (code: number, id: unknown) => ({
  jsonrpc: "2.0",
  error: expect.objectContaining({ code, message: expect.any(String) }),
  id,
});

describe("attack 85: the examples of the JSON-RPC 2.0 specification", () => {
  test.each<[string, string, unknown]>([
    ["positional parameters", '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}', result(19, 1)],
    [
      "positional parameters, the other way round",
      '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
      result(-19, 2),
    ],
    [
      "named parameters",
      '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
      result(19, 3),
    ],
    [
      "named parameters in another order",
      '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
      result(19, 4),
    ],
    ["a notification", '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', undefined],
    ["a notification of an unknown method", '{"jsonrpc": "2.0", "method": "foobar"}', undefined],
    ["an unknown method", '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', error(-32601, "1")],
    ["a body that is no JSON", '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', error(-32700, null)],
    ["an invalid request", '{"jsonrpc": "2.0", "method": 1, "params": "bar"}', error(-32600, null)],
    [
      "a batch that is no JSON",
      '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]',
      error(-32700, null),
    ],
    ["an empty batch", "[]", error(-32600, null)],
    ["an invalid batch that is not empty", "[1]", [error(-32600, null)]],
    ["an invalid batch", "[1,2,3]", [error(-32600, null), error(-32600, null), error(-32600, null)]],
    [
      "a mixed batch",
      `[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
        {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]`,
      [result(7, "1"), result(19, "2"), error(-32600, null), error(-32601, "5"), result(["hello", 5], "9")],
    ],
    [
      "a batch of notifications",
      '[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]',
      undefined,
    ],
  ])("%s", async (_name, request, answer) => {
    expect(await send(request)).toEqual(answer);
  });
});

describe("attack 86: malformed bodies", () => {
  test.each(malformedJson)("%s is a parse error", async (_name, body) => {
    expect(await send(body)).toEqual(error(-32700, null));
  });

  test.each(wellFormedJson)("%s is read and passed on unchanged", async (_name, text) => {
    const answer = await send(`{"jsonrpc":"2.0","method":"echo","params":[${text}],"id":1}`);
    expect(answer).toEqual(result([JSON.parse(text)], 1));
  });

  test.each(wellFormedJson)("%s as a whole body gets a valid answer", async (_name, text) => {
    const answer = await send(text);
    const answers = Array.isArray(answer) ? answer : [answer];
    for (const item of answers) expect(item).toMatchObject({ jsonrpc: "2.0", id: null, error: { code: -32600 } });
  });
});

describe("attack 87: sizes", () => {
  test("a nesting of 100,000 is refused before it is parsed", async () => {
    const body = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(await send(body)).toMatchObject({
      id: null,
      error: { code: -32004, data: { code: "too_large", limit: "depth" } },
    });
  });

  test("brackets within text do not count as nesting", async () => {
    const text = `\\"${"[{".repeat(1_000)}`;
    expect(await send(`{"jsonrpc":"2.0","method":"echo","params":["${text}"],"id":1}`)).toMatchObject({ id: 1 });
  });

  test("a batch of 100,000 requests is refused as a whole", async () => {
    const body = `[${Array.from({ length: 100_000 }, () => '{"jsonrpc":"2.0","method":"get_data","id":1}').join(",")}]`;
    expect(await send(body)).toMatchObject({
      id: null,
      error: { code: -32004, data: { code: "too_large", limit: "batch" } },
    });
  });

  test("the answers of a batch share one limit", async () => {
    const request = (id: number) => `{"jsonrpc":"2.0","method":"echo","params":["${"x".repeat(400)}"],"id":${id}}`;
    const answers = (await send(`[${[1, 2, 3].map(request).join(",")}]`)) as { error?: { data: unknown } }[];
    expect(answers.map((answer) => answer.error?.data)).toEqual([
      undefined,
      undefined,
      { code: "too_large", limit: "response" },
    ]);
  });
});

describe("attack 88: ids", () => {
  test.each([
    "1.3",
    "1e20",
    "9007199254740993",
    "-9007199254740993",
    "1.00000000000000000001",
    "1.0",
    "-0",
    "1e2",
    "true",
    "{}",
    "[1]",
  ])("%s is refused and never altered", async (id) => {
    expect(await send(`{"jsonrpc":"2.0","method":"get_data","id":${id}}`)).toEqual(error(-32600, null));
  });

  test.each(["0", "-1", "9007199254740991", "null", '""', '"1.3"', '"\\u0000\\ud800"', '"__proto__"'])(
    "%s is echoed exactly",
    async (id) => {
      expect(await send(`{"jsonrpc":"2.0","method":"get_data","id":${id}}`)).toEqual(
        result(["hello", 5], JSON.parse(id)),
      );
    },
  );

  test("the id of an otherwise invalid request is echoed where it is one", async () => {
    expect(await send('{"method":"get_data","id":7}')).toEqual(error(-32600, 7));
  });
});

describe("attack 89: names of the object prototype", () => {
  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("%s is no method", async (method) => {
    expect(await send(`{"jsonrpc":"2.0","method":"${method}","id":1}`)).toEqual(error(-32601, 1));
  });

  test("a prototype in the request pollutes nothing and makes no request", async () => {
    const body = '{"__proto__":{"jsonrpc":"2.0","method":"get_data","polluted":true},"id":1}';
    expect(await send(body)).toEqual(error(-32600, 1));
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe("failures and order", () => {
  test("what a handler throws is reported and hidden", async () => {
    const failure = new Error("secret path /var/lib");
    const target: Target = {
      waits: false,
      invoke: () => {
        throw failure;
      },
    };
    const answer = await send('{"jsonrpc":"2.0","method":"x","id":1}', { target: () => target });
    expect(answer).toEqual({ jsonrpc: "2.0", id: 1, error: { code: -32603, message: "Internal error" } });
    expect(thrown).toEqual([failure]);
  });

  test("calls of a batch that wait for the chain wait together", async () => {
    const waiting: ((answer: Answer) => void)[] = [];
    const target: Target = {
      waits: true,
      invoke: () =>
        new Promise((resolve) => {
          waiting.push(resolve);
          if (waiting.length === 2) for (const settle of waiting) settle({ ok: true, result: "final" });
        }),
    };
    const request = (id: number) => `{"jsonrpc":"2.0","method":"submit","id":${id}}`;
    expect(await send(`[${request(1)},${request(2)}]`, { target: () => target })).toEqual([
      result("final", 1),
      result("final", 2),
    ]);
  });
});

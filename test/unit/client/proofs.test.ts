import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { verifyBalanceProof, verifyConsistency, verifyReceipt } from "../../../src/client/proofs.js";
import { encodeBalanceProof, encodeConsistencyProof, encodeReceipt } from "../../../src/formats/index.js";
import { provenChain } from "../../fixtures/proven-chain.js";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/** Specifiers that remain in a module once types are erased. */
function importsOf(path: string): { readonly specifiers: readonly string[]; readonly source: string } {
  const text = readFileSync(path, "utf8");
  const source = path.endsWith(".ts")
    ? ts.transpileModule(text, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
      }).outputText
    : text;
  return { specifiers: ts.preProcessFile(source, true, true).importedFiles.map(({ fileName }) => fileName), source };
}

/** Every module that running `entry` loads, packages included; node: modules stay as they are named. */
function graphOf(entry: string): ReadonlyMap<string, string> {
  const modules = new Map<string, string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (modules.has(path)) continue;
    const { specifiers, source } = importsOf(path);
    modules.set(path, source);
    for (const specifier of specifiers) {
      const target = resolveFrom(path, specifier);
      if (target.startsWith("node:")) modules.set(target, "");
      else waiting.push(target);
    }
  }
  return modules;
}

function resolveFrom(path: string, specifier: string): string {
  if (!specifier.startsWith(".")) {
    const found = createRequire(pathToFileURL(path)).resolve(specifier);
    return found.startsWith("/") ? found : `node:${found.replace("node:", "")}`;
  }
  const plain = join(dirname(path), specifier);
  const typescript = plain.replace(/\.js$/, ".ts");
  return existsSync(typescript) && !path.includes("node_modules") ? typescript : plain;
}

describe("sabha/proofs", () => {
  const graph = graphOf(join(root, "src/client/proofs.ts"));
  const paths = [...graph.keys()].map((path) => (path.startsWith("/") ? relative(root, path) : path));

  test("loads no module of Node and no package but noble", () => {
    expect(paths).toContain("src/crypto/portable-bls12381.ts");
    expect(paths.filter((path) => path.startsWith("node:"))).toEqual([]);
    const packages = new Set(paths.flatMap((path) => /node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1] ?? []));
    expect([...packages].sort()).toEqual(["@noble/curves", "@noble/hashes"]);
  });

  test("mentions no global of Node", () => {
    for (const [path, source] of graph) {
      if (path.includes("node_modules")) continue;
      const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
      expect(code, path).not.toMatch(/\b(?:Buffer|process|require|__dirname|global)\b\s*[.([]/);
    }
  });

  test("the same walk does find Node below the native entry", () => {
    const native = [...graphOf(join(root, "src/crypto/hash.ts")).keys()];
    expect(native).toContain("node:crypto");
  });

  test.each(["bls12381", "ed25519"] as const)("attack 94: a receipt under %s verifies with noble alone", (scheme) => {
    const chain = provenChain(scheme);
    const receipt = encodeReceipt(chain.receipt());
    expect(verifyReceipt(chain.genesisBytes, receipt)).toMatchObject({ ok: true, proven: { outcome: { height: 3 } } });
    for (let index = 5; index < receipt.length; index += Math.ceil(receipt.length / 23)) {
      const changed = receipt.slice();
      changed[index] = (changed[index] as number) ^ 1;
      expect(verifyReceipt(chain.genesisBytes, changed).ok, `byte ${index}`).toBe(false);
    }
  });

  test("the other proofs verify with noble alone", () => {
    const chain = provenChain("bls12381");
    const balance = verifyBalanceProof(chain.genesisBytes, encodeBalanceProof(chain.balanceProof()));
    expect(balance).toMatchObject({
      ok: true,
      proven: { height: 4, account: { balances: { creditsPosted: 4_002n } } },
    });
    const proof = encodeConsistencyProof({
      chainId: chain.chainId,
      first: chain.certified(3),
      second: chain.certified(7),
      path: chain.growthPath(3, 7),
    });
    expect(verifyConsistency(chain.genesisBytes, proof)).toMatchObject({ ok: true, proven: { first: { height: 3 } } });
  });

  test("proofs of a simulation are refused: anyone can forge its votes", () => {
    const chain = provenChain("keyed-hash");
    const result = verifyReceipt(chain.genesisBytes, encodeReceipt(chain.receipt()));
    expect(result).toEqual({
      ok: false,
      check: "genesis",
      detail: "The genesis file gives no usable validator keys: the scheme keyed-hash is for simulations.",
    });
  });
});

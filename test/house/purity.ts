import ts from "typescript";

/** Something in a source that a pure folder may not contain. */
export interface Impurity {
  /** Line in the file, from 1. */
  readonly line: number;
  readonly what: string;
}

/** Globals through which time, chance, the environment, the terminal or waiting would come in. */
const WORLD: ReadonlySet<string> = new Set([
  "Date",
  "performance",
  "process",
  "console",
  "globalThis",
  "Promise",
  "fetch",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "Intl",
  "require",
]);

/** Members that depend on chance or on the machine's language, whatever they are read from. */
const MEMBERS: ReadonlySet<string> = new Set([
  "random",
  "getRandomValues",
  "randomUUID",
  "randomBytes",
  "localeCompare",
  "toLocaleString",
  "toLocaleLowerCase",
  "toLocaleUpperCase",
]);

/**
 * What keeps a source from being a function of its arguments: `async`, globals of the outside world,
 * chance, locale, and sorting in the default order, which compares numbers as text.
 *
 * Names are judged as they are written, so a parameter called `process` is refused too.
 */
export function impurities(source: string): Impurity[] {
  const file = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true);
  const found: Impurity[] = [];
  const visit = (node: ts.Node): void => {
    const what = judge(node);
    if (what !== undefined) found.push({ line: file.getLineAndCharacterOfPosition(node.getStart()).line + 1, what });
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function judge(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return "async";
  if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined)) return "await";
  if (ts.isCallExpression(node)) return judgeCall(node);
  if (ts.isPropertyAccessExpression(node) && MEMBERS.has(node.name.text)) return `.${node.name.text}`;
  if (ts.isIdentifier(node) && WORLD.has(node.text) && !isMemberName(node)) return node.text;
  return undefined;
}

function judgeCall(call: ts.CallExpression): string | undefined {
  if (call.expression.kind === ts.SyntaxKind.ImportKeyword) return "import()";
  if (!ts.isPropertyAccessExpression(call.expression) || call.arguments.length > 0) return undefined;
  const name = call.expression.name.text;
  return name === "sort" || name === "toSorted" ? `.${name}() without a comparator` : undefined;
}

/** `x.process`, `{ process: 1 }` and `readonly process: T` name a member, not the global. */
function isMemberName(identifier: ts.Identifier): boolean {
  const { parent } = identifier;
  if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) return !isFirst(parent, identifier);
  const isMember =
    ts.isPropertyAssignment(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent);
  return isMember && parent.name === identifier;
}

const isFirst = (parent: ts.PropertyAccessExpression | ts.QualifiedName, identifier: ts.Identifier): boolean =>
  ts.isPropertyAccessExpression(parent) ? parent.expression === identifier : parent.left === identifier;

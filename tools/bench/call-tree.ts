/** A `.cpuprofile` as V8 writes it. Times are microseconds of the system's monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  /** Node on top of the stack at each sample. */
  readonly samples: readonly number[];
  /** From the sample before, for the first from `startTime`. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** Milliseconds of the monotonic clock between which samples count. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** A function on one way from the root, and what was sampled below it. */
export interface Frame {
  readonly name: string;
  readonly module: string;
  /** Microseconds, on top of the stack and in all. */
  selfMicros: number;
  totalMicros: number;
  readonly children: Map<string, Frame>;
}

/** In which V8 does nothing of ours; no part of the time that is shared out. */
const IDLE = "(idle)";

/** The tree of calls inside a window, without idle time. */
export function callTree(profile: CpuProfile, window: Window): Frame {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children = [] } of profile.nodes) for (const child of children) parents.set(child, id);
  const micros = new Map<number, number>();
  let at = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const took = profile.timeDeltas[index] ?? 0;
    at += took;
    if (at < 1_000 * window.from || at > 1_000 * window.to) continue;
    micros.set(id, (micros.get(id) ?? 0) + took);
  }
  const root: Frame = { name: "(root)", module: "", selfMicros: 0, totalMicros: 0, children: new Map() };
  for (const [id, took] of micros) {
    const stack: ProfileNode[] = [];
    for (let here: number | undefined = id; here !== undefined; here = parents.get(here)) {
      const node = nodes.get(here);
      if (node !== undefined && node.callFrame.functionName !== "(root)") stack.push(node);
    }
    if (stack[0]?.callFrame.functionName === IDLE) continue;
    let frame = root;
    frame.totalMicros += took;
    for (const { callFrame } of stack.reverse()) {
      frame = childOf(frame, nameOf(callFrame), moduleOf(callFrame));
      frame.totalMicros += took;
    }
    frame.selfMicros += took;
  }
  return root;
}

function childOf(parent: Frame, name: string, module: string): Frame {
  const known = parent.children.get(name);
  if (known !== undefined) return known;
  const child: Frame = { name, module, selfMicros: 0, totalMicros: 0, children: new Map() };
  parent.children.set(name, child);
  return child;
}

type CallFrame = ProfileNode["callFrame"];

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  return url === "" ? name : `${name} ${placeOf(url)}:${lineNumber + 1}`;
}

/** Path in the build or from the package's name on. */
const placeOf = (url: string): string =>
  url.replace(url.includes("/node_modules/") ? /^.*\/node_modules\// : /^.*\/dist\//, "").replace(/^file:\/\//, "");

/** A folder of src, a package, a module of Node, or what V8 says in brackets. */
export function moduleOf({ functionName, url }: Pick<CallFrame, "functionName" | "url">): string {
  const packageName = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (packageName !== undefined) return packageName;
  if (url.startsWith("node:")) return url.split("/")[0] as string;
  const folder = /\/dist\/(src\/[^/]+|tools)\//.exec(url)?.[1];
  if (folder !== undefined) return folder;
  return functionName.startsWith("(") ? functionName : "native code";
}

export interface Share {
  readonly name: string;
  readonly micros: number;
}

/** Self time of all frames with the same key, most first. */
export function selfTimes(root: Frame, keyOf: (frame: Frame) => string): readonly Share[] {
  const sums = new Map<string, number>();
  const visit = (frame: Frame): void => {
    if (frame.selfMicros > 0) sums.set(keyOf(frame), (sums.get(keyOf(frame)) ?? 0) + frame.selfMicros);
    for (const child of frame.children.values()) visit(child);
  };
  visit(root);
  return [...sums].map(([name, micros]) => ({ name, micros })).sort((left, right) => right.micros - left.micros);
}

import type { Frame } from "./call-tree.js";

/** Narrower frames are left out of the page: a pixel or so of a wide screen. */
const SHARE_MIN = 0.0005;

/** Name, module, self and total milliseconds, children. */
type Packed = readonly [name: string, module: string, self: number, total: number, children: readonly Packed[]];

/** A flame graph that needs nothing but a browser: a click on a frame makes it as wide as the page. */
export function renderFlames(title: string, root: Frame): string {
  const least = root.totalMicros * SHARE_MIN;
  const data = JSON.stringify(pack({ ...root, name: title }, least)).replaceAll("<", "\\u003c");
  const shown = title.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>CPU of ${shown}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>CPU of ${shown} <small>width is time on the main thread, without idling; click to enlarge</small></h1>
<p><input id="find" placeholder="part of a function or module" size="40"> <span id="found"></span></p>
<div id="flames"></div>
<p id="told">&nbsp;</p>
<script>const root = ${data};${SCRIPT}</script>
</body>
</html>
`;
}

function pack(frame: Frame, least: number): Packed {
  const children = [...frame.children.values()]
    .filter(({ totalMicros }) => totalMicros >= least)
    .sort((left, right) => right.totalMicros - left.totalMicros)
    .map((child) => pack(child, least));
  const ms = (micros: number): number => Math.round(micros / 100) / 10;
  return [frame.name, frame.module, ms(frame.selfMicros), ms(frame.totalMicros), children];
}

const STYLE = `
body { margin: 16px; background: #fff; color: #1c1c1c; font: 13px/1.4 system-ui, "DejaVu Sans", Arial, sans-serif; }
h1 { font-size: 18px; margin: 0 0 8px; } small { font-weight: 400; color: #5a5a5a; font-size: 13px; }
#flames { position: relative; }
.frame { position: absolute; height: 17px; overflow: hidden; white-space: nowrap; font-size: 11px; line-height: 17px;
  padding-left: 3px; box-sizing: border-box; border-right: 1px solid #fff; border-radius: 2px; cursor: pointer; }
.frame:hover { filter: brightness(0.85); } .hit { outline: 2px solid #b71c1c; outline-offset: -2px; }
#told { font-family: ui-monospace, "DejaVu Sans Mono", monospace; min-height: 1.4em; }
`;

/** One colour a module, so that what belongs together is seen. Frames of equal depth lie in one line. */
const SCRIPT = `
const flames = document.getElementById("flames");
const told = document.getElementById("told");
const find = document.getElementById("find");
const LINE = 18;
let focus = [root];
const hueOf = (module) => [...module].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
function draw() {
  flames.replaceChildren();
  let depthMax = 0, hits = 0;
  const wanted = find.value.toLowerCase();
  const top = focus[focus.length - 1];
  const place = (frame, depth, left, width, path, inHit) => {
    depthMax = Math.max(depthMax, depth);
    const [name, module, self, total] = frame;
    const isHit = wanted !== "" && (name + " " + module).toLowerCase().includes(wanted);
    if (isHit && !inHit) hits += total;
    if (width * flames.clientWidth < 0.5) return;
    const box = document.createElement("div");
    box.className = isHit ? "frame hit" : "frame";
    box.style.cssText = "left:" + 100 * left + "%;width:" + 100 * width + "%;top:" + depth * LINE + "px;background:hsl(" + hueOf(module) + ",65%,76%)";
    box.textContent = name;
    box.onmouseenter = () => { told.textContent = name + "  [" + module + "]  " + total + " ms, " + (100 * total / root[3]).toFixed(1) + " %; itself " + self + " ms"; };
    box.onclick = () => { focus = path; draw(); };
    flames.append(box);
  };
  const below = (frame, depth, left, width, path, inHit) => {
    let at = left;
    for (const child of frame[4]) {
      const share = width * child[3] / frame[3];
      const way = [...path, child];
      const isHit = wanted !== "" && (child[0] + " " + child[1]).toLowerCase().includes(wanted);
      place(child, depth, at, share, way, inHit);
      below(child, depth + 1, at, share, way, inHit || isHit);
      at += share;
    }
  };
  focus.forEach((frame, depth) => place(frame, depth, 0, 1, focus.slice(0, depth + 1), true));
  below(top, focus.length, 0, 1, focus, false);
  flames.style.height = (depthMax + 1) * LINE + "px";
  document.getElementById("found").textContent = wanted === "" ? "" : hits.toFixed(1) + " ms, " + (100 * hits / root[3]).toFixed(1) + " %";
}
find.oninput = draw;
window.onresize = draw;
draw();
`;

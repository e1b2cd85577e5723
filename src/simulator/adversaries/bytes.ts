import type { Behaviour } from "./puppet.js";

/** Byzantine in single bytes: frames that were sound before somebody touched them (attacks 33, 35 and 37). */

/** One frame in ten: a byte changed, cut off, put in or doubled, wherever it is. */
export const byteMutator: Behaviour = {
  name: "byte-mutator",
  garble({ random }, frame) {
    if (!random.chance(0.1)) return frame;
    const at = random.integer(0, frame.length - 1);
    switch (random.integer(0, 4)) {
      case 0:
        return frame.subarray(0, at);
      case 1:
        return new Uint8Array([...frame, ...random.bytes(random.integer(1, 64))]);
      case 2:
        return new Uint8Array([...frame.subarray(0, at), random.integer(0, 255), ...frame.subarray(at)]);
      case 3: {
        // Where a length stands, this asks for more than there is.
        const changed = frame.slice();
        changed.fill(0xff, at, at + 4);
        return changed;
      }
      default: {
        const changed = frame.slice();
        changed[at] = (changed[at] as number) ^ (1 << random.integer(0, 7));
        return changed;
      }
    }
  },
};

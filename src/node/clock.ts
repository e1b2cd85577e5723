import type { Clock } from "../replica/index.js";

/** The process's own clocks and timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  soon: (callback) => {
    setImmediate(callback);
  },
  after: (delayMs, callback) => {
    setTimeout(callback, Math.max(1, Math.ceil(delayMs)));
  },
};

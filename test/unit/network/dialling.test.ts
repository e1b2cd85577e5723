import { describe, expect, test } from "vitest";
import { dialFault, redialDelay } from "../../../src/network/dialling.js";
import { keepOrReplace, SIMULTANEOUS_MS } from "../../../src/network/duplicates.js";

describe("re-dialling", () => {
  test.each([0, 1, 5, 6, 31, 1_000])(
    "attempt %i waits between half and all of the doubled, capped delay",
    (attempts) => {
      const longest = Math.min(5_000, 100 * 2 ** Math.min(attempts, 30));
      for (let round = 0; round < 200; round += 1) {
        const delayMs = redialDelay({ attempts, baseMs: 100, capMs: 5_000 });
        expect(delayMs).toBeGreaterThanOrEqual(longest / 2);
        expect(delayMs).toBeLessThanOrEqual(longest);
      }
    },
  );

  test("the first of several errors that says something names the fault", () => {
    const named = (name: string) => Object.assign(new Error("text of the peer"), { name });
    expect(dialFault(named("UnsupportedProtocolError"))).toBe("foreign-chain");
    expect(dialFault(new AggregateError([named("TimeoutError"), named("EncryptionFailedError")]))).toBe("refused");
    expect(dialFault(named("TimeoutError"))).toBe("unreachable");
    const late = Object.assign(new Error("The operation was aborted due to timeout"), {
      name: "EncryptionFailedError",
    });
    expect(dialFault(late)).toBe("unreachable");
    expect(dialFault("no error at all")).toBe("unreachable");
  });
});

describe("two connections to one peer", () => {
  test("after simultaneous dials both ends keep the one that the lower index dialled", () => {
    const lowers = { byLower: true, ageMs: 10 };
    const highers = { byLower: false, ageMs: 10 };
    // At the lower end its own dial completes second, or the other's comes in second.
    expect(keepOrReplace(highers, { byLower: true, dialledByUs: true })).toBe("replace");
    expect(keepOrReplace(lowers, { byLower: false, dialledByUs: false })).toBe("keep");
    // At the higher end, in either order.
    expect(keepOrReplace(highers, { byLower: true, dialledByUs: false })).toBe("replace");
    expect(keepOrReplace(lowers, { byLower: false, dialledByUs: true })).toBe("keep");
  });

  test("a peer that dials while we think it connected has lost the old connection", () => {
    const old = { byLower: true, ageMs: SIMULTANEOUS_MS + 1 };
    expect(keepOrReplace(old, { byLower: false, dialledByUs: false })).toBe("replace");
    expect(keepOrReplace({ byLower: true, ageMs: 10 }, { byLower: true, dialledByUs: false })).toBe("replace");
    expect(keepOrReplace({ byLower: false, ageMs: 10 }, { byLower: false, dialledByUs: false })).toBe("replace");
  });

  test("our own dial never pushes out an old connection of the lower index", () => {
    expect(keepOrReplace({ byLower: true, ageMs: 1e9 }, { byLower: false, dialledByUs: true })).toBe("keep");
  });
});

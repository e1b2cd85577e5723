import { defineConfig } from "vitest/config";

/** Machines are shared and two cores wide: few workers, and limits that only a hung test reaches. */
const MINUTE_MS = 60_000;

export default defineConfig({
  test: {
    maxWorkers: 2,
    passWithNoTests: true,
    coverage: { provider: "v8", include: ["src/**"], reporter: ["text-summary", "lcov"] },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/{unit,golden,fuzz,house}/**/*.test.ts"],
          testTimeout: 2 * MINUTE_MS,
          hookTimeout: 3 * MINUTE_MS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "sim",
          include: ["test/sim/**/*.test.ts"],
          testTimeout: 5 * MINUTE_MS,
          hookTimeout: 3 * MINUTE_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Real processes, ports and disks: one file at a time, after everything else.
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 5 * MINUTE_MS,
          hookTimeout: 3 * MINUTE_MS,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

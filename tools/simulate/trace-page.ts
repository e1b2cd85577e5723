import type { History, Violation } from "../../src/simulator/index.js";

export function tracePage(page: {
  readonly title: string;
  readonly history: History;
  readonly violations: readonly Violation[];
}): string {
  return JSON.stringify(page);
}

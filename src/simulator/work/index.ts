export type { WorkItem } from "./desk.js";
export { Workload } from "./workload.js";

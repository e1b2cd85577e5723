/** One thing whose time is taken, over and over. */
export interface Case {
  readonly name: string;
  /** What happens in one operation. */
  readonly what: string;
  /** In one operation; 0 where it has nothing to do with how many there are. */
  readonly transfers: number;
  /** What the next operation needs; its time does not count. */
  readonly prepare?: () => void;
  readonly run: () => void | Promise<void>;
  readonly close?: () => void | Promise<void>;
}

/** Makes a case when its turn comes, since some need much memory. */
export interface CaseMaker {
  readonly name: string;
  readonly make: () => Case | Promise<Case>;
}

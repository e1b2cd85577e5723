import type { BatchReference, Body } from "../formats/index.js";
import {
  BLOCK_BATCHES_MAX,
  BLOCK_BYTES_MAX,
  BLOCK_TRANSFERS_MAX,
  LANE_EIGHTHS,
  LANES,
  type Lane,
  type ParticipantNumber,
} from "../primitives/index.js";
import type { BatchInfo } from "./events.js";

/**
 * What a leader takes of the batches that it may order. Local policy: the validity of a block does not depend on it.
 *
 * The head of every lane gets in, then each lane up to its part of the block (`LANE_EIGHTHS`), then whatever fits, in
 * the order of the lanes. Three batches of the largest size fit into a block, so every lane moves in every block.
 * Within a lane participants take turns by bytes: each one's oldest batches come before anybody's later ones, so that a
 * bank's backlog delays that bank (attack 80).
 *
 * @param candidates in the order in which they came
 */
export function selectBatches(candidates: Iterable<BatchInfo>): Body {
  const queues = queuesOf(candidates);
  const block = new Room(8);
  const rooms = LANES.map((lane) => new Room(LANE_EIGHTHS[lane]));
  const taken: BatchReference[][] = LANES.map(() => []);
  const take = (index: number, isAllowed: (lane: Room, batch: BatchInfo) => boolean): void => {
    const [queue, room, references] = [queues[index], rooms[index], taken[index]];
    if (queue === undefined || room === undefined || references === undefined) return;
    for (let batch = queue[0]; batch !== undefined && block.fits(batch) && isAllowed(room, batch); batch = queue[0]) {
      queue.shift();
      block.add(batch);
      room.add(batch);
      references.push({ digest: batch.digest, size: batch.size });
    }
  };
  for (const index of LANES.keys()) take(index, (lane) => lane.isEmpty);
  for (const index of LANES.keys()) take(index, (lane, batch) => lane.fits(batch));
  for (const index of LANES.keys()) take(index, () => true);
  return taken.flat();
}

/** One queue per lane, each in the order of service. */
function queuesOf(candidates: Iterable<BatchInfo>): readonly BatchInfo[][] {
  const lines = new Map<Lane, Map<ParticipantNumber, Line>>(LANES.map((lane) => [lane, new Map()]));
  const queues = new Map<Lane, Turn[]>(LANES.map((lane) => [lane, []]));
  for (const batch of candidates) {
    const ofLane = lines.get(batch.lane);
    const line = ofLane?.get(batch.participant) ?? { bytes: 0, batches: 0 };
    ofLane?.set(batch.participant, line);
    // No block takes more; what a bank has beyond it waits for the next.
    if (line.batches === BLOCK_BATCHES_MAX) continue;
    queues.get(batch.lane)?.push({ batch, after: line.bytes });
    line.bytes += batch.size;
    line.batches += 1;
  }
  // The sort is stable: where two banks are equally far, the older batch is first.
  return LANES.map((lane) =>
    (queues.get(lane) ?? []).sort((left, right) => left.after - right.after).map(({ batch }) => batch),
  );
}

/** What of a participant's in a lane comes before its next batch. */
interface Line {
  bytes: number;
  batches: number;
}

interface Turn {
  readonly batch: BatchInfo;
  readonly after: number;
}

/** A block, or a lane's part of it. */
class Room {
  readonly #eighths: number;
  #bytes = 0;
  #records = 0;
  #batches = 0;

  constructor(eighths: number) {
    this.#eighths = eighths;
  }

  get isEmpty(): boolean {
    return this.#batches === 0;
  }

  fits({ size, count }: BatchInfo): boolean {
    return (
      8 * (this.#bytes + size) <= this.#eighths * BLOCK_BYTES_MAX &&
      8 * (this.#records + count) <= this.#eighths * BLOCK_TRANSFERS_MAX &&
      8 * (this.#batches + 1) <= this.#eighths * BLOCK_BATCHES_MAX
    );
  }

  add({ size, count }: BatchInfo): void {
    this.#bytes += size;
    this.#records += count;
    this.#batches += 1;
  }
}

import {
  closeSync,
  existsSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { assert, equalBytes } from "../primitives/index.js";
import { corrupt } from "./fault.js";
import { readFully, syncDirectory, writeAll, writeAllNow } from "./files.js";

const fdatasyncAsync = promisify(fdatasync);

/** A place in a log. Segments count from 0, offsets in bytes. */
export interface Position {
  readonly segment: number;
  readonly offset: number;
}

/** Where a frame begins and how many bytes it carries. */
export interface Location extends Position {
  readonly length: number;
}

export interface Frame {
  readonly location: Location;
  /** 32 bytes that say what this is; compared at every read, so a misdirected read is noticed. */
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
}

export const LOG_START: Position = { segment: 0, offset: 0 };

/** Frame: length u32 · CRC-32 over length, key and bytes u32 · key 32 · bytes; little-endian. */
const FRAME_HEAD_BYTES = 40;

/** Segments do not grow beyond this, unless one frame is larger. */
const SEGMENT_BYTES = 256 * 1_048_576;

/** Appended without a thread's help. */
const ON_THE_SPOT_BYTES = 65_536;

/** Descriptors kept for reading. */
const READERS_MAX = 64;

export interface SegmentLogOptions {
  /** Of the store, for faults. */
  readonly path: string;
  readonly directory: string;
  /** Everything before this was synced and is promised; everything behind it is cut off at opening. */
  readonly end: Position;
  readonly segmentBytes?: number;
}

/**
 * Append-only files of checksummed frames. A place is reserved when a write is asked for and filled when
 * it is carried out, in the same order, so that the index can be written together with everything else.
 *
 * One `append` at a time and one `sync`, the two beside each other if need be; reads at any time.
 */
export class SegmentLog {
  readonly #options: SegmentLogOptions;
  readonly #segmentBytes: number;
  readonly #readers = new Map<number, number>();
  #writer: { readonly segment: number; readonly fd: number } | undefined;
  #reserved: Position;
  #appended: Position;
  #synced: Position;
  #unsyncedBytes = 0;
  #bytesWritten = 0;
  #fsyncs = 0;
  /** The `sync` under way. */
  #syncing: Promise<void> | undefined;

  /** @throws {StoreError} when a promised byte is missing; whatever the file system throws */
  constructor(options: SegmentLogOptions) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#reserved = options.end;
    this.#appended = options.end;
    this.#synced = options.end;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    cutBehind(options);
  }

  /** Where the next frame will go. */
  get end(): Position {
    return this.#reserved;
  }

  /** Everything before this was handed to the file system. */
  get appended(): Position {
    return this.#appended;
  }

  /** Everything before this is on the disk. */
  get synced(): Position {
    return this.#synced;
  }

  get unsyncedBytes(): number {
    return this.#unsyncedBytes;
  }

  /** Since opening. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get fsyncs(): number {
    return this.#fsyncs;
  }

  /** Takes the next place for `length` bytes; places must be filled in this order. */
  reserve(length: number): Location {
    const frameBytes = FRAME_HEAD_BYTES + length;
    const { segment, offset } = this.#reserved;
    const rolls = offset > 0 && offset + frameBytes > this.#segmentBytes;
    const start = rolls ? { segment: segment + 1, offset: 0 } : { segment, offset };
    this.#reserved = { segment: start.segment, offset: start.offset + frameBytes };
    return { ...start, length };
  }

  /** True once the frame's bytes were handed to the file system. */
  covers(location: Location): boolean {
    const { segment, offset } = this.#appended;
    return location.segment < segment || (location.segment === segment && location.offset < offset);
  }

  /** Writes frames at their reserved places. Durable only after `sync`. */
  async append(frames: readonly Frame[]): Promise<void> {
    for (const { first, parts, end, bytes } of bySegment(frames)) {
      const fd = this.#writer?.segment === first.segment ? this.#writer.fd : await this.#open(first.segment);
      if (bytes <= ON_THE_SPOT_BYTES) writeAllNow(fd, parts, first.offset);
      else await writeAll(fd, parts, first.offset);
      this.#unsyncedBytes += bytes;
      this.#bytesWritten += bytes;
      this.#appended = end;
    }
  }

  /** Returns when all that was appended before the call is on the disk. */
  async sync(): Promise<void> {
    if (this.#unsyncedBytes === 0 || this.#writer === undefined) return;
    assert(this.#syncing === undefined, "a log is synced twice at once");
    const end = this.#appended;
    const bytes = this.#unsyncedBytes;
    this.#syncing = this.#syncWriter(this.#writer.fd);
    try {
      await this.#syncing;
    } finally {
      this.#syncing = undefined;
    }
    this.#synced = end;
    this.#unsyncedBytes -= bytes;
  }

  /**
   * The bytes of one frame, in memory of their own.
   *
   * @throws {StoreError} STORE_CORRUPT when the frame there is not the one that was written
   */
  read(location: Location, key: Uint8Array): Uint8Array {
    const size = FRAME_HEAD_BYTES + location.length;
    const buffer = Buffer.allocUnsafeSlow(size);
    if (readFully(this.#readerOf(location.segment), buffer, location.offset) < size) {
      throw this.#damage(location, "is cut short");
    }
    const frame = new Uint8Array(buffer.buffer, buffer.byteOffset, size);
    const head = new DataView(frame.buffer, frame.byteOffset, FRAME_HEAD_BYTES);
    const bytes = frame.subarray(FRAME_HEAD_BYTES);
    if (head.getUint32(0, true) !== location.length || !equalBytes(frame.subarray(8, 40), key)) {
      throw this.#damage(location, "is another one");
    }
    if (head.getUint32(4, true) !== frameChecksum(frame, bytes)) throw this.#damage(location, "fails its checksum");
    return bytes;
  }

  /**
   * Places and keys of all frames up to the end, by their heads alone.
   *
   * @throws {StoreError} STORE_CORRUPT where heads do not lead from one frame to the next
   */
  *scan(): Generator<{ readonly location: Location; readonly key: Uint8Array }> {
    const end = this.#appended;
    for (let segment = 0; segment <= end.segment; segment += 1) {
      if (segment === end.segment && end.offset === 0) return;
      const fd = this.#readerOf(segment);
      const size = segment === end.segment ? end.offset : fstatSync(fd).size;
      for (let offset = 0; offset < size; ) {
        const head = Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES);
        const read = readFully(fd, head, offset);
        const length = read < FRAME_HEAD_BYTES ? 0 : head.readUInt32LE(0);
        const location = { segment, offset, length };
        if (read < FRAME_HEAD_BYTES || offset + FRAME_HEAD_BYTES + length > size) {
          throw this.#damage(location, "runs past its segment");
        }
        yield { location, key: new Uint8Array(head.subarray(8)) };
        offset += FRAME_HEAD_BYTES + length;
      }
    }
  }

  close(): void {
    for (const fd of this.#readers.values()) closeSync(fd);
    this.#readers.clear();
    if (this.#writer !== undefined) closeSync(this.#writer.fd);
    this.#writer = undefined;
  }

  async #open(segment: number): Promise<number> {
    if (this.#writer !== undefined) {
      await this.#syncing;
      await this.#syncWriter(this.#writer.fd);
      closeSync(this.#writer.fd);
      this.#writer = undefined;
    }
    const file = segmentFile(this.#options.directory, segment);
    const isNew = !existsSync(file);
    const fd = openSync(file, isNew ? "wx+" : "r+", 0o600);
    this.#writer = { segment, fd };
    if (isNew) syncDirectory(this.#options.directory);
    return fd;
  }

  async #syncWriter(fd: number): Promise<void> {
    await fdatasyncAsync(fd);
    this.#fsyncs += 1;
  }

  #readerOf(segment: number): number {
    const kept = this.#readers.get(segment);
    if (kept !== undefined) return kept;
    const file = segmentFile(this.#options.directory, segment);
    if (!existsSync(file)) throw corrupt(this.#options.path, `${file} is missing`);
    if (this.#readers.size >= READERS_MAX) {
      const [oldest, fd] = this.#readers.entries().next().value as [number, number];
      closeSync(fd);
      this.#readers.delete(oldest);
    }
    const fd = openSync(file, "r");
    this.#readers.set(segment, fd);
    return fd;
  }

  #damage(location: Location, what: string): Error {
    const file = segmentFile(this.#options.directory, location.segment);
    return corrupt(this.#options.path, `the frame at byte ${location.offset} of ${file} ${what}`);
  }
}

const segmentFile = (directory: string, segment: number): string =>
  join(directory, `${String(segment).padStart(8, "0")}.log`);

/**
 * Removes what a crash left behind the promised end. Nothing refers to it: an index entry is written
 * only after its frame was synced.
 */
function cutBehind({ path, directory, end }: SegmentLogOptions): void {
  for (let segment = 0; segment < end.segment; segment += 1) {
    const file = segmentFile(directory, segment);
    if (!existsSync(file)) throw corrupt(path, `${file} is missing`);
  }
  const last = segmentFile(directory, end.segment);
  const size = existsSync(last) ? statSync(last).size : 0;
  if (size < end.offset) throw corrupt(path, `${last} has ${size} bytes where ${end.offset} were synced`);
  let changed = false;
  for (const name of readdirSync(directory)) {
    if (/^\d{8}\.log$/.test(name) && Number(name.slice(0, 8)) > end.segment) {
      unlinkSync(join(directory, name));
      changed = true;
    }
  }
  if (size > end.offset) {
    const fd = openSync(last, "r+");
    ftruncateSync(fd, end.offset);
    fsyncSync(fd);
    closeSync(fd);
  }
  if (changed) syncDirectory(directory);
}

/**
 * Writes frames anew that an interrupted process may have left half written, and returns when they are on the disk.
 *
 * @param directory of the log, which nobody has open
 */
export function restoreFrames(directory: string, frames: readonly Frame[]): void {
  if (frames.length === 0) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const { first, parts } of bySegment(frames)) {
    const file = segmentFile(directory, first.segment);
    const fd = openSync(file, existsSync(file) ? "r+" : "wx+", 0o600);
    writeAllNow(fd, parts, first.offset);
    fsyncSync(fd);
    closeSync(fd);
  }
  syncDirectory(directory);
}

/** Frames that follow each other in one file. */
interface FrameRun {
  readonly first: Location;
  readonly parts: readonly Uint8Array[];
  readonly end: Position;
  readonly bytes: number;
}

function bySegment(frames: readonly Frame[]): FrameRun[] {
  const runs: FrameRun[] = [];
  for (let start = 0; start < frames.length; ) {
    const first = (frames[start] as Frame).location;
    let stop = start;
    let offset = first.offset;
    const isNext = (frame: Frame | undefined): frame is Frame =>
      frame?.location.segment === first.segment && frame.location.offset === offset;
    const parts: Uint8Array[] = [];
    for (let frame = frames[stop]; isNext(frame); frame = frames[stop]) {
      parts.push(...frameParts(frame));
      offset += FRAME_HEAD_BYTES + frame.location.length;
      stop += 1;
    }
    runs.push({ first, parts, end: { segment: first.segment, offset }, bytes: offset - first.offset });
    start = stop;
  }
  return runs;
}

function frameParts(frame: Frame): Uint8Array[] {
  assert(frame.bytes.length === frame.location.length && frame.key.length === 32, "frame of another shape");
  const head = new Uint8Array(FRAME_HEAD_BYTES);
  const data = new DataView(head.buffer);
  data.setUint32(0, frame.bytes.length, true);
  head.set(frame.key, 8);
  data.setUint32(4, frameChecksum(head, frame.bytes), true);
  return [head, frame.bytes];
}

const frameChecksum = (head: Uint8Array, bytes: Uint8Array): number =>
  crc32(bytes, crc32(head.subarray(8, 40), crc32(head.subarray(0, 4))));

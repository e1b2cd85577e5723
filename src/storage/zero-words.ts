const GROUP_WORDS = 32;

/**
 * Leaves out the 32-bit words that are zero, of which outcomes and pages of the state are full: amounts, balances and
 * counts are small numbers in wide fields. What is left is a third to four fifths.
 *
 * Little-endian: number of bytes u32, then for each 32 words a mask u32, bit i for word i, and the words that are not
 * zero. The last word is filled up with zeros.
 */
export function packWords(bytes: Uint8Array): Uint8Array {
  const words = wordsOf(bytes);
  const packed = roomFor(words.length);
  packed[0] = bytes.length;
  let to = 1;
  for (let from = 0; from < words.length; from += GROUP_WORDS) {
    const end = Math.min(from + GROUP_WORDS, words.length);
    const maskAt = to;
    let mask = 0;
    to += 1;
    // Every word is written, and a zero overwritten by the next: a branch here would be guessed wrong half of the time.
    for (let at = from; at < end; at += 1) {
      const word = words[at] as number;
      const used = word === 0 ? 0 : 1;
      packed[to] = word;
      mask |= used << (at - from);
      to += used;
    }
    packed[maskAt] = mask;
  }
  return new Uint8Array(packed.slice(0, to).buffer);
}

/** Where words are packed before they are copied: as much as the longest so far has needed. */
let room = new Uint32Array(1_024);

function roomFor(words: number): Uint32Array {
  // One more, for a zero at the very end.
  const most = 2 + words + Math.ceil(words / GROUP_WORDS);
  if (room.length < most) room = new Uint32Array(Math.max(most, 2 * room.length));
  return room;
}

/**
 * @param bytesMax above which nothing is made of a length that somebody wrote
 * @returns undefined for what `packWords` never gave
 */
export function unpackWords(bytes: Uint8Array, bytesMax: number): Uint8Array | undefined {
  if (bytes.length % 4 !== 0 || bytes.length < 4) return undefined;
  const packed = wordsOf(bytes);
  const length = packed[0] as number;
  if (length > bytesMax) return undefined;
  const count = Math.ceil(length / 4);
  const words = new Uint32Array(count);
  let from = 1;
  for (let to = 0; to < count; to += GROUP_WORDS) {
    if (from >= packed.length) return undefined;
    let mask = packed[from] as number;
    from += 1;
    for (; mask !== 0; mask &= mask - 1, from += 1) {
      const at = to + 31 - Math.clz32(mask & -mask);
      if (at >= count || from >= packed.length) return undefined;
      words[at] = packed[from] as number;
    }
  }
  return from === packed.length ? new Uint8Array(words.buffer, 0, length) : undefined;
}

/** A view where the bytes are aligned and whole words, else of a copy. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const count = Math.ceil(bytes.length / 4);
  if (bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0)
    return new Uint32Array(bytes.buffer, bytes.byteOffset, count);
  const words = new Uint32Array(count);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

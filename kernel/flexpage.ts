/**
 * Flexpages (X.2 manual, section 4.1; ABI 7.3): `rights:3, 0:1, log2 size:6, base:22` for memory,
 * `rights:4, 2:6, log2 size:6, port:16` for I/O ports. All functions take the raw word, unsigned.
 */

export const NIL_FLEXPAGE = 0;
/** The complete address space, without rights. */
export const COMPLETE_FLEXPAGE = 0x10;

export const enum Rights {
  Execute = 1,
  Write = 2,
  Read = 4,
  All = 7,
}

const COMPLETE_SIZE = 1;
const IO_SIZE = 2;
const LARGEST_LOG2 = 32;

function sizeField(raw: number): number {
  return (raw >>> 4) & 0x3f;
}

export function isNil(raw: number): boolean {
  return sizeField(raw) === 0;
}

export function isComplete(raw: number): boolean {
  return sizeField(raw) === COMPLETE_SIZE;
}

export function isIo(raw: number): boolean {
  return sizeField(raw) === IO_SIZE;
}

/** Base-2 logarithm of the size in bytes (32 for the complete space), or in ports for an I/O flexpage. */
export function log2Size(raw: number): number {
  if (isIo(raw)) return Math.min((raw >>> 10) & 0x3f, 16);
  return isComplete(raw) ? LARGEST_LOG2 : Math.min(sizeField(raw), LARGEST_LOG2);
}

/** Powers of two up to 2^32: a table, since this is asked for every page of an unmap. */
const POWERS = Float64Array.from({ length: LARGEST_LOG2 + 1 }, (_, log2) => 2 ** log2);

/** Size in bytes or ports. */
export function size(raw: number): number {
  return isNil(raw) ? 0 : POWERS[log2Size(raw)]!;
}

/** First address or port: the base aligned down to the size. */
export function base(raw: number): number {
  if (isIo(raw)) return alignDown(raw >>> 16, log2Size(raw));
  return isComplete(raw) ? 0 : alignDown((raw & 0xffff_fc00) >>> 0, log2Size(raw));
}

export function rights(raw: number): number {
  return raw & Rights.All;
}

/** The flexpage with its rights replaced. */
export function withRights(raw: number, access: number): number {
  return ((raw & ~Rights.All) | (access & Rights.All)) >>> 0;
}

export function memoryFlexpage(address: number, log2: number, access: number): number {
  return (address | (log2 << 4) | access) >>> 0;
}

export function ioFlexpage(port: number, log2: number, access: number): number {
  return ((port << 16) | (log2 << 10) | (IO_SIZE << 4) | access) >>> 0;
}

/** Whether any byte of `[address, address + bytes)` lies in the flexpage. */
export function overlaps(raw: number, address: number, bytes: number): boolean {
  return !isNil(raw) && address < base(raw) + size(raw) && base(raw) < address + bytes;
}

/** Whether all of `[address, address + bytes)` lies in the flexpage. */
export function contains(raw: number, address: number, bytes: number): boolean {
  return !isNil(raw) && address >= base(raw) && address + bytes <= base(raw) + size(raw);
}

/** Unsigned `value` with its low `log2` bits cleared; `log2` up to 32. */
export function alignDown(value: number, log2: number): number {
  return log2 >= LARGEST_LOG2 ? 0 : ((value >>> log2) << log2) >>> 0;
}

/** Bits [low, high) of `value`, in place; bounds up to 32. */
function bitsBetween(value: number, low: number, high: number): number {
  return alignDown(value, low) - alignDown(value, high);
}

/** Where a mapping takes from and puts to. */
export interface MappingRange {
  source: number;
  destination: number;
  log2: number;
}

/**
 * Source, destination and size of a mapping (X.2 manual, section 5.4; ABI 8.1): the larger of the two flexpages is cut to
 * the smaller one's size at the place that the send base names.
 */
export function mappingRange(sendPage: number, sendBase: number, window: number): MappingRange {
  const sendLog2 = log2Size(sendPage);
  const windowLog2 = log2Size(window);
  if (sendLog2 <= windowLog2) {
    const offset = bitsBetween(sendBase, sendLog2, windowLog2);
    return { source: base(sendPage), destination: base(window) + offset, log2: sendLog2 };
  }
  const offset = bitsBetween(sendBase, windowLog2, sendLog2);
  return { source: base(sendPage) + offset, destination: base(window), log2: windowLog2 };
}

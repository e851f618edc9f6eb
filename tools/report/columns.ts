/**
 * Columns of integers as few bytes: variable-length integers, of the values or of their differences, whichever is shorter.
 * Written when a page is made, read when it is opened.
 */

export type Columns<Name extends string = string> = Readonly<Record<Name, ArrayLike<number>>>;

/** How the numbers of a column stand in the bytes. */
const PLAIN = 0;
const DIFFERENCES = 1;

/** The columns one after another, in the order of `names`. Values are integers, exact however large. */
export function encodeColumns<Name extends string>(columns: Columns<Name>, names: readonly Name[]): Uint8Array {
  const parts = names.map((name) => encodeColumn(columns[name]));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @param names as they were given to `encodeColumns`. */
export function decodeColumns<Name extends string>(
  bytes: Uint8Array,
  names: readonly Name[],
): Record<Name, Float64Array> {
  const columns = {} as Record<Name, Float64Array>;
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  for (const name of names) {
    const differences = bytes[at++] === DIFFERENCES;
    const values = new Float64Array(next());
    let before = 0;
    for (let i = 0; i < values.length; i++) {
      const value = unfold(next());
      values[i] = before + value;
      if (differences) before += value;
    }
    columns[name] = values;
  }
  return columns;
}

function encodeColumn(values: ArrayLike<number>): Uint8Array {
  let plain = 0;
  let differences = 0;
  for (let i = 0, before = 0; i < values.length; before = values[i++]!) {
    plain += sizeOf(fold(values[i]!));
    differences += sizeOf(fold(values[i]! - before));
  }
  const kind = differences < plain && isSafe(values) ? DIFFERENCES : PLAIN;
  const bytes = new Uint8Array(1 + sizeOf(values.length) + Math.min(plain, differences));
  bytes[0] = kind;
  let at = writeInteger(bytes, 1, values.length);
  for (let i = 0, before = 0; i < values.length; before = values[i++]!) {
    at = writeInteger(bytes, at, fold(kind === PLAIN ? values[i]! : values[i]! - before));
  }
  return bytes;
}

/** Whether differences of the values, and twice those, are exact. */
function isSafe(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) > 2 ** 50) return false;
  return true;
}

/** Negative numbers between the others: 0, -1, 1, -2, … as 0, 1, 2, 3, … */
function fold(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unfold(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
}

function sizeOf(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

function writeInteger(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
  bytes[at++] = rest;
  return at;
}

/**
 * The file of x87 golden vectors (test/golden/x87/x87.gz): gzip of one line of JSON, then the records of each form in the header's
 * order. A record, little endian:
 *
 *   1 + n   code, length first
 *   1       offset of the memory operand
 *   1 + n   memory operand, length first (0: none)
 *   6       control, status, tag word before
 *   1 + 10k bitmap of the ST(i) that differ from `FILLER`, their values
 *   1       vector of the fault at the instruction, or FF: none, and then
 *   6       control, status, tag word after
 *   1 + 10k bitmap of the ST(i) after that differ from the same physical register before, their values
 *   1 + n   1 and the memory operand if it changed, else 0
 *   2       AX
 */
import { gunzipSync, gzipSync } from "node:zlib";
import type { X87Case, X87Outcome, X87State } from "./x87-case.ts";

export interface X87GoldenForm {
  readonly key: string;
  readonly mnemonic: string;
  readonly count: number;
}

export interface X87Vector {
  readonly test: X87Case;
  readonly expected: X87Outcome;
}

export interface X87Golden {
  readonly header: {
    readonly format: 1;
    readonly generator: string;
    readonly judges: readonly string[];
    readonly forms: readonly X87GoldenForm[];
  };
  readonly vectors: readonly (readonly X87Vector[])[];
}

const NO_FAULT = 0xff;
const REGISTER_BYTES = 10;

/** ST(i) where a case does not care: a number that no other register holds. */
export const FILLER: readonly Uint8Array[] = Array.from({ length: 8 }, (_, st) =>
  Uint8Array.of(st, 0, 0, 0, 0, 0, 0, 0x80, (0xff + st) & 0xff, ((0x3fff + st) >> 8) | ((st & 1) << 7)),
);

function topOf({ status }: X87State): number {
  return (status >> 11) & 7;
}

/** What ST(i) after would hold if no register had been written. */
function carried(before: X87State, after: X87State, i: number): Uint8Array {
  return before.registers[(topOf(after) + i - topOf(before)) & 7] as Uint8Array;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

class Writer {
  readonly bytes: number[] = [];

  put(...values: number[]): void {
    this.bytes.push(...values);
  }

  put16(value: number): void {
    this.bytes.push(value & 0xff, value >> 8);
  }

  putBytes(bytes: Uint8Array): void {
    this.bytes.push(bytes.length, ...bytes);
  }

  putState(state: X87State, known: (i: number) => Uint8Array): void {
    this.put16(state.control);
    this.put16(state.status);
    this.put16(state.tags);
    const different = state.registers.map((register, i) => !equal(register, known(i)));
    this.put(different.reduce((mask, one, i) => mask | (one ? 1 << i : 0), 0));
    state.registers.forEach((register, i) => {
      if (different[i]) this.put(...register);
    });
  }
}

class Reader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  take(): number {
    return this.bytes[this.at++] as number;
  }

  take16(): number {
    return this.take() | (this.take() << 8);
  }

  takeBytes(count = this.take()): Uint8Array {
    this.at += count;
    return this.bytes.slice(this.at - count, this.at);
  }

  /** `known`: what ST(i) holds unless the record says otherwise, given the state's status word. */
  takeState(known: (i: number, status: number) => Uint8Array): X87State {
    const [control, status, tags] = [this.take16(), this.take16(), this.take16()];
    const different = this.take();
    const registers = Array.from({ length: 8 }, (_, i) =>
      (different & (1 << i)) !== 0 ? this.takeBytes(REGISTER_BYTES) : known(i, status),
    );
    return { control, status, tags, registers };
  }
}

function writeVector(writer: Writer, { test, expected }: X87Vector): void {
  writer.putBytes(test.code);
  writer.put(test.operandOffset);
  writer.putBytes(test.operand);
  writer.putState(test.before, (i) => FILLER[i] as Uint8Array);
  writer.put(expected.fault ?? NO_FAULT);
  if (expected.fault !== undefined) return;
  writer.putState(expected.after, (i) => carried(test.before, expected.after, i));
  if (equal(expected.operand, test.operand)) writer.put(0);
  else writer.put(1, ...expected.operand);
  writer.put16(expected.ax);
}

function readVector(reader: Reader): X87Vector {
  const code = reader.takeBytes();
  const operandOffset = reader.take();
  const operand = reader.takeBytes();
  const before = reader.takeState((i) => FILLER[i] as Uint8Array);
  const test = { code, before, operandOffset, operand };
  const fault = reader.take();
  if (fault !== NO_FAULT) return { test, expected: { fault, after: before, operand, ax: 0 } };
  const after = reader.takeState(
    (i, status) => before.registers[(((status >> 11) & 7) + i - topOf(before)) & 7] as Uint8Array,
  );
  const changed = reader.take() === 1;
  const expected = {
    fault: undefined,
    after,
    operand: changed ? reader.takeBytes(operand.length) : operand,
    ax: reader.take16(),
  };
  return { test, expected };
}

export function encodeX87Golden({ header, vectors }: X87Golden): Uint8Array {
  const writer = new Writer();
  for (const vector of vectors.flat()) writeVector(writer, vector);
  return gzipSync(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), Uint8Array.from(writer.bytes)]), {
    level: 9,
  });
}

export function decodeX87Golden(file: Uint8Array): X87Golden {
  const bytes = gunzipSync(file);
  const end = bytes.indexOf(10);
  const header = JSON.parse(bytes.subarray(0, end).toString()) as X87Golden["header"];
  const reader = new Reader(bytes.subarray(end + 1));
  return {
    header,
    vectors: header.forms.map(({ count }) => Array.from({ length: count }, () => readVector(reader))),
  };
}

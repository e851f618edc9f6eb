/**
 * The file format of the golden vectors: test/golden/README.md describes it byte by byte.
 * A file is gzip of one line of JSON (the header) followed by the records of each form in turn.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { DEFAULT_EFLAGS, DEFAULT_EIP, DEFAULT_REGISTERS, DEFAULT_SEGMENTS } from "./case-builder.ts";
import { isSystemCase } from "./system/system-case.ts";
import type { Outcome, Patch, TestCase } from "./test-driver.ts";

export const GOLDEN_FORMAT = 1;

export interface GoldenForm {
  /** Catalogue key, e.g. "0FBA/4". */
  readonly key: string;
  readonly mnemonic: string;
  /** Operand size in bits. */
  readonly size: number;
  readonly count: number;
  /** EFLAGS bits that the manual leaves undefined after every execution of the form. */
  readonly undefinedFlags: number;
}

export interface GoldenHeader {
  readonly format: number;
  readonly generator: string;
  /** Who gave the outcomes; a record says whether the second judge agreed. */
  readonly judges: readonly string[];
  readonly compiler: string;
  readonly forms: readonly GoldenForm[];
}

export interface GoldenVector {
  readonly test: TestCase;
  readonly expected: Outcome;
  readonly undefinedFlags: number;
  readonly undefinedRegisters: number;
  /** Which bits of each of those registers. */
  readonly undefinedBits: number;
  /** Several accesses, the first of which may fault or may not: neither memory nor the faulting address is compared. */
  readonly uncheckedMemory: boolean;
  /** The second judge gave the same outcome (false: it could not judge, or a known difference; see differences.ts). */
  readonly confirmed: boolean;
}

export interface GoldenFile {
  readonly header: GoldenHeader;
  /** One array per form of the header, in that order. */
  readonly vectors: readonly (readonly GoldenVector[])[];
}

const enum Has {
  Eip = 1,
  SegmentsBefore = 2,
  Patches = 4,
  Fault = 8,
  SegmentsAfter = 16,
  Changes = 32,
  UndefinedRegisters = 64,
  Confirmed = 128,
  UncheckedMemory = 256,
  System = 512,
}

const PAGE_FAULT = 14;

class Writer {
  private bytes = Buffer.alloc(1 << 20);
  private length = 0;

  put(value: number, count: number): void {
    if (this.length + 8 > this.bytes.length) this.grow(8);
    for (let i = 0; i < count; i++) this.bytes[this.length++] = (value >>> (8 * i)) & 0xff;
  }

  putBytes(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.bytes.length) this.grow(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  private grow(least: number): void {
    this.bytes = Buffer.concat([this.bytes, Buffer.alloc(Math.max(least, this.bytes.length))]);
  }

  result(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}

class Reader {
  private readonly bytes: Buffer;
  private at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  take(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value |= (this.bytes[this.at++] as number) << (8 * i);
    return value >>> 0;
  }

  takeBytes(count: number): Uint8Array {
    const bytes = new Uint8Array(this.bytes.subarray(this.at, this.at + count));
    this.at += count;
    return bytes;
  }
}

/** Writes which entries differ from a base as a bitmap, then those entries. */
function putChanged(writer: Writer, values: readonly number[], base: readonly number[], width: number): void {
  let bitmap = 0;
  values.forEach((value, i) => {
    if (value !== base[i]) bitmap |= 1 << i;
  });
  writer.put(bitmap, 1);
  values.forEach((value, i) => {
    if (value !== base[i]) writer.put(value, width);
  });
}

function takeChanged(reader: Reader, base: readonly number[], width: number): number[] {
  const bitmap = reader.take(1);
  return base.map((value, i) => ((bitmap & (1 << i)) === 0 ? value : reader.take(width)));
}

function putPatches(writer: Writer, patches: readonly Patch[]): void {
  writer.put(patches.length, 1);
  for (const patch of patches) {
    writer.put(patch.address, 4);
    writer.put(patch.bytes.length, 2);
    writer.putBytes(patch.bytes);
  }
}

function takePatches(reader: Reader): Patch[] {
  return Array.from({ length: reader.take(1) }, () => {
    const address = reader.take(4);
    return { address, bytes: reader.takeBytes(reader.take(2)) };
  });
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, i) => value === b[i]);
}

function putVector(writer: Writer, vector: GoldenVector): void {
  const { test, expected } = vector;
  const code = test.patches[test.patches.length - 1] as Patch;
  const patches = test.patches.slice(0, -1);
  let has = 0;
  if (test.eip !== DEFAULT_EIP || code.address !== DEFAULT_EIP) has |= Has.Eip;
  if (!sameNumbers(test.segments, DEFAULT_SEGMENTS)) has |= Has.SegmentsBefore;
  if (patches.length > 0) has |= Has.Patches;
  if (expected.fault !== undefined) has |= Has.Fault;
  if (!sameNumbers(expected.segments, test.segments)) has |= Has.SegmentsAfter;
  if (expected.changes.length > 0) has |= Has.Changes;
  if (vector.undefinedRegisters !== 0) has |= Has.UndefinedRegisters;
  if (vector.confirmed) has |= Has.Confirmed;
  if (vector.uncheckedMemory) has |= Has.UncheckedMemory;
  if (isSystemCase(test)) has |= Has.System;
  writer.put(has, 2);
  writer.put(code.bytes.length, 1);
  writer.putBytes(code.bytes);
  if ((has & Has.Eip) !== 0) {
    writer.put(test.eip, 4);
    writer.put(code.address, 4);
  }
  putChanged(writer, test.registers, DEFAULT_REGISTERS, 4);
  writer.put(test.eflags ^ DEFAULT_EFLAGS, 3);
  if ((has & Has.SegmentsBefore) !== 0) putChanged(writer, test.segments, DEFAULT_SEGMENTS, 2);
  if ((has & Has.Patches) !== 0) putPatches(writer, patches);
  if (isSystemCase(test)) {
    writer.put(test.cr0, 4);
    writer.put(test.cr4, 4);
  }
  putChanged(writer, expected.registers, test.registers, 4);
  writer.put(expected.eflags ^ test.eflags, 3);
  writer.put(expected.eip - test.eip, 4);
  if ((has & Has.SegmentsAfter) !== 0) putChanged(writer, expected.segments, test.segments, 2);
  if (expected.fault !== undefined) {
    writer.put(expected.fault.vector, 1);
    writer.put(expected.fault.errorCode, 2);
    if (expected.fault.vector === PAGE_FAULT) writer.put(expected.fault.linearAddress, 4);
  }
  if ((has & Has.Changes) !== 0) putPatches(writer, expected.changes);
  writer.put(vector.undefinedFlags, 2);
  if ((has & Has.UndefinedRegisters) !== 0) {
    writer.put(vector.undefinedRegisters, 1);
    writer.put(vector.undefinedBits, 4);
  }
}

function takeVector(reader: Reader): GoldenVector {
  const has = reader.take(2);
  const code = reader.takeBytes(reader.take(1));
  const moved = (has & Has.Eip) !== 0;
  const eip = moved ? reader.take(4) : DEFAULT_EIP;
  const address = moved ? reader.take(4) : DEFAULT_EIP;
  const registers = takeChanged(reader, DEFAULT_REGISTERS, 4);
  const eflags = reader.take(3) ^ DEFAULT_EFLAGS;
  const segments = (has & Has.SegmentsBefore) !== 0 ? takeChanged(reader, DEFAULT_SEGMENTS, 2) : DEFAULT_SEGMENTS;
  const patches = (has & Has.Patches) !== 0 ? takePatches(reader) : [];
  patches.push({ address, bytes: code });
  const control = (has & Has.System) !== 0 ? { cr0: reader.take(4), cr4: reader.take(4) } : {};
  const test: TestCase = {
    registers,
    eflags,
    eip,
    segments,
    patches,
    codeBytes: code.length,
    instructions: 1,
    ...control,
  };
  const registersAfter = takeChanged(reader, registers, 4);
  const eflagsAfter = reader.take(3) ^ eflags;
  const eipAfter = (reader.take(4) + eip) >>> 0;
  const segmentsAfter = (has & Has.SegmentsAfter) !== 0 ? takeChanged(reader, segments, 2) : segments;
  let fault: Outcome["fault"];
  if ((has & Has.Fault) !== 0) {
    const vector = reader.take(1);
    const errorCode = reader.take(2);
    fault = { vector, errorCode, linearAddress: vector === PAGE_FAULT ? reader.take(4) : 0 };
  }
  const changes = (has & Has.Changes) !== 0 ? takePatches(reader) : [];
  const undefinedFlags = reader.take(2);
  const undefinedRegisters = (has & Has.UndefinedRegisters) !== 0 ? reader.take(1) : 0;
  const undefinedBits = (has & Has.UndefinedRegisters) !== 0 ? reader.take(4) : 0;
  const expected = {
    registers: registersAfter,
    eflags: eflagsAfter,
    eip: eipAfter,
    segments: segmentsAfter,
    fault,
    changes,
  };
  return {
    test,
    expected,
    undefinedFlags,
    undefinedRegisters,
    undefinedBits,
    uncheckedMemory: (has & Has.UncheckedMemory) !== 0,
    confirmed: (has & Has.Confirmed) !== 0,
  };
}

export function encodeGolden(file: GoldenFile): Buffer {
  const writer = new Writer();
  writer.putBytes(Buffer.from(`${JSON.stringify(file.header)}\n`));
  for (const vectors of file.vectors) for (const vector of vectors) putVector(writer, vector);
  return gzipSync(writer.result(), { level: 9 });
}

export function decodeGolden(compressed: Uint8Array): GoldenFile {
  const bytes = gunzipSync(compressed);
  const end = bytes.indexOf(0x0a);
  const header = JSON.parse(bytes.toString("utf8", 0, end)) as GoldenHeader;
  if (header.format !== GOLDEN_FORMAT) throw new Error(`golden format ${header.format}, expected ${GOLDEN_FORMAT}`);
  const reader = new Reader(bytes, end + 1);
  const vectors = header.forms.map((form) => Array.from({ length: form.count }, () => takeVector(reader)));
  return { header, vectors };
}

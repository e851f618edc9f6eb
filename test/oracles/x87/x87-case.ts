/**
 * A case of one x87 instruction: the unit's whole state before and after, and the memory operand. It is played as an ordinary case of
 * the stage: FNINIT, FRSTOR, the instruction, FNSAVE; so that every driver can.
 *
 * Not compared: instruction and operand pointers and the opcode. Processors of today do not keep the selectors, and the
 * others only when an exception is unmasked (Intel SDM vol. 1, 8.1.8); a test of the emulator's own looks at them.
 */

import { DEFAULT_EIP } from "../case-builder.ts";
import { DATA, FLAT_CODE, FLAT_DATA, PAGE_BYTES, STAGE_BACKGROUND, STAGE_PAGES } from "../stage.ts";
import type { Outcome, Patch, TestCase } from "../test-driver.ts";

/** The x87 state as FNSAVE has it. */
export interface X87State {
  readonly control: number;
  readonly status: number;
  readonly tags: number;
  /** ST(0) to ST(7), ten bytes each. */
  readonly registers: readonly Uint8Array[];
}

export interface X87Case {
  /** Bytes of the instruction; a memory operand is at OPERAND + operandOffset, addressed absolutely. */
  readonly code: Uint8Array;
  readonly before: X87State;
  readonly operandOffset: number;
  /** Empty when the instruction has no memory operand. */
  readonly operand: Uint8Array;
}

export interface X87Outcome {
  /** Vector of the fault at the instruction, or undefined. */
  readonly fault: number | undefined;
  readonly after: X87State;
  readonly operand: Uint8Array;
  readonly ax: number;
}

export const STATE_BYTES = 108;
const ENVIRONMENT_BYTES = 28;
const BEFORE = DATA;
const AFTER = DATA + 0x200;
export const OPERAND = DATA + 0x400;
const ORIGINAL_EAX = 0xa1a2_a3a4;

/** Bytes of a state, pointers zero. */
export function encodeState(state: X87State): Uint8Array {
  const bytes = new Uint8Array(STATE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, state.control, true);
  view.setUint16(4, state.status, true);
  view.setUint16(8, state.tags, true);
  state.registers.forEach((register, i) => {
    bytes.set(register, ENVIRONMENT_BYTES + 10 * i);
  });
  return bytes;
}

export function decodeState(bytes: Uint8Array): X87State {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    control: view.getUint16(0, true),
    status: view.getUint16(4, true),
    tags: view.getUint16(8, true),
    registers: Array.from({ length: 8 }, (_, i) =>
      bytes.slice(ENVIRONMENT_BYTES + 10 * i, ENVIRONMENT_BYTES + 10 * i + 10),
    ),
  };
}

function absolute(opcode: readonly number[], address: number): number[] {
  return [...opcode, address & 0xff, (address >>> 8) & 0xff, (address >>> 16) & 0xff, address >>> 24];
}

const FNINIT = [0xdb, 0xe3];

/** The case as every driver plays it. */
export function toTestCase(test: X87Case): TestCase {
  const code = [...FNINIT, ...absolute([0xdd, 0x25], BEFORE), ...test.code, ...absolute([0xdd, 0x35], AFTER)];
  const patches: Patch[] = [{ address: BEFORE, bytes: encodeState(test.before) }];
  if (test.operand.length > 0) patches.push({ address: OPERAND + test.operandOffset, bytes: test.operand });
  patches.push({ address: DEFAULT_EIP, bytes: Uint8Array.from(code) });
  return {
    registers: [ORIGINAL_EAX, 0, 0, 0, 0x0060_0800, 0, 0, 0],
    eflags: 0x202,
    eip: DEFAULT_EIP,
    segments: [FLAT_DATA, FLAT_CODE, FLAT_DATA, FLAT_DATA, FLAT_DATA, FLAT_DATA],
    patches,
    codeBytes: code.length,
    instructions: 4,
  };
}

/** Bytes of the data page at `address` after the case. */
function bytesAfter(test: TestCase, outcome: Outcome, address: number, length: number): Uint8Array {
  const page = STAGE_PAGES.findIndex((one) => one.address === DATA);
  const bytes = Uint8Array.from(STAGE_BACKGROUND[page] as Uint8Array);
  for (const patch of [...test.patches, ...outcome.changes]) {
    if (patch.address >= DATA && patch.address < DATA + PAGE_BYTES) bytes.set(patch.bytes, patch.address - DATA);
  }
  return bytes.slice(address - DATA, address - DATA + length);
}

/** What came of a case; pointers in a stored environment are zero. */
export function toX87Outcome(test: X87Case, played: TestCase, outcome: Outcome): X87Outcome {
  const operand = bytesAfter(played, outcome, OPERAND + test.operandOffset, test.operand.length);
  if (test.operand.length >= 14) {
    const wide = test.operand.length === 28 || test.operand.length === 108;
    operand.fill(0, wide ? 12 : 6, wide ? 28 : 14);
  }
  return {
    fault: outcome.fault?.vector,
    after: decodeState(bytesAfter(played, outcome, AFTER, STATE_BYTES)),
    operand,
    ax: (outcome.registers[0] as number) & 0xffff,
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).reverse().toString("hex");
}

export function describeState({ control, status, tags, registers }: X87State): string {
  const words = [control, status, tags].map((word) => word.toString(16).padStart(4, "0")).join(" ");
  return `CW SW TW ${words} ${registers.map((bytes, i) => `st${i} ${hex(bytes)}`).join(" ")}`;
}

/** Whether two extended reals are the same number or neighbours. */
function neighbours(a: Uint8Array, b: Uint8Array): boolean {
  const place = (bytes: Uint8Array): bigint => {
    const magnitude = BigInt(`0x${hex(bytes)}`) & ((1n << 79n) - 1n);
    // Exponents follow each other without the integer bit.
    const ordered = ((magnitude >> 64n) << 63n) + (magnitude & ((1n << 63n) - 1n));
    return ((bytes[9] as number) & 0x80) === 0 ? ordered : -ordered;
  };
  const distance = place(a) - place(b);
  return distance >= -1n && distance <= 1n;
}

/**
 * The differences between two outcomes, none when they agree. `undefinedStatus`: status bits that are not compared; `approximate`: registers may
 * differ by one unit in the last place.
 */
export function compareX87(
  expected: X87Outcome,
  got: X87Outcome,
  undefinedStatus: number,
  approximate: boolean,
): string[] {
  const lines: string[] = [];
  const check = (what: string, one: string, other: string): void => {
    if (one !== other) lines.push(`${what}: expected ${one}, got ${other}`);
  };
  check("fault", `${expected.fault}`, `${got.fault}`);
  if (expected.fault !== undefined) return lines;
  const word = (value: number): string => value.toString(16).padStart(4, "0");
  check("control", word(expected.after.control), word(got.after.control));
  check("status", word(expected.after.status & ~undefinedStatus), word(got.after.status & ~undefinedStatus));
  check("tags", word(expected.after.tags), word(got.after.tags));
  expected.after.registers.forEach((bytes, i) => {
    const other = got.after.registers[i] as Uint8Array;
    if (!approximate || !neighbours(bytes, other)) check(`st${i}`, hex(bytes), hex(other));
  });
  check("operand", hex(expected.operand), hex(got.operand));
  check("ax", word(expected.ax), word(got.ax));
  return lines;
}

/** Cases at any privilege level, and how their outcome is read from the frame that the processor pushed. */
import { segmentBase } from "../case-builder.ts";
import { PAGE_FAULT_VECTOR, pushesErrorCode } from "../exceptions.ts";
import { CODE_FILL } from "../stage.ts";
import type { Outcome, Patch, TestCase } from "../test-driver.ts";
import { physicalOf, SYSTEM_CR0 } from "./system-stage.ts";

export interface SystemCase extends TestCase {
  readonly cr0: number;
  readonly cr4: number;
}

export function isSystemCase(test: TestCase): test is SystemCase {
  return "cr0" in test;
}

/** A user case on the system stage. */
export function asSystemCase(test: TestCase): SystemCase {
  return isSystemCase(test) ? test : { ...test, cr0: SYSTEM_CR0, cr4: 0 };
}

/** What a handler finds when it is entered. */
export interface HandlerState {
  /** As in the handler: ESP points to the frame. */
  readonly registers: readonly number[];
  readonly segments: readonly number[];
  readonly vector: number;
  readonly cr2: number;
  readonly changes: readonly Patch[];
}

const BREAKPOINT = 3;
/** QEMU does not set RF in the image that a fault pushes; silicon judges it (../golden.test.ts), here it is left out. */
const RESUME_FLAG = 0x1_0000;

/** The changes as they would be had the EFLAGS image at `address` no RF. */
function withoutResumeFlag(changes: readonly Patch[], address: number, before8: (physical: number) => number): Patch[] {
  const high = address + 2;
  const physical = physicalOf(high);
  if (physical === undefined) return [...changes];
  const bytes = new Map<number, number>();
  for (const change of changes) change.bytes.forEach((byte, i) => void bytes.set(change.address + i, byte));
  const before = before8(physical);
  const value = (bytes.get(high) ?? before) & ~1;
  if (value === before) bytes.delete(high);
  else bytes.set(high, value);
  return runsOf(bytes);
}

/** Runs of adjacent bytes, in address order. */
function runsOf(bytes: ReadonlyMap<number, number>): Patch[] {
  const runs: { address: number; bytes: number[] }[] = [];
  for (const address of [...bytes.keys()].sort((a, b) => a - b)) {
    const last = runs[runs.length - 1];
    const byte = bytes.get(address) as number;
    if (last !== undefined && last.address + last.bytes.length === address && address % 0x1000 !== 0)
      last.bytes.push(byte);
    else runs.push({ address, bytes: [byte] });
  }
  return runs.map((run) => ({ address: run.address, bytes: Uint8Array.from(run.bytes) }));
}

/**
 * @param read32 reads a word at a physical address as the case left it
 * @param before8 reads a byte at a physical address as it was before
 */
export function outcomeOf(
  test: SystemCase,
  state: HandlerState,
  read32: (physical: number) => number,
  before8: (physical: number) => number,
): Outcome {
  const frame = state.registers[4] as number;
  const word = (index: number): number => {
    const physical = physicalOf(frame + index * 4);
    return physical === undefined ? 0 : read32(physical) >>> 0;
  };
  let at = 0;
  const errorCode = pushesErrorCode(state.vector) ? word(at++) : 0;
  const eip = word(at++);
  const cs = word(at++) & 0xffff;
  const flagsAt = frame + at * 4;
  const eflags = word(at++) & ~RESUME_FLAG;
  const outer = (cs & 3) !== 0;
  const esp = outer ? word(at) : (frame + at * 4) >>> 0;
  const ss = outer ? word(at + 1) & 0xffff : (state.segments[2] as number);
  const registers = state.registers.map((value, i) => (i === 4 ? esp : value));
  const segments = state.segments.map((value, i) => (i === 1 ? cs : i === 2 ? ss : value));
  const base = { registers, eflags, segments, changes: withoutResumeFlag(state.changes, flagsAt, before8) };
  if (state.vector === BREAKPOINT && isFill(test, segmentBase(cs) + eip - 1))
    return { ...base, eip: eip - 1, fault: undefined };
  const linearAddress = state.vector === PAGE_FAULT_VECTOR ? state.cr2 : 0;
  return { ...base, eip, fault: { vector: state.vector, errorCode: errorCode & 0xffff, linearAddress } };
}

/** An INT3 of the page fill, not of the case's own code, ended the case. */
export function isFill(test: TestCase, linear: number): boolean {
  const begin = segmentBase(test.segments[1] as number) + test.eip;
  for (const patch of test.patches) {
    const byte = patch.bytes[linear - patch.address];
    if (byte !== undefined) return byte === CODE_FILL && (linear < begin || linear >= begin + test.codeBytes);
  }
  return true;
}

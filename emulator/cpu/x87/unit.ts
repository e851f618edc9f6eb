/**
 * The x87 unit's state: register stack, status, pending exceptions (Intel SDM vol. 1, 8.1 and 8.4 to 8.7). All of it is in the
 * CPU state block (Word.X87Control and following).
 */
import { Cr0 } from "../control-registers.ts";
import type { Cpu } from "../cpu.ts";
import { FREEZE, raiseFault } from "../exceptions.ts";
import { SegmentRegister, SegmentWord, Vector, Word } from "../state.ts";
import { type Extended, INDEFINITE, type Operand, unpack } from "./format.ts";
import { type Conditions, Exception, type RoundingMode } from "./rounding.ts";

export const enum StatusBit {
  Exceptions = 0x7f,
  ErrorSummary = 0x80,
  C0 = 0x100,
  C1 = 0x200,
  C2 = 0x400,
  Top = 0x3800,
  C3 = 0x4000,
  Busy = 0x8000,
}

export const TOP_SHIFT = 11;

/** Control word after FNINIT: all exceptions masked, 64-bit precision, to nearest. */
const INITIAL_CONTROL = 0x037f;
/** Bits of the control word that exist; bit 6 reads as one. */
const CONTROL_BITS = 0x1f3f;
const CONTROL_FIXED = 0x40;
const ALL_EMPTY = 0xff;
/** Significand bits by precision control; 01 is reserved and works as 11. */
const PRECISIONS = [24, 64, 53, 64];
const REGISTER_WORDS = 4;

// ---- availability and pending exceptions ----

/** #NM when CR0.EM or CR0.TS asks for it (SDM vol. 3, table 2-2). */
export function requireUnit(cpu: Cpu): void {
  if ((cpu.words[Word.Cr0] & (Cr0.Em | Cr0.Ts)) !== 0) raiseFault(cpu, Vector.DeviceNotAvailable);
}

/**
 * What a waiting instruction does first: an unmasked exception of an earlier one is raised, as #MF with CR0.NE set. With NE
 * clear the chipset has seen FERR#; unless it answered with IGNNE#, the CPU stops before the instruction until an interrupt
 * comes (SDM vol. 1, 8.7 and appendix D).
 */
export function raisePending(cpu: Cpu): void {
  const { words } = cpu;
  if ((words[Word.X87Status] & StatusBit.ErrorSummary) === 0) return;
  if ((words[Word.Cr0] & Cr0.Ne) !== 0) raiseFault(cpu, Vector.FloatingPointError);
  if (words[Word.X87IgnoreError] !== 0) return;
  throw FREEZE;
}

/** Error summary and busy follow flags and masks; FERR# follows them. */
function summarise(cpu: Cpu): void {
  const { words } = cpu;
  const pending = (words[Word.X87Status] & ~words[Word.X87Control] & Exception.All) !== 0;
  const before = (words[Word.X87Status] & StatusBit.ErrorSummary) !== 0;
  if (pending) words[Word.X87Status] |= StatusBit.ErrorSummary | StatusBit.Busy;
  else words[Word.X87Status] &= ~(StatusBit.ErrorSummary | StatusBit.Busy);
  // With CR0.NE set the chipset has no part in it.
  if (pending !== before) cpu.floatingPointError(pending && (words[Word.Cr0] & Cr0.Ne) === 0);
}

// ---- control and status ----

export function setControl(cpu: Cpu, value: number): void {
  setControlAndStatus(cpu, value, cpu.words[Word.X87Status]);
}

/** Both at once: FERR# must not see the flags of one state under the masks of the other. */
export function setControlAndStatus(cpu: Cpu, control: number, status: number): void {
  const { words } = cpu;
  const summary = StatusBit.ErrorSummary | StatusBit.Busy;
  words[Word.X87Control] = (control & CONTROL_BITS) | CONTROL_FIXED;
  words[Word.X87Status] = (words[Word.X87Status] & summary) | (status & 0xffff & ~summary);
  summarise(cpu);
}

/** FNCLEX. */
export function clearExceptions(cpu: Cpu): void {
  cpu.words[Word.X87Status] &= ~StatusBit.Exceptions;
  summarise(cpu);
}

/** FNINIT. */
export function initialise(cpu: Cpu): void {
  const { words } = cpu;
  setControlAndStatus(cpu, INITIAL_CONTROL, 0);
  words[Word.X87Empty] = ALL_EMPTY;
  words[Word.X87Opcode] = 0;
  words[Word.X87InstructionOffset] = 0;
  words[Word.X87InstructionSelector] = 0;
  words[Word.X87DataOffset] = 0;
  words[Word.X87DataSelector] = 0;
}

/** RESET: as the Pentium's manual has it, registers zero and valid (SDM vol. 3, table 9-1). */
export function resetUnit(cpu: Cpu): void {
  const { words } = cpu;
  initialise(cpu);
  words[Word.X87Control] = CONTROL_FIXED;
  words[Word.X87Empty] = 0;
  words.fill(0, Word.X87Registers, Word.X87Registers + 8 * REGISTER_WORDS);
}

/** C0 to C3 as given, among those that `mask` names. */
export function setConditionCodes(cpu: Cpu, codes: number, mask = StatusBit.C0 | StatusBit.C2 | StatusBit.C3): void {
  cpu.words[Word.X87Status] = (cpu.words[Word.X87Status] & ~mask) | codes;
}

// ---- the register stack ----

export function top(cpu: Cpu): number {
  return (cpu.words[Word.X87Status] & StatusBit.Top) >> TOP_SHIFT;
}

function setTop(cpu: Cpu, value: number): void {
  cpu.words[Word.X87Status] = (cpu.words[Word.X87Status] & ~StatusBit.Top) | ((value & 7) << TOP_SHIFT);
}

/** FINCSTP and FDECSTP. */
export function moveTop(cpu: Cpu, by: number): void {
  setTop(cpu, top(cpu) + by);
}

function physical(cpu: Cpu, i: number): number {
  return (top(cpu) + i) & 7;
}

export function isEmpty(cpu: Cpu, i: number): boolean {
  return ((cpu.words[Word.X87Empty] >> physical(cpu, i)) & 1) !== 0;
}

/** FFREE. */
export function markEmpty(cpu: Cpu, i: number): void {
  cpu.words[Word.X87Empty] |= 1 << physical(cpu, i);
}

/** Physical register `number`, whatever its tag. */
export function physicalRegister({ words }: { readonly words: Int32Array }, number: number): Extended {
  const at = Word.X87Registers + REGISTER_WORDS * number;
  const bits = words[at + 2];
  const significand = (BigInt(words[at + 1] >>> 0) << 32n) | BigInt(words[at] >>> 0);
  return { sign: (bits >> 15) & 1, exponent: bits & 0x7fff, significand };
}

export function setPhysicalRegister({ words }: { readonly words: Int32Array }, number: number, value: Extended): void {
  const at = Word.X87Registers + REGISTER_WORDS * number;
  words[at] = Number(BigInt.asIntN(32, value.significand));
  words[at + 1] = Number(BigInt.asIntN(32, value.significand >> 32n));
  words[at + 2] = (value.sign << 15) | value.exponent;
}

/** ST(i), whatever its tag. */
export function register(cpu: Cpu, i: number): Extended {
  return physicalRegister(cpu, physical(cpu, i));
}

/** ST(i) as an operand; it must not be empty. */
export function operand(cpu: Cpu, i: number): Operand {
  return unpack(register(cpu, i));
}

/** Writes ST(i) and marks it full. */
export function setRegister(cpu: Cpu, i: number, value: Extended): void {
  const number = physical(cpu, i);
  setPhysicalRegister(cpu, number, value);
  cpu.words[Word.X87Empty] &= ~(1 << number);
}

export function pop(cpu: Cpu, count = 1): void {
  for (let i = 0; i < count; i++) {
    markEmpty(cpu, 0);
    moveTop(cpu, 1);
  }
}

// ---- exceptions of an instruction ----

/** The conditions of the running instruction: dead at every instruction boundary. */
const conditions: Conditions = { precision: 64, rounding: 0, masks: 0, raised: 0, beforeResult: 0, roundedUp: false };

/** Begins an instruction that computes: C1 is cleared. */
export function begin(cpu: Cpu): Conditions {
  const control = cpu.words[Word.X87Control];
  cpu.words[Word.X87Status] &= ~StatusBit.C1;
  conditions.precision = PRECISIONS[(control >> 8) & 3] as number;
  conditions.rounding = ((control >> 10) & 3) as RoundingMode;
  conditions.masks = control & Exception.All;
  conditions.raised = 0;
  conditions.beforeResult = Exception.BeforeResult;
  conditions.roundedUp = false;
  return conditions;
}

/**
 * Enters into the status word what the running instruction raised.
 * @returns whether its result may be stored: nothing unmasked was found before it was computed
 */
export function settle(cpu: Cpu): boolean {
  const { raised, masks, roundedUp, beforeResult } = conditions;
  const prevents = (raised & ~masks & beforeResult) !== 0;
  // What would have come of a result that is not computed is not raised either.
  cpu.words[Word.X87Status] |= prevents ? raised & (Exception.BeforeResult | Exception.Stack) : raised;
  if (!prevents && roundedUp && (raised & Exception.Stack) === 0) cpu.words[Word.X87Status] |= StatusBit.C1;
  if (raised !== 0) summarise(cpu);
  return !prevents;
}

/** Stack underflow: an operand register is empty. Gives what a masked exception puts in place of the result. */
export function underflow(current: Conditions): Extended {
  current.raised |= Exception.Invalid | Exception.Stack;
  current.roundedUp = false;
  return INDEFINITE;
}

/** Pushes a value that `begin` to now has computed; a full register makes a stack overflow. */
export function push(cpu: Cpu, value: Extended): void {
  const overflow = !isEmpty(cpu, 7);
  if (overflow) conditions.raised = Exception.Invalid | Exception.Stack;
  if (!settle(cpu)) {
    if (overflow) cpu.words[Word.X87Status] |= StatusBit.C1;
    return;
  }
  moveTop(cpu, -1);
  setRegister(cpu, 0, overflow ? INDEFINITE : value);
  if (overflow) cpu.words[Word.X87Status] |= StatusBit.C1;
}

/** Pushes what stands for an empty source register: a stack underflow, even if the stack is full. */
export function pushIndefinite(cpu: Cpu, current: Conditions): void {
  const value = underflow(current);
  if (!settle(cpu)) return;
  moveTop(cpu, -1);
  setRegister(cpu, 0, value);
}

/** Stores a computed value into ST(i) unless an exception forbids it, then pops. */
export function deliver(cpu: Cpu, i: number, value: Extended, pops = 0): void {
  if (!settle(cpu)) return;
  setRegister(cpu, i, value);
  pop(cpu, pops);
}

// ---- pointers ----

/** Notes the address of the running instruction and, if it is one in memory, of its operand. */
export function notePointers(cpu: Cpu, opcode: number, instructionOffset: number): void {
  const { words } = cpu;
  words[Word.X87Opcode] = opcode;
  words[Word.X87InstructionOffset] = instructionOffset;
  words[Word.X87InstructionSelector] = words[Word.Segments + 4 * SegmentRegister.Cs + SegmentWord.Selector];
}

export function noteDataPointer(cpu: Cpu, segment: number, offset: number): void {
  const { words } = cpu;
  words[Word.X87DataOffset] = offset;
  words[Word.X87DataSelector] = words[Word.Segments + 4 * segment + SegmentWord.Selector];
}

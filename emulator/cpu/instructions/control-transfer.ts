/**
 * Control transfer (Intel SDM vol. 1, 5.1.7). Near transfers with 32-bit operands in a flat code segment are
 * micro-operations; the handlers serve the rest. Far transfers, gates and interrupts are in far-transfer.ts,
 * interrupt-delivery.ts and interrupt-return.ts; those functions add the clocks that depend on what the selector names
 * (timing/event-costs.ts) to the rows' real-mode ones.
 */
import type { Cpu } from "../cpu.ts";
import { InstructionWord } from "../decode-records.ts";
import { raiseFault } from "../exceptions.ts";
import { farCall, farJump, farReturn } from "../far-transfer.ts";
import { evaluateCondition } from "../flags.ts";
import { Micro } from "../interpreter-micro.ts";
import { deliverTrap, softwareInterrupt } from "../interrupt-delivery.ts";
import { interruptReturn } from "../interrupt-return.ts";
import { Flag, Vector, Word } from "../state.ts";
import { CONDITIONS } from "./conditions.ts";
import { Pairing } from "./form.ts";
import {
  addClocks,
  checkedTarget,
  drop,
  immediate,
  isAddress32,
  isOperand32,
  jumpNear,
  nextEip,
  operandLinear,
  peek,
  probePush,
  push,
  readLinear,
  readRegister,
  readRm,
  registerField,
} from "./operands.ts";
import { flags, Registers, type Row, row } from "./row.ts";

function bytesOf(cpu: Cpu, instruction: number): number {
  return isOperand32(cpu, instruction) ? 4 : 2;
}

function jumpRelative(cpu: Cpu, instruction: number): void {
  jumpNear(cpu, immediate(cpu, instruction), bytesOf(cpu, instruction));
}

function jumpIndirect(cpu: Cpu, instruction: number): void {
  const bytes = bytesOf(cpu, instruction);
  jumpNear(cpu, readRm(cpu, instruction, bytes), bytes);
}

/** The stack's faults come before the target's. */
function call(cpu: Cpu, instruction: number, target: number, bytes: number): void {
  probePush(cpu, bytes);
  const eip = checkedTarget(cpu, target, bytes);
  push(cpu, nextEip(cpu, instruction), bytes);
  cpu.words[Word.Eip] = eip;
}

function callRelative(cpu: Cpu, instruction: number): void {
  const bytes = bytesOf(cpu, instruction);
  call(cpu, instruction, immediate(cpu, instruction), bytes);
}

function callIndirect(cpu: Cpu, instruction: number): void {
  const bytes = bytesOf(cpu, instruction);
  call(cpu, instruction, readRm(cpu, instruction, bytes), bytes);
}

function returnNear(cpu: Cpu, instruction: number): void {
  const bytes = bytesOf(cpu, instruction);
  const target = checkedTarget(cpu, peek(cpu, 0, bytes), bytes);
  drop(cpu, bytes + (immediate(cpu, instruction) & 0xffff));
  cpu.words[Word.Eip] = target;
}

function jumpConditional(condition: number) {
  return (cpu: Cpu, instruction: number): void => {
    if (evaluateCondition(cpu.words, condition) !== 0) jumpRelative(cpu, instruction);
    else fallThrough(cpu, instruction);
  };
}

/** The branch is not taken. */
function fallThrough(cpu: Cpu, instruction: number): void {
  cpu.words[Word.Eip] = nextEip(cpu, instruction);
}

/** eCX less one, by address size; returns the new count. The register is written by the caller. */
function decrementedCounter(cpu: Cpu, instruction: number): number {
  return (cpu.words[Word.Ecx] - 1) & (isAddress32(cpu, instruction) ? -1 : 0xffff);
}

/**
 * LOOP and its kin; `wanted`: ZF needed to go on, or -1. Taken and not taken cost the same here except for LOOP itself
 * (5 and 6 clocks).
 */
function loop(wanted: number, extraWhenDone: number) {
  return (cpu: Cpu, instruction: number): void => {
    const count = decrementedCounter(cpu, instruction);
    const zero = (cpu.eflags & Flag.Zf) !== 0 ? 1 : 0;
    const taken = count !== 0 && (wanted < 0 || wanted === zero);
    if (taken) jumpRelative(cpu, instruction);
    else {
      fallThrough(cpu, instruction);
      addClocks(cpu, extraWhenDone);
    }
    if (isAddress32(cpu, instruction)) cpu.words[Word.Ecx] = count;
    else cpu.words[Word.Ecx] = (cpu.words[Word.Ecx] & ~0xffff) | count;
  };
}

function jumpIfCounterZero(cpu: Cpu, instruction: number): void {
  const count = isAddress32(cpu, instruction) ? cpu.words[Word.Ecx] : cpu.words[Word.Ecx] & 0xffff;
  if (count === 0) jumpRelative(cpu, instruction);
  else {
    fallThrough(cpu, instruction);
    addClocks(cpu, 1);
  }
}

function jumpFarDirect(cpu: Cpu, instruction: number): void {
  farJump(cpu, cpu.words[instruction + InstructionWord.Immediate2] & 0xffff, immediate(cpu, instruction));
}

function callFarDirect(cpu: Cpu, instruction: number): void {
  const selector = cpu.words[instruction + InstructionWord.Immediate2] & 0xffff;
  farCall(cpu, selector, immediate(cpu, instruction), bytesOf(cpu, instruction), nextEip(cpu, instruction));
}

/** A far pointer in memory: offset, then selector. */
function readFarPointer(cpu: Cpu, instruction: number): { selector: number; offset: number } {
  const bytes = bytesOf(cpu, instruction);
  const linear = operandLinear(cpu, instruction, bytes + 2, false);
  const offset = readLinear(cpu, linear, bytes);
  return { selector: readLinear(cpu, (linear + bytes) | 0, 2), offset };
}

function jumpFarIndirect(cpu: Cpu, instruction: number): void {
  const { selector, offset } = readFarPointer(cpu, instruction);
  farJump(cpu, selector, offset);
}

function callFarIndirect(cpu: Cpu, instruction: number): void {
  const { selector, offset } = readFarPointer(cpu, instruction);
  farCall(cpu, selector, offset, bytesOf(cpu, instruction), nextEip(cpu, instruction));
}

function returnFar(cpu: Cpu, instruction: number): void {
  farReturn(cpu, bytesOf(cpu, instruction), immediate(cpu, instruction) & 0xffff);
}

function interruptReturnRow(cpu: Cpu, instruction: number): void {
  interruptReturn(cpu, bytesOf(cpu, instruction));
}

function interrupt(cpu: Cpu, instruction: number): void {
  softwareInterrupt(cpu, immediate(cpu, instruction) & 0xff, nextEip(cpu, instruction));
}

function breakpoint(cpu: Cpu, instruction: number): void {
  softwareInterrupt(cpu, Vector.Breakpoint, nextEip(cpu, instruction));
}

/** INTO not taken costs 4 clocks in all; its row has the 2 of a taken one. */
const INTO_NOT_TAKEN = 2;

function interruptOnOverflow(cpu: Cpu, instruction: number): void {
  if ((cpu.eflags & Flag.Of) !== 0) softwareInterrupt(cpu, Vector.Overflow, nextEip(cpu, instruction));
  else {
    fallThrough(cpu, instruction);
    addClocks(cpu, INTO_NOT_TAKEN);
  }
}

/** F1, undocumented on the Pentium: a debug trap, for which the gate's privilege level does not count (SDM vol. 2, INT1). */
function debugTrap(cpu: Cpu, instruction: number): void {
  cpu.words[Word.Eip] = nextEip(cpu, instruction);
  deliverTrap(cpu, Vector.Debug);
}

/** BOUND: signed comparison with the pair in memory. */
function checkBound(cpu: Cpu, instruction: number): void {
  const bytes = bytesOf(cpu, instruction);
  const linear = operandLinear(cpu, instruction, 2 * bytes, false);
  const unused = 32 - 8 * bytes;
  const lower = (readLinear(cpu, linear, bytes) << unused) >> unused;
  const upper = (readLinear(cpu, (linear + bytes) | 0, bytes) << unused) >> unused;
  const index = (readRegister(cpu, registerField(cpu, instruction), bytes) << unused) >> unused;
  if (index < lower || index > upper) raiseFault(cpu, Vector.BoundRange);
}

const ESP = { implicitRead: Registers.Esp, implicitWritten: Registers.Esp };
const ECX = { implicitRead: Registers.Ecx, implicitWritten: Registers.Ecx };
const BRANCH = { transfers: true, pairing: Pairing.PV, clocks: 1, raises: [Vector.GeneralProtection] } as const;
const INDIRECT = { transfers: true, clocks: 2, raises: [Vector.GeneralProtection] } as const;
const FAR = {
  transfers: true,
  raises: [Vector.GeneralProtection, Vector.SegmentNotPresent, Vector.InvalidTss, Vector.StackFault],
} as const;
const ALL_FLAGS = flags("oszapcditnlx");

export const CONTROL_TRANSFER_ROWS: readonly Row[] = [
  ...CONDITIONS.map(({ suffix, reads }, condition) =>
    row(`j${suffix}`, `7${condition.toString(16).toUpperCase()} cb`, "r:Jb", {
      ...BRANCH,
      micro: Micro.JumpIf + condition,
      handler: jumpConditional(condition),
      flags: flags("", reads),
    }),
  ),
  ...CONDITIONS.map(({ suffix, reads }, condition) =>
    row(`j${suffix}`, `0F 8${condition.toString(16).toUpperCase()} cv`, "r:Jv", {
      ...BRANCH,
      micro: Micro.JumpIf + condition,
      handler: jumpConditional(condition),
      flags: flags("", reads),
    }),
  ),
  row("jmp", "EB cb", "r:Jb", { ...BRANCH, micro: Micro.Jump, handler: jumpRelative }),
  row("jmp", "E9 cv", "r:Jv", { ...BRANCH, micro: Micro.Jump, handler: jumpRelative }),
  row("jmp", "FF /4", "r:Ev", { ...INDIRECT, micro: Micro.JumpIndirect, handler: jumpIndirect }),
  row("call", "E8 cv", "r:Jv", { ...BRANCH, micro: Micro.Call, handler: callRelative, ...ESP }),
  row("call", "FF /2", "r:Ev", { ...INDIRECT, micro: Micro.CallIndirect, handler: callIndirect, ...ESP }),
  row("ret", "C3", "", { ...INDIRECT, micro: Micro.Return, handler: returnNear, ...ESP }),
  row("ret", "C2 iw", "r:Iw", { ...INDIRECT, micro: Micro.Return, handler: returnNear, clocks: 3, ...ESP }),

  row("loopne", "E0 cb", "r:Jb", { ...INDIRECT, handler: loop(0, 1), flags: flags("", "z"), clocks: 7, ...ECX }),
  row("loope", "E1 cb", "r:Jb", { ...INDIRECT, handler: loop(1, 1), flags: flags("", "z"), clocks: 7, ...ECX }),
  row("loop", "E2 cb", "r:Jb", { ...INDIRECT, handler: loop(-1, 1), clocks: 5, ...ECX }),
  row("jcxz/jecxz", "E3 cb", "r:Jb", {
    ...INDIRECT,
    handler: jumpIfCounterZero,
    clocks: 5,
    implicitRead: Registers.Ecx,
  }),

  row("ljmp", "EA cp", "r:Ap", { ...FAR, handler: jumpFarDirect, clocks: 3 }),
  row("ljmp", "FF /5", "r:Mp", { ...FAR, handler: jumpFarIndirect, clocks: 4 }),
  row("lcall", "9A cp", "r:Ap", { ...FAR, handler: callFarDirect, clocks: 4, ...ESP }),
  row("lcall", "FF /3", "r:Mp", { ...FAR, handler: callFarIndirect, clocks: 5, ...ESP }),
  row("retf", "CB", "", { ...FAR, handler: returnFar, clocks: 4, ...ESP }),
  row("retf", "CA iw", "r:Iw", { ...FAR, handler: returnFar, clocks: 4, ...ESP }),
  row("iret/iretd", "CF", "", { ...FAR, handler: interruptReturnRow, clocks: 8, flags: ALL_FLAGS, ...ESP }),

  row("int", "CD ib", "r:Ib", { ...FAR, handler: interrupt, clocks: 6 }),
  row("int3", "CC", "", { ...FAR, handler: breakpoint, clocks: 2, raises: [Vector.Breakpoint] }),
  row("into", "CE", "", {
    ...FAR,
    handler: interruptOnOverflow,
    clocks: 2,
    flags: flags("", "o"),
    raises: [Vector.Overflow],
  }),
  row("int1", "F1", "", { ...FAR, handler: debugTrap, clocks: 2, raises: [Vector.Debug] }),
  row("bound", "62 /r", "r:Gv r:Ma", { handler: checkBound, clocks: 8, raises: [Vector.BoundRange] }),
];

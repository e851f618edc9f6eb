/** System instructions (Intel SDM vol. 1, 5.20) and the undefined-instruction forms. Their semantics are SYSTEM functions of cpu/. */
import {
  clts,
  halt,
  invd,
  invlpg,
  lmsw,
  readControlRegister,
  readDebugRegister,
  smsw,
  wbinvd,
  writeControlRegister,
  writeDebugRegister,
} from "../control-registers.ts";
import type { Cpu } from "../cpu.ts";
import { cpuid } from "../cpuid.ts";
import { lgdt, lidt, lldt, sgdt, sidt, sldt } from "../descriptor-tables.ts";
import { raiseFault } from "../exceptions.ts";
import { rdmsr, rdtsc, wrmsr } from "../model-specific-registers.ts";
import { arpl, lar, lsl, verr, verw } from "../segment-queries.ts";
import { Vector, Word } from "../state.ts";
import { ltr, str } from "../task-state-segment.ts";
import {
  addClocks,
  effectiveOffset,
  isMemory,
  isOperand32,
  operandLinear,
  operandSegment,
  readRegister,
  readRm,
  registerField,
  rmField,
  rmPlace,
  writePlace,
  writeRegister,
  writeRm,
} from "./operands.ts";
import { flags, Registers, type Row, type RowOptions, row } from "./row.ts";

function bytesOf(cpu: Cpu, instruction: number): number {
  return isOperand32(cpu, instruction) ? 4 : 2;
}

/** SLDT, STR, SMSW: 16 bits to memory, the operand size to a register. */
function storeWord(value: (cpu: Cpu) => number) {
  return (cpu: Cpu, instruction: number): void => {
    if (isMemory(cpu, instruction)) writeRm(cpu, instruction, 2, value(cpu));
    else writeRegister(cpu, rmField(cpu, instruction), bytesOf(cpu, instruction), value(cpu));
  };
}

function loadWord(load: (cpu: Cpu, value: number) => void) {
  return (cpu: Cpu, instruction: number): void => load(cpu, readRm(cpu, instruction, 2));
}

function loadTable(load: (cpu: Cpu, linear: number, operandBytes: number) => void) {
  return (cpu: Cpu, instruction: number): void =>
    load(cpu, operandLinear(cpu, instruction, 6, false), bytesOf(cpu, instruction));
}

function storeTable(store: (cpu: Cpu, linear: number) => void) {
  return (cpu: Cpu, instruction: number): void => store(cpu, operandLinear(cpu, instruction, 6, true));
}

function loadAccessRights(cpu: Cpu, instruction: number): void {
  const bytes = bytesOf(cpu, instruction);
  const register = registerField(cpu, instruction);
  const before = readRegister(cpu, register, bytes);
  writeRegister(cpu, register, bytes, lar(cpu, readRm(cpu, instruction, 2), before));
}

function loadSegmentLimit(cpu: Cpu, instruction: number): void {
  const bytes = bytesOf(cpu, instruction);
  const register = registerField(cpu, instruction);
  const before = readRegister(cpu, register, bytes);
  writeRegister(cpu, register, bytes, lsl(cpu, readRm(cpu, instruction, 2), before));
}

function adjustRequestedPrivilege(cpu: Cpu, instruction: number): void {
  const before = readRm(cpu, instruction, 2);
  const source = readRegister(cpu, registerField(cpu, instruction), 2);
  // The destination is written only when its RPL is raised; that write faults before ZF changes.
  const raises = (before & 3) < (source & 3);
  const place = raises ? rmPlace(cpu, instruction, 2) : 0;
  const after = arpl(cpu, before, source);
  if (raises) writePlace(cpu, instruction, place, 2, after);
}

function fromControl(cpu: Cpu, instruction: number): void {
  cpu.words[rmField(cpu, instruction)] = readControlRegister(cpu, registerField(cpu, instruction));
}

/** MOV CRn: 12 clocks, and these more by register (CR0 22, CR3 21, CR4 14). */
const CONTROL_EXTRA = [10, 0, 0, 9, 2, 0, 0, 0];

function toControl(cpu: Cpu, instruction: number): void {
  addClocks(cpu, CONTROL_EXTRA[registerField(cpu, instruction)] as number);
  writeControlRegister(cpu, registerField(cpu, instruction), cpu.words[rmField(cpu, instruction)]);
}

function fromDebug(cpu: Cpu, instruction: number): void {
  cpu.words[rmField(cpu, instruction)] = readDebugRegister(cpu, registerField(cpu, instruction));
}

/** MOV DRn: 11 clocks, DR6 and DR7 (and their other names, DR4 and DR5) 12. */
function toDebug(cpu: Cpu, instruction: number): void {
  if (registerField(cpu, instruction) >= 4) addClocks(cpu, 1);
  writeDebugRegister(cpu, registerField(cpu, instruction), cpu.words[rmField(cpu, instruction)]);
}

/** INVLPG never faults on its operand: the address is only computed. */
function invalidatePage(cpu: Cpu, instruction: number): void {
  const segmentBase = cpu.words[Word.Segments + 4 * operandSegment(cpu, instruction) + 1];
  invlpg(cpu, (segmentBase + effectiveOffset(cpu, instruction)) | 0);
}

function invalidOpcode(cpu: Cpu): void {
  raiseFault(cpu, Vector.InvalidOpcode);
}

const GP = [Vector.GeneralProtection];
const SUPERVISOR: Pick<RowOptions, "privilege" | "endsBlock" | "raises"> = {
  privilege: "supervisor",
  endsBlock: true,
  raises: GP,
};
const PROTECTED: Pick<RowOptions, "privilege" | "raises"> = { privilege: "protected", raises: [Vector.InvalidOpcode] };
const UNDEFINED = { handler: invalidOpcode, endsBlock: true, clocks: 1, raises: [Vector.InvalidOpcode] } as const;
const ZERO = flags("z");
const EDX_EAX = { implicitWritten: Registers.Eax | Registers.Edx };

export const SYSTEM_ROWS: readonly Row[] = [
  row("sldt", "0F 00 /0", "w:Ev", { ...PROTECTED, handler: storeWord(sldt), clocks: 2 }),
  row("str", "0F 00 /1", "w:Ev", { ...PROTECTED, handler: storeWord(str), clocks: 2 }),
  row("lldt", "0F 00 /2", "r:Ew", { ...SUPERVISOR, handler: loadWord(lldt), clocks: 9 }),
  row("ltr", "0F 00 /3", "r:Ew", { ...SUPERVISOR, handler: loadWord(ltr), clocks: 10 }),
  row("verr", "0F 00 /4", "r:Ew", { ...PROTECTED, handler: loadWord(verr), flags: ZERO, clocks: 7 }),
  row("verw", "0F 00 /5", "r:Ew", { ...PROTECTED, handler: loadWord(verw), flags: ZERO, clocks: 7 }),
  row("sgdt", "0F 01 /0", "w:Ms", { handler: storeTable(sgdt), clocks: 4 }),
  row("sidt", "0F 01 /1", "w:Ms", { handler: storeTable(sidt), clocks: 4 }),
  row("lgdt", "0F 01 /2", "r:Ms", { ...SUPERVISOR, handler: loadTable(lgdt), clocks: 6 }),
  row("lidt", "0F 01 /3", "r:Ms", { ...SUPERVISOR, handler: loadTable(lidt), clocks: 6 }),
  row("smsw", "0F 01 /4", "w:Ev", { handler: storeWord(smsw), clocks: 4 }),
  row("lmsw", "0F 01 /6", "r:Ew", { ...SUPERVISOR, handler: loadWord(lmsw), clocks: 8 }),
  row("invlpg", "0F 01 /7", "a:Mn", { ...SUPERVISOR, handler: invalidatePage, clocks: 25 }),
  row("lar", "0F 02 /r", "rw:Gv r:Ew", { ...PROTECTED, handler: loadAccessRights, flags: ZERO, clocks: 8 }),
  row("lsl", "0F 03 /r", "rw:Gv r:Ew", { ...PROTECTED, handler: loadSegmentLimit, flags: ZERO, clocks: 8 }),
  row("arpl", "63 /r", "rw:Ew r:Gw", { ...PROTECTED, handler: adjustRequestedPrivilege, flags: ZERO, clocks: 7 }),
  row("clts", "0F 06", "", { ...SUPERVISOR, handler: clts, clocks: 10 }),
  row("invd", "0F 08", "", { ...SUPERVISOR, handler: invd, clocks: 15 }),
  row("wbinvd", "0F 09", "", { ...SUPERVISOR, handler: wbinvd, clocks: 15 }),
  row("mov", "0F 20 /r", "w:Rd r:Cd", { ...SUPERVISOR, handler: fromControl, clocks: 4 }),
  row("mov", "0F 21 /r", "w:Rd r:Dd", { ...SUPERVISOR, handler: fromDebug, clocks: 11 }),
  row("mov", "0F 22 /r", "w:Cd r:Rd", { ...SUPERVISOR, handler: toControl, clocks: 12 }),
  row("mov", "0F 23 /r", "w:Dd r:Rd", { ...SUPERVISOR, handler: toDebug, clocks: 11 }),
  row("wrmsr", "0F 30", "", {
    ...SUPERVISOR,
    handler: wrmsr,
    clocks: 30,
    implicitRead: Registers.Eax | Registers.Ecx | Registers.Edx,
  }),
  row("rdtsc", "0F 31", "", { handler: rdtsc, endsBlock: true, clocks: 6, raises: GP, ...EDX_EAX }),
  row("rdmsr", "0F 32", "", { ...SUPERVISOR, handler: rdmsr, clocks: 20, implicitRead: Registers.Ecx, ...EDX_EAX }),
  row("cpuid", "0F A2", "", {
    handler: cpuid,
    endsBlock: true,
    clocks: 14,
    implicitRead: Registers.Eax,
    implicitWritten: Registers.Eax | Registers.Ecx | Registers.Edx | Registers.Ebx,
  }),
  row("hlt", "F4", "", { ...SUPERVISOR, handler: halt, clocks: 12 }),
  // RSM outside system management mode is undefined; this machine has no such mode.
  row("rsm", "0F AA", "", UNDEFINED),
  row("ud2", "0F 0B", "", UNDEFINED),
  row("ud1", "0F B9", "", UNDEFINED),
];

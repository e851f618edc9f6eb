/**
 * Control and debug registers and the instructions around them (Intel SDM vol. 3, 2.5 and 17.2; Pentium Processor User's
 * Manual vol. 3, 10.1).
 *
 * NOT IMPLEMENTED: breakpoints by debug registers (they store and read back; DR7.GD works);
 * CR4.VME, PVI and DE, which are reserved here as CPUID says.
 */
import { EventKind } from "../event-log.ts";
import { EventCost } from "../timing/event-costs.ts";
import type { Cpu } from "./cpu.ts";
import { raiseFault } from "./exceptions.ts";
import { Vector, Word } from "./state.ts";

export const enum Cr0 {
  Pe = 0x1,
  Mp = 0x2,
  Em = 0x4,
  Ts = 0x8,
  Et = 0x10,
  Ne = 0x20,
  Wp = 0x10000,
  Am = 0x40000,
  Nw = 0x20000000,
  Cd = 0x40000000,
  Pg = 0x80000000 | 0,
  Writable = 0xe005002f | 0,
}

export const enum Cr4 {
  Tsd = 0x04,
  Pse = 0x10,
  Mce = 0x40,
  Writable = 0x54,
}

/** Bits of DR6 and DR7 that always read as one. */
const DR6_FIXED = 0xffff0ff0 | 0;
const DR7_FIXED = 0x400;
const DR7_GENERAL_DETECT = 0x2000;
const DR6_BD = 0x2000;

/** Raises #GP(0) outside CPL 0. */
export function requirePrivilege(cpu: Cpu): void {
  if (cpu.words[Word.Cpl] !== 0) raiseFault(cpu, Vector.GeneralProtection, 0);
}

/** MOV r32, CRn: 0, 2, 3 or 4; others do not exist (#UD). */
export function readControlRegister(cpu: Cpu, number: number): number {
  if (number === 1 || number > 4) raiseFault(cpu, Vector.InvalidOpcode);
  requirePrivilege(cpu);
  switch (number) {
    case 0:
      return cpu.words[Word.Cr0];
    case 2:
      return cpu.words[Word.Cr2];
    case 3:
      return cpu.words[Word.Cr3];
    default:
      return cpu.words[Word.Cr4];
  }
}

/** MOV CRn, r32. */
export function writeControlRegister(cpu: Cpu, number: number, value: number): void {
  if (number === 1 || number > 4) raiseFault(cpu, Vector.InvalidOpcode);
  requirePrivilege(cpu);
  switch (number) {
    case 0:
      writeCr0(cpu, value);
      break;
    case 2:
      cpu.words[Word.Cr2] = value;
      break;
    case 3:
      loadPageDirectory(cpu, value);
      break;
    default:
      writeCr4(cpu, value);
      break;
  }
}

function writeCr0(cpu: Cpu, value: number): void {
  if ((value & Cr0.Pg) !== 0 && (value & Cr0.Pe) === 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  if ((value & Cr0.Nw) !== 0 && (value & Cr0.Cd) === 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  const before = cpu.words[Word.Cr0];
  const after = (value & Cr0.Writable) | Cr0.Et;
  cpu.words[Word.Cr0] = after;
  if (((before ^ after) & (Cr0.Pg | Cr0.Wp)) !== 0) {
    cpu.access.flushAll();
    cpu.stateReplaced();
  }
}

/**
 * Loads CR3 (MOV CR3 by the guest; the kernel model's address-space switch): empties the TLBs and records the event. Makes no
 * privilege check and charges nothing.
 */
export function loadPageDirectory(cpu: Cpu, value: number): void {
  cpu.words[Word.Cr3] = value & 0xfffff018;
  cpu.access.flushAll();
  cpu.eventLog.record(EventKind.PageDirectory, value & 0xfffff018, 0);
}

function writeCr4(cpu: Cpu, value: number): void {
  if ((value & ~Cr4.Writable) !== 0) raiseFault(cpu, Vector.GeneralProtection, 0);
  const before = cpu.words[Word.Cr4];
  cpu.words[Word.Cr4] = value;
  if (((before ^ value) & Cr4.Pse) !== 0) cpu.access.flushAll();
}

/** Index word of DRn; DR4 and DR5 are DR6 and DR7 (no debugging extensions). */
function debugWord(number: number): Word {
  return (Word.Dr0 + (number === 4 || number === 5 ? number + 2 : number)) as Word;
}

function checkDebugAccess(cpu: Cpu): void {
  requirePrivilege(cpu);
  if ((cpu.words[Word.Dr0 + 7] & DR7_GENERAL_DETECT) === 0) return;
  cpu.words[Word.Dr0 + 6] |= DR6_BD;
  cpu.words[Word.Dr0 + 7] &= ~DR7_GENERAL_DETECT;
  raiseFault(cpu, Vector.Debug);
}

/** MOV r32, DRn. */
export function readDebugRegister(cpu: Cpu, number: number): number {
  checkDebugAccess(cpu);
  return cpu.words[debugWord(number)];
}

/** MOV DRn, r32. */
export function writeDebugRegister(cpu: Cpu, number: number, value: number): void {
  checkDebugAccess(cpu);
  const word = debugWord(number);
  if (word === Word.Dr0 + 6) cpu.words[word] = (value & 0xe00f) | DR6_FIXED;
  else if (word === Word.Dr0 + 7) cpu.words[word] = (value & 0xffff2bff) | DR7_FIXED;
  else cpu.words[word] = value;
}

/** LMSW: loads PE, MP, EM and TS; cannot clear PE. */
export function lmsw(cpu: Cpu, value: number): void {
  requirePrivilege(cpu);
  const before = cpu.words[Word.Cr0];
  cpu.words[Word.Cr0] = (before & ~0xe) | (value & 0xf);
}

/** SMSW: the low 16 bits of CR0, at any privilege level. */
export function smsw(cpu: Cpu): number {
  return cpu.words[Word.Cr0] & 0xffff;
}

export function clts(cpu: Cpu): void {
  requirePrivilege(cpu);
  cpu.words[Word.Cr0] &= ~Cr0.Ts;
}

/** INVLPG: drops the translation of the page that holds `linear`. */
export function invlpg(cpu: Cpu, linear: number): void {
  requirePrivilege(cpu);
  cpu.access.flushPage(linear);
}

/** INVD and WBINVD. Caches hold no data of their own in this machine, so only the clocks differ. */
export function invd(cpu: Cpu): void {
  requirePrivilege(cpu);
  cpu.timing?.cachesFlushed(false);
}

export function wbinvd(cpu: Cpu): void {
  requirePrivilege(cpu);
  cpu.charge(EventCost.WriteBack);
  cpu.timing?.cachesFlushed(true);
}

/** HLT: the CPU waits for an interrupt. EIP must be that of the next instruction at the boundary that follows. */
export function halt(cpu: Cpu): void {
  requirePrivilege(cpu);
  cpu.words[Word.Halted] = 1;
  cpu.requestAttention();
}

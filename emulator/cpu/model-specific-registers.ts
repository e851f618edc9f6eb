/**
 * RDMSR, WRMSR, RDTSC with the P5's registers (Pentium Processor Family Developer's Manual vol. 3, 16 and appendix A).
 *
 * CESR, CTR0 and CTR1 count what the P5 timing model does (timing/event-counters.ts); without it they only store.
 *
 * NOT IMPLEMENTED: cache and TLB test registers (they store and read back).
 */
import { EventCost } from "../timing/event-costs.ts";
import { Cr4, requirePrivilege } from "./control-registers.ts";
import type { Cpu } from "./cpu.ts";
import { raiseFault } from "./exceptions.ts";
import { Counter, Vector, Word } from "./state.ts";

const enum Msr {
  MachineCheckAddress = 0x00,
  MachineCheckType = 0x01,
  TimeStampCounter = 0x10,
  ControlAndEventSelect = 0x11,
  Counter0 = 0x12,
  Counter1 = 0x13,
}

const TWO_32 = 4294967296;

/** Registers of the P5 that only store: machine check, test registers TR1-TR12, event counters; a bit for each number. */
const STORED = 0x000e7bf7;

/** Index of the two state words of a stored register. */
function storage(number: number): number {
  return Word.Msrs + 2 * number;
}

function isStored(number: number): boolean {
  return number >>> 0 < 32 && ((STORED >>> number) & 1) !== 0;
}

/** The time-stamp counter: core clocks since reset plus what WRMSR made of it. An exact integer modulo 2^53. */
export function timeStamp(cpu: Cpu): number {
  return cpu.counters[Counter.Cycles] + cpu.counters[Counter.TscOffset];
}

function storeTimeStamp(cpu: Cpu): void {
  const value = timeStamp(cpu);
  cpu.words[Word.Eax] = (value % TWO_32) | 0;
  cpu.words[Word.Edx] = Math.floor(value / TWO_32) | 0;
}

/** RDTSC: EDX:EAX; #GP(0) with CR4.TSD outside CPL 0. */
export function rdtsc(cpu: Cpu): void {
  const cpl = cpu.words[Word.Cpl];
  if (cpl !== 0) {
    if ((cpu.words[Word.Cr4] & Cr4.Tsd) !== 0) raiseFault(cpu, Vector.GeneralProtection, 0);
    cpu.charge(EventCost.TimeStampUser);
  }
  if (cpu.watch.events) cpu.watch.clockRead();
  storeTimeStamp(cpu);
}

/** RDMSR: EDX:EAX := register ECX; #GP(0) for one that a P5 does not have. */
export function rdmsr(cpu: Cpu): void {
  requirePrivilege(cpu);
  const number = cpu.words[Word.Ecx];
  if (number === Msr.TimeStampCounter) {
    storeTimeStamp(cpu);
    return;
  }
  if (!isStored(number)) raiseFault(cpu, Vector.GeneralProtection, 0);
  cpu.words[Word.Eax] = cpu.words[storage(number)];
  cpu.words[Word.Edx] = cpu.words[storage(number) + 1];
}

/** WRMSR: register ECX := EDX:EAX. A write of the time-stamp counter keeps 53 bits. */
export function wrmsr(cpu: Cpu): void {
  requirePrivilege(cpu);
  const number = cpu.words[Word.Ecx];
  if (number === Msr.TimeStampCounter) {
    const value = (cpu.words[Word.Edx] & 0x1fffff) * TWO_32 + (cpu.words[Word.Eax] >>> 0);
    cpu.counters[Counter.TscOffset] = value - cpu.counters[Counter.Cycles];
    return;
  }
  if (!isStored(number)) raiseFault(cpu, Vector.GeneralProtection, 0);
  cpu.words[storage(number)] = cpu.words[Word.Eax];
  cpu.words[storage(number) + 1] = cpu.words[Word.Edx];
  if (number === Msr.ControlAndEventSelect && cpu.timing !== undefined) {
    cpu.timing.eventsSelected();
    cpu.access.flushMemos();
  }
}

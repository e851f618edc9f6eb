/** IN, OUT, CLI, STI: what IOPL guards (Intel SDM vol. 1, 19.5). */
import { EventKind } from "../event-log.ts";
import { Cause } from "../timing/cycle-causes.ts";
import { EventCost } from "../timing/event-costs.ts";
import { PerformanceEvent } from "../timing/event-counters.ts";
import type { Cpu } from "./cpu.ts";
import { raiseFault } from "./exceptions.ts";
import { Flag, Vector, Word } from "./state.ts";
import { portPermitted } from "./task-state-segment.ts";

/** I/O privilege level. */
export function ioPrivilegeLevel(cpu: Cpu): number {
  return (cpu.words[Word.SystemFlags] & Flag.Iopl) >>> 12;
}

/** Clocks of IN and OUT beyond those with CPL <= IOPL in protected mode: in real mode, or for reading the permission bitmap. */
export function portModeClocks(cpu: Cpu): number {
  if ((cpu.words[Word.Cr0] & 1) === 0) return EventCost.PortRealMode;
  return cpu.words[Word.Cpl] <= ioPrivilegeLevel(cpu) ? 0 : EventCost.PortPermission;
}

/** Raises #GP(0) unless CPL <= IOPL or the TSS's bitmap permits all `bytes` ports. INS and OUTS call it before they touch memory. */
function checkPortAccess(cpu: Cpu, port: number, bytes: number): void {
  if ((cpu.words[Word.Cr0] & 1) === 0 || cpu.words[Word.Cpl] <= ioPrivilegeLevel(cpu)) return;
  if (!portPermitted(cpu, port & 0xffff, bytes)) raiseFault(cpu, Vector.GeneralProtection, 0);
}

/** IN: permission check, bus clocks, the device's answer (unsigned). */
export function portRead(cpu: Cpu, port: number, bytes: number): number {
  checkPortAccess(cpu, port, bytes);
  chargeBus(cpu);
  return cpu.ports.read(port & 0xffff, bytes);
}

/** OUT: permission check, bus clocks, the device's reaction. */
export function portWrite(cpu: Cpu, port: number, bytes: number, value: number): void {
  checkPortAccess(cpu, port, bytes);
  chargeBus(cpu);
  cpu.eventLog.record(EventKind.PortWrite, port & 0xffff, value);
  cpu.ports.write(port & 0xffff, bytes, value);
}

function chargeBus(cpu: Cpu): void {
  cpu.charge(cpu.timing?.portAccess ?? EventCost.PortAccess, Cause.InputOutput);
  cpu.timing?.happened(PerformanceEvent.InputOutput);
}

function checkInterruptFlagAccess(cpu: Cpu): void {
  if ((cpu.words[Word.Cr0] & 1) !== 0 && cpu.words[Word.Cpl] > ioPrivilegeLevel(cpu))
    raiseFault(cpu, Vector.GeneralProtection, 0);
}

export function cli(cpu: Cpu): void {
  checkInterruptFlagAccess(cpu);
  cpu.words[Word.SystemFlags] &= ~Flag.If;
}

/** STI: interrupts stay off until the instruction after it has retired. */
export function sti(cpu: Cpu): void {
  checkInterruptFlagAccess(cpu);
  if ((cpu.words[Word.SystemFlags] & Flag.If) !== 0) return;
  cpu.words[Word.SystemFlags] |= Flag.If;
  holdInterruptsOff(cpu);
}

/** After STI, MOV SS and POP SS: no interrupt and no single-step trap is taken before the next instruction has retired. */
export function holdInterruptsOff(cpu: Cpu): void {
  cpu.words[Word.InterruptShadow] = 1;
  cpu.requestAttention();
}

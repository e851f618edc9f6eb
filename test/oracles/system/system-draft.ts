/** A system case under construction, and the names that the groups of system-generator.ts share. */
import { bytesOf } from "../case-builder.ts";
import type { Random } from "../random.ts";
import { CODE, DATA, STACK_TOP } from "../stage.ts";
import type { Patch } from "../test-driver.ts";
import type { SystemCase } from "./system-case.ts";
import { KERNEL_CODE, KERNEL_DATA, Offset, SYSTEM_CR0, WINDOW } from "./system-stage.ts";

export interface SystemVector {
  readonly test: SystemCase;
  /** Registers whose bits below are undefined after the case. */
  readonly undefinedRegisters: number;
  readonly undefinedBits: number;
}

export const EIP = CODE + 0x800;

export const KERNEL_ESP = WINDOW + Offset.KernelStack + 0x800;

export const GDT = WINDOW + Offset.Gdt;

export const IDT = WINDOW + Offset.Idt;

export const TSS = WINDOW + Offset.Tss;

export const LDT = WINDOW + Offset.Ldt;

export const INTERRUPT_ENABLE = 0x200;

export const IO_PRIVILEGE = 0x3000;

export const CR0_TASK_SWITCHED = 8;

export const CR0_EMULATION = 4;

export const CR0_MONITOR = 2;

export const CR0_WRITE_PROTECT = 0x1_0000;

export const CR4_TIME_STAMP_DISABLE = 4;

export const CR4_LARGE_PAGES = 0x10;

/** A case under construction. */
export class Draft {
  readonly random: Random;
  registers = [
    0xa0a1_a2a3,
    0xc0c1_c2c3,
    0xd0d1_d2d3,
    DATA + 0x400,
    STACK_TOP,
    0xe0e1_e2e3,
    DATA + 0x900,
    DATA + 0x1400,
  ];
  segments = [0x2b, 0x23, 0x2b, 0x2b, 0x2b, 0x2b];
  eflags = 0x202;
  cr0 = SYSTEM_CR0;
  cr4 = 0;
  eip = EIP;
  code: number[] = [];
  readonly patches: Patch[] = [];
  undefinedRegisters = 0;
  undefinedBits = 0xffff_ffff;

  constructor(random: Random) {
    this.random = random;
    for (const flag of [0x1, 0x4, 0x10, 0x40, 0x80, 0x800]) if (random.chance(0.5)) this.eflags |= flag;
  }

  /** Runs the case at level 0. */
  supervisor(): this {
    this.segments = [KERNEL_DATA, KERNEL_CODE, KERNEL_DATA, KERNEL_DATA, KERNEL_DATA, KERNEL_DATA];
    this.registers[4] = KERNEL_ESP;
    if (this.random.chance(0.5)) this.eflags &= ~INTERRUPT_ENABLE;
    return this;
  }

  /** Runs it at level 0 or at level 3. */
  eitherLevel(): this {
    return this.random.chance(0.5) ? this.supervisor() : this;
  }

  get level(): number {
    return (this.segments[1] as number) & 3;
  }

  patch(address: number, bytes: readonly number[] | Uint8Array): void {
    this.patches.push({ address: address >>> 0, bytes: Uint8Array.from(bytes) });
  }

  patch32(address: number, ...values: number[]): void {
    this.patch(
      address,
      values.flatMap((value) => bytesOf(value, 4)),
    );
  }

  finish(): SystemVector {
    const test: SystemCase = {
      registers: this.registers.map((value) => value >>> 0),
      segments: this.segments,
      eflags: this.eflags >>> 0,
      eip: this.eip,
      cr0: this.cr0 >>> 0,
      cr4: this.cr4,
      codeBytes: this.code.length,
      instructions: 1,
      patches: [...this.patches, { address: EIP, bytes: Uint8Array.from(this.code) }],
    };
    return { test, undefinedRegisters: this.undefinedRegisters, undefinedBits: this.undefinedBits };
  }
}

/** ModR/M of a memory operand in the data page: absolute, [EBX + disp8], or [ESI + disp32]. */
export function memory(draft: Draft, reg: number): number[] {
  const { random } = draft;
  const kind = random.below(3);
  if (kind === 0) return [(reg << 3) | 5, ...bytesOf(DATA + random.below(0x1ff0), 4)];
  if (kind === 1) return [0x43 | (reg << 3), random.below(128)];
  return [0x86 | (reg << 3), ...bytesOf(random.below(0x400), 4)];
}

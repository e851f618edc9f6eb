import { GUEST_FAULT } from "../../../emulator/cpu/exceptions.ts";
import { farReturn } from "../../../emulator/cpu/far-transfer.ts";
import { enterFlatProtectedMode, loadSegment } from "../../../emulator/cpu/segmentation.ts";
import { SegmentRegister, SegmentWord, Word } from "../../../emulator/cpu/state.ts";
import { ltr } from "../../../emulator/cpu/task-state-segment.ts";
import { createMachine, type Machine } from "../../../emulator/machine.ts";

export const GDT = 0x1000;
export const IDT = 0x2000;
export const TSS = 0x3000;
export const LDT = 0x4000;
export const USER_STACK = 0x8000;
export const KERNEL_STACK = 0x9000;
export const RING1_STACK = 0xa000;
export const HANDLERS = 0x20000;

/** Selectors of the descriptors that every bench has; tests add their own from FIRST_FREE. */
export const CODE0 = 0x08;
export const DATA0 = 0x10;
export const CODE3 = 0x1b;
export const DATA3 = 0x23;
export const TSS_SELECTOR = 0x28;
export const CODE1 = 0x31;
export const DATA1 = 0x39;
export const CONFORMING0 = 0x40;
export const FIRST_FREE = 0x48;

/** Access bytes. */
export const PRESENT = 0x80;
export const DATA_WRITABLE = 0x12;
export const DATA_READ_ONLY = 0x10;
export const DATA_EXPAND_DOWN = 0x16;
export const CODE_READABLE = 0x1a;
export const CODE_EXECUTE_ONLY = 0x18;
export const CODE_CONFORMING = 0x1e;
export const INTERRUPT_GATE = 0x0e;
export const TRAP_GATE = 0x0f;
export const CALL_GATE = 0x0c;

export function dpl(level: number): number {
  return level << 5;
}

export interface Fault {
  vector: number;
  errorCode: number;
}

/** A machine in protected mode with a GDT, an empty IDT and a loaded TSS; tests call the CPU's system functions directly. */
export class SystemBench {
  readonly machine: Machine;
  readonly cpu: Machine["cpu"];
  readonly memory: Machine["memory"];

  constructor(timing: "simple" | "p5" = "simple") {
    this.machine = createMachine({ memoryBytes: 1 << 20, timing });
    this.cpu = this.machine.cpu;
    this.memory = this.machine.memory;
    enterFlatProtectedMode(this.cpu, 0x1000, KERNEL_STACK);
    this.cpu.words[Word.GdtrBase] = GDT;
    this.cpu.words[Word.GdtrLimit] = 0x7f;
    this.cpu.words[Word.IdtrBase] = IDT;
    this.cpu.words[Word.IdtrLimit] = 0x3ff;
    this.descriptor(CODE0, 0, 0xfffff, PRESENT | CODE_READABLE, 0xc);
    this.descriptor(DATA0, 0, 0xfffff, PRESENT | DATA_WRITABLE, 0xc);
    this.descriptor(CODE3, 0, 0xfffff, PRESENT | CODE_READABLE | dpl(3), 0xc);
    this.descriptor(DATA3, 0, 0xfffff, PRESENT | DATA_WRITABLE | dpl(3), 0xc);
    this.descriptor(CODE1, 0, 0xfffff, PRESENT | CODE_READABLE | dpl(1), 0xc);
    this.descriptor(DATA1, 0, 0xfffff, PRESENT | DATA_WRITABLE | dpl(1), 0xc);
    this.descriptor(CONFORMING0, 0, 0xfffff, PRESENT | CODE_CONFORMING, 0xc);
    this.descriptor(TSS_SELECTOR, TSS, 0x67, PRESENT | 0x09, 0);
    this.memory.write32(TSS + 4, KERNEL_STACK);
    this.memory.write32(TSS + 8, DATA0);
    this.memory.write32(TSS + 12, RING1_STACK);
    this.memory.write32(TSS + 16, DATA1);
    ltr(this.cpu, TSS_SELECTOR);
    for (const segment of [SegmentRegister.Ds, SegmentRegister.Es, SegmentRegister.Ss])
      loadSegment(this.cpu, segment, DATA0);
  }

  /** Writes a descriptor of the GDT, or of the LDT when the selector says so; `flags` is the nibble G D 0 AVL. */
  descriptor(selector: number, base: number, limit: number, access: number, flags: number): void {
    const address = ((selector & 4) !== 0 ? LDT : GDT) + (selector & 0xfff8);
    this.memory.write32(address, (base << 16) | (limit & 0xffff));
    const high = ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000);
    this.memory.write32(address + 4, high);
  }

  /** Writes a gate at an address: of the IDT (`IDT + 8 * vector`) or a call gate in the GDT. */
  gate(address: number, selector: number, offset: number, access: number, parameters = 0): void {
    this.memory.write32(address, (selector << 16) | (offset & 0xffff));
    this.memory.write32(address + 4, (offset & 0xffff0000) | (access << 8) | parameters);
  }

  interruptGate(vector: number, access = PRESENT | INTERRUPT_GATE, selector = CODE0): void {
    this.gate(IDT + 8 * vector, selector, HANDLERS + 16 * vector, access);
  }

  /** Goes to an outer level by a far return. */
  enterLevel(level: number): void {
    if (level === 0) return;
    const [code, data, stack] = level === 3 ? [CODE3, DATA3, USER_STACK] : [CODE1, DATA1, RING1_STACK];
    this.cpu.setRegister(4, KERNEL_STACK - 16);
    [0x1000, code, stack, data].forEach((value, i) => {
      this.memory.write32(KERNEL_STACK - 16 + 4 * i, value as number);
    });
    farReturn(this.cpu, 4, 0);
    for (const segment of [SegmentRegister.Ds, SegmentRegister.Es]) loadSegment(this.cpu, segment, data as number);
  }

  faultOf(action: () => void): Fault | undefined {
    try {
      action();
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      return {
        vector: this.cpu.words[Word.FaultVector] as number,
        errorCode: this.cpu.words[Word.FaultErrorCode] as number,
      };
    }
    return undefined;
  }

  selector(segment: SegmentRegister): number {
    return this.cpu.words[Word.Segments + 4 * segment + SegmentWord.Selector] as number;
  }

  /** `count` dwords from the stack pointer up. */
  stack(count: number): number[] {
    const pointer = this.cpu.register(4);
    return Array.from({ length: count }, (_, i) => this.memory.read32(pointer + 4 * i) >>> 0);
  }

  /** Clocks that an action charges. */
  clocks(action: () => void): number {
    const before = this.cpu.cycles;
    action();
    return this.cpu.cycles - before;
  }
}

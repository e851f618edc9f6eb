/**
 * The emulator as a player on the stage: paging on, privilege level 3, the stage's pages at physical addresses of their
 * own, and a supervisor window with descriptor tables, TSS and one handler per vector. A case ends when the processor
 * has delivered an exception through the IDT; the outcome is read from the frame that it pushed.
 */

import { lldt } from "../../emulator/cpu/descriptor-tables.ts";
import { writeEflags } from "../../emulator/cpu/flags.ts";
import {
  createMachine,
  loadPageDirectory,
  ltr,
  type Machine,
  SegmentRegister,
  setSegmentFromDescriptor,
  Word,
} from "../../emulator/index.ts";
import { Layout } from "../../emulator/memory/layout.ts";
import { segmentBase } from "./case-builder.ts";
import { PAGE_FAULT_VECTOR, pushesErrorCode } from "./exceptions.ts";
import { findChanges } from "./memory-changes.ts";
import {
  CODE_FILL,
  encodeDescriptor,
  LOCAL_DESCRIPTORS,
  PAGE_BYTES,
  STAGE_BACKGROUND,
  STAGE_PAGES,
  type StagePage,
} from "./stage.ts";
import type { Outcome, Patch, TestCase, TestDriver } from "./test-driver.ts";

/** Physical addresses of what the supervisor owns; its window maps physical 0 and up at this linear address. */
const WINDOW = 0xc000_0000;
const PAGE_DIRECTORY = 0x1000;
const LOW_TABLE = 0x2000;
const HIGH_TABLE = 0x3000;
const WINDOW_TABLE = 0x4000;
const GDT = 0x8000;
const IDT = 0x9000;
const TSS = 0xa000;
const LDT = 0xb000;
const KERNEL_STACK_TOP = 0xd000;
const HANDLERS = 0xe000;
const HANDLER_BYTES = 8;
/** Stage page i is here; every other page stays out of the way, so that adjacent linear pages are not adjacent. */
const STAGE_PHYSICAL = 0x2_0000;
const STAGE_STRIDE = 0x2000;
const MEMORY_BYTES = 0x10_0000;

/** Sixteen descriptors, as many as Linux has; these are present. */
const GDT_LIMIT = 16 * 8 - 1;
const KERNEL_CODE = 0x10;
const KERNEL_DATA = 0x18;
const TSS_SELECTOR = 0x40;
const LDT_SELECTOR = 0x50;
const GLOBAL_DESCRIPTORS: readonly { selector: number; access: number }[] = [
  { selector: 0x08, access: 0x9b },
  { selector: KERNEL_CODE, access: 0x9b },
  { selector: KERNEL_DATA, access: 0x93 },
  { selector: 0x20, access: 0xfb },
  { selector: 0x28, access: 0xf3 },
];

const PRESENT_WRITABLE_USER = 7;
const PRESENT_USER = 5;
const PRESENT_WRITABLE = 3;
const HLT = 0xf4;
/** PE, MP, ET, NE, WP, AM, PG. */
const CR0 = 0x8005_0033 | 0;
const BREAKPOINT = 3;
/** Instructions, or clocks per instruction, after which a case counts as endless. */
const CLOCKS_PER_INSTRUCTION = 1000;

function physicalOf(page: number): number {
  return STAGE_PHYSICAL + page * STAGE_STRIDE;
}

/** Ways of running that must not show. */
export interface EmulatorOptions {
  readonly timing?: "simple" | "p5";
  /** Attach observers of instructions and of memory. */
  readonly watched?: boolean;
  /** Run in slices of so many cycles. */
  readonly sliceCycles?: number;
}

export class EmulatorDriver implements TestDriver {
  readonly name = "emulator";
  readonly machine: Machine;
  /** The stage's pages as the emulator holds them. */
  private readonly views: readonly Uint8Array[];

  private readonly sliceCycles: number;
  /** Calls of the observers, when there are any. */
  observed = 0;

  constructor(options: EmulatorOptions = {}) {
    this.machine = createMachine({ memoryBytes: MEMORY_BYTES, timing: options.timing ?? "simple" });
    this.sliceCycles = options.sliceCycles ?? Number.POSITIVE_INFINITY;
    if (options.watched === true) {
      const note = (): void => {
        this.observed++;
      };
      this.machine.observe({ beforeInstruction: note, afterInstruction: note, memoryRead: note, memoryWrite: note });
    }
    this.views = STAGE_PAGES.map((_, i) => {
      const from = Layout.GuestRam + physicalOf(i);
      return this.machine.linear.bytes.subarray(from, from + PAGE_BYTES);
    });
    this.writeTables();
    this.loadTables();
    STAGE_PAGES.forEach((_, i) => {
      this.machine.memory.writeBytes(physicalOf(i), STAGE_BACKGROUND[i] as Uint8Array);
    });
  }

  run(cases: readonly TestCase[]): (Outcome | undefined)[] {
    return cases.map((test) => this.runOne(test));
  }

  close(): void {
    // Nothing outside memory.
  }

  private writeTables(): void {
    const { memory } = this.machine;
    for (let page = 0; page < MEMORY_BYTES / PAGE_BYTES; page++) {
      memory.write32(WINDOW_TABLE + page * 4, (page * PAGE_BYTES) | PRESENT_WRITABLE);
    }
    memory.write32(PAGE_DIRECTORY + (WINDOW >>> 22) * 4, WINDOW_TABLE | PRESENT_WRITABLE);
    memory.write32(PAGE_DIRECTORY, LOW_TABLE | PRESENT_WRITABLE_USER);
    memory.write32(PAGE_DIRECTORY + 4, HIGH_TABLE | PRESENT_WRITABLE_USER);
    STAGE_PAGES.forEach((page, i) => {
      const table = page.address < 0x40_0000 ? LOW_TABLE : HIGH_TABLE;
      const entry = table + ((page.address >>> 12) & 0x3ff) * 4;
      memory.write32(entry, physicalOf(i) | (page.writable ? PRESENT_WRITABLE_USER : PRESENT_USER));
    });
    for (const { selector, access } of GLOBAL_DESCRIPTORS) {
      memory.writeBytes(GDT + selector, encodeDescriptor({ base: 0, limit: 0xffff_ffff, access, big: true }, true));
    }
    const system = (selector: number, base: number, limit: number, access: number): void => {
      memory.writeBytes(GDT + selector, encodeDescriptor({ base, limit, access, big: false }));
    };
    system(TSS_SELECTOR, WINDOW + TSS, 0x67, 0x89);
    system(LDT_SELECTOR, WINDOW + LDT, 11 * 8 - 1, 0x82);
    for (const descriptor of LOCAL_DESCRIPTORS) {
      memory.writeBytes(LDT + (descriptor.selector & ~7), encodeDescriptor(descriptor));
    }
    memory.write32(TSS + 4, WINDOW + KERNEL_STACK_TOP);
    memory.write32(TSS + 8, KERNEL_DATA);
    memory.write16(TSS + 0x66, 0x68); // no I/O permission bitmap
    for (let vector = 0; vector < 256; vector++) {
      const handler = WINDOW + HANDLERS + vector * HANDLER_BYTES;
      const level = vector === BREAKPOINT || vector === 4 ? 3 : 0;
      memory.write32(IDT + vector * 8, (KERNEL_CODE << 16) | (handler & 0xffff));
      memory.write32(IDT + vector * 8 + 4, (handler & 0xffff_0000) | 0x8e00 | (level << 13));
      memory.write8(HANDLERS + vector * HANDLER_BYTES, HLT);
    }
  }

  private loadTables(): void {
    const { cpu } = this.machine;
    const { words } = cpu;
    words[Word.GdtrBase] = WINDOW + GDT;
    words[Word.GdtrLimit] = GDT_LIMIT;
    words[Word.IdtrBase] = WINDOW + IDT;
    words[Word.IdtrLimit] = 256 * 8 - 1;
    words[Word.Cr0] = CR0;
    loadPageDirectory(cpu, PAGE_DIRECTORY);
    cpu.stateReplaced();
    this.loadSegment(SegmentRegister.Cs, KERNEL_CODE);
    this.loadSegment(SegmentRegister.Ss, KERNEL_DATA);
    ltr(cpu, TSS_SELECTOR);
    lldt(cpu, LDT_SELECTOR);
  }

  /** Loads a segment register from its descriptor without any check, as a return to user code would find it. */
  private loadSegment(register: SegmentRegister, selector: number): void {
    const { memory, cpu } = this.machine;
    const table = (selector & 4) !== 0 ? LDT : GDT;
    const low = memory.read32(table + (selector & ~7)) | 0;
    const high = memory.read32(table + (selector & ~7) + 4) | 0;
    if ((selector & ~3) === 0) setSegmentFromDescriptor(cpu, register, selector, 0, 0);
    else setSegmentFromDescriptor(cpu, register, selector, low, high);
  }

  private setState(test: TestCase): void {
    const { cpu } = this.machine;
    const { words } = cpu;
    test.registers.forEach((value, i) => {
      words[i] = value;
    });
    words[Word.Eip] = test.eip;
    writeEflags(words, test.eflags);
    words[Word.Halted] = 0;
    words[Word.InterruptShadow] = 0;
    words[Word.Shutdown] = 0;
    words[Word.Cr2] = 0;
    test.segments.forEach((selector, i) => {
      this.loadSegment(i as SegmentRegister, selector);
    });
    cpu.setCpl(3);
    cpu.requestAttention();
  }

  private runOne(test: TestCase): Outcome | undefined {
    const before = this.applyPatches(test.patches);
    this.setState(test);
    const { machine } = this;
    const limit = machine.cycles + (test.instructions + 100) * CLOCKS_PER_INSTRUCTION;
    let stop = machine.run({ cycle: Math.min(limit, machine.cycles + this.sliceCycles) });
    while (stop.kind === "cycle" && machine.cycles < limit) {
      stop = machine.run({ cycle: Math.min(limit, machine.cycles + this.sliceCycles) });
    }
    const changes: Patch[] = [];
    this.views.forEach((now, i) => {
      findChanges((STAGE_PAGES[i] as StagePage).address, before[i] as Uint8Array, now, changes);
    });
    this.restore(test.patches);
    this.restore(changes);
    return stop.kind === "halted" ? this.readFrame(test, changes) : undefined;
  }

  /** Calls for each part of a run of bytes that lies in a writable page of the stage. */
  private eachPart(patch: Patch, part: (page: number, offset: number, bytes: Uint8Array) => void): void {
    STAGE_PAGES.forEach((page, i) => {
      const from = Math.max(patch.address, page.address);
      const to = Math.min(patch.address + patch.bytes.length, page.address + PAGE_BYTES);
      if (page.writable && from < to)
        part(i, from - page.address, patch.bytes.subarray(from - patch.address, to - patch.address));
    });
  }

  /** Puts the background back where these bytes are. */
  private restore(patches: readonly Patch[]): void {
    for (const patch of patches) {
      this.eachPart(patch, (page, offset, bytes) => {
        const background = (STAGE_BACKGROUND[page] as Uint8Array).subarray(offset, offset + bytes.length);
        this.machine.memory.writeBytes(physicalOf(page) + offset, background);
      });
    }
  }

  /** Writes the patches; returns what each page holds then. */
  private applyPatches(patches: readonly Patch[]): Uint8Array[] {
    const before = [...STAGE_BACKGROUND];
    for (const patch of patches) {
      this.eachPart(patch, (page, offset, bytes) => {
        if (before[page] === STAGE_BACKGROUND[page])
          before[page] = Uint8Array.from(STAGE_BACKGROUND[page] as Uint8Array);
        before[page]?.set(bytes, offset);
        this.machine.memory.writeBytes(physicalOf(page) + offset, bytes);
      });
    }
    return before;
  }

  /** The state that the processor saved: registers it did not touch, and the frame on the kernel stack. */
  private readFrame(test: TestCase, changes: Patch[]): Outcome | undefined {
    const { cpu, memory } = this.machine;
    const handler = cpu.eip - 1 - WINDOW - HANDLERS;
    const vector = handler / HANDLER_BYTES;
    let frame = cpu.register(4) - WINDOW;
    let errorCode = 0;
    if (pushesErrorCode(vector)) {
      errorCode = memory.read32(frame) >>> 0;
      frame += 4;
    }
    const [eip, cs, eflags, esp, ss] = [0, 4, 8, 12, 16].map((offset) => memory.read32(frame + offset) >>> 0) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const registers = Array.from({ length: 8 }, (_, i) => (i === 4 ? esp : cpu.register(i)));
    const selector = (register: SegmentRegister): number => cpu.words[Word.Segments + 4 * register] as number;
    const segments = [
      selector(SegmentRegister.Es),
      cs & 0xffff,
      ss & 0xffff,
      selector(SegmentRegister.Ds),
      selector(SegmentRegister.Fs),
      selector(SegmentRegister.Gs),
    ];
    const state = { registers, eflags, segments, changes };
    if (vector === BREAKPOINT && this.isFill(test, segmentBase(cs & 0xffff) + eip - 1)) {
      return { ...state, eip: eip - 1, fault: undefined };
    }
    const linearAddress = vector === PAGE_FAULT_VECTOR ? (cpu.words[Word.Cr2] as number) >>> 0 : 0;
    return { ...state, eip, fault: { vector, errorCode, linearAddress } };
  }

  /** An INT3 of the page fill, not of the case's own code, ended the case. */
  private isFill(test: TestCase, linear: number): boolean {
    const begin = segmentBase(test.segments[1] as number) + test.eip;
    for (const patch of test.patches) {
      const byte = patch.bytes[linear - patch.address];
      if (byte !== undefined) return byte === CODE_FILL && (linear < begin || linear >= begin + test.codeBytes);
    }
    return true;
  }
}

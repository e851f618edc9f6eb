/**
 * The guests as a debugger shows them: L4 threads with names, address spaces as processes, registers wherever they are
 * (in the CPU or in a trap frame), memory through each space's page tables, symbols of each space's program.
 *
 * One more thread stands for the kernel: process 1, thread 1, the CPU's own registers, linear memory with the
 * kernel's rights.
 */
import {
  type EventListener,
  Flag,
  type Machine,
  SegmentRegister,
  SegmentWord,
  segmentIndex,
  Word,
  x87Image,
} from "../../emulator/index.ts";
import type { ElfFile } from "../../emulator/loader/elf.ts";
import type { Kernel, ThreadDescription, UserRegister } from "../../kernel/index.ts";
import { type FrameTable, readFrameTable } from "../symbols/dwarf-frame.ts";
import { type LineTable, readLineTable } from "../symbols/dwarf-line.ts";
import { SymbolTable } from "../symbols/symbol-table.ts";
import { walkPages } from "./page-walk.ts";

export const KERNEL_PROCESS = 1;
export const KERNEL_THREAD = 1;
/** Processes are space indices from here on. */
const FIRST_SPACE_PROCESS = 2;
/** Thread numbers below are the kernel's interrupt and internal threads (ABI: KIP ThreadInfo.UserBase). */
const FIRST_USER_THREAD = 48;

/** A program that some space runs. */
export class GuestProgram {
  readonly symbols: SymbolTable;
  readonly lines: LineTable;
  readonly frames: FrameTable;

  constructor(
    /** Name for people and for `openFile`, for example "replica-1". */
    readonly name: string,
    readonly elf: ElfFile,
    readonly file: Uint8Array,
  ) {
    this.symbols = new SymbolTable(elf);
    this.lines = readLineTable(elf);
    this.frames = readFrameTable(elf);
  }
}

export interface GuestThread {
  /** The L4 thread number; KERNEL_THREAD for the kernel. */
  readonly id: number;
  readonly process: number;
  readonly name: string;
  /** Undefined for the kernel. */
  readonly description: ThreadDescription | undefined;
}

const GENERAL: Readonly<Record<string, number>> = {
  eax: Word.Eax,
  ecx: Word.Ecx,
  edx: Word.Edx,
  ebx: Word.Ebx,
  esp: Word.Esp,
  ebp: Word.Ebp,
  esi: Word.Esi,
  edi: Word.Edi,
  eip: Word.Eip,
};

const SEGMENTS: Readonly<Record<string, SegmentRegister>> = {
  es: SegmentRegister.Es,
  cs: SegmentRegister.Cs,
  ss: SegmentRegister.Ss,
  ds: SegmentRegister.Ds,
  fs: SegmentRegister.Fs,
  gs: SegmentRegister.Gs,
  ldtr: SegmentRegister.Ldtr,
  tr: SegmentRegister.Tr,
};

const SYSTEM: Readonly<Record<string, number>> = {
  cr0: Word.Cr0,
  cr2: Word.Cr2,
  cr3: Word.Cr3,
  cr4: Word.Cr4,
  dr0: Word.Dr0,
  dr1: Word.Dr0 + 1,
  dr2: Word.Dr0 + 2,
  dr3: Word.Dr0 + 3,
  dr6: Word.Dr0 + 6,
  dr7: Word.Dr0 + 7,
  gdtr_base: Word.GdtrBase,
  gdtr_limit: Word.GdtrLimit,
  idtr_base: Word.IdtrBase,
  idtr_limit: Word.IdtrLimit,
  cpl: Word.Cpl,
};

/** Flags that a debugger may not change in a user thread: they would give it ports or stop its interrupts. */
const PROTECTED_FLAGS = Flag.Iopl | Flag.If | Flag.Nt | Flag.Vm;

export class GuestView {
  private readonly listeners = new Set<EventListener>();

  constructor(
    readonly machine: Machine,
    readonly kernel: Kernel,
    /** Programs by the number of the thread that a space's first thread has. */
    private readonly programs: ReadonlyMap<number, GuestProgram>,
  ) {
    machine.eventLog.listener = (cycle, kind, a, b) => {
      for (const listener of this.listeners) listener(cycle, kind, a, b);
    };
  }

  /** Hears of everything that enters the machine's event log; returns the function that ends it. */
  onEvent(listener: EventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get programList(): readonly GuestProgram[] {
    return [...this.programs.values()];
  }

  /** The kernel first, then every thread that has a space, by number. */
  threads(): readonly GuestThread[] {
    const described = this.kernel
      .threads()
      .filter(({ threadNo, space }) => threadNo >= FIRST_USER_THREAD && space >= 0);
    return [KERNEL, ...described.map((description) => this.fromDescription(description, described))];
  }

  thread(id: number): GuestThread | undefined {
    if (id === KERNEL_THREAD) return KERNEL;
    return this.threads().find((thread) => thread.id === id);
  }

  threadByName(name: string): GuestThread | undefined {
    return this.threads().find((thread) => thread.name === name || String(thread.id) === name);
  }

  /** Number of the thread whose user code the CPU is executing; 0 in the kernel and when idle. Cheap. */
  userThread(): number {
    const { words } = this.machine.cpu;
    if (words[Word.Cpl] !== 3) return 0;
    const current = this.kernel.currentThread();
    return current === undefined ? 0 : current >>> 14;
  }

  /** The thread that the CPU is executing: the kernel when it is none of the users'. */
  current(): GuestThread {
    return this.thread(this.userThread()) ?? KERNEL;
  }

  program(process: number): GuestProgram | undefined {
    const space = process - FIRST_SPACE_PROCESS;
    for (const [threadNumber, program] of this.programs) {
      if (this.kernel.thread(threadNumber)?.space === space) return program;
    }
    return undefined;
  }

  /** "aes_round_keys+16" or undefined. */
  symbolAt(process: number, address: number): string | undefined {
    return this.program(process)?.symbols.format(address);
  }

  /** Physical address, or undefined when it is not mapped. */
  translate(process: number, address: number): number | undefined {
    const { machine } = this;
    if (process === KERNEL_PROCESS && ((machine.cpu.words[Word.Cr0] ?? 0) & 0x80000000) === 0) {
      return machine.memory.isRam(address) ? address >>> 0 : undefined;
    }
    const directory = this.pageDirectory(process);
    if (directory === 0) return undefined;
    const physical = walkPages(machine.memory, directory, address >>> 0).mapping?.physical;
    return physical !== undefined && machine.memory.isRam(physical) ? physical : undefined;
  }

  /** Physical address of a process's page directory, 0 when the process is gone. */
  pageDirectory(process: number): number {
    if (process === KERNEL_PROCESS) return (this.machine.cpu.words[Word.Cr3] ?? 0) >>> 0;
    const space = process - FIRST_SPACE_PROCESS;
    for (const number of this.programs.keys()) {
      const thread = this.kernel.thread(number);
      if (thread?.space === space) return thread.pageDirectory;
    }
    return this.kernel.threads().find((thread) => thread.space === space)?.pageDirectory ?? 0;
  }

  /** The readable bytes from `address` on, at most `length`; undefined when not even the first one is. */
  readMemory(process: number, address: number, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const linear = address + done;
      const physical = linear > 0xffffffff ? undefined : this.translate(process, linear);
      if (physical === undefined) break;
      const count = Math.min(length - done, 0x1000 - (linear & 0xfff));
      bytes.set(this.machine.memory.readBytes(physical, count), done);
      done += count;
    }
    return done === 0 && length > 0 ? undefined : bytes.subarray(0, done);
  }

  /** Little-endian word of 1, 2 or 4 bytes. */
  readWord(process: number, address: number, bytes = 4): number | undefined {
    const data = this.readMemory(process, address, bytes);
    if (data === undefined || data.length < bytes) return undefined;
    return data.reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** All or nothing, whatever the page's rights: a debugger's write is not the guest's. */
  writeMemory(process: number, address: number, bytes: Uint8Array): boolean {
    const places: number[] = [];
    for (let index = 0; index < bytes.length; index++) {
      const linear = address + index;
      const physical = linear > 0xffffffff ? undefined : this.translate(process, linear);
      if (physical === undefined) return false;
      places.push(physical);
    }
    for (const [index, physical] of places.entries()) this.machine.memory.write8(physical, bytes[index] ?? 0);
    return true;
  }

  /** Value of a register by its gdb name; undefined when the thread has none such at the moment. */
  register(thread: number, name: string): number | undefined {
    const { cpu } = this.machine;
    const words = cpu.words;
    if (name === "cycle") return this.machine.cycles;
    if (name === "instruction") return this.machine.instructions;
    const onCpu = thread === KERNEL_THREAD || thread === this.userThread();
    if (onCpu) {
      if (name === "eflags") return cpu.eflags >>> 0;
      const word = GENERAL[name] ?? SYSTEM[name];
      if (word !== undefined) return (words[word] ?? 0) >>> 0;
      const segment = SEGMENTS[name];
      return segment === undefined ? undefined : words[segmentIndex(segment) + SegmentWord.Selector];
    }
    return this.savedRegister(thread, name);
  }

  /** A thread's x87 state as FNSAVE writes it, the unit's own for the kernel; undefined when the thread has never used it. */
  x87Image(thread: number): Uint8Array | undefined {
    return thread === KERNEL_THREAD ? x87Image(this.machine.cpu) : this.kernel.x87Image(thread);
  }

  /** From the trap frame of a thread that is not on the CPU; its IRET part is EIP, CS, EFLAGS, ESP, SS (SDM vol. 3, 6.12). */
  private savedRegister(thread: number, name: string): number | undefined {
    const saved = (register: UserRegister, offset = 0): number | undefined => {
      const location = this.kernel.registerLocation(thread, register);
      return location?.where === "memory" ? this.machine.memory.read32(location.physical + offset) >>> 0 : undefined;
    };
    switch (name) {
      case "cs":
        return saved("eip", 4);
      // The kernel gives every user thread its flat data segment back in all of them.
      case "ss":
      case "ds":
      case "es":
      case "fs":
        return saved("esp", 4);
      case "cpl":
        return (saved("eip", 4) ?? 0) & 3;
      case "cr3":
        return this.kernel.thread(thread)?.pageDirectory;
      default:
        if (name in GENERAL || name === "eflags") return saved(name as UserRegister);
        return name in SYSTEM && !name.startsWith("cr2")
          ? (this.machine.cpu.words[SYSTEM[name] ?? 0] ?? 0) >>> 0
          : undefined;
    }
  }

  /** False when the register can't be written: only general registers, EIP and EFLAGS can. */
  setRegister(thread: number, name: string, value: number): boolean {
    const { cpu } = this.machine;
    const known = name in GENERAL || name === "eflags";
    const old = this.register(thread, name);
    if (!known || old === undefined) return false;
    const wanted = name === "eflags" ? ((value & ~PROTECTED_FLAGS) | (old & PROTECTED_FLAGS)) >>> 0 : value >>> 0;
    if (thread === KERNEL_THREAD || thread === this.userThread()) {
      if (name === "eflags") cpu.eflags = wanted;
      else if (name === "eip") cpu.eip = wanted;
      else cpu.words[GENERAL[name] ?? Word.Zero] = wanted;
      return true;
    }
    const location = this.kernel.registerLocation(thread, name as UserRegister);
    if (location?.where !== "memory") return false;
    this.machine.memory.write32(location.physical, wanted);
    return true;
  }

  private fromDescription(description: ThreadDescription, all: readonly ThreadDescription[]): GuestThread {
    const { threadNo, space } = description;
    const own = this.programs.get(threadNo)?.name;
    const first = all.find((other) => other.space === space && this.programs.has(other.threadNo));
    const home = first === undefined ? undefined : this.programs.get(first.threadNo)?.name;
    const name = own ?? (home === undefined ? `thread-${threadNo}` : `${home}/${threadNo}`);
    return { id: threadNo, process: space + FIRST_SPACE_PROCESS, name, description };
  }
}

const KERNEL: GuestThread = { id: KERNEL_THREAD, process: KERNEL_PROCESS, name: "kernel", description: undefined };

/**
 * Where the 32 bits of a target are. A site is plain data and is found once, when the fault strikes; reading and writing it
 * later (stuck bits) means the same cells, wherever they are by then.
 */
import { type Machine, SegmentRegister, SegmentWord, segmentIndex, setSegment, Word } from "../../emulator/index.ts";
import { Layout } from "../../emulator/memory/layout.ts";
import { Tlb } from "../../emulator/mmu/tlb.ts";
import type { Kernel } from "../../kernel/index.ts";
import { Tcb } from "../../kernel/tcb-layout.ts";
import { messageRegister } from "../../kernel/utcb.ts";
import { hex } from "../report/format.ts";
import type { CpuRegisterName, RegisterName, SegmentName } from "./cpu-registers.ts";
import { type FaultTarget, formatTarget, TLB_SETS, type TlbName, type TlbPart } from "./fault.ts";
import type { AimedFault } from "./injector.ts";
import { kernelWord } from "./kernel-places.ts";

export type Site =
  /** Physical addresses of the word's four bytes (a word may cross into another page). */
  | { readonly kind: "memory"; readonly bytes: readonly number[] }
  | { readonly kind: "cpu"; readonly register: CpuRegisterName }
  /** A thread's register: in the CPU while the thread runs, else in its trap frame. */
  | { readonly kind: "register"; readonly thread: number; readonly register: RegisterName }
  | { readonly kind: "segment"; readonly thread: number; readonly segment: SegmentName }
  /** A space's page-directory base: in CR3 while it is loaded, else in the kernel's structure. */
  | { readonly kind: "directory"; readonly thread: number }
  /** Part of a word of the CPU state block. */
  | { readonly kind: "tlb"; readonly word: number; readonly part: TlbPart; readonly name: string };

/** What of a machine a site is in. */
export interface Guest {
  readonly machine: Machine;
  readonly kernel: Kernel;
}

/** The site of a target at this moment, or why there is none. */
export function findSite(guest: Guest, { fault, component, address }: AimedFault): Site | string {
  const { target } = fault;
  const thread = component?.threadNumber;
  if ("physical" in target) return word(target.physical);
  if ("cpu" in target) return { kind: "cpu", register: target.cpu };
  if ("tlb" in target) return tlbSite(guest.machine, target);
  if ("kernel" in target) {
    const physical = kernelWord(guest.kernel, target, thread, (at) => guest.machine.memory.read32(at));
    return typeof physical === "string" ? physical : word(physical);
  }
  if (guest.kernel.thread(thread!) === undefined) return `thread ${thread} does not exist at this time`;
  if ("register" in target) return { kind: "register", thread: thread!, register: target.register };
  if ("segment" in target) return { kind: "segment", thread: thread!, segment: target.segment };
  if ("control" in target) return { kind: "directory", thread: thread! };
  if ("symbol" in target || "address" in target) return mapped(guest.kernel, thread!, address!, target);
  const physical = structureWord(guest, thread!, target);
  return typeof physical === "string" ? physical : word(physical);
}

function word(physical: number): Site {
  return { kind: "memory", bytes: [0, 1, 2, 3].map((i) => physical + i) };
}

function mapped(kernel: Kernel, thread: number, address: number, target: FaultTarget): Site | string {
  const bytes: number[] = [];
  for (let i = 0; i < 4; i++) {
    const physical = kernel.translate(thread, (address + i) >>> 0);
    if (physical === undefined) return `${formatTarget(target)} (${hex(address)}) is not mapped at this time`;
    bytes.push(physical);
  }
  return { kind: "memory", bytes };
}

/** Physical address of a page-table entry or a message register, or why there is none. */
function structureWord({ machine, kernel }: Guest, thread: number, target: FaultTarget): number | string {
  const description = kernel.thread(thread)!;
  if ("mr" in target) {
    if (description.utcb === 0) return `thread ${thread} has no UTCB at this time`;
    return description.utcb + messageRegister(target.mr);
  }
  const virtual = "pte" in target ? target.pte : "pde" in target ? target.pde : 0;
  const { pageDirectory } = description;
  if (pageDirectory === 0) return `thread ${thread} has no space at this time`;
  const entry = pageDirectory + 4 * (virtual >>> 22);
  if ("pde" in target) return entry;
  const directoryEntry = machine.memory.read32(entry);
  // Present, and not a 4 MiB page (Intel SDM vol. 3, 4.3).
  if ((directoryEntry & 0x81) !== 1) return `no page table maps ${hex(virtual)} at this time`;
  return ((directoryEntry & 0xffff_f000) >>> 0) + 4 * ((virtual >>> 12) & 1023);
}

// ---- TLB entries ----

const TLB_WORDS: Readonly<Record<TlbName, number>> = { code: Tlb.Code, data: Tlb.Data, large: Tlb.Large };
/** Bits of the tag that are the page number. */
const TLB_PAGE: Readonly<Record<TlbName, number>> = { code: 0xffff_f000, data: 0xffff_f000, large: 0xffc0_0000 };
/** Linear address bit from which the set number is taken. */
const TLB_SET_SHIFT: Readonly<Record<TlbName, number>> = { code: 12, data: 12, large: 22 };

function tlbSite(machine: Machine, target: Extract<FaultTarget, { tlb: TlbName }>): Site | string {
  const { tlb, part } = target;
  const entryWord = (set: number, way: number): number =>
    Word.Tlb + TLB_WORDS[tlb] + 2 * (set * Tlb.Ways + way) + (part === "frame" ? 1 : 0);
  const site = (set: number, way: number): Site => ({
    kind: "tlb",
    word: entryWord(set, way),
    part,
    name: `${tlb} TLB set ${set} way ${way} ${part}`,
  });
  if ("set" in target) return site(target.set, target.way);
  const set = (target.linear >>> TLB_SET_SHIFT[tlb]) & (TLB_SETS[tlb] - 1);
  const wanted = ((target.linear & TLB_PAGE[tlb]) | 1) >>> 0;
  for (let way = 0; way < Tlb.Ways; way++) {
    const tag = machine.cpu.words[Word.Tlb + TLB_WORDS[tlb] + 2 * (set * Tlb.Ways + way)]! >>> 0;
    if ((tag & (TLB_PAGE[tlb] | 1)) >>> 0 === wanted) return site(set, way);
  }
  return `the ${tlb} TLB has no entry of ${hex(target.linear)} at this time`;
}

// ---- reading and writing ----

/** The bits of a site now, or why they are nowhere. */
export interface Cell {
  /** `CPU`, `trap frame at 0x00f01fc0`, `physical 0x00412010`, `data TLB set 5 way 2 frame`. */
  readonly location: string;
  /** Unsigned. */
  read(): number;
  write(value: number): void;
  /** The same, and no observer hears of it: what it wrote is part of the write that it corrects. Absent: nobody hears of `write`. */
  hold?(value: number): void;
}

export function cellAt(guest: Guest, site: Site): Cell | string {
  switch (site.kind) {
    case "memory":
      return memoryCell(guest.machine, site.bytes);
    case "cpu":
      return cpuCell(guest.machine, site.register);
    case "register":
      return registerCell(guest, site.thread, site.register);
    case "segment":
      return segmentCell(guest, site.thread, site.segment);
    case "directory":
      return directoryCell(guest, site.thread);
    case "tlb":
      return tlbCell(guest.machine, site);
  }
}

function memoryCell({ memory, linear }: Machine, bytes: readonly number[]): Cell | string {
  const read = (): number => bytes.reduce((all, physical, i) => all | (memory.read8(physical) << (8 * i)), 0) >>> 0;
  const outside = bytes.find((physical) => !memory.isRam(physical));
  if (outside !== undefined) return `${hex(bytes[0]!)} is outside RAM`;
  /** Only bytes that change: a store marks decoded code and pages. */
  const writeWith = (value: number, store: (physical: number, byte: number) => void): void => {
    const before = read();
    bytes.forEach((physical, i) => {
      if ((((before ^ value) >>> (8 * i)) & 0xff) !== 0) store(physical, (value >>> (8 * i)) & 0xff);
    });
  };
  return {
    location: `physical ${hex(bytes[0]!)}`,
    read,
    write: (value) => writeWith(value, (physical, byte) => memory.write8(physical, byte)),
    hold: (value) =>
      writeWith(value, (physical, byte) => {
        memory.prepareStore(physical, 1);
        linear.bytes[Layout.GuestRam + physical] = byte;
      }),
  };
}

function wordCell(machine: Machine, physical: number, location: string): Cell | string {
  const bytes = [0, 1, 2, 3].map((i) => physical + i);
  const cell = memoryCell(machine, bytes);
  return typeof cell === "string" ? cell : { ...cell, location: `${location} at ${hex(physical)}` };
}

function registerCell({ machine, kernel }: Guest, thread: number, register: RegisterName): Cell | string {
  const location = kernel.registerLocation(thread, register);
  if (location === undefined) return `thread ${thread} does not exist at this time`;
  return location.where === "cpu"
    ? { ...cpuCell(machine, register), location: "CPU" }
    : wordCell(machine, location.physical, "trap frame");
}

const SEGMENT_NUMBERS: Readonly<Record<string, SegmentRegister>> = {
  es: SegmentRegister.Es,
  cs: SegmentRegister.Cs,
  ss: SegmentRegister.Ss,
  ds: SegmentRegister.Ds,
  fs: SegmentRegister.Fs,
  gs: SegmentRegister.Gs,
  ldtr: SegmentRegister.Ldtr,
  tr: SegmentRegister.Tr,
};

/** The frame holds CS and SS; the kernel gives every thread the same DS, ES, FS and GS and keeps none of them. */
function segmentCell({ machine, kernel }: Guest, thread: number, segment: SegmentName): Cell | string {
  const description = kernel.thread(thread);
  if (description === undefined) return `thread ${thread} does not exist at this time`;
  const isSaved = segment === "cs" || segment === "ss";
  // Behind a gate CS and SS are the kernel's; the others stay as they are until its exit.
  const isCurrent = kernel.currentThread() === description.globalId;
  if (isCurrent && (machine.cpu.cpl === 3 || !isSaved)) return { ...cpuCell(machine, segment), location: "CPU" };
  if (segment === "cs") return wordCell(machine, description.tcb + Tcb.cs, "trap frame");
  if (segment === "ss") return wordCell(machine, description.tcb + Tcb.ss, "trap frame");
  return `thread ${thread} is not running at this time, and its ${segment.toUpperCase()} is kept nowhere`;
}

function directoryCell({ machine, kernel }: Guest, thread: number): Cell | string {
  const description = kernel.thread(thread);
  if (description === undefined || description.space < 0) return `thread ${thread} has no space at this time`;
  const spaces = kernel.structure("space")!;
  const field = spaces.fields.find(({ name }) => name === "pageDirectory")!;
  const cr3 = (machine.cpu.words[Word.Cr3]! & 0xffff_f000) >>> 0;
  const current = kernel.currentThread();
  const loaded =
    current === undefined ? cr3 === description.pageDirectory : kernel.thread(current)?.space === description.space;
  if (loaded) return { ...cpuCell(machine, "cr3"), location: "CPU CR3" };
  return wordCell(machine, spaces.start + description.space * spaces.bytes + field.offset, "space structure");
}

function tlbCell({ cpu }: Machine, { word: index, part, name }: Extract<Site, { kind: "tlb" }>): Cell {
  const mask = part === "flags" ? 0xfff : 0xffff_f000;
  return {
    location: name,
    read: () => (cpu.words[index]! & mask) >>> 0,
    write: (value) => {
      cpu.words[index] = (cpu.words[index]! & ~mask) | (value & mask);
      cpu.access.flushMemos();
    },
  };
}

// ---- the CPU's registers ----

const PLAIN_WORDS: Readonly<Record<string, number>> = {
  eax: Word.Eax,
  ecx: Word.Ecx,
  edx: Word.Edx,
  ebx: Word.Ebx,
  esp: Word.Esp,
  ebp: Word.Ebp,
  esi: Word.Esi,
  edi: Word.Edi,
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
  "gdtr.base": Word.GdtrBase,
  "gdtr.limit": Word.GdtrLimit,
  "idtr.base": Word.IdtrBase,
  "idtr.limit": Word.IdtrLimit,
  "x87.control": Word.X87Control,
  "x87.status": Word.X87Status,
  "x87.empty": Word.X87Empty,
  "x87.opcode": Word.X87Opcode,
  "x87.instruction": Word.X87InstructionOffset,
  "x87.data": Word.X87DataOffset,
  ...Object.fromEntries(
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((n) =>
      ["low", "high", "exponent"].map((part, i) => [`x87.r${n}.${part}`, Word.X87Registers + 4 * n + i]),
    ),
  ),
};

const HIDDEN_WORDS: Readonly<Record<string, SegmentWord>> = {
  base: SegmentWord.Base,
  limit: SegmentWord.Limit,
  attributes: SegmentWord.Attributes,
};

/** The bits change as cells do: no check, no descriptor fetched, no TLB emptied; what is derived from them follows. */
function cpuCell({ cpu }: Machine, register: CpuRegisterName): Cell {
  const location = `CPU ${register.toUpperCase()}`;
  if (register === "eflags")
    return {
      location,
      read: () => cpu.eflags >>> 0,
      write: (value) => {
        cpu.eflags = value;
      },
    };
  if (register === "eip")
    return {
      location,
      read: () => cpu.eip,
      write: (value) => {
        // A REP instruction that is left has begun for nothing.
        if (cpu.eip !== value >>> 0) cpu.words[Word.RepeatInProgress] = 0;
        cpu.eip = value;
      },
    };
  if (register === "cpl")
    return {
      location,
      read: () => cpu.cpl,
      write: (value) => {
        cpu.setCpl(value);
        cpu.stateReplaced();
      },
    };
  const plain = PLAIN_WORDS[register];
  if (plain !== undefined)
    return {
      location,
      read: () => cpu.words[plain]! >>> 0,
      write: (value) => {
        cpu.words[plain] = value;
        if (plain === Word.Cr0 || plain === Word.Cr4) cpu.stateReplaced();
      },
    };
  const [name, part] = register.split(".") as [string, string | undefined];
  return { location, ...segmentWordCell(cpu, SEGMENT_NUMBERS[name]!, part) };
}

function segmentWordCell(
  cpu: Machine["cpu"],
  segment: SegmentRegister,
  part: string | undefined,
): Omit<Cell, "location"> {
  const index = segmentIndex(segment);
  const which = part === undefined ? SegmentWord.Selector : HIDDEN_WORDS[part]!;
  // Above bit 15 the attributes hold what is derived from the rest.
  const mask = which === SegmentWord.Attributes ? 0xffff : 0xffff_ffff;
  return {
    read: () => (cpu.words[index + which]! & mask) >>> 0,
    write: (value) => {
      const words = [0, 1, 2, 3].map((i) => cpu.words[index + i]!);
      words[which] = value | 0;
      setSegment(cpu, segment, words[0]!, words[1]!, words[2]!, words[3]!);
      cpu.requestAttention();
    },
  };
}

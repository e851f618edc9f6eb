import { Word } from "./cpu/state.ts";
import type { Device } from "./devices/device.ts";
import { Layout } from "./memory/layout.ts";
import { Tlb } from "./mmu/tlb.ts";
import { CacheGeometry, TimingWord } from "./timing/timing-state.ts";

/**
 * Whose is a word of the CPU state block, and what is it called: every word has one owner and one name. Words that
 * nothing owns are zero in every snapshot.
 */

export type StatePart =
  | "general registers"
  | "EFLAGS"
  | "segment registers"
  | "descriptor-table registers"
  | "control registers"
  | "debug registers"
  | "model-specific registers"
  | "x87"
  /** What the processor remembers between instructions: privilege level, HLT, interrupt shadow, pending lines. */
  | "execution state"
  | "TLB"
  | "timing model"
  /** Clocks and instructions since reset, and the hash of the event log. */
  | "counters"
  /** Operands of the interpreter: dead at every instruction boundary, zero in a snapshot. */
  | "scratch"
  | "unused";

export interface StateName {
  readonly part: StatePart;
  /** `EAX`, `CS base`, `data TLB set 3 way 1 tag`. */
  readonly name: string;
}

interface Range extends StateName {
  readonly first: number;
  readonly count: number;
  /** Names of the words in turn; without them the name and an index. */
  readonly words?: (index: number) => string;
}

const GENERAL = ["EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI", "EIP"];
const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"];
const SEGMENT_WORDS = ["selector", "base", "limit", "attributes"];
const X87 = [
  "x87 control word",
  "x87 status word",
  "x87 empty registers",
  "x87 opcode",
  "x87 instruction offset",
  "x87 instruction selector",
  "x87 data offset",
  "x87 data selector",
  "IGNNE#",
];
const X87_WORDS = ["significand low", "significand high", "sign and exponent", "unused"];
/** By number (Pentium Processor Family Developer's Manual vol. 3, 16): TR1 to TR12 are test registers. */
const MSRS: Readonly<Record<number, string>> = {
  0: "machine check address",
  1: "machine check type",
  17: "CESR",
  18: "CTR0",
  19: "CTR1",
};

const listed =
  (names: readonly string[]): ((index: number) => string) =>
  (index) =>
    names[index] as string;

/** The entries of a TLB, then its pseudo-LRU words. */
function tlbRanges(name: string, entries: number, lru: number, sets: number): Range[] {
  const words = (index: number): string => {
    const entry = index >> 1;
    return `${name} set ${Math.floor(entry / Tlb.Ways)} way ${entry % Tlb.Ways} ${(index & 1) === 0 ? "tag" : "frame"}`;
  };
  return [
    { part: "TLB", name, first: Word.Tlb + entries, count: 2 * Tlb.Ways * sets, words },
    { part: "TLB", name, first: Word.Tlb + lru, count: sets, words: (set) => `${name} set ${set} pseudo-LRU` },
  ];
}

function timing(name: string, first: number, count: number, words?: (index: number) => string): Range {
  return { part: "timing model", name, first, count, ...(words === undefined ? {} : { words }) };
}

const ways =
  (name: string) =>
  (index: number): string =>
    `${name} set ${index >> 1} way ${index & 1}`;

const RANGES: readonly Range[] = [
  { part: "general registers", name: "general register", first: Word.Eax, count: 9, words: listed(GENERAL) },
  {
    part: "EFLAGS",
    name: "EFLAGS",
    first: Word.SystemFlags,
    count: 3,
    words: listed(["EFLAGS system flags", "EFLAGS ZF", "EFLAGS CF PF AF SF OF"]),
  },
  {
    part: "execution state",
    name: "execution state",
    first: Word.Cpl,
    count: 6,
    words: listed(["CPL", "halted", "interrupt shadow", "INTR line", "NMI pending", "shutdown"]),
  },
  { part: "scratch", name: "zero", first: Word.Zero, count: 1 },
  { part: "scratch", name: "fault being raised", first: Word.FaultVector, count: 2 },
  { part: "execution state", name: "NMI blocked", first: Word.NmiBlocked, count: 1 },
  { part: "scratch", name: "block being executed", first: Word.CurrentMicro, count: 2 },
  { part: "execution state", name: "REP in progress", first: Word.RepeatInProgress, count: 1 },
  { part: "scratch", name: "block being charged", first: Word.ChargedBlock, count: 1 },
  {
    part: "segment registers",
    name: "segment register",
    first: Word.Segments,
    count: 32,
    words: (index) => `${SEGMENTS[index >> 2]} ${SEGMENT_WORDS[index & 3]}`,
  },
  {
    part: "descriptor-table registers",
    name: "descriptor-table register",
    first: Word.GdtrBase,
    count: 4,
    words: listed(["GDTR base", "GDTR limit", "IDTR base", "IDTR limit"]),
  },
  { part: "x87", name: "x87", first: Word.X87Control, count: X87.length, words: listed(X87) },
  {
    part: "x87",
    name: "x87 register",
    first: Word.X87Registers,
    count: 32,
    words: (index) => `R${index >> 2} ${X87_WORDS[index & 3]}`,
  },
  {
    part: "control registers",
    name: "control register",
    first: Word.Cr0,
    count: 4,
    words: listed(["CR0", "CR2", "CR3", "CR4"]),
  },
  { part: "debug registers", name: "DR", first: Word.Dr0, count: 8, words: (index) => `DR${index}` },
  { part: "counters", name: "event log hash", first: Word.EventHash, count: 2 },
  { part: "counters", name: "clocks", first: Word.Counters, count: 2 },
  { part: "counters", name: "instructions", first: Word.Counters + 2, count: 2 },
  { part: "model-specific registers", name: "time-stamp counter offset", first: Word.Counters + 4, count: 2 },
  { part: "scratch", name: "limits of the run", first: Word.Counters + 6, count: 4 },
  { part: "scratch", name: "scratch", first: Word.Scratch, count: Word.Msrs - Word.Scratch },
  {
    part: "model-specific registers",
    name: "MSR",
    first: Word.Msrs,
    count: 64,
    words: (index) => `${MSRS[index >> 1] ?? `MSR ${index >> 1}`} ${(index & 1) === 0 ? "low" : "high"}`,
  },
  ...tlbRanges("data TLB", Tlb.Data, Tlb.DataLru, Tlb.DataSets),
  ...tlbRanges("4 MiB data TLB", Tlb.Large, Tlb.LargeLru, Tlb.LargeSets),
  ...tlbRanges("code TLB", Tlb.Code, Tlb.CodeLru, Tlb.CodeSets),
  timing("data cache", TimingWord.DataTags, 2 * CacheGeometry.Sets, ways("data cache")),
  timing("code cache", TimingWord.CodeTags, 2 * CacheGeometry.Sets, ways("code cache")),
  timing("code cache marks", TimingWord.CodeMarks, 2 * CacheGeometry.Sets, ways("code cache marks")),
  timing("branch target buffer address", TimingWord.BranchAddress, TimingWord.BranchTarget - TimingWord.BranchAddress),
  timing("branch target buffer target", TimingWord.BranchTarget, TimingWord.BranchState - TimingWord.BranchTarget),
  timing("branch target buffer state", TimingWord.BranchState, TimingWord.BranchVictim - TimingWord.BranchState),
  timing("branch target buffer victim", TimingWord.BranchVictim, TimingWord.L2Tags - TimingWord.BranchVictim),
  timing("second-level cache tags", TimingWord.L2Tags, TimingWord.End - TimingWord.L2Tags),
  timing("pipeline", TimingWord.Pipeline, TimingWord.DataTags - TimingWord.Pipeline),
];

/** Words of the CPU state block. */
export const STATE_WORDS = Layout.CpuStateBytes / 4;

/** Range index of each word plus one, 0 for none. */
const rangeOfWord: Uint8Array = ((): Uint8Array => {
  const map = new Uint8Array(STATE_WORDS);
  RANGES.forEach(({ name, first, count }, index) => {
    for (let word = first; word < first + count; word++) {
      if (map[word] !== 0) throw new RangeError(`state word ${word} of "${name}" has an owner already`);
      map[word] = index + 1;
    }
  });
  return map;
})();

/** Owner and name of a word of the CPU state block. */
export function stateName(word: number): StateName {
  const range = RANGES[(rangeOfWord[word] as number) - 1];
  if (range === undefined) return { part: "unused", name: `unused state word ${word}` };
  const index = word - range.first;
  const name = range.words?.(index) ?? (range.count === 1 ? range.name : `${range.name} word ${index}`);
  return { part: range.part, name };
}

/** The state of a device as named numbers: `registers[2]`, `irr`. */
export function deviceFields(device: Device): { readonly name: string; readonly value: number }[] {
  return Object.entries(device.saveState()).flatMap(([name, value]) =>
    typeof value === "number"
      ? [{ name, value }]
      : value.map((one, index) => ({ name: `${name}[${index}]`, value: one })),
  );
}

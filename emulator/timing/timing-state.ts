/**
 * The timing model's state: words of the CPU state block from Word.Timing on, so that a snapshot carries all of it.
 *
 * Arrays: first-level caches are two words a set, most recently used way first (that order is the LRU bit); marks of the code cache
 * follow their line. Second-level tags are half-words. Times are in the counters (TimingCounter), because they exceed 32 bits.
 */
export const enum TimingWord {
  // Among the scratch words, dead at instruction boundaries between runs:
  /** How the charged block (Word.ChargedBlock) runs: Course. */
  Course = 176,
  /** 0 while all words from here to SwappedLines, and those about the entry, are 0 as the hot loop wants them when it enters a block. */
  Touched = 177,
  /** The last two instructions that waited during a static block (records, newer first), and for how long. */
  StallRecord = 178,
  StallClocks = 179,
  OlderStallRecord = 180,
  OlderStallClocks = 181,
  /** The last V instruction (record) that met its partner in a bank during a static block. */
  ConflictRecord = 182,
  /** Where the static schedule was entered (record; 0: at the start of the block), the pipeline state then, and clocks that its first group waited for an address register. */
  EntryRecord = 184,
  EntryState = 185,
  EntryInterlock = 186,
  /** Code lines (bit n = line n of the block) that its entry made the most recently used of their sets. */
  SwappedLines = 183,

  /** Linear address of the first member of a pair that changes the registers of its own address. */
  PartnerAddress = 187,

  /** PipelineState as it is before the next group. */
  Pipeline = 4096,
  /** 1 while the first member of a pair has executed and the second has not begun, 2 while the second executes. */
  PairPhase = 4097,
  // From here to GroupEnd: what `begin` found out about the running group; dead when no pair is half done.
  /** 1: the running group is a pair; its second member is at PairEip. */
  Pairs = 4098,
  PairEip = 4099,
  /** Execution clocks of the pair, registers that it leaves written, and PairBank. */
  PairClocks = 4100,
  PairWritten = 4101,
  PairBanks = 4102,
  /** Execution clocks of the first member alone; clocks before execution: AGI, prefixes. */
  GroupAlone = 4103,
  GroupInterlock = 4104,
  GroupPrefix = 4105,
  /** Shadowing credit that the running group leaves to the one after the next. */
  GroupCarry = 4106,
  /** Clocks that memory accesses added to the running group (they are in Cycles already), and to its first member. */
  GroupExtra = 4107,
  GroupExtraU = 4108,
  /** Clocks of the whole group without waiting: known when its last member begins. */
  GroupClocks = 4109,
  /** PipelineState.Flush when the running group began. */
  GroupFlush = 4110,
  /** Whether an access of the running group crossed its container. */
  GroupCrossed = 4111,
  /** 1 while an instruction with a locked bus cycle executes. */
  GroupLocked = 4112,
  /** Linear address that the first member of a pair accesses, if the second one's bank is to be compared. */
  FirstAddress = 4113,
  /** Clocks that the group's floating-point instruction waits for the x87 unit, and the physical registers that it writes. */
  GroupFloat = 4114,
  X87Targets = 4115,
  GroupEnd = 4116,
  /** Linear address of the last mispredicted branch, for PipelineState.Flush. */
  FlushBranch = 4116,
  /** Physical x87 registers whose last value the unit computed (bit n: register n): see TimingCounter.X87Ready. */
  X87Computed = 4117,

  /** Physical line address + 1 of the data (code) line that is still arriving, 0 for none. */
  ArrivingData = 4128,
  ArrivingCode = 4129,
  /** Quadword (0-3) with which that line began, and bus clocks between its quadwords. */
  ArrivingDataFirst = 4130,
  ArrivingDataStep = 4131,
  ArrivingCodeFirst = 4132,
  ArrivingCodeStep = 4133,
  /** Open row + 1 of each memory bank (4 words). */
  OpenRow = 4136,

  DataTags = 4352,
  CodeTags = 4608,
  CodeMarks = 4864,
  BranchAddress = 5120,
  BranchTarget = 5376,
  BranchState = 5632,
  BranchVictim = 5888,
  /** Half-words; one for each second-level line. */
  L2Tags = 6144,
  End = 14336,
}

/** TimingWord.Course. From Static on: on the static schedule. */
export const enum Course {
  /** No block is charged as a whole. */
  None = 0,
  /** The rest goes step by step. */
  Leaving = 1,
  Static = 2,
  /** The branch at its end needs more than a look at the branch target buffer. */
  SlowBranch = 3,
}

/** Indices into the counters (8-byte units). Times in bus units are core clocks times `busClocksPerBusRatio`. */
export const enum TimingCounter {
  /** Bus unit at which the last transfer ends. */
  BusFree = 2080,
  /** Core clock at which the U (V) write buffer is empty. */
  WriteBufferU = 2081,
  WriteBufferV = 2082,
  /** Bus unit at which the chipset's post buffer is empty. */
  PostBufferEmpty = 2083,
  /** Bus unit at the end of the first quadword of the arriving data (code) line. */
  ArrivingDataTime = 2084,
  ArrivingCodeTime = 2085,
  /** Bus unit at which the last write or locked cycle ends: reads start after it. */
  WritesDone = 2086,
  /** Core clocks: the x87 unit takes another instruction, its multiplier does, the last comparison is in the status word. */
  X87Free = 2088,
  X87MultiplierFree = 2089,
  X87StatusReady = 2090,
  /** Core clock at which each physical x87 register's value is there (8 counters). */
  X87Ready = 2096,
}

/** TimingWord.Pipeline: what the groups before leave to the next ones. */
export const enum PipelineState {
  /** General registers written in the last clock. */
  WrittenMask = 0xff,
  /** Clocks of the last group that can hide prefixes of the next one, and of the one after. */
  CreditShift = 8,
  CreditMask = 31 << 8,
  /** What is left of the group before that. */
  CarryShift = 13,
  CarryMask = 31 << 13,
  /** The last group was a string instruction. */
  String = 1 << 18,
  /** A branch was mispredicted: no group has issued since. */
  Flush = 1 << 19,
  /** The group has begun: a pair of which one member has executed, or a repeated string instruction between two elements. */
  Unfinished = 1 << 20,
}

/** TimingWord.PairBanks: what the members of a pair access. */
export const enum PairBank {
  /** At most one of them accesses memory. */
  None = 0,
  /** Both, the same bank. */
  Same = 1,
  /** Both; it depends on the addresses. */
  ByAddress = 2,
  /** Both, different banks unless one crosses its container. */
  Different = 3,
}

/** Largest credit that is told apart. */
export const MAXIMUM_CREDIT = 31;

export const enum CacheGeometry {
  LineShift = 5,
  LineBytes = 32,
  Sets = 128,
  SetMask = 127,
}

/** Low bits of a first-level tag word; the rest is the physical line address. */
export const enum LineBit {
  Valid = 1,
  /** Written since it was filled (M): stores hit silently. */
  Modified = 2,
  /** Not yet completely there, or written through: every access takes the slow path. */
  Checked = 4,
}

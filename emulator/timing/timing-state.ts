/**
 * The timing model's state: words of the CPU state block from Word.Timing on, so that a snapshot carries all of it.
 *
 * Arrays: first-level caches are two words a set, most recently used way first (that order is the LRU bit); marks of the code cache
 * follow their line. Second-level tags are half-words. Times are in the counters (TimingCounter), because they exceed 32 bits.
 */
export const enum TimingWord {
  /** PipelineMode bits. */
  Mode = 4096,
  /** PipelineState as it was after the last group (registers written in its last clock, shadowing credit). */
  Pipeline = 4097,
  /** Clocks before execution charged with the running group when it ends: AGI and prefixes. */
  GroupStall = 4098,
  /** Of GroupStall, clocks that give no shadowing credit: prefixes. */
  GroupPrefix = 4099,
  /** Clocks that memory accesses added to the running group (they are in Cycles already). */
  GroupExtra = 4100,
  /** The part of GroupExtra that the U member had when the V member started. */
  GroupExtraU = 4101,
  /** 1 between the members of a pair. */
  InPair = 4102,
  /** Record of the instruction that is executing (word index). Derived: dead at instruction boundaries. */
  Instruction = 4103,
  /** Linear address of the last data access, of the U member when its V member has started. */
  LastAddress = 4104,
  PairAddress = 4105,
  /** Containers crossed (1) by the last access, by the U member's. */
  LastCrossed = 4106,
  PairCrossed = 4107,
  /** 1 after a mispredicted branch until one group has issued: a branch in that group is predicted not taken. */
  FlushPending = 4108,
  /** An unpaired U instruction at the end of a block that may still pair with the next one: OpenSlot fields; 0 for none. */
  OpenTiming = 4109,
  OpenRegisters = 4110,
  OpenEip = 4111,
  OpenDuration = 4112,
  /** Physical line address + 1 of the data (code) line that is still arriving, 0 for none. */
  ArrivingData = 4113,
  ArrivingCode = 4114,
  /** Quadword (0-3) with which that line began, and bus clocks between its quadwords. */
  ArrivingDataFirst = 4115,
  ArrivingDataStep = 4116,
  ArrivingCodeFirst = 4117,
  ArrivingCodeStep = 4118,
  /** Open row + 1 of each memory bank (4 words). */
  OpenRow = 4120,
  /** Physical line of the last code fetch (address + 1), 0 after a redirection. */
  FetchLine = 4124,
  /** Clocks that the semantics of the running instruction found (REP count, shift count, bit position). */
  Variable = 4125,
  /** 1 while a REP instruction was stopped between elements and will go on without its start-up clocks. */
  RepeatResumes = 4126,

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

/** Indices into the counters (8-byte units). Times in bus units are core clocks times `busClocksPerBusRatio`. */
export const enum TimingCounter {
  /** Bus unit at which the bus is free. */
  BusFree = 2080,
  /** Core clock at which the U (V) write buffer is empty. */
  WriteBufferU = 2081,
  WriteBufferV = 2082,
  /** Bus unit at which the chipset's post buffer is empty. */
  PostBufferEmpty = 2083,
  /** Bus unit at the end of the first quadword of the arriving data (code) line. */
  ArrivingDataTime = 2084,
  ArrivingCodeTime = 2085,
  /** Performance counters of the P5: values of CTR0 and CTR1 when they were last written or selected, see performance-counters.ts. */
  Performance0 = 2086,
  Performance1 = 2087,
}

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

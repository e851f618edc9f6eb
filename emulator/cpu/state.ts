/**
 * The CPU's state, word by word: indices into an Int32Array over the CPU state block of the linear memory.
 *
 * General registers are in the encoding order of the ModR/M byte (Intel SDM vol. 2, table 2-2).
 * Counters are 64-bit floats holding exact integers (< 2^53); their indices count 8-byte units (`Counter`).
 */
export const enum Word {
  Eax = 0,
  Ecx = 1,
  Edx = 2,
  Ebx = 3,
  Esp = 4,
  Ebp = 5,
  Esi = 6,
  Edi = 7,
  Eip = 8,
  /** EFLAGS without the six arithmetic flags; bit 1 always set. */
  SystemFlags = 9,
  /** Lazy arithmetic flags, see flags.ts: result, sign-extended to 32 bits. */
  FlagResult = 10,
  /** Lazy arithmetic flags, see flags.ts: carry-out vector and deltas. */
  FlagAuxiliary = 11,
  /** Current privilege level, 0 to 3. */
  Cpl = 12,
  /** 1 while halted by HLT. */
  Halted = 13,
  /**
   * Interrupts held off for one instruction: 1 when STI, MOV SS or POP SS has just retired, 2 while the instruction after it
   * executes (see machine.ts).
   */
  InterruptShadow = 14,
  /** 1 while the interrupt controller asserts INTR. */
  InterruptLine = 15,
  NmiPending = 16,
  /** 1 after a triple fault. */
  Shutdown = 17,
  /** Always 0: the base or index register of an address that has none. */
  Zero = 18,
  /** Fault being raised: vector, error code. */
  FaultVector = 20,
  FaultErrorCode = 21,
  /** 1 from the delivery of an NMI to the next IRET: further NMIs wait. */
  NmiBlocked = 22,
  /**
   * Not 0 while a REP string instruction is stopped between two elements by a run limit: its start-up clocks are paid.
   * Cleared by whatever delivers an interrupt or exception (the start-up is then paid again on return).
   */
  RepeatInProgress = 25,
  /** Word index of the micro-operation being executed; tells a fault which instruction raised it. Not state. */
  CurrentMicro = 23,
  /** Set by the block cache when decoded code was invalidated: the running block is left at the next boundary. Not state. */
  CodeChanged = 24,
  /** Word index of the block whose clocks and count are charged as a whole, 0 when instructions are charged one by one. Not state. */
  ChargedBlock = 26,
  /** Four words each (SegmentWord): ES CS SS DS FS GS LDTR TR. */
  Segments = 32,
  GdtrBase = 64,
  GdtrLimit = 65,
  IdtrBase = 66,
  IdtrLimit = 67,
  Cr0 = 68,
  Cr2 = 69,
  Cr3 = 70,
  Cr4 = 71,
  Dr0 = 72,
  /** Running hash of the event log, two words. */
  EventHash = 80,
  /** First word of the counters; see Counter. */
  Counters = 96,
  /** Scratch operands of the interpreter (not state: dead at every instruction boundary). */
  Scratch = 160,
  /** Model-specific registers (P5): machine check address/type, control and event select, counters. */
  Msrs = 192,
  /**
   * The x87 unit (x87/unit.ts). Control word; status word, its TOP field in bits 11 to 13; a set bit n of X87Empty: physical
   * register n is empty.
   */
  X87Control = 256,
  X87Status = 257,
  X87Empty = 258,
  /** The last floating-point instruction that was none of control: its opcode (11 bits), address, and operand's address. */
  X87Opcode = 259,
  X87InstructionOffset = 260,
  X87InstructionSelector = 261,
  X87DataOffset = 262,
  X87DataSelector = 263,
  /** IGNNE#: 1 while the chipset tells the CPU to go on despite a pending exception (CR0.NE = 0). */
  X87IgnoreError = 264,
  /** Physical registers R0 to R7, four words each: significand low and high, sign and exponent (16 bits), 0. */
  X87Registers = 272,
  /** TLBs and their memos, laid out in mmu/tlb.ts. */
  Tlb = 512,
  /** State of the timing model, laid out in timing/. */
  Timing = 4096,
}

/** Indices into a Float64Array over the CPU state block. */
export const enum Counter {
  /** Core clocks since reset. */
  Cycles = 48,
  /** Instructions retired since reset (a REP instruction counts once). */
  Instructions = 49,
  /** Value added to Cycles to give the time-stamp counter. */
  TscOffset = 50,
  /** The running slice ends at the first instruction boundary at or after this cycle; arming an earlier alarm lowers it. */
  LimitCycle = 51,
  /** The running slice ends when this many instructions have retired. */
  LimitInstructions = 52,
}

export const enum SegmentRegister {
  Es = 0,
  Cs = 1,
  Ss = 2,
  Ds = 3,
  Fs = 4,
  Gs = 5,
  Ldtr = 6,
  Tr = 7,
}

/** The four words of a segment register at Word.Segments + 4 * SegmentRegister. */
export const enum SegmentWord {
  Selector = 0,
  Base = 1,
  /** Expanded limit in bytes (granularity applied). */
  Limit = 2,
  /** Descriptor bits 8-15 and 20-23 of the high dword at bits 0-7 and 12-15 (Intel SDM vol. 3, 3.4.5), see segmentation.ts. */
  Attributes = 3,
}

/** Exception and interrupt vectors (Intel SDM vol. 3, table 6-1). */
export const enum Vector {
  DivideError = 0,
  Debug = 1,
  Nmi = 2,
  Breakpoint = 3,
  Overflow = 4,
  BoundRange = 5,
  InvalidOpcode = 6,
  DeviceNotAvailable = 7,
  DoubleFault = 8,
  InvalidTss = 10,
  SegmentNotPresent = 11,
  StackFault = 12,
  GeneralProtection = 13,
  PageFault = 14,
  FloatingPointError = 16,
  AlignmentCheck = 17,
  MachineCheck = 18,
}

/** Bits of EFLAGS. */
export const enum Flag {
  Cf = 0x1,
  Reserved1 = 0x2,
  Pf = 0x4,
  Af = 0x10,
  Zf = 0x40,
  Sf = 0x80,
  Tf = 0x100,
  If = 0x200,
  Df = 0x400,
  Of = 0x800,
  Iopl = 0x3000,
  Nt = 0x4000,
  Rf = 0x10000,
  Vm = 0x20000,
  Ac = 0x40000,
  Vif = 0x80000,
  Vip = 0x100000,
  Id = 0x200000,
  /** CF PF AF ZF SF OF. */
  Arithmetic = 0x8d5,
}

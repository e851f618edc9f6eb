/**
 * What the decoder leaves in the decoded-instruction region of the linear memory (Layout.DecodedInstructions), as word
 * indices relative to the start of each record. All of it is derived from guest memory: none of it is machine state.
 *
 *   block                     BlockWord.Words
 *   micro-operations          MicroWord.Words each; the last one ends the block
 *   instruction 0 … n-1       InstructionWord.Words each
 *
 * A "block" is a straight run of instructions on one page, entered at its first one; it ends with the first control
 * transfer, with an instruction that needs the run loop (system, string, far), at the page's end, or after 32
 * instructions. An instruction that crosses a page is a block of its own.
 */

/** Words of a line of the host's caches: records begin at one, with what the hot paths need in their first. */
export const HOST_LINE_WORDS = 16;

export const enum BlockWord {
  /** 1, or 0 once a store has changed its bytes. */
  Alive = 0,
  /** Physical address of the first byte. */
  Physical = 1,
  /** EIP of the first byte; a page mapped twice has two blocks, so branch targets are constants. */
  Eip = 2,
  /** ExecutionMode bits under which it was decoded. */
  Mode = 3,
  /** Bytes of code. */
  Bytes = 4,
  /** Number of instructions. */
  Count = 5,
  /** Clocks of all its instructions: the table's, or those of the timing model's static schedule. */
  Clocks = 6,
  /** Word index of the first micro-operation. */
  FirstMicro = 7,
  /** Word index of the first instruction record. */
  FirstInstruction = 8,
  /** Physical page (address of its first byte) of the second part of a page-crossing instruction, or -1. */
  SecondPage = 9,
  /** First of six words of the timing model, with one behind the links: timing/block-schedule.ts, BlockTiming. */
  Timing = 10,
  /** Word index of the next block in the same hash bucket, 0 at the end. */
  NextInBucket = 16,
  /** Word index of the next block that begins on the same physical page, 0 at the end. */
  NextOnPage = 17,
  /** Word index of the next page-crossing block whose second part is on the same physical page, 0 at the end. */
  NextOnSecondPage = 18,
  Words = 24,
}

export const enum InstructionWord {
  /** EIP of its first byte (prefixes included). */
  Eip = 0,
  /** Bytes, prefixes included. */
  Length = 1,
  /** Clocks of the table's fixed part; charged before the instruction's semantics run (by the timing model, if there is one). */
  Clocks = 2,
  /** What of the block's clocks has passed when this instruction ends. */
  ClocksThrough = 3,
  /** Place in the block, from 0. */
  Number = 4,
  /** Word index of its block. */
  Block = 5,
  FirstMicro = 6,
  /** Word index after its last micro-operation. */
  EndMicro = 7,
  /** Physical address of the first byte. */
  Physical = 8,
  /** TimingBits: pairing class, kind, displacement+immediate, prefix count. */
  TimingClass = 9,
  /** First of eight words of the timing model: timing/block-schedule.ts, InstructionTiming. */
  Timing = 10,
  /** Index into FORMS (instructions/table.ts). */
  Form = 18,
  /** OperandBits: sizes, prefixes, ModR/M fields. */
  Operands = 19,
  /** Immediate, sign-extended as the operand size asks; for a relative branch the target EIP; for a far pointer the offset. */
  Immediate = 20,
  /** Second immediate: ENTER's level, a far pointer's selector. */
  Immediate2 = 21,
  /** Effective address: word indices of base and index registers (Word.Zero for none), shift of the index, displacement. */
  Base = 22,
  Index = 23,
  Shift = 24,
  Displacement = 25,
  /** General registers as masks, bit n = register n (ESP includes implicit stack use). */
  RegistersRead = 26,
  RegistersWritten = 27,
  /** Registers used for address generation (explicit ones). */
  AddressRegisters = 28,
  /** EFLAGS bits read (low half) and written (high half), arithmetic flags and DF only. */
  FlagsUsed = 29,
  Words = 32,
}

/** InstructionWord.Operands. */
export const enum OperandBits {
  /** Set: 32-bit operands; clear: 16-bit. */
  Operand32 = 1 << 0,
  /** Set: 32-bit addresses; clear: 16-bit. */
  Address32 = 1 << 1,
  /** The r/m operand is memory. */
  Memory = 1 << 2,
  Lock = 1 << 3,
  /** F3. */
  Repeat = 1 << 4,
  /** F2. */
  RepeatNot = 1 << 5,
  /** Byte operands (r and r/m number AL CL DL BL AH CH DH BH). */
  Byte = 1 << 6,
  /** Segment register of the memory operand, override applied. */
  SegmentShift = 8,
  SegmentMask = 7 << 8,
  /** ModR/M reg field, or the register in the opcode's low three bits. */
  RegisterShift = 12,
  RegisterMask = 7 << 12,
  /** ModR/M r/m field. */
  RmShift = 16,
  RmMask = 7 << 16,
  /** An explicit segment override prefix was there. */
  SegmentOverride = 1 << 20,
  /** ModR/M mod field. */
  ModShift = 22,
  ModMask = 3 << 22,
}

/** InstructionWord.TimingClass. */
export const enum TimingBits {
  /** Pairing (instructions/form.ts); NP for floating-point instructions, which have bits of their own below. */
  PairingMask = 3,
  /** Kind (instructions/form.ts). */
  KindShift = 2,
  KindMask = 3 << 2,
  /** Holds both a displacement and an immediate. */
  DisplacementAndImmediate = 1 << 4,
  /** Prefix bytes that cost a decode clock: 66 67 F0 F2 F3, segments, and 0F except for Jcc near. */
  PrefixShift = 8,
  PrefixMask = 15 << 8,
  /** Implicit stack pointer update (PUSH POP CALL RET …). */
  ImplicitStack = 1 << 12,
  /** Branch of any near kind: Jcc JMP CALL RET LOOP JCXZ. */
  Branch = 1 << 13,
  Conditional = 1 << 14,
  /** Floating-point instruction: the x87 unit has a say (timing/x87-unit.ts). */
  FloatingPoint = 1 << 15,
  /** Pairs with an FXCH after it (class FX). */
  PairsWithExchange = 1 << 16,
  /** FXCH (class FV). */
  Exchange = 1 << 17,
}

export const enum MicroWord {
  /** Micro (interpreter-micro.ts). */
  Op = 0,
  /** Destination: word, half-word or byte index according to the operation's width. */
  Destination = 1,
  /** Source: the same; immediates are read from MicroWord.Immediate of the record itself. */
  Source = 2,
  /** Immediate or displacement. */
  Immediate = 3,
  Base = 4,
  Index = 5,
  Shift = 6,
  /** Word index of its instruction record. */
  Instruction = 7,
  Words = 8,
}

/** BlockWord.Mode: what the meaning of the same bytes depends on. */
export const enum ExecutionMode {
  /** CS.D: 32-bit operands and addresses by default. */
  Code32 = 1,
  /** CS has base 0 and limit 4 GiB. */
  FlatCode = 2,
  /** DS, ES, SS: writable data, base 0, limit 4 GiB (SS: also B set). */
  FlatDs = 4,
  FlatEs = 8,
  FlatSs = 16,
  /** SS.B: the stack pointer is ESP, not SP. */
  Stack32 = 32,
}

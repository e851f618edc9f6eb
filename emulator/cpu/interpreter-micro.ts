/**
 * Micro-operations: what the interpreter's hot loop dispatches on. One instruction becomes one to three of them
 * (address or load, operation, store). The table names the operation; interpreter-translate.ts builds the sequence.
 *
 * Destination and Source are indices into the linear memory in units of the operation's width (byte, half-word, word), so
 * that a register, AH, an immediate inside the record and a scratch word holding a loaded value are all the same case.
 * Width variants follow each other: 8, 16, 32 bits. The numbers are dense: V8 makes a jump table of them.
 */
export const enum Micro {
  /** Falls through to the block at MicroWord.Immediate. */
  End = 0,

  // The eight ALU operations in the order of their /digit.
  Add8 = 1,
  Or8 = 4,
  Adc8 = 7,
  Sbb8 = 10,
  And8 = 13,
  Sub8 = 16,
  Xor8 = 19,
  Cmp8 = 22,
  Test8 = 25,
  Inc8 = 28,
  Dec8 = 31,
  Neg8 = 34,
  Not8 = 37,
  Mov8 = 40,
  /** Destination := memory. */
  Load8 = 43,
  /** Memory := Source. */
  Store8 = 46,
  /** Destination (scratch) := memory, after checking that it may be written; remembers the address for StoreBack. */
  LoadForWrite8 = 49,
  /** Memory at the remembered address := Source. Cannot fault. */
  StoreBack8 = 52,
  Xchg8 = 55,

  // Shift and rotate: count is the byte at index Source, masked to five bits.
  Rol8 = 58,
  Ror8 = 61,
  Shl8 = 64,
  Shr8 = 67,
  Sar8 = 70,

  LoadZeroExtend8 = 73,
  LoadZeroExtend16 = 74,
  LoadSignExtend8 = 75,
  LoadSignExtend16 = 76,
  /** Destination is a word; Source a byte or half-word. */
  ZeroExtend8 = 77,
  ZeroExtend16 = 78,
  SignExtend8 = 79,
  SignExtend16 = 80,
  /** Destination is a half-word; Source a byte. */
  ZeroExtend8To16 = 81,
  SignExtend8To16 = 82,

  /** Destination := effective address, 32 bits. */
  Lea = 83,
  /** The same modulo 64 KiB (16-bit addressing). */
  Lea16 = 84,
  /** Destination := linear address of a checked segment:offset; Source = offset word, Immediate = SegmentAccess. */
  SegmentAddress = 85,

  /** Destination, Source words; count is the byte at index Base. */
  Shld32 = 86,
  Shrd32 = 87,

  /** Destination := Destination * Source. */
  Imul16 = 88,
  Imul32 = 89,
  /** Destination := Source * Immediate. */
  ImulImmediate16 = 90,
  ImulImmediate32 = 91,
  /** EDX:EAX := EAX * Source. */
  MulWide32 = 92,
  ImulWide32 = 93,

  Cwde = 94,
  Cdq = 95,
  Bswap = 96,
  Nop = 97,

  /** Flat 32-bit stack only; otherwise the form's handler runs. */
  Push32 = 98,
  Pop32 = 99,
  Leave32 = 100,

  /** Flat code only. Destination = EIP after, Source = EIP if taken, Immediate and Base = chained blocks, see execute. */
  Call = 101,
  CallIndirect = 102,
  Return = 103,
  Jump = 104,
  JumpIndirect = 105,
  /** Sixteen conditions in encoding order: O NO B NB Z NZ BE NBE S NS P NP L NL LE NLE. */
  JumpIf = 106,
  SetIf = 122,

  /** Calls the form's handler and goes on. */
  Handler = 138,
  /** Leaves the hot loop: the run loop calls the form's handler. */
  HandlerEnd = 139,
}

/** MicroWord.Immediate of SegmentAddress. */
export const enum SegmentAccess {
  BytesMask = 0xff,
  Write = 0x100,
  SegmentShift = 12,
}

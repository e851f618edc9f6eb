/**
 * Micro-operations: what the interpreter's hot loop dispatches on. One instruction becomes one to three of them
 * (address or load, operation, store). The table names the operation; interpreter-translate.ts builds the sequence.
 *
 * Destination and Source are indices into the linear memory in units of the operation's width (byte, half-word, word), so
 * that a register, AH, an immediate inside the record and a scratch word holding a loaded value are all the same case.
 * Width variants follow each other: 8, 16, 32 bits. The numbers are dense: V8 makes a jump table of them.
 */
export const enum Micro {
  /** Falls through to the block at EIP Destination. */
  End = 0,

  // The eight ALU operations in the order of their /digit.
  Add8 = 1,
  Add16 = 2,
  Add32 = 3,
  Or8 = 4,
  Or16 = 5,
  Or32 = 6,
  Adc8 = 7,
  Adc16 = 8,
  Adc32 = 9,
  Sbb8 = 10,
  Sbb16 = 11,
  Sbb32 = 12,
  And8 = 13,
  And16 = 14,
  And32 = 15,
  Sub8 = 16,
  Sub16 = 17,
  Sub32 = 18,
  Xor8 = 19,
  Xor16 = 20,
  Xor32 = 21,
  Cmp8 = 22,
  Cmp16 = 23,
  Cmp32 = 24,
  Test8 = 25,
  Test16 = 26,
  Test32 = 27,
  Inc8 = 28,
  Inc16 = 29,
  Inc32 = 30,
  Dec8 = 31,
  Dec16 = 32,
  Dec32 = 33,
  Neg8 = 34,
  Neg16 = 35,
  Neg32 = 36,
  Not8 = 37,
  Not16 = 38,
  Not32 = 39,
  Mov8 = 40,
  Mov16 = 41,
  Mov32 = 42,
  /** Destination := memory. */
  Load8 = 43,
  Load16 = 44,
  Load32 = 45,
  /** Memory := Source. */
  Store8 = 46,
  Store16 = 47,
  Store32 = 48,
  /** Destination (scratch) := memory, after checking that it may be written; remembers the address for StoreBack. */
  LoadForWrite8 = 49,
  LoadForWrite16 = 50,
  LoadForWrite32 = 51,
  /** Memory at the remembered address := Source. Cannot fault. */
  StoreBack8 = 52,
  StoreBack16 = 53,
  StoreBack32 = 54,
  Xchg8 = 55,
  Xchg16 = 56,
  Xchg32 = 57,

  // Shift and rotate: the count is the byte at index Source, masked to five bits.
  Rol8 = 58,
  Rol16 = 59,
  Rol32 = 60,
  Ror8 = 61,
  Ror16 = 62,
  Ror32 = 63,
  Shl8 = 64,
  Shl16 = 65,
  Shl32 = 66,
  Shr8 = 67,
  Shr16 = 68,
  Shr32 = 69,
  Sar8 = 70,
  Sar16 = 71,
  Sar32 = 72,

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
  /** Destination, Source words; the count is the byte at index Base. */
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

  /**
   * Near transfers in flat code. Destination = EIP after the instruction, Source = EIP if taken; Immediate and Base = the
   * blocks chained there, 0 for none. Indirect ones: Source = index of the target; Immediate = the EIP of the last
   * target, Base = its block. RET: Index = bytes to release.
   */
  Call = 101,
  CallIndirect = 102,
  Return = 103,
  Jump = 104,
  JumpIndirect = 105,

  // Sixteen conditions in encoding order; JumpIf and SetIf are the first of each.
  JumpIf = 106,
  JumpO = 106,
  JumpNO = 107,
  JumpB = 108,
  JumpNB = 109,
  JumpZ = 110,
  JumpNZ = 111,
  JumpBE = 112,
  JumpNBE = 113,
  JumpS = 114,
  JumpNS = 115,
  JumpP = 116,
  JumpNP = 117,
  JumpL = 118,
  JumpNL = 119,
  JumpLE = 120,
  JumpNLE = 121,
  SetIf = 122,
  SetO = 122,
  SetNO = 123,
  SetB = 124,
  SetNB = 125,
  SetZ = 126,
  SetNZ = 127,
  SetBE = 128,
  SetNBE = 129,
  SetS = 130,
  SetNS = 131,
  SetP = 132,
  SetNP = 133,
  SetL = 134,
  SetNL = 135,
  SetLE = 136,
  SetNLE = 137,

  /** Calls the form's handler and goes on. */
  Handler = 138,
  /** Leaves the hot loop: the run loop calls the form's handler. */
  HandlerEnd = 139,

  /**
   * Timing only: the instruction it belongs to is about to access the address at Base, Index, Shift, Immediate (flat) in the V pipe. Its
   * partner accessed the one made from Destination (base, index << 8, shift << 16) and Source (displacement). Destination >> 24: address bits
   * that are not clear when the access crosses its container.
   */
  CheckBank = 140,
}

/** MicroWord.Immediate of SegmentAddress. */
export const enum SegmentAccess {
  BytesMask = 0xff,
  Write = 0x100,
  SegmentShift = 12,
}

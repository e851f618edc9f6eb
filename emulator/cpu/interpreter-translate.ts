/**
 * From a decoded instruction to its record and its micro-operations. Operands become indices into the linear memory;
 * memory operands become a load before the operation and a store after it. What the fast forms do not cover (16-bit
 * stacks, segments that are not flat, unusual sizes) goes to the form's handler.
 */

import type { DecodedInstruction } from "./decode.ts";
import { ExecutionMode, MicroWord } from "./decode-records.ts";
import type { InstructionForm, Operand } from "./instructions/form.ts";
import { Micro, SegmentAccess } from "./interpreter-micro.ts";
import { SegmentRegister, Word } from "./state.ts";
import { BankCheck } from "./timing-model.ts";

/** Micro-operations of one instruction at most: bank check, address, segment, load, operation, store. */
export const MAXIMUM_MICROS = 7;

/** Operand widths as offsets from a micro-operation's byte form. */
const enum Width {
  Byte = 0,
  Word = 1,
  Dword = 2,
}

/** A loaded or computed value, and a computed address. */
const VALUE = Word.Scratch;
const ADDRESS = Word.Scratch + 1;

/** Index of general register `number` in units of `width`. */
function registerIndex(number: number, width: Width): number {
  if (width === Width.Dword) return number;
  if (width === Width.Word) return number * 2;
  return (number & 3) * 4 + (number >> 2);
}

/** Index of a whole word in units of `width`. */
function wordIndex(word: number, width: Width): number {
  return word << (2 - width);
}

const FIXED_REGISTERS: Readonly<Record<string, number>> = {
  AL: 0,
  CL: 1,
  DX: 2,
  eAX: 0,
};

const FLAT_BIT: Readonly<Record<number, number>> = {
  [SegmentRegister.Ds]: ExecutionMode.FlatDs,
  [SegmentRegister.Es]: ExecutionMode.FlatEs,
  [SegmentRegister.Ss]: ExecutionMode.FlatSs,
};

export class Translator {
  /** Word index at which the next micro-operation is written. */
  at = 0;
  private readonly words: Int32Array;
  private decoded!: DecodedInstruction;
  private form!: InstructionForm;
  private mode = 0;
  private eip = 0;
  /** Stored in MicroWord.Instruction. */
  private instruction = 0;

  constructor(words: Int32Array) {
    this.words = words;
  }

  /**
   * Writes the micro-operations of one instruction from `this.at` on.
   * @param instruction what MicroWord.Instruction gets
   * @returns whether the instruction ends the block
   */
  translate(decoded: DecodedInstruction, eip: number, mode: number, instruction: number): boolean {
    const form = decoded.form as InstructionForm;
    this.decoded = decoded;
    this.form = form;
    this.mode = mode;
    this.eip = eip;
    this.instruction = instruction;
    if (form.micro >= 0 && this.tryMicro(form.micro)) return form.endsBlock;
    const ends = form.endsBlock || (form.repeat !== undefined && (decoded.repeat || decoded.repeatNot));
    this.emit(ends ? Micro.HandlerEnd : Micro.Handler, 0, 0, 0);
    return ends;
  }

  /** Micro.CheckBank for an instruction that is translated next; `partner`: the two words about its partner's address. */
  emitBankCheck(decoded: DecodedInstruction, instruction: number, check: BankCheck, partner: readonly number[]): void {
    const [registers = 0, displacement = 0] = partner;
    this.decoded = decoded;
    this.instruction = instruction;
    if (check === BankCheck.Operand) {
      this.emitAddressed(Micro.CheckBank, registers, displacement);
      return;
    }
    this.emit(Micro.CheckBank, registers, displacement, check === BankCheck.Push ? -4 : 0);
    this.words[this.at - MicroWord.Words + MicroWord.Base] = Word.Esp;
    this.words[this.at - MicroWord.Words + MicroWord.Index] = Word.Zero;
  }

  /** Puts the address of the memory operand of an instruction that is translated next into the word `note`. */
  emitAddressNote(decoded: DecodedInstruction, instruction: number, note: number): void {
    this.decoded = decoded;
    this.instruction = instruction;
    this.emitAddressed(Micro.Lea, note, 0);
  }

  /** Falls through to `eip` at the end of a block. */
  emitEnd(eip: number): void {
    this.emit(Micro.End, eip, 0, 0);
  }

  /** Returns false when only the handler can do it. */
  private tryMicro(micro: number): boolean {
    if (micro >= Micro.Add8 && micro < Micro.Inc8) return this.binary(micro);
    if (micro >= Micro.Inc8 && micro < Micro.Mov8) return this.unary(micro);
    if (micro >= Micro.Rol8 && micro < Micro.LoadZeroExtend8) return this.shift(micro);
    if (micro >= Micro.SetIf && micro < Micro.Handler) return this.setByte(micro);
    if (micro >= Micro.JumpIf && micro < Micro.SetIf) return this.branch(micro);
    switch (micro) {
      case Micro.Mov8:
        return this.move();
      case Micro.Xchg8:
        return this.binary(micro);
      case Micro.ZeroExtend8:
      case Micro.ZeroExtend16:
      case Micro.SignExtend8:
      case Micro.SignExtend16:
        return this.extend(micro);
      case Micro.Lea:
        return this.loadEffectiveAddress();
      case Micro.Imul16:
        return this.binary(micro - 1);
      case Micro.ImulImmediate16:
        return this.multiplyImmediate();
      case Micro.Shld32:
      case Micro.Shrd32:
        return this.shiftDouble(micro);
      case Micro.MulWide32:
      case Micro.ImulWide32:
        return this.multiplyWide(micro);
      case Micro.Cwde:
      case Micro.Cdq:
        if (this.decoded.operand32) this.emit(micro, 0, 0, 0);
        return this.decoded.operand32;
      case Micro.Bswap:
        if (this.decoded.operand32) this.emit(micro, this.decoded.register, 0, 0);
        return this.decoded.operand32;
      case Micro.Nop:
        this.emit(Micro.Nop, 0, 0, 0);
        return true;
      case Micro.Push32:
      case Micro.Pop32:
      case Micro.Leave32:
        return this.stack(micro);
      default:
        return this.branch(micro);
    }
  }

  /** Width of an operand. */
  private width(operand: Operand): Width {
    switch (operand.size) {
      case "b":
        return Width.Byte;
      case "w":
        return Width.Word;
      case "d":
        return Width.Dword;
      default:
        return this.decoded.operand32 ? Width.Dword : Width.Word;
    }
  }

  private isMemory(operand: Operand): boolean {
    return (operand.method === "E" && this.decoded.memory) || operand.method === "O" || operand.method === "M";
  }

  /** Index of a register operand in units of `width`. */
  private register(operand: Operand, width: Width): number {
    const { register, rm } = this.decoded;
    switch (operand.method) {
      case "G":
      case "Z":
        return registerIndex(register, width);
      case "E":
        return registerIndex(rm, width);
      default:
        return registerIndex(FIXED_REGISTERS[operand.fixed as string] as number, width);
    }
  }

  /** A register's index, or that of the next micro-operation's own immediate word, which must then hold `immediate`. */
  private source(operand: Operand, width: Width): number {
    if (operand.method === "I" || operand.fixed === "1") return wordIndex(this.at + MicroWord.Immediate, width);
    return this.register(operand, width);
  }

  private immediateOf(operand: Operand): number {
    return operand.fixed === "1" ? 1 : this.decoded.immediate;
  }

  private emit(op: number, destination: number, source: number, immediate: number): void {
    const { words, at } = this;
    words[at + MicroWord.Op] = op;
    words[at + MicroWord.Destination] = destination;
    words[at + MicroWord.Source] = source;
    words[at + MicroWord.Immediate] = immediate;
    words[at + MicroWord.Base] = 0;
    words[at + MicroWord.Index] = 0;
    words[at + MicroWord.Shift] = 0;
    words[at + MicroWord.Instruction] = this.instruction;
    this.at = at + MicroWord.Words;
  }

  /** Emits an operation whose address is the memory operand's offset as written (no segment, no wrapping). */
  private emitAddressed(op: number, destination: number, source: number): void {
    const { decoded, words } = this;
    this.emit(op, destination, source, decoded.displacement);
    const at = this.at - MicroWord.Words;
    words[at + MicroWord.Base] = decoded.base;
    words[at + MicroWord.Index] = decoded.index;
    words[at + MicroWord.Shift] = decoded.shift;
  }

  /** Emits a load or store of the memory operand; `bytes` and `write` are for the segment check. */
  private emitMemory(op: number, destination: number, source: number, bytes: number, write: boolean): void {
    const { decoded } = this;
    const flat = (this.mode & (FLAT_BIT[decoded.segment] ?? 0)) !== 0;
    if (flat && decoded.address32) {
      this.emitAddressed(op, destination, source);
      return;
    }
    this.emitAddressed(decoded.address32 ? Micro.Lea : Micro.Lea16, ADDRESS, 0);
    if (!flat) {
      const access = bytes | (write ? SegmentAccess.Write : 0) | (decoded.segment << SegmentAccess.SegmentShift);
      this.emit(Micro.SegmentAddress, ADDRESS, ADDRESS, access);
    }
    this.emit(op, destination, source, 0);
    const at = this.at - MicroWord.Words;
    this.words[at + MicroWord.Base] = ADDRESS;
    this.words[at + MicroWord.Index] = Word.Zero;
  }

  private load(width: Width): number {
    const index = wordIndex(VALUE, width);
    this.emitMemory(Micro.Load8 + width, index, 0, 1 << width, false);
    return index;
  }

  /** ALU operations, TEST, XCHG, IMUL: destination and source, either of which may be in memory. */
  private binary(micro: number): boolean {
    const [first, second] = this.form.operands as [Operand, Operand];
    const width = this.width(first);
    const firstInMemory = this.isMemory(first);
    const writesMemory = firstInMemory && first.access !== "r";
    const value = wordIndex(VALUE, width);
    if (writesMemory) this.emitMemory(Micro.LoadForWrite8 + width, value, 0, 1 << width, true);
    else if (firstInMemory || this.isMemory(second)) this.load(width);
    const destination = firstInMemory ? value : this.register(first, width);
    const source = this.isMemory(second) ? value : this.source(second, width);
    this.emit(micro + width, destination, source, this.immediateOf(second));
    if (writesMemory) this.emit(Micro.StoreBack8 + width, 0, value, 0);
    return true;
  }

  private unary(micro: number): boolean {
    const [operand] = this.form.operands as [Operand];
    const width = this.width(operand);
    if (!this.isMemory(operand)) {
      this.emit(micro + width, this.register(operand, width), 0, 0);
      return true;
    }
    const value = wordIndex(VALUE, width);
    this.emitMemory(Micro.LoadForWrite8 + width, value, 0, 1 << width, true);
    this.emit(micro + width, value, 0, 0);
    this.emit(Micro.StoreBack8 + width, 0, value, 0);
    return true;
  }

  private shift(micro: number): boolean {
    const [operand, count] = this.form.operands as [Operand, Operand];
    const width = this.width(operand);
    const inMemory = this.isMemory(operand);
    const value = wordIndex(VALUE, width);
    if (inMemory) this.emitMemory(Micro.LoadForWrite8 + width, value, 0, 1 << width, true);
    const destination = inMemory ? value : this.register(operand, width);
    this.emit(micro + width, destination, this.source(count, Width.Byte), this.immediateOf(count));
    if (inMemory) this.emit(Micro.StoreBack8 + width, 0, value, 0);
    return true;
  }

  private shiftDouble(micro: number): boolean {
    if (!this.decoded.operand32) return false;
    const [operand, source, count] = this.form.operands as [Operand, Operand, Operand];
    const inMemory = this.isMemory(operand);
    if (inMemory) this.emitMemory(Micro.LoadForWrite8 + Width.Dword, VALUE, 0, 4, true);
    const destination = inMemory ? VALUE : this.register(operand, Width.Dword);
    const countIndex = this.source(count, Width.Byte);
    this.emit(micro, destination, this.register(source, Width.Dword), this.decoded.immediate);
    this.words[this.at - MicroWord.Words + MicroWord.Base] = countIndex;
    if (inMemory) this.emit(Micro.StoreBack8 + Width.Dword, 0, VALUE, 0);
    return true;
  }

  private move(): boolean {
    const [destination, source] = this.form.operands as [Operand, Operand];
    const width = this.width(destination);
    if (this.isMemory(source)) {
      this.emitMemory(Micro.Load8 + width, this.register(destination, width), 0, 1 << width, false);
    } else if (!this.isMemory(destination)) {
      const from = this.source(source, width);
      this.emit(Micro.Mov8 + width, this.register(destination, width), from, this.immediateOf(source));
    } else if (source.method === "I") {
      // The record's immediate word is the displacement; the value goes into the free destination word.
      this.emitMemory(Micro.Store8 + width, this.decoded.immediate, 0, 1 << width, true);
      const at = this.at - MicroWord.Words;
      this.words[at + MicroWord.Source] = wordIndex(at + MicroWord.Destination, width);
    } else {
      this.emitMemory(Micro.Store8 + width, 0, this.register(source, width), 1 << width, true);
    }
    return true;
  }

  private extend(micro: number): boolean {
    const [destination, source] = this.form.operands as [Operand, Operand];
    const from = this.width(source);
    const inMemory = this.isMemory(source);
    if (this.decoded.operand32) {
      const register = this.register(destination, Width.Dword);
      if (inMemory) this.emitMemory(micro - Micro.ZeroExtend8 + Micro.LoadZeroExtend8, register, 0, 1 << from, false);
      else this.emit(micro, register, this.register(source, from), 0);
      return true;
    }
    const index = inMemory ? this.load(from) : this.register(source, from);
    const register = this.register(destination, Width.Word);
    if (from === Width.Word) this.emit(Micro.Mov8 + Width.Word, register, index, 0);
    else this.emit(micro === Micro.ZeroExtend8 ? Micro.ZeroExtend8To16 : Micro.SignExtend8To16, register, index, 0);
    return true;
  }

  private loadEffectiveAddress(): boolean {
    const { operand32, address32, register } = this.decoded;
    const op = address32 ? Micro.Lea : Micro.Lea16;
    if (operand32) this.emitAddressed(op, register, 0);
    else {
      this.emitAddressed(op, ADDRESS, 0);
      this.emit(Micro.Mov8 + Width.Word, registerIndex(register, Width.Word), wordIndex(ADDRESS, Width.Word), 0);
    }
    return true;
  }

  private multiplyImmediate(): boolean {
    const [destination, source] = this.form.operands as [Operand, Operand];
    const width = this.width(destination);
    const from = this.isMemory(source) ? this.load(width) : this.register(source, width);
    this.emit(Micro.ImulImmediate16 + width - 1, this.register(destination, width), from, this.decoded.immediate);
    return true;
  }

  private multiplyWide(micro: number): boolean {
    if (!this.decoded.operand32) return false;
    const [operand] = this.form.operands as [Operand];
    const source = this.isMemory(operand) ? this.load(Width.Dword) : this.register(operand, Width.Dword);
    this.emit(micro, 0, source, 0);
    return true;
  }

  private setByte(micro: number): boolean {
    const [operand] = this.form.operands as [Operand];
    if (this.isMemory(operand)) {
      const value = wordIndex(VALUE, Width.Byte);
      this.emit(micro, value, 0, 0);
      this.emitMemory(Micro.Store8, 0, value, 1, true);
    } else this.emit(micro, this.register(operand, Width.Byte), 0, 0);
    return true;
  }

  private stack(micro: number): boolean {
    if ((this.mode & ExecutionMode.FlatSs) === 0 || !this.decoded.operand32) return false;
    const [operand] = this.form.operands;
    if (micro === Micro.Leave32) this.emit(micro, 0, 0, 0);
    else if (micro === Micro.Pop32) this.emit(micro, this.register(operand as Operand, Width.Dword), 0, 0);
    else {
      const pushed = operand as Operand;
      const source = this.isMemory(pushed) ? this.load(Width.Dword) : this.source(pushed, Width.Dword);
      this.emit(micro, 0, source, this.decoded.immediate);
    }
    return true;
  }

  /** Near transfers of control; the field use is described at Micro.Call. */
  private branch(micro: number): boolean {
    const { decoded, eip, mode } = this;
    if ((mode & ExecutionMode.FlatCode) === 0 || !decoded.operand32) return false;
    const usesStack = micro === Micro.Call || micro === Micro.CallIndirect || micro === Micro.Return;
    if (usesStack && (mode & ExecutionMode.FlatSs) === 0) return false;
    const after = (eip + decoded.length) | 0;
    const [operand] = this.form.operands;
    if (micro === Micro.Return) {
      this.emit(micro, after, 0, 0);
      this.words[this.at - MicroWord.Words + MicroWord.Index] = decoded.immediate & 0xffff;
    } else if (micro === Micro.CallIndirect || micro === Micro.JumpIndirect) {
      const target = operand as Operand;
      const source = this.isMemory(target) ? this.load(Width.Dword) : this.register(target, Width.Dword);
      this.emit(micro, after, source, 0);
    } else this.emit(micro, after, (after + decoded.immediate) | 0, 0);
    return true;
  }
}

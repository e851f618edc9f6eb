/**
 * The decoder: bytes to one decoded instruction, from the instruction table (prefixes, ModR/M, SIB, displacement,
 * immediates; Intel SDM vol. 2, chapter 2). It reads bytes only; addresses, segments and faults are its callers' matter.
 */
import { type FormFacts, factsOf } from "./instructions/facts.ts";
import type { InstructionForm } from "./instructions/form.ts";
import { OPCODES } from "./instructions/table.ts";
import { SegmentRegister, Word } from "./state.ts";

export const enum DecodeStatus {
  Ok = 0,
  /** The bytes end inside the instruction. */
  Truncated = 1,
  /** No such instruction, or a LOCK prefix where none is legal: #UD. `length` is the bytes looked at. */
  Invalid = 2,
  /** Longer than 15 bytes: #GP(0). */
  TooLong = 3,
}

/** Longest instruction, prefixes included. */
export const MAXIMUM_LENGTH = 15;

/** A decoded instruction. One object is reused by the block builder; fields not used by the form are 0. */
export interface DecodedInstruction {
  form: InstructionForm | undefined;
  /** Bytes, prefixes included. */
  length: number;
  operand32: boolean;
  address32: boolean;
  lock: boolean;
  /** F3 and F2; of several the last one counts. */
  repeat: boolean;
  repeatNot: boolean;
  segmentOverride: boolean;
  /** Segment of the memory operand (default or override). */
  segment: SegmentRegister;
  /** Prefix bytes before the opcode; 0F not counted. */
  prefixes: number;
  hasModRm: boolean;
  /** The ModR/M operand is memory, or the form has a memory offset. */
  memory: boolean;
  /** ModR/M reg field, or the register in the opcode. */
  register: number;
  rm: number;
  /** ModR/M mod field. */
  mod: number;
  /** Word indices of the address registers; Word.Zero for none. */
  base: number;
  index: number;
  shift: number;
  displacement: number;
  displacementBytes: number;
  /** Sign-extended to 32 bits as the form asks; a relative branch's displacement; a far pointer's offset. */
  immediate: number;
  immediateBytes: number;
  immediate2: number;
}

export function createDecodedInstruction(): DecodedInstruction {
  return {
    form: undefined,
    length: 0,
    operand32: true,
    address32: true,
    lock: false,
    repeat: false,
    repeatNot: false,
    segmentOverride: false,
    segment: SegmentRegister.Ds,
    prefixes: 0,
    hasModRm: false,
    memory: false,
    register: 0,
    rm: 0,
    mod: 0,
    base: Word.Zero,
    index: Word.Zero,
    shift: 0,
    displacement: 0,
    displacementBytes: 0,
    immediate: 0,
    immediateBytes: 0,
    immediate2: 0,
  };
}

/** Base and index registers of the eight 16-bit addressing forms (SDM vol. 2, table 2-1). */
const BASE16 = [Word.Ebx, Word.Ebx, Word.Ebp, Word.Ebp, Word.Esi, Word.Edi, Word.Ebp, Word.Ebx];
const INDEX16 = [Word.Esi, Word.Edi, Word.Esi, Word.Edi, Word.Zero, Word.Zero, Word.Zero, Word.Zero];

/** Reads bytes for one instruction at a time; the fields are the state of the decoding under way. */
export class Decoder {
  private bytes: Uint8Array = new Uint8Array(0);
  private position = 0;
  private end = 0;
  private code32 = true;
  private out: DecodedInstruction = createDecodedInstruction();

  /**
   * Decodes the instruction at `offset` of `bytes`, of which `available` bytes may be read.
   * @param code32 CS.D: 32-bit operands and addresses unless a prefix says otherwise
   */
  decode(bytes: Uint8Array, offset: number, available: number, code32: boolean, out: DecodedInstruction): DecodeStatus {
    this.bytes = bytes;
    this.position = offset;
    // One byte more than legal may be looked at, so that "too long" and "cut off" differ.
    this.end = offset + Math.min(available, MAXIMUM_LENGTH + 1);
    this.out = out;
    this.code32 = code32;
    reset(out, code32);
    let status = this.prefixesAndOpcode();
    out.length = this.position - offset;
    if (status !== DecodeStatus.TooLong && this.position > this.end) {
      status = available >= MAXIMUM_LENGTH ? DecodeStatus.TooLong : DecodeStatus.Truncated;
    }
    if (out.length > MAXIMUM_LENGTH && status !== DecodeStatus.Truncated) status = DecodeStatus.TooLong;
    return status;
  }

  /** The next byte; past the end it gives 0 and the overrun is seen at the end. */
  private next8(): number {
    const value = this.position < this.end ? (this.bytes[this.position] as number) : 0;
    this.position++;
    return value;
  }

  private next16(): number {
    return this.next8() | (this.next8() << 8);
  }

  private next32(): number {
    return this.next16() | (this.next16() << 16);
  }

  private prefixesAndOpcode(): DecodeStatus {
    const out = this.out;
    let opcode = this.next8();
    while (this.prefix(opcode)) {
      out.prefixes++;
      if (this.position > this.end) return DecodeStatus.Truncated;
      opcode = this.next8();
    }
    let map = 0;
    if (opcode === 0x0f) {
      map = 256;
      opcode = this.next8();
    }
    if (this.position > this.end) return DecodeStatus.Truncated;
    const entry = OPCODES[map + opcode];
    let form = entry?.form;
    if (entry?.group !== undefined) {
      // Peek at the ModR/M byte; if it is not there yet, any member will do to find that out.
      if (this.position >= this.end) {
        this.position = this.end + 1;
        return DecodeStatus.Truncated;
      }
      const modRm = this.bytes[this.position] as number;
      const registers = modRm >= 0xc0 ? entry.registers : undefined;
      form = (registers === undefined ? entry.group[(modRm >> 3) & 7] : registers[modRm - 0xc0]) ?? entry.form;
    }
    if (form === undefined) {
      // An undefined member of a group still has its address bytes and immediate: they decide between #UD, #GP and #PF.
      if (entry?.group !== undefined) {
        this.modRm(false);
        const member = entry.group.find((other) => other !== undefined);
        if (member !== undefined) this.immediates(member);
      }
      return this.position > this.end ? DecodeStatus.Truncated : DecodeStatus.Invalid;
    }
    out.form = form;
    return this.operands(form, opcode);
  }

  /** Applies a prefix byte; false if it is none. */
  private prefix(byte: number): boolean {
    const out = this.out;
    switch (byte) {
      case 0x26:
        return this.override(SegmentRegister.Es);
      case 0x2e:
        return this.override(SegmentRegister.Cs);
      case 0x36:
        return this.override(SegmentRegister.Ss);
      case 0x3e:
        return this.override(SegmentRegister.Ds);
      case 0x64:
        return this.override(SegmentRegister.Fs);
      case 0x65:
        return this.override(SegmentRegister.Gs);
      case 0x66:
        out.operand32 = !this.code32;
        return true;
      case 0x67:
        out.address32 = !this.code32;
        return true;
      case 0xf0:
        out.lock = true;
        return true;
      case 0xf2:
        out.repeatNot = true;
        out.repeat = false;
        return true;
      case 0xf3:
        out.repeat = true;
        out.repeatNot = false;
        return true;
      default:
        return false;
    }
  }

  private override(segment: SegmentRegister): boolean {
    this.out.segment = segment;
    this.out.segmentOverride = true;
    return true;
  }

  private operands(form: InstructionForm, opcode: number): DecodeStatus {
    const out = this.out;
    const { encoding } = form;
    const facts = factsOf(form);
    if (encoding.registerInOpcode) out.register = opcode & 7;
    let status = DecodeStatus.Ok;
    if (encoding.modRm) {
      // MOV to and from control and debug registers ignores the mod field.
      this.modRm(facts.registerOnly);
      if (!this.operandsExist(facts)) status = DecodeStatus.Invalid;
    }
    this.immediates(form);
    if (out.lock && !(form.lockable && out.memory)) status = DecodeStatus.Invalid;
    return this.position > this.end ? DecodeStatus.Truncated : status;
  }

  private modRm(registerOnly: boolean): void {
    const out = this.out;
    const modRm = this.next8();
    out.hasModRm = true;
    out.register = (modRm >> 3) & 7;
    out.rm = modRm & 7;
    out.mod = modRm >> 6;
    if (modRm >= 0xc0 || registerOnly) return;
    out.memory = true;
    if (out.address32) this.address32(modRm);
    else this.address16(modRm);
  }

  /** Memory-only forms with a register, segment and control registers that do not exist, MOV to CS. */
  private operandsExist({ memoryOnly, segmentOperand, controlOperand }: FormFacts): boolean {
    const { memory, register } = this.out;
    if (memoryOnly && !memory) return false;
    if (controlOperand) return register !== 1 && register <= 4;
    if (segmentOperand === undefined) return true;
    return register <= SegmentRegister.Gs && !(segmentOperand.access === "w" && register === SegmentRegister.Cs);
  }

  private address32(modRm: number): void {
    const out = this.out;
    const mod = modRm >> 6;
    let base = modRm & 7;
    if (base === 4) {
      const sib = this.next8();
      const index = (sib >> 3) & 7;
      if (index !== 4) {
        out.index = index;
        out.shift = sib >> 6;
      }
      base = sib & 7;
    }
    if (mod === 0 && base === 5) this.displacement32();
    else {
      out.base = base;
      if ((base === Word.Esp || base === Word.Ebp) && !out.segmentOverride) out.segment = SegmentRegister.Ss;
      if (mod === 1) this.displacement8();
      else if (mod === 2) this.displacement32();
    }
  }

  private address16(modRm: number): void {
    const out = this.out;
    const mod = modRm >> 6;
    const rm = modRm & 7;
    if (mod === 0 && rm === 6) {
      this.displacement16();
      return;
    }
    out.base = BASE16[rm] as number;
    out.index = INDEX16[rm] as number;
    if (out.base === Word.Ebp && !out.segmentOverride) out.segment = SegmentRegister.Ss;
    if (mod === 1) this.displacement8();
    else if (mod === 2) this.displacement16();
  }

  private displacement8(): void {
    this.out.displacement = (this.next8() << 24) >> 24;
    this.out.displacementBytes = 1;
  }

  private displacement16(): void {
    this.out.displacement = (this.next16() << 16) >> 16;
    this.out.displacementBytes = 2;
  }

  private displacement32(): void {
    this.out.displacement = this.next32();
    this.out.displacementBytes = 4;
  }

  private immediates(form: InstructionForm): void {
    const out = this.out;
    for (const kind of form.encoding.immediates) {
      const before = this.position;
      let value: number;
      switch (kind) {
        case "ib":
          value = this.next8();
          if (out.immediateBytes !== 0) {
            out.immediate2 = value;
            value = out.immediate;
          } else if (factsOf(form).signExtends) value = (value << 24) >> 24;
          break;
        case "cb":
          value = (this.next8() << 24) >> 24;
          break;
        case "iw":
          value = this.next16();
          break;
        case "mo":
          out.memory = true;
          if (out.address32) this.displacement32();
          else {
            this.displacement16();
            out.displacement &= 0xffff;
          }
          continue;
        case "cp":
          value = out.operand32 ? this.next32() : this.next16();
          out.immediate2 = this.next16();
          break;
        default:
          value = out.operand32 ? this.next32() : (this.next16() << 16) >> 16;
          break;
      }
      out.immediate = value;
      out.immediateBytes += this.position - before;
    }
  }
}

function reset(out: DecodedInstruction, code32: boolean): void {
  out.form = undefined;
  out.length = 0;
  out.operand32 = code32;
  out.address32 = code32;
  out.lock = false;
  out.repeat = false;
  out.repeatNot = false;
  out.segmentOverride = false;
  out.segment = SegmentRegister.Ds;
  out.prefixes = 0;
  out.hasModRm = false;
  out.memory = false;
  out.register = 0;
  out.rm = 0;
  out.mod = 0;
  out.base = Word.Zero;
  out.index = Word.Zero;
  out.shift = 0;
  out.displacement = 0;
  out.displacementBytes = 0;
  out.immediate = 0;
  out.immediateBytes = 0;
  out.immediate2 = 0;
}

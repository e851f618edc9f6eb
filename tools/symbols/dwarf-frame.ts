/**
 * Call frame information: how to find a function's caller from the registers at any of its instructions
 * (DWARF 4 specification, section 6.4; ELF section .debug_frame).
 *
 * Damaged tables are an ordinary case: what was read before the damage is kept.
 * NOT IMPLEMENTED: 64-bit DWARF, .eh_frame; expressions beyond what compilers emit for realigned stacks.
 */
import type { ElfFile } from "../../emulator/loader/elf.ts";
import { ByteReader, OutOfData } from "./byte-reader.ts";

/** Numbers of the registers in DWARF's i386 numbering (System V ABI, Intel386 supplement, table 2.14). */
export const DWARF_ESP = 4;
export const DWARF_EBP = 5;
export const DWARF_EIP = 8;
const REGISTERS = 9;

/** How to recover one register of the caller. */
export type RegisterRule =
  | { readonly kind: "same" }
  | { readonly kind: "undefined" }
  /** Saved at CFA + offset. */
  | { readonly kind: "offset"; readonly offset: number }
  /** Is CFA + offset. */
  | { readonly kind: "value"; readonly offset: number }
  | { readonly kind: "register"; readonly register: number }
  /** Saved at the address that the expression gives, with the CFA on the stack at its start. */
  | { readonly kind: "expression"; readonly bytes: Uint8Array };

/** The rules that hold at one address: the canonical frame address is `cfaRegister` + `cfaOffset`, or the expression. */
export interface FrameRules {
  readonly cfaExpression: Uint8Array | undefined;
  readonly cfaRegister: number;
  readonly cfaOffset: number;
  readonly rules: readonly RegisterRule[];
  readonly returnColumn: number;
}

interface CommonInformation {
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  readonly returnColumn: number;
  readonly start: number;
  readonly end: number;
}

interface Description {
  readonly low: number;
  readonly high: number;
  readonly common: CommonInformation;
  readonly start: number;
  readonly end: number;
}

const CIE_ID = 0xffffffff;

export class FrameTable {
  private readonly descriptions: Description[] = [];

  constructor(private readonly section: Uint8Array) {
    try {
      this.read();
    } catch (error) {
      if (!(error instanceof OutOfData)) throw error;
    }
    this.descriptions.sort((a, b) => a.low - b.low);
  }

  /** Address ranges that are described, ascending. */
  ranges(): { low: number; high: number }[] {
    return this.descriptions.map(({ low, high }) => ({ low, high }));
  }

  /** The rules at an address; undefined when there are none. */
  find(address: number): FrameRules | undefined {
    const description = this.descriptions.find(({ low, high }) => address >= low && address < high);
    if (description === undefined) return undefined;
    const { common } = description;
    try {
      const initial = new RuleMachine(common, description.low, undefined);
      initial.run(new ByteReader(this.section, common.start, common.end), Number.POSITIVE_INFINITY);
      const machine = new RuleMachine(common, description.low, initial);
      machine.run(new ByteReader(this.section, description.start, description.end), address);
      return machine.result();
    } catch (error) {
      if (error instanceof OutOfData) return undefined;
      throw error;
    }
  }

  private read(): void {
    const commons = new Map<number, CommonInformation>();
    let offset = 0;
    while (offset < this.section.length) {
      const reader = new ByteReader(this.section, offset);
      const length = reader.u32();
      if (length >= 0xfffffff0) return;
      const end = Math.min(reader.offset + length, this.section.length);
      const entry = new ByteReader(this.section, reader.offset, end);
      const id = entry.u32();
      if (id === CIE_ID) commons.set(offset, readCommon(entry, end));
      else {
        const common = commons.get(id);
        const low = entry.u32();
        const high = low + entry.u32();
        if (common !== undefined) this.descriptions.push({ low, high, common, start: entry.offset, end });
      }
      offset = end;
    }
  }
}

/** Reads the frame table of a program; an ELF file without one gives an empty table. */
export function readFrameTable(elf: ElfFile): FrameTable {
  return new FrameTable(elf.sections.find(({ name }) => name === ".debug_frame")?.data ?? new Uint8Array(0));
}

function readCommon(entry: ByteReader, end: number): CommonInformation {
  const version = entry.u8();
  entry.text();
  if (version >= 4) entry.skip(2);
  const codeAlignment = entry.unsignedLeb();
  const dataAlignment = entry.signedLeb();
  const returnColumn = version === 1 ? entry.u8() : entry.unsignedLeb();
  return { codeAlignment, dataAlignment, returnColumn, start: entry.offset, end };
}

const SAME: RegisterRule = { kind: "same" };

/** Executes call frame instructions up to a location (DWARF 4, 6.4.2). */
class RuleMachine {
  private cfaRegister = DWARF_ESP;
  private cfaOffset = 0;
  private rules: RegisterRule[] = new Array<RegisterRule>(REGISTERS).fill(SAME);
  private readonly stack: FrameRules[] = [];
  private cfaExpression: Uint8Array | undefined;

  constructor(
    private readonly common: CommonInformation,
    private location: number,
    private readonly initial: RuleMachine | undefined,
  ) {
    if (initial === undefined) return;
    this.cfaRegister = initial.cfaRegister;
    this.cfaOffset = initial.cfaOffset;
    this.rules = [...initial.rules];
    this.cfaExpression = initial.cfaExpression;
  }

  result(): FrameRules {
    const { cfaRegister, cfaOffset, cfaExpression } = this;
    return { cfaRegister, cfaOffset, cfaExpression, rules: [...this.rules], returnColumn: this.common.returnColumn };
  }

  /** Stops before the first row that begins beyond `address`. */
  run(reader: ByteReader, address: number): void {
    while (!reader.done) {
      const opcode = reader.u8();
      const operand = opcode & 0x3f;
      switch (opcode & 0xc0) {
        case 0x40:
          if (!this.advance(operand, address)) return;
          break;
        case 0x80:
          this.saved(operand, reader.unsignedLeb() * this.common.dataAlignment);
          break;
        case 0xc0:
          this.restore(operand);
          break;
        default:
          if (!this.extended(operand, reader, address)) return;
      }
    }
  }

  private advance(delta: number, address: number): boolean {
    const next = this.location + delta * this.common.codeAlignment;
    if (next > address) return false;
    this.location = next;
    return true;
  }

  private set(register: number, rule: RegisterRule): void {
    if (register < REGISTERS) this.rules[register] = rule;
  }

  private saved(register: number, offset: number): void {
    this.set(register, { kind: "offset", offset });
  }

  private popState(): void {
    const state = this.stack.pop();
    if (state === undefined) throw new OutOfData("nothing was remembered");
    this.cfaRegister = state.cfaRegister;
    this.cfaOffset = state.cfaOffset;
    this.cfaExpression = state.cfaExpression;
    this.rules = [...state.rules];
  }

  private restore(register: number): void {
    this.set(register, this.initial?.rules[register] ?? SAME);
  }

  /** False when the row sought is complete. */
  private extended(opcode: number, reader: ByteReader, address: number): boolean {
    const { dataAlignment } = this.common;
    switch (opcode) {
      case 0x00:
        return true;
      case 0x01: {
        const location = reader.u32();
        if (location > address) return false;
        this.location = location;
        return true;
      }
      case 0x02:
        return this.advance(reader.u8(), address);
      case 0x03:
        return this.advance(reader.u16(), address);
      case 0x04:
        return this.advance(reader.u32(), address);
      case 0x05:
        this.saved(reader.unsignedLeb(), reader.unsignedLeb() * dataAlignment);
        return true;
      case 0x06:
        this.restore(reader.unsignedLeb());
        return true;
      case 0x07:
        this.set(reader.unsignedLeb(), { kind: "undefined" });
        return true;
      case 0x08:
        this.set(reader.unsignedLeb(), SAME);
        return true;
      case 0x09:
        this.set(reader.unsignedLeb(), { kind: "register", register: reader.unsignedLeb() });
        return true;
      case 0x0a:
        this.stack.push(this.result());
        return true;
      case 0x0b:
        this.popState();
        return true;
      case 0x0c:
        this.cfaRegister = reader.unsignedLeb();
        this.cfaOffset = reader.unsignedLeb();
        this.cfaExpression = undefined;
        return true;
      case 0x0d:
        this.cfaRegister = reader.unsignedLeb();
        return true;
      case 0x0e:
        this.cfaOffset = reader.unsignedLeb();
        return true;
      case 0x0f:
        this.cfaExpression = reader.bytesOf(reader.unsignedLeb());
        return true;
      case 0x10:
        this.set(reader.unsignedLeb(), { kind: "expression", bytes: reader.bytesOf(reader.unsignedLeb()) });
        return true;
      case 0x16:
        this.set(reader.unsignedLeb(), { kind: "undefined" });
        reader.skip(reader.unsignedLeb());
        return true;
      case 0x11:
        this.saved(reader.unsignedLeb(), reader.signedLeb() * dataAlignment);
        return true;
      case 0x12:
        this.cfaRegister = reader.unsignedLeb();
        this.cfaOffset = reader.signedLeb() * dataAlignment;
        this.cfaExpression = undefined;
        return true;
      case 0x13:
        this.cfaOffset = reader.signedLeb() * dataAlignment;
        return true;
      case 0x14:
        this.set(reader.unsignedLeb(), { kind: "value", offset: reader.unsignedLeb() * dataAlignment });
        return true;
      case 0x15:
        this.set(reader.unsignedLeb(), { kind: "value", offset: reader.signedLeb() * dataAlignment });
        return true;
      case 0x2e:
        reader.unsignedLeb();
        return true;
      default:
        throw new OutOfData(`unknown call frame instruction ${opcode}`);
    }
  }
}

/**
 * Value of a location expression (DWARF 4, 2.5.1), with `initial` on the stack if given; undefined when it needs a
 * register or word that is lost, or an operation that we do not know.
 */
export function evaluateExpression(
  bytes: Uint8Array,
  registers: readonly (number | undefined)[],
  readWord: (address: number) => number | undefined,
  initial?: number,
): number | undefined {
  const reader = new ByteReader(bytes);
  let value = initial;
  while (!reader.done) {
    const opcode = reader.u8();
    if (opcode >= 0x70 && opcode <= 0x8f) {
      const base = registers[opcode - 0x70];
      const offset = reader.signedLeb();
      value = base === undefined ? undefined : (base + offset) >>> 0;
    } else if (opcode === 0x06) value = value === undefined ? undefined : readWord(value);
    else if (opcode === 0x23) value = value === undefined ? undefined : (value + reader.unsignedLeb()) >>> 0;
    else return undefined;
    if (value === undefined) return undefined;
  }
  return value;
}

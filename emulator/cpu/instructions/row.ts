/** Builds table rows from the manual's notation. A row that does not parse is a bug of this program and throws at load. */
import { Flag, type Vector } from "../state.ts";
import {
  type Access,
  type AddressingMethod,
  type Encoding,
  type FlagUse,
  type FloatingPoint,
  type Handler,
  type InstructionForm,
  type Operand,
  type OperandSize,
  Pairing,
  type Privilege,
  type RepeatClocks,
} from "./form.ts";

/** A row before it has its place in the table. */
export type Row = Omit<InstructionForm, "id">;

export interface RowOptions {
  micro?: number;
  handler?: Handler;
  flags?: FlagUse;
  pairing?: Pairing;
  /** Clocks, or [register form, memory form]. */
  clocks: number | readonly [number, number];
  /** Where 16-bit operands differ. */
  clocks16?: number;
  lockable?: boolean;
  endsBlock?: boolean;
  /** Implies endsBlock. */
  transfers?: boolean;
  repeat?: RepeatClocks;
  floatingPoint?: FloatingPoint;
  privilege?: Privilege;
  implicitRead?: number;
  implicitWritten?: number;
  raises?: readonly Vector[];
}

/** Register masks for implicit operands. */
export const enum Registers {
  Eax = 1,
  Ecx = 2,
  Edx = 4,
  Ebx = 8,
  Esp = 16,
  Ebp = 32,
  Esi = 64,
  Edi = 128,
  All = 255,
}

const FLAG_LETTERS: Readonly<Record<string, number>> = {
  o: Flag.Of,
  s: Flag.Sf,
  z: Flag.Zf,
  a: Flag.Af,
  p: Flag.Pf,
  c: Flag.Cf,
  d: Flag.Df,
  i: Flag.If,
  t: Flag.Tf,
  n: Flag.Nt,
  l: Flag.Iopl,
  // Everything else that POPF and IRET can change.
  x: Flag.Rf | Flag.Vm | Flag.Ac | Flag.Id | Flag.Vif | Flag.Vip,
};

function flagMask(letters: string): number {
  let mask = 0;
  for (const letter of letters) {
    const bit = FLAG_LETTERS[letter];
    if (bit === undefined) throw new Error(`no such flag: ${letter}`);
    mask |= bit;
  }
  return mask;
}

/** Flag use by letters o s z a p c d i t n l x; `undefined` ones are part of `written`. */
export function flags(written: string, read = "", undefinedOnes = "", undefinedChoice = ""): FlagUse {
  return {
    read: flagMask(read),
    written: flagMask(written) | flagMask(undefinedOnes),
    undefined: flagMask(undefinedOnes),
    undefinedChoice,
  };
}

const NO_FLAGS: FlagUse = flags("");

const FIXED = new Set([
  ..."AL CL DL BL AH CH DH BH AX CX DX BX SP BP SI DI eAX eCX eDX eBX eSP eBP eSI eDI".split(" "),
  ..."ES CS SS DS FS GS 1 3 ST ST1".split(" "),
]);
const OPERAND = /^(r|w|rw|a):([A-Z])(bs|[bwdqvspantef])$/;
const METHODS = "EMRGZSCDIJAOXYT";

function fixedSize(name: string): OperandSize {
  if (name.startsWith("ST")) return "t";
  if (/^[ABCD][LH]$/.test(name)) return "b";
  return name.startsWith("e") ? "v" : "w";
}

function parseOperand(text: string): Operand {
  const [access, name] = text.split(":");
  if (name !== undefined && FIXED.has(name)) {
    return { access: access as Access, method: "F", size: fixedSize(name), fixed: name };
  }
  const match = OPERAND.exec(text);
  if (match === null || !METHODS.includes(match[2] as string)) throw new Error(`cannot read operand "${text}"`);
  return { access: match[1] as Access, method: match[2] as AddressingMethod, size: match[3] as OperandSize };
}

function parseEncoding(text: string): Encoding {
  const parts = text.split(" ");
  let map: 0 | 1 = 0;
  if (parts[0] === "0F" && parts.length > 1) {
    map = 1;
    parts.shift();
  }
  const match = /^([0-9A-F]{2})(\+r)?$/.exec(parts[0] ?? "");
  if (match === null) throw new Error(`cannot read encoding "${text}"`);
  let modRm = false;
  let digit = -1;
  let modRmByte = -1;
  let stackRegister = false;
  let reserved = false;
  const immediates: Encoding["immediates"][number][] = [];
  for (const part of parts.slice(1)) {
    if (part === "/r") modRm = true;
    else if (part === "reserved") {
      modRm = true;
      reserved = true;
    } else if (/^\/[0-7]$/.test(part)) {
      modRm = true;
      digit = Number(part.slice(1));
    } else if (/^[C-F][0-9A-F](?:\+i)?$/.test(part)) {
      modRm = true;
      modRmByte = Number.parseInt(part, 16);
      stackRegister = part.endsWith("+i");
    } else if (/^(ib|iw|iv|cb|cv|cp|mo)$/.test(part)) immediates.push(part as Encoding["immediates"][number]);
    else throw new Error(`cannot read encoding "${text}"`);
  }
  return {
    text,
    map,
    opcode: Number.parseInt(match[1] as string, 16),
    registerInOpcode: match[2] !== undefined,
    modRm,
    digit,
    modRmByte,
    stackRegister,
    reserved,
    immediates,
  };
}

/**
 * @param mnemonic lower case; "a/b" = 16-bit name / 32-bit name
 * @param encoding e.g. "81 /4 iv", "0F B6 /r", "50+r", "D8 C0+i"; iv = immediate of operand size (at most 32 bits), cb cv = relative
 *   branch, cp = far pointer, mo = memory offset of address size
 * @param operands e.g. "rw:Ev r:Gv", destination first
 */
export function row(mnemonic: string, encoding: string, operands: string, options: RowOptions): Row {
  const clocks = typeof options.clocks === "number" ? options.clocks : options.clocks[0];
  const memoryClocks = typeof options.clocks === "number" ? options.clocks : options.clocks[1];
  return {
    mnemonic,
    encoding: parseEncoding(encoding),
    operands: operands === "" ? [] : operands.split(" ").map(parseOperand),
    implicitRead: options.implicitRead ?? 0,
    implicitWritten: options.implicitWritten ?? 0,
    flags: options.flags ?? NO_FLAGS,
    privilege: options.privilege ?? "user",
    lockable: options.lockable ?? false,
    endsBlock: options.endsBlock ?? options.transfers ?? false,
    transfers: options.transfers ?? false,
    repeat: options.repeat,
    floatingPoint: options.floatingPoint,
    micro: options.micro ?? -1,
    handler: options.handler,
    pairing: options.pairing ?? Pairing.NP,
    clocks,
    memoryClocks,
    clocks16: options.clocks16 ?? -1,
    raises: options.raises ?? [],
  };
}

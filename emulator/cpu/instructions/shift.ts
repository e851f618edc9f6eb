/**
 * Shifts and rotates (Intel SDM vol. 1, 5.1.5). Counts are taken modulo 32.
 *
 * Undefined flags, this machine's choice: AF clear after shifts; OF as if the last one-bit step had been the whole
 * instruction, whatever the count; SHLD and SHRD with a count above the operand size (16-bit only) shift the
 * 48-bit string destination:source:destination, as Intel's processors do.
 */
import type { Cpu } from "../cpu.ts";
import { Auxiliary } from "../flags.ts";
import { Micro } from "../interpreter-micro.ts";
import { Flag, Word } from "../state.ts";
import { Pairing } from "./form.ts";
import {
  addClocks,
  immediate,
  operandBytes,
  readPlace,
  readRegister,
  registerField,
  rmPlace,
  writePlace,
} from "./operands.ts";
import { flags, Registers, type Row, row } from "./row.ts";

const SHIFT = flags(
  "szpc",
  "",
  "oa",
  "OF as for a count of 1 applied to the last step, AF clear; a count of 0 changes none",
);
const SHIFT_OUT = flags(
  "szp",
  "",
  "oac",
  "OF as for a count of 1 applied to the last step, AF clear, CF the last bit out (0 when the count exceeds the operand); a count of 0 changes none",
);
const SHIFT_ONCE = flags("oszpc", "", "a", "AF clear");
const ROTATE = flags("c", "", "o", "OF as for a count of 1 applied to the last step; a count of 0 changes none");
const ROTATE_ONCE = flags("oc");
const ROTATE_CARRY = flags("c", "c", "o", "OF as for a count of 1 applied to the last step; a count of 0 changes none");
const ROTATE_CARRY_ONCE = flags("oc", "c");

/** Writes CF and OF, keeps the other flags. */
function setCarryOverflow(cpu: Cpu, carry: number, overflow: number): void {
  const eflags = cpu.eflags & ~(Flag.Cf | Flag.Of);
  cpu.eflags = eflags | carry | (overflow << 11);
}

/** RCL: rotates the operand with CF as its top bit; counts modulo operand bits + 1 (8- and 16-bit forms). */
function rotateThroughCarryLeft(cpu: Cpu, instruction: number, count: number): void {
  const bytes = operandBytes(cpu, instruction);
  const bits = 8 * bytes;
  const place = rmPlace(cpu, instruction, bytes);
  let value = readPlace(cpu, instruction, place, bytes) >>> 0;
  let carry = cpu.words[Word.FlagAuxiliary] >>> 31;
  const steps = count % (bits + 1);
  for (let step = 0; step < steps; step++) {
    const out = (value >>> (bits - 1)) & 1;
    value = ((value << 1) | carry) >>> 0;
    if (bits < 32) value &= (1 << bits) - 1;
    carry = out;
  }
  writePlace(cpu, instruction, place, bytes, value | 0);
  if (count !== 0) setCarryOverflow(cpu, carry, ((value >>> (bits - 1)) & 1) ^ carry);
}

function rotateThroughCarryRight(cpu: Cpu, instruction: number, count: number): void {
  const bytes = operandBytes(cpu, instruction);
  const bits = 8 * bytes;
  const place = rmPlace(cpu, instruction, bytes);
  let value = readPlace(cpu, instruction, place, bytes) >>> 0;
  let carry = cpu.words[Word.FlagAuxiliary] >>> 31;
  const steps = count % (bits + 1);
  for (let step = 0; step < steps; step++) {
    const out = value & 1;
    value = ((value >>> 1) | (carry << (bits - 1))) >>> 0;
    carry = out;
  }
  writePlace(cpu, instruction, place, bytes, value | 0);
  if (count !== 0) setCarryOverflow(cpu, carry, ((value >>> (bits - 1)) ^ (value >>> (bits - 2))) & 1);
}

/** Clocks beyond the table's base: min(n, 17) by CL, n by immediate (our reading of Intel's ranges 7-24 and 8-25). */
function rotateLeftByCl(cpu: Cpu, instruction: number): void {
  const count = cpu.words[Word.Ecx] & 31;
  rotateThroughCarryLeft(cpu, instruction, count);
  addClocks(cpu, Math.min(count, 17));
}

function rotateRightByCl(cpu: Cpu, instruction: number): void {
  const count = cpu.words[Word.Ecx] & 31;
  rotateThroughCarryRight(cpu, instruction, count);
  addClocks(cpu, Math.min(count, 17));
}

function rotateLeftByImmediate(cpu: Cpu, instruction: number): void {
  const count = immediate(cpu, instruction) & 31;
  rotateThroughCarryLeft(cpu, instruction, count);
  addClocks(cpu, count);
}

function rotateRightByImmediate(cpu: Cpu, instruction: number): void {
  const count = immediate(cpu, instruction) & 31;
  rotateThroughCarryRight(cpu, instruction, count);
  addClocks(cpu, count);
}

function rotateLeftOnce(cpu: Cpu, instruction: number): void {
  rotateThroughCarryLeft(cpu, instruction, 1);
}

function rotateRightOnce(cpu: Cpu, instruction: number): void {
  rotateThroughCarryRight(cpu, instruction, 1);
}

/** SHLD and SHRD with 16-bit operands (the 32-bit forms are micro-operations). */
function shiftDouble(cpu: Cpu, instruction: number, count: number, left: boolean): void {
  const place = rmPlace(cpu, instruction, 2);
  // The operand is read (and may be misaligned) whatever the count.
  const destination = readPlace(cpu, instruction, place, 2);
  if (count === 0) return;
  const source = readRegister(cpu, registerField(cpu, instruction), 2);
  let result: number;
  let carry: number;
  if (left) {
    const upper = ((destination << 16) | source) >>> 0;
    result = count <= 16 ? (upper << count) >>> 16 : (((source << 16) | destination) << (count - 16)) >>> 16;
    carry = count <= 16 ? (destination >>> (16 - count)) & 1 : (source >>> (32 - count)) & 1;
  } else {
    const upper = (source << 16) | destination;
    result = (count <= 16 ? upper >>> count : ((destination << 16) | source) >>> (count - 16)) & 0xffff;
    carry = count <= 16 ? (destination >>> (count - 1)) & 1 : (source >>> (count - 17)) & 1;
  }
  writePlace(cpu, instruction, place, 2, result);
  const overflow = left ? (result >>> 15) ^ carry : ((result >>> 15) ^ (result >>> 14)) & 1;
  cpu.words[Word.FlagResult] = (result << 16) >> 16;
  cpu.words[Word.FlagAuxiliary] = (carry << 31) | (((carry ^ overflow) << 30) & Auxiliary.CarryOverflow);
}

function shiftDoubleLeftByImmediate(cpu: Cpu, instruction: number): void {
  shiftDouble(cpu, instruction, immediate(cpu, instruction) & 31, true);
}

function shiftDoubleLeftByCl(cpu: Cpu, instruction: number): void {
  shiftDouble(cpu, instruction, cpu.words[Word.Ecx] & 31, true);
}

function shiftDoubleRightByImmediate(cpu: Cpu, instruction: number): void {
  shiftDouble(cpu, instruction, immediate(cpu, instruction) & 31, false);
}

function shiftDoubleRightByCl(cpu: Cpu, instruction: number): void {
  shiftDouble(cpu, instruction, cpu.words[Word.Ecx] & 31, false);
}

/** The six encodings that rotates and shifts by micro-operation share (group 2). */
function groupTwo(mnemonic: string, digit: number, micro: number, rotate: boolean): Row[] {
  const many = rotate ? ROTATE : mnemonic === "sar" ? SHIFT : SHIFT_OUT;
  const once = rotate ? ROTATE_ONCE : SHIFT_ONCE;
  // ROL and ROR by an immediate do not pair; SHL SHR SAR do, in the U pipe.
  const byImmediate = rotate ? Pairing.NP : Pairing.PU;
  const byCl = { implicitRead: Registers.Ecx, micro, flags: many, clocks: 4 };
  return [
    row(mnemonic, `C0 /${digit} ib`, "rw:Eb r:Ib", { micro, flags: many, pairing: byImmediate, clocks: [1, 3] }),
    row(mnemonic, `C1 /${digit} ib`, "rw:Ev r:Ib", { micro, flags: many, pairing: byImmediate, clocks: [1, 3] }),
    row(mnemonic, `D0 /${digit}`, "rw:Eb r:1", { micro, flags: once, pairing: Pairing.PU, clocks: [1, 3] }),
    row(mnemonic, `D1 /${digit}`, "rw:Ev r:1", { micro, flags: once, pairing: Pairing.PU, clocks: [1, 3] }),
    row(mnemonic, `D2 /${digit}`, "rw:Eb r:CL", byCl),
    row(mnemonic, `D3 /${digit}`, "rw:Ev r:CL", byCl),
  ];
}

function throughCarry(mnemonic: string, digit: number, left: boolean): Row[] {
  const once = {
    handler: left ? rotateLeftOnce : rotateRightOnce,
    flags: ROTATE_CARRY_ONCE,
    pairing: Pairing.PU,
    clocks: [1, 3],
  } as const;
  const byImmediate = {
    handler: left ? rotateLeftByImmediate : rotateRightByImmediate,
    flags: ROTATE_CARRY,
    clocks: [8, 10],
  } as const;
  const byCl = { handler: left ? rotateLeftByCl : rotateRightByCl, flags: ROTATE_CARRY, clocks: [7, 9] } as const;
  return [
    row(mnemonic, `C0 /${digit} ib`, "rw:Eb r:Ib", byImmediate),
    row(mnemonic, `C1 /${digit} ib`, "rw:Ev r:Ib", byImmediate),
    row(mnemonic, `D0 /${digit}`, "rw:Eb r:1", once),
    row(mnemonic, `D1 /${digit}`, "rw:Ev r:1", once),
    row(mnemonic, `D2 /${digit}`, "rw:Eb r:CL", byCl),
    row(mnemonic, `D3 /${digit}`, "rw:Ev r:CL", byCl),
  ];
}

export const SHIFT_ROWS: readonly Row[] = [
  ...groupTwo("rol", 0, Micro.Rol8, true),
  ...groupTwo("ror", 1, Micro.Ror8, true),
  ...throughCarry("rcl", 2, true),
  ...throughCarry("rcr", 3, false),
  ...groupTwo("shl", 4, Micro.Shl8, false),
  ...groupTwo("shr", 5, Micro.Shr8, false),
  // Undocumented alias of SHL.
  ...groupTwo("sal", 6, Micro.Shl8, false),
  ...groupTwo("sar", 7, Micro.Sar8, false),
  row("shld", "0F A4 /r ib", "rw:Ev r:Gv r:Ib", {
    micro: Micro.Shld32,
    handler: shiftDoubleLeftByImmediate,
    flags: SHIFT,
    clocks: 4,
  }),
  row("shld", "0F A5 /r", "rw:Ev r:Gv r:CL", {
    micro: Micro.Shld32,
    handler: shiftDoubleLeftByCl,
    flags: SHIFT,
    clocks: [4, 5],
  }),
  row("shrd", "0F AC /r ib", "rw:Ev r:Gv r:Ib", {
    micro: Micro.Shrd32,
    handler: shiftDoubleRightByImmediate,
    flags: SHIFT,
    clocks: 4,
  }),
  row("shrd", "0F AD /r", "rw:Ev r:Gv r:CL", {
    micro: Micro.Shrd32,
    handler: shiftDoubleRightByCl,
    flags: SHIFT,
    clocks: [4, 5],
  }),
];

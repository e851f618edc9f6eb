/** Bit and byte instructions (Intel SDM vol. 1, 5.1.6): BT BTS BTR BTC BSF BSR SETcc. */
import type { Cpu } from "../cpu.ts";
import { InstructionWord, OperandBits } from "../decode-records.ts";
import { Auxiliary } from "../flags.ts";
import { Micro } from "../interpreter-micro.ts";
import { checkedLinear } from "../segmentation.ts";
import { Flag, Word } from "../state.ts";
import { CONDITIONS } from "./conditions.ts";
import {
  addClocks,
  effectiveOffset,
  immediate,
  isMemory,
  operandBytes,
  operandSegment,
  readLinear,
  readRegister,
  readRm,
  registerField,
  rmField,
  writeLinear,
  writeRegister,
} from "./operands.ts";
import { flags, type Row, row } from "./row.ts";

const enum BitOperation {
  Test = 4,
  Set = 5,
  Reset = 6,
  Complement = 7,
}

const BIT_TEST = flags("c", "", "osap", "unchanged");
const SCAN = flags("z", "", "ospac", "unchanged");

function setCarry(cpu: Cpu, carry: number): void {
  const auxiliary = cpu.words[Word.FlagAuxiliary];
  // Flipping both carry bits together changes CF and keeps OF.
  if (auxiliary >>> 31 !== carry) cpu.words[Word.FlagAuxiliary] = auxiliary ^ Auxiliary.CarryOverflow;
}

function changed(value: number, mask: number, operation: BitOperation): number {
  switch (operation) {
    case BitOperation.Set:
      return value | mask;
    case BitOperation.Reset:
      return value & ~mask;
    case BitOperation.Complement:
      return value ^ mask;
    default:
      return value;
  }
}

/**
 * `displacement`: bytes from the operand's address to the word that holds the bit, when the bit's number comes from a
 * register and may lie outside the operand (SDM vol. 1, 3.1.1.9, bit strings).
 */
function bitOperation(cpu: Cpu, instruction: number, bit: number, displacement: number, operation: BitOperation): void {
  const bytes = operandBytes(cpu, instruction);
  const mask = 1 << (bit & (8 * bytes - 1));
  if (!isMemory(cpu, instruction)) {
    const register = rmField(cpu, instruction);
    const value = readRegister(cpu, register, bytes);
    writeRegister(cpu, register, bytes, changed(value, mask, operation));
    setCarry(cpu, (value & mask) !== 0 ? 1 : 0);
    return;
  }
  const write = operation !== BitOperation.Test;
  let offset = effectiveOffset(cpu, instruction) + displacement;
  if (displacement !== 0 && !is32(cpu, instruction)) offset &= 0xffff;
  const linear = checkedLinear(cpu, operandSegment(cpu, instruction), offset | 0, bytes, write);
  if (write) cpu.access.probeWrite(linear, bytes);
  const value = readLinear(cpu, linear, bytes);
  if (write) writeLinear(cpu, linear, bytes, changed(value, mask, operation));
  setCarry(cpu, (value & mask) !== 0 ? 1 : 0);
}

function is32(cpu: Cpu, instruction: number): boolean {
  return (cpu.words[instruction + InstructionWord.Operands] & OperandBits.Address32) !== 0;
}

function byImmediate(operation: BitOperation) {
  return (cpu: Cpu, instruction: number): void =>
    bitOperation(cpu, instruction, immediate(cpu, instruction), 0, operation);
}

function byRegister(operation: BitOperation) {
  return (cpu: Cpu, instruction: number): void => {
    const bytes = operandBytes(cpu, instruction);
    const register = readRegister(cpu, registerField(cpu, instruction), bytes);
    const bit = bytes === 2 ? (register << 16) >> 16 : register;
    bitOperation(cpu, instruction, bit, (bit >> (bytes === 2 ? 4 : 5)) * bytes, operation);
  };
}

/** Writes ZF and keeps the other flags. */
function setZero(cpu: Cpu, zero: boolean): void {
  const eflags = cpu.eflags;
  cpu.eflags = zero ? eflags | Flag.Zf : eflags & ~Flag.Zf;
}

/** BSF. Clocks: 6 + index of the lowest set bit (inside Intel's range 6-42). */
function scanForward(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const value = readRm(cpu, instruction, bytes);
  setZero(cpu, value === 0);
  if (value === 0) return;
  const index = 31 - Math.clz32(value & -value);
  writeRegister(cpu, registerField(cpu, instruction), bytes, index);
  addClocks(cpu, index);
}

/** BSR. Clocks: 7 + 2 for each bit above the highest set one (inside Intel's range 7-71). */
function scanReverse(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const value = readRm(cpu, instruction, bytes);
  setZero(cpu, value === 0);
  if (value === 0) return;
  const index = 31 - Math.clz32(value);
  writeRegister(cpu, registerField(cpu, instruction), bytes, index);
  addClocks(cpu, 2 * (8 * bytes - 1 - index));
}

const TEST_CLOCKS = { byImmediate: 4, byRegister: [4, 9] } as const;
const CHANGE_CLOCKS = { byImmediate: [7, 8], byRegister: [7, 13] } as const;

function bitRows(mnemonic: string, opcode: string, operation: BitOperation): Row[] {
  const tests = operation === BitOperation.Test;
  const access = tests ? "r" : "rw";
  const clocks = tests ? TEST_CLOCKS : CHANGE_CLOCKS;
  const common = { flags: BIT_TEST, lockable: !tests };
  return [
    row(mnemonic, `0F ${opcode} /r`, `${access}:Ev r:Gv`, {
      ...common,
      handler: byRegister(operation),
      clocks: clocks.byRegister,
    }),
    row(mnemonic, `0F BA /${operation} ib`, `${access}:Ev r:Ib`, {
      ...common,
      handler: byImmediate(operation),
      clocks: clocks.byImmediate,
    }),
  ];
}

export const BIT_ROWS: readonly Row[] = [
  ...bitRows("bt", "A3", BitOperation.Test),
  ...bitRows("bts", "AB", BitOperation.Set),
  ...bitRows("btr", "B3", BitOperation.Reset),
  ...bitRows("btc", "BB", BitOperation.Complement),
  row("bsf", "0F BC /r", "rw:Gv r:Ev", { handler: scanForward, flags: SCAN, clocks: [6, 7] }),
  row("bsr", "0F BD /r", "rw:Gv r:Ev", { handler: scanReverse, flags: SCAN, clocks: [7, 8] }),
  ...CONDITIONS.map(({ suffix, reads }, condition) =>
    row(`set${suffix}`, `0F 9${condition.toString(16).toUpperCase()} /r`, "w:Eb", {
      micro: Micro.SetIf + condition,
      flags: flags("", reads),
      clocks: [1, 2],
    }),
  ),
];

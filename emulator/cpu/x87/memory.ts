/** Operands in memory: where they are, with every check made before anything changes; qwords and ten-byte operands in parts. */
import type { Cpu } from "../cpu.ts";
import { raiseFault } from "../exceptions.ts";
import { effectiveOffset, operandLinear, operandSegment } from "../instructions/operands.ts";
import { Flag, Vector, Word } from "../state.ts";
import type { Extended } from "./format.ts";
import { noteDataPointer } from "./unit.ts";

const CR0_AM = 0x40000;

/** Linear address of the operand of `bytes`, checked for the access; every fault of it is raised here. */
export function locate(cpu: Cpu, instruction: number, bytes: number, write: boolean): number {
  const linear = operandLinear(cpu, instruction, bytes, write);
  if (write) cpu.access.probeWrite(linear, bytes);
  else cpu.access.probeRead(linear, bytes);
  checkAlignment(cpu, linear, bytes);
  return linear;
}

/** The operand of a non-control instruction: its address is also noted for the exception handler. */
export function locateData(cpu: Cpu, instruction: number, bytes: number, write: boolean): number {
  const linear = locate(cpu, instruction, bytes, write);
  // What is not in one aligned qword waits (p5-timing 9.3). Its parts by themselves would not, or would twice.
  if (bytes >= 8 && (linear & 7) !== 0) cpu.timing?.misaligned();
  noteDataPointer(cpu, operandSegment(cpu, instruction), effectiveOffset(cpu, instruction));
  return linear;
}

/** #AC(0): words, doublewords, and everything larger to eight bytes; environments to four (SDM vol. 3, table 6-7). */
function checkAlignment(cpu: Cpu, linear: number, bytes: number): void {
  const { words } = cpu;
  if (words[Word.Cpl] !== 3 || (words[Word.SystemFlags] & Flag.Ac) === 0 || (words[Word.Cr0] & CR0_AM) === 0) return;
  const natural = bytes <= 4 ? bytes : bytes <= 10 ? 8 : 4;
  if ((linear & (natural - 1)) !== 0) raiseFault(cpu, Vector.AlignmentCheck, 0);
}

/** `bytes` (2, 4, 8 or 10) at a linear address, as an unsigned integer. */
export function readMemory(cpu: Cpu, linear: number, bytes: number): bigint {
  const { access } = cpu;
  if (bytes === 2) return BigInt(access.read16(linear));
  if (bytes === 4) return BigInt(access.read32(linear) >>> 0);
  let value = 0n;
  if ((linear & 3) === 0) {
    const low = access.read32(linear);
    const high = (linear & 7) === 0 ? access.readUpper32(linear + 4) : access.read32(linear + 4);
    value = BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
    return bytes === 8 ? value : value | (BigInt(access.read16(linear + 8)) << 64n);
  }
  for (let i = 0; i < bytes; i++) value |= BigInt(access.read8(linear + i)) << BigInt(8 * i);
  return value;
}

/** Writes the low `bytes` (2, 4, 8 or 10) of a value. */
export function writeMemory(cpu: Cpu, linear: number, bytes: number, value: bigint): void {
  const { access } = cpu;
  const low = Number(BigInt.asIntN(32, value));
  if (bytes === 2) access.write16(linear, low & 0xffff);
  else if (bytes === 4) access.write32(linear, low);
  else if ((linear & 3) === 0) {
    const high = Number(BigInt.asIntN(32, value >> 32n));
    access.write32(linear, low);
    if ((linear & 7) === 0) access.writeUpper32(linear + 4, high);
    else access.write32(linear + 4, high);
    if (bytes === 10) access.write16(linear + 8, Number((value >> 64n) & 0xffffn));
  } else for (let i = 0; i < bytes; i++) access.write8(linear + i, Number((value >> BigInt(8 * i)) & 0xffn));
}

/** Ten bytes as they lie in memory. */
export function fromBits(bits: bigint): Extended {
  const high = Number(bits >> 64n);
  return { sign: (high >> 15) & 1, exponent: high & 0x7fff, significand: BigInt.asUintN(64, bits) };
}

export function toBits({ sign, exponent, significand }: Extended): bigint {
  return (BigInt((sign << 15) | exponent) << 64n) | significand;
}

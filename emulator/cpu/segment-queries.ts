/** LAR, LSL, VERR, VERW, ARPL: what a selector would allow, told in ZF without a fault (Intel SDM vol. 2). */
import type { Cpu } from "./cpu.ts";
import { descriptor, fetchDescriptor } from "./descriptor-tables.ts";
import { readEflags, writeArithmeticFlags } from "./flags.ts";
import { attributesOf, conforming, limitOf, readable, SegmentAttribute } from "./segmentation.ts";
import { Flag, Word } from "./state.ts";

function setZeroFlag(cpu: Cpu, zero: boolean): void {
  const flags = readEflags(cpu.words);
  writeArithmeticFlags(cpu.words, zero ? flags | Flag.Zf : flags & ~Flag.Zf);
}

/** Fetches the descriptor when the selector is not null, in its table, and visible at max(CPL, RPL). */
function visible(cpu: Cpu, selector: number): boolean {
  if ((selector & 0xfffc) === 0 || !fetchDescriptor(cpu, selector)) return false;
  const attributes = attributesOf(descriptor.high);
  if (conforming(attributes)) return true;
  const dpl = (attributes & SegmentAttribute.Dpl) >>> SegmentAttribute.DplShift;
  return dpl >= cpu.words[Word.Cpl] && dpl >= (selector & 3);
}

/** System descriptor types that LAR accepts: TSSs, LDT, call and task gates, 16 and 32 bit. */
const LAR_SYSTEM_TYPES = bitSet(1, 2, 3, 4, 5, 9, 11, 12);
/** System descriptor types that have a limit: TSSs and LDT. */
const LSL_SYSTEM_TYPES = bitSet(1, 2, 3, 9, 11);

function bitSet(...bits: number[]): number {
  return bits.reduce((set, bit) => set | (1 << bit), 0);
}

function acceptable(attributes: number, systemTypes: number): boolean {
  return (attributes & SegmentAttribute.NotSystem) !== 0 || ((systemTypes >>> (attributes & 15)) & 1) !== 0;
}

/** LAR: sets ZF and returns the access rights dword, or clears ZF and returns `current`. */
export function lar(cpu: Cpu, selector: number, current: number): number {
  const ok = visible(cpu, selector & 0xffff) && acceptable(attributesOf(descriptor.high), LAR_SYSTEM_TYPES);
  setZeroFlag(cpu, ok);
  return ok ? descriptor.high & 0x00f0ff00 : current;
}

/** LSL: sets ZF and returns the limit in bytes, or clears ZF and returns `current`. */
export function lsl(cpu: Cpu, selector: number, current: number): number {
  const ok = visible(cpu, selector & 0xffff) && acceptable(attributesOf(descriptor.high), LSL_SYSTEM_TYPES);
  setZeroFlag(cpu, ok);
  return ok ? limitOf(descriptor.low, descriptor.high) : current;
}

export function verr(cpu: Cpu, selector: number): void {
  setZeroFlag(cpu, visible(cpu, selector & 0xffff) && readable(attributesOf(descriptor.high)));
}

export function verw(cpu: Cpu, selector: number): void {
  setZeroFlag(cpu, visible(cpu, selector & 0xffff) && (attributesOf(descriptor.high) & 0x1a) === 0x12);
}

/** ARPL: raises the RPL of `destination` to that of `source`; sets ZF when it did. Returns the new destination. */
export function arpl(cpu: Cpu, destination: number, source: number): number {
  const raise = (destination & 3) < (source & 3);
  setZeroFlag(cpu, raise);
  return raise ? (destination & ~3) | (source & 3) : destination;
}

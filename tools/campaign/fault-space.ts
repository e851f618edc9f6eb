/**
 * The raw fault space: every bit of every target at every clock of the golden run at which the bit is there. Points are
 * numbered from 0 region by region, within a region bit by bit, within a bit clock by clock. With a model of several
 * adjacent bits, a "bit" here is the lowest of them.
 */
import { EFLAGS_BITS, type Fault, type FaultModel, type RegisterName } from "../faults/fault.ts";
import { parseFault } from "../faults/fault-line.ts";

/** What happens to the bits of a point: so many adjacent ones flip, or keep a value (for some clocks, or for good). */
export interface SpaceModel {
  readonly kind: "flip" | "stuckAt0" | "stuckAt1";
  readonly bits: number;
  readonly clocks?: number;
}

export const SINGLE_FLIP: SpaceModel = { kind: "flip", bits: 1 };

/** Bits that appear together: one register, or a stretch of memory within one page. */
export interface Place {
  /** Whose they are: a component, or `kernel`, `physical`, `cpu`, `tlb`. */
  readonly component: string;
  /** The register, symbol, section, structure or address that the specification names. */
  readonly name: string;
  /** A register of the component's thread. */
  readonly register?: RegisterName;
  /** Address and bytes, for memory: virtual in the component's space, or physical. */
  readonly address?: number;
  readonly bytes?: number;
  readonly addressing?: "virtual" | "physical";
  /** Any other word, as a fault line names it, and the bits that it has. */
  readonly target?: string;
  readonly mask?: number;
}

/** A place with the clocks, both included, at which its bits can be struck. */
export interface Region extends Place {
  readonly firstCycle: number;
  readonly lastCycle: number;
  /** Physical address of its first byte at these clocks, for whatever is in memory all the time. */
  readonly physical?: number;
}

export interface FaultSpace {
  readonly model: SpaceModel;
  readonly regions: readonly Region[];
  /** Named by the specification, but never there within the window. */
  readonly absent: readonly Place[];
}

/** One point of the space. */
export interface SpacePoint {
  readonly region: Region;
  readonly fault: Fault;
  /** Byte of memory, virtual or physical; undefined for a register. */
  readonly address?: number;
  /** Of the register, or of the byte: the lowest of those that change. */
  readonly bit: number;
  readonly cycle: number;
  /** The bit's number in its region. */
  readonly index: number;
}

export function bitsOf({ register, bytes, mask }: Place): number {
  if (mask !== undefined) return maskBits(mask).length;
  if (register !== undefined) return register === "eflags" ? EFLAGS_BITS.length : 32;
  return bytes! * 8;
}

/** Names of targets that are nobody's program: a fault in them has no victim among the components. */
export function victimOf({ component }: Place): string | undefined {
  return ["kernel", "physical", "cpu", "tlb"].includes(component) ? undefined : component;
}

/** Numbers of the bits at which a model can begin: its bits stay within one register or aligned word. */
export function positionsOf(place: Place, { bits }: SpaceModel): number {
  if (bits === 1) return bitsOf(place);
  if (place.address === undefined) return registerPositions(place, bits).length;
  const { head, words, tail } = wordParts(place);
  const within = (count: number) => Math.max(0, count - bits + 1);
  return within(head) + words * within(32) + within(tail);
}

/** Points of a region: bits × cycles. */
export function regionSize(region: Region, model: SpaceModel): bigint {
  return BigInt(positionsOf(region, model)) * BigInt(region.lastCycle - region.firstCycle + 1);
}

export function spaceSize({ regions, model }: Pick<FaultSpace, "regions" | "model">): bigint {
  return regions.reduce((sum, region) => sum + regionSize(region, model), 0n);
}

/** @param position from 0 to `spaceSize` - 1. */
export function pointAt({ regions, model }: FaultSpace, position: bigint): SpacePoint {
  let rest = position;
  for (const region of regions) {
    const size = regionSize(region, model);
    if (rest < size) {
      const cycles = BigInt(region.lastCycle - region.firstCycle + 1);
      return pointIn(region, model, Number(rest / cycles), region.firstCycle + Number(rest % cycles));
    }
    rest -= size;
  }
  throw new RangeError(`the space has no point ${position}`);
}

/** The point of a region by number of its bit and clock. */
export function pointIn(region: Region, model: SpaceModel, index: number, cycle: number): SpacePoint {
  const { component, register, target, addressing } = region;
  const trigger = { cycle };
  if (region.address === undefined) {
    const bit = registerPositions(region, model.bits)[index]!;
    const what = faultModel(model, bit);
    const struck =
      target === undefined
        ? { component, register: register! }
        : parseFault(`${target}:flip:${bit}@cycle=0`, "fault space").target;
    return { region, bit, cycle, index, fault: { target: struck, model: what, trigger } };
  }
  const offset = memoryBit(region, model.bits, index);
  const address = region.address + (offset >> 3);
  const bit = offset & 7;
  // Faults strike words; an aligned one never reaches into another page.
  const word = (address & ~3) >>> 0;
  const what = faultModel(model, 8 * (address & 3) + bit);
  const struck =
    target === undefined
      ? addressing === "physical"
        ? { physical: word }
        : { component, address: word }
      : parseFault(`${target}:flip:0@cycle=0`, "fault space").target;
  return { region, address, bit, cycle, index, fault: { target: struck, model: what, trigger } };
}

/** Bits of a region that the model changes at a point, as numbers within the region (`pointIn`'s, for single bits). */
export function bitsAt({ region, index }: SpacePoint, model: SpaceModel): number[] {
  const first =
    region.address === undefined ? registerStart(region, model, index) : memoryBit(region, model.bits, index);
  return Array.from({ length: model.bits }, (_, i) => first + i);
}

function registerStart(region: Region, model: SpaceModel, index: number): number {
  return registerPositions(region, 1).indexOf(registerPositions(region, model.bits)[index]!);
}

function faultModel({ kind, bits, clocks }: SpaceModel, bit: number): FaultModel {
  const list = Array.from({ length: bits }, (_, i) => bit + i);
  const held = clocks === undefined ? {} : { clocks };
  if (kind === "flip") return { flip: list };
  return kind === "stuckAt0" ? { stuckAt0: list, ...held } : { stuckAt1: list, ...held };
}

/** Lowest bits at which `bits` adjacent ones exist. */
function registerPositions({ register, mask }: Place, bits: number): readonly number[] {
  const exist = mask === undefined ? (register === "eflags" ? EFLAGS_BITS : ALL_BITS) : maskBits(mask);
  if (bits === 1) return exist;
  return exist.filter((_, i) => exist[i + bits - 1] === exist[i]! + bits - 1);
}

const ALL_BITS = Array.from({ length: 32 }, (_, bit) => bit);

function maskBits(mask: number): readonly number[] {
  return ALL_BITS.filter((bit) => ((mask >>> bit) & 1) !== 0);
}

/** A stretch of memory as bits before its first aligned word, whole words, and bits after the last. */
function wordParts({ address, bytes }: Place): { head: number; words: number; tail: number } {
  const all = bytes! * 8;
  const head = Math.min(all, 8 * (-address! & 3));
  const words = Math.floor((all - head) / 32);
  return { head, words, tail: all - head - 32 * words };
}

/** The lowest bit of a position, counted from the stretch's first. */
function memoryBit(place: Place, bits: number, index: number): number {
  if (bits === 1) return index;
  const { head } = wordParts(place);
  const inHead = Math.max(0, head - bits + 1);
  if (index < inHead) return index;
  const each = 32 - bits + 1;
  const rest = index - inHead;
  return head + 32 * Math.floor(rest / each) + (rest % each);
}

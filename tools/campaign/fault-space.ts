/**
 * The raw fault space: every bit of every target at every clock of the golden run at which the bit is there. Points are
 * numbered from 0 region by region, within a region bit by bit, within a bit clock by clock.
 */
import { EFLAGS_BITS, type Fault, REGISTERS, type RegisterName } from "../faults/fault.ts";
import type { BootPlan, Component } from "../run/boot-plan.ts";
import { SymbolTable } from "../symbols/symbol-table.ts";
import type { YamlInput } from "../yaml-input.ts";
import type { Specification } from "./specification.ts";

const PAGE = 4096;

/** Bits that appear together: one register, or a stretch of memory within one page. */
export interface Place {
  readonly component: string;
  /** The register, symbol, section or address that the specification names. */
  readonly name: string;
  readonly register?: RegisterName;
  /** Virtual address and bytes, for memory. */
  readonly address?: number;
  readonly bytes?: number;
}

/** A place with the clocks, both included, at which its bits can be struck. */
export interface Region extends Place {
  readonly firstCycle: number;
  readonly lastCycle: number;
}

export interface FaultSpace {
  readonly regions: readonly Region[];
  /** Named by the specification, but never there within the window. */
  readonly absent: readonly Place[];
}

/** One point of the space. */
export interface SpacePoint {
  readonly region: Region;
  readonly fault: Fault;
  /** Byte of memory, virtual; undefined for a register. */
  readonly address?: number;
  /** Of the register, or of the byte. */
  readonly bit: number;
  readonly cycle: number;
}

export function bitsOf({ register, bytes }: Place): number {
  if (register !== undefined) return register === "eflags" ? EFLAGS_BITS.length : 32;
  return bytes! * 8;
}

/** Points of a region: bits × cycles. */
export function regionSize(region: Region): bigint {
  return BigInt(bitsOf(region)) * BigInt(region.lastCycle - region.firstCycle + 1);
}

export function spaceSize({ regions }: FaultSpace): bigint {
  return regions.reduce((sum, region) => sum + regionSize(region), 0n);
}

/** @param position from 0 to `spaceSize` - 1. */
export function pointAt({ regions }: FaultSpace, position: bigint): SpacePoint {
  let rest = position;
  for (const region of regions) {
    const size = regionSize(region);
    if (rest < size) {
      const cycles = BigInt(region.lastCycle - region.firstCycle + 1);
      return pointIn(region, Number(rest / cycles), region.firstCycle + Number(rest % cycles));
    }
    rest -= size;
  }
  throw new RangeError(`the space has no point ${position}`);
}

/** The point of a region by number of its bit and clock. */
export function pointIn(region: Region, index: number, cycle: number): SpacePoint {
  const { component, register } = region;
  const trigger = { cycle };
  if (register !== undefined) {
    const bit = register === "eflags" ? EFLAGS_BITS[index]! : index;
    return { region, bit, cycle, fault: { target: { component, register }, model: { flip: [bit] }, trigger } };
  }
  const address = region.address! + (index >> 3);
  const bit = index & 7;
  // Faults strike words; an aligned one never reaches into another page.
  const flip = [8 * (address & 3) + bit];
  return {
    region,
    address,
    bit,
    cycle,
    fault: { target: { component, address: address & ~3 }, model: { flip }, trigger },
  };
}

/**
 * Looks up what the targets name.
 * @throws InputError naming the key for a component, symbol or section that is not there, or a bit named twice.
 */
export function placesOf({ value, problem }: YamlInput<Specification>, { components }: BootPlan): Place[] {
  const places: Place[] = [];
  value.targets.forEach((target, i) => {
    const component = components.find(({ name }) => name === target.component);
    if (component === undefined) {
      const names = components.map(({ name }) => name).join(", ");
      throw problem(["targets", i, "component"], `there is no component "${target.component}"`, `use one of ${names}`);
    }
    const add = (key: string, at: number, place: Omit<Place, "component">) => {
      const known = places.find((other) => overlap({ component: component.name, ...place }, other));
      if (known !== undefined) {
        const text = `${component.name} ${place.name} is in ${known.name}, which is a target already`;
        throw problem(["targets", i, key, at], text, "name every bit once");
      }
      places.push(...byPage({ component: component.name, ...place }));
    };
    const registers = target.registers === "all" ? REGISTERS : (target.registers ?? []);
    registers.forEach((register, at) => {
      add("registers", at, { name: register, register });
    });
    target.symbols?.forEach((name, at) => {
      const symbol = new SymbolTable(component.elf).find(name);
      if (symbol === undefined || symbol.size === 0) {
        const text = `the program of ${component.name} has no symbol "${name}" with a size`;
        throw problem(["targets", i, "symbols", at], text, `it has for example ${symbolsOf(component)}`);
      }
      add("symbols", at, { name, address: symbol.value, bytes: symbol.size });
    });
    target.sections?.forEach((name, at) => {
      const loaded = component.elf.sections.filter((each) => each.address !== 0 && each.size > 0);
      const section = loaded.find((each) => each.name === name);
      if (section === undefined) {
        const text = `the program of ${component.name} has no section "${name}" in memory`;
        throw problem(["targets", i, "sections", at], text, `use one of ${loaded.map((each) => each.name).join(", ")}`);
      }
      add("sections", at, { name, address: section.address, bytes: section.size });
    });
    target.memory?.forEach(({ address, bytes }, at) => {
      if (address + bytes > 0x1_0000_0000) {
        throw problem(["targets", i, "memory", at], "it reaches beyond 4 GiB", "give fewer bytes");
      }
      add("memory", at, { name: `0x${address.toString(16)}`, address, bytes });
    });
  });
  return places;
}

/** @throws InputError if nothing of the places was ever there. */
export function nonEmpty(space: FaultSpace, { problem }: YamlInput<Specification>): FaultSpace {
  if (space.regions.length > 0) return space;
  const text = "no bit of the targets is there at any clock of the window";
  throw problem(["targets"], text, "widen the window, or name other targets");
}

function overlap(one: Place, other: Place): boolean {
  if (one.component !== other.component) return false;
  if (one.register !== undefined || other.register !== undefined) return one.register === other.register;
  return one.address! < other.address! + other.bytes! && other.address! < one.address! + one.bytes!;
}

function byPage(place: Place): Place[] {
  if (place.address === undefined) return [place];
  const pieces: Place[] = [];
  const end = place.address + place.bytes!;
  for (let address = place.address; address < end; ) {
    const next = Math.min(end, (Math.floor(address / PAGE) + 1) * PAGE);
    pieces.push({ ...place, address, bytes: next - address });
    address = next;
  }
  return pieces;
}

function symbolsOf({ elf }: Component): string {
  const names = elf.symbols.filter(({ kind, size }) => kind === "object" && size > 0).map(({ name }) => name);
  return [...new Set(names)].sort().slice(0, 12).join(", ");
}

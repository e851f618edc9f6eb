/**
 * Def/use pruning: of all clocks at which a bit can flip, those between two uses of it are one class (Smith et al. 1995;
 * Schirmeier et al. 2015). What the golden run does next with the bit decides:
 *
 *     read         one experiment a bit, the pilot, stands for the whole class
 *     perhaps      the same; whether it is read is not known for certain
 *     overwritten  the flip is gone before anybody has seen it: MASKED, without an experiment
 *     unread       nobody ever looks: it is still there at the end, LATENT, without an experiment
 *
 * Reads are those of instructions, of instruction fetch, of page walks and of the kernel (use-trace.ts). A register goes
 * to the thread control block and back when the kernel is entered and left: that is no use of its own, but a restore
 * begins a new class, because from then on there are two copies.
 */
import type { REGISTERS } from "../faults/fault.ts";
import type { GoldenRun } from "../faults/golden-run.ts";
import { bitsAt, bitsOf, type FaultSpace, pointIn, positionsOf, type Region, type SpacePoint } from "./fault-space.ts";
import type { LastUses } from "./last-uses.ts";
import {
  kindOf,
  noUses,
  REGISTER_UNITS,
  registerUnit,
  sureClock,
  traceUses,
  UseKind,
  type Uses,
  unsureClock,
} from "./use-trace.ts";

export type ClassUse = "read" | "perhaps" | "overwritten" | "unread";

/** Whether a class needs an experiment. */
export function needsExperiment(use: ClassUse): boolean {
  return use === "read" || use === "perhaps";
}

/** Clocks, both included, at which a flip has one and the same outcome. */
export interface Stretch {
  readonly firstCycle: number;
  readonly lastCycle: number;
  readonly use: ClassUse;
}

/** All flips at one of these bits within these clocks have one outcome, for each bit. */
export interface EquivalenceClass extends Stretch {
  readonly region: Region;
  /** Numbers of the bits in their region (`pointIn`): from `index` on, `bits` of them. */
  readonly index: number;
  readonly bits: number;
}

const PAGE = 4096;

/** Points of a class: bits × clocks. */
export function classSize({ firstCycle, lastCycle, bits }: EquivalenceClass): bigint {
  return BigInt(bits) * BigInt(lastCycle - firstCycle + 1);
}

/** The point of a class at one of its clocks. */
export function pointOfClass(
  { region, index }: EquivalenceClass,
  space: FaultSpace,
  bit: number,
  cycle: number,
): SpacePoint {
  return pointIn(region, space.model, index + bit, cycle);
}

/** Whether the uses of a region's bits are known. */
export function isFollowed({ register, physical }: Region): boolean {
  return register !== undefined || physical !== undefined;
}

/** Runs the golden run once more and divides every bit of the space into classes, in the order of the space. */
export function divide(golden: GoldenRun, space: FaultSpace, lastUses?: LastUses): EquivalenceClass[] {
  const followed = new FollowedUnits(golden);
  const units = space.regions.map((region) =>
    Array.from({ length: bitsOf(region) }, (_, bit) => followed.add(region, bit)),
  );
  followed.trace(lastUses);
  return space.regions.flatMap((region, i) => divideRegion(region, space, units[i]!));
}

/** @param units uses of each bit of the region; bits of one unit share them. */
function divideRegion(region: Region, space: FaultSpace, units: readonly Uses[]): EquivalenceClass[] {
  const classes: EquivalenceClass[] = [];
  const positions = positionsOf(region, space.model);
  for (let index = 0; index < positions; ) {
    const struck = unitsAt(region, space, units, index);
    let next = index + 1;
    while (next < positions && sameUnits(struck, unitsAt(region, space, units, next))) next++;
    const { firstCycle, lastCycle } = region;
    for (const stretch of stretchesOf(struck, firstCycle, lastCycle))
      classes.push({ region, index, bits: next - index, ...stretch });
    index = next;
  }
  return classes;
}

function unitsAt(region: Region, { model }: FaultSpace, units: readonly Uses[], index: number): Uses[] {
  const bits = model.bits === 1 ? [index] : bitsAt({ region, index } as SpacePoint, model);
  return [...new Set(bits.map((bit) => units[bit]!))];
}

function sameUnits(one: readonly Uses[], other: readonly Uses[]): boolean {
  return one.length === other.length && one.every((unit, i) => unit === other[i]);
}

/** Stretches of a point that strikes bits of these units together: nothing happens between two uses of any of them. */
function stretchesOf(units: readonly Uses[], firstCycle: number, lastCycle: number): Stretch[] {
  const lists = units.map((uses) => unitStretches(uses, firstCycle, lastCycle));
  if (lists.length === 1) return lists[0]!;
  const ends = [...new Set(lists.flatMap((list) => list.map((each) => each.lastCycle)))].sort((a, b) => a - b);
  const places = lists.map(() => 0);
  let from = firstCycle;
  return ends.map((end) => {
    const uses = lists.map((list, i) => {
      while (list[places[i]!]!.lastCycle < end) places[i]!++;
      return list[places[i]!]!.use;
    });
    const stretch = { firstCycle: from, lastCycle: end, use: together(uses) };
    from = end + 1;
    return stretch;
  });
}

/** Until one of the bits is read the run is the golden one. */
function together(uses: readonly ClassUse[]): ClassUse {
  if (uses.includes("read")) return "read";
  if (uses.includes("perhaps")) return "perhaps";
  return uses.includes("unread") ? "unread" : "overwritten";
}

/** Stretches of the bits of one unit between two clocks, without a gap. */
function unitStretches(uses: Uses, firstCycle: number, lastCycle: number): Stretch[] {
  const stretches: Stretch[] = [];
  let from = firstCycle;
  const add = (last: number, use: ClassUse) => {
    if (last < from) return;
    stretches.push({ firstCycle: from, lastCycle: last, use });
    from = last + 1;
  };
  for (let i = 0; i < uses.events.length && from <= lastCycle; i++) {
    const unsure = unsureClock(uses, i);
    if (kindOf(uses, i) === UseKind.Saved || unsure < from) continue;
    const sure = sureClock(uses, i);
    if (sure >= from) add(Math.min(sure, lastCycle), fate(uses, i));
    while (from <= Math.min(unsure, lastCycle)) add(from, "perhaps");
  }
  add(lastCycle, "unread");
  return stretches;
}

/** The stretch of a point that strikes bits of these units together at a clock: its last clock, and what ends it. */
export function endOfStretch(units: readonly Uses[], clock: number, lastCycle: number): Omit<Stretch, "firstCycle"> {
  const ends = units.map((uses) => endOfUnit(uses, clock, lastCycle));
  return { lastCycle: Math.min(...ends.map((end) => end.lastCycle)), use: together(ends.map(({ use }) => use)) };
}

/** As `unitStretches` has it, without making them all. */
function endOfUnit(uses: Uses, clock: number, lastCycle: number): Omit<Stretch, "firstCycle"> {
  let next = firstFrom(uses, clock);
  for (let i = next - 1; i >= 0 && sureClock(uses, i) >= clock - uses.widest; i--)
    if (unsureClock(uses, i) >= clock && kindOf(uses, i) !== UseKind.Saved) return { lastCycle: clock, use: "perhaps" };
  while (next < uses.events.length && kindOf(uses, next) === UseKind.Saved) next++;
  if (next === uses.events.length) return { lastCycle, use: "unread" };
  return { lastCycle: Math.min(sureClock(uses, next), lastCycle), use: fate(uses, next) };
}

/** Number of the first use that surely comes after a flip at `clock`. */
function firstFrom(uses: Uses, clock: number): number {
  let low = 0;
  let high = uses.events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sureClock(uses, middle) < clock) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What becomes of a flip that is there when use `i` comes. */
function fate(uses: Uses, i: number): ClassUse {
  let twoCopies = false;
  for (let at = i; at < uses.events.length; at++) {
    switch (kindOf(uses, at)) {
      case UseKind.Read:
        return "read";
      case UseKind.Perhaps:
        return "perhaps";
      case UseKind.Written:
        // The copy in the thread control block lasts until the next save.
        return twoCopies && !isSavedAfter(uses, at) ? "unread" : "overwritten";
      case UseKind.Restored:
        twoCopies = true;
        break;
      default:
        twoCopies = false;
    }
  }
  return "unread";
}

function isSavedAfter(uses: Uses, i: number): boolean {
  for (let at = i + 1; at < uses.events.length; at++) if (kindOf(uses, at) === UseKind.Saved) return true;
  return false;
}

/** The units that bits of regions belong to. */
export class FollowedUnits {
  readonly #golden: GoldenRun;
  readonly #memory = new Map<number, (Uses | undefined)[]>();
  readonly #threads = new Map<number, (Uses | undefined)[]>();
  readonly #threadOf: ReadonlyMap<string, number>;

  constructor(golden: GoldenRun) {
    this.#golden = golden;
    this.#threadOf = new Map(golden.plan.components.map(({ name, threadNumber }) => [name, threadNumber]));
  }

  /** Uses of the unit of a bit of a followed region; filled by `trace`. */
  add({ register, component, physical }: Region, bit: number): Uses {
    if (register !== undefined) {
      const units = entry(this.#threads, this.#threadOf.get(component)!, REGISTER_UNITS);
      return unit(units, registerUnit(register as (typeof REGISTERS)[number], bit));
    }
    const byte = physical! + (bit >> 3);
    return unit(entry(this.#memory, Math.floor(byte / PAGE), PAGE), byte % PAGE);
  }

  trace(lastUses?: LastUses): void {
    const also = lastUses === undefined ? {} : { lastUses };
    traceUses(this.#golden, { memory: this.#memory, threads: this.#threads, ...also });
  }
}

function entry(map: Map<number, (Uses | undefined)[]>, key: number, size: number): (Uses | undefined)[] {
  let units = map.get(key);
  if (units === undefined) {
    units = new Array<Uses | undefined>(size).fill(undefined);
    map.set(key, units);
  }
  return units;
}

function unit(units: (Uses | undefined)[], at: number): Uses {
  units[at] ??= noUses();
  return units[at]!;
}

/** Experiments of a complete campaign: pilot i is a bit of the class that it lies in. */
export class Pilots {
  readonly classes: readonly EquivalenceClass[];
  /** Number of the first pilot of each class. */
  readonly #starts: Float64Array;
  readonly count: number;

  constructor(classes: readonly EquivalenceClass[]) {
    this.classes = classes;
    this.#starts = new Float64Array(classes.length);
    let count = 0;
    classes.forEach(({ bits }, i) => {
      this.#starts[i] = count;
      count += bits;
    });
    this.count = count;
  }

  at(pilot: number): { readonly member: EquivalenceClass; readonly bit: number } {
    let low = 0;
    let high = this.classes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#starts[middle]! <= pilot) low = middle;
      else high = middle - 1;
    }
    return { member: this.classes[low]!, bit: pilot - this.#starts[low]! };
  }
}

/** The classes that need experiments. */
export function pilotsOf(classes: readonly EquivalenceClass[]): EquivalenceClass[] {
  return classes.filter(({ use }) => needsExperiment(use));
}

/**
 * Def/use pruning: of all clocks at which a byte can flip, those between two uses of it are one class (Smith et al. 1995;
 * Schirmeier et al. 2015). What the golden run does next with the byte decides:
 *
 *     read         one experiment a bit, the pilot, stands for the whole class
 *     overwritten  the flip is gone before anybody has seen it: MASKED, without an experiment
 *     unread       nobody ever looks: it is still there at the end, LATENT, without an experiment
 *
 * Reads are those of instructions, of instruction fetch and of the kernel. Memory only: registers are not followed.
 */
import { Word } from "../../emulator/index.ts";
import type { GoldenRun } from "../faults/golden-run.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import { type FaultSpace, pointIn, type Region, type SpacePoint } from "./fault-space.ts";

export type ClassUse = "read" | "overwritten" | "unread";

/** All flips of one bit of the byte within these clocks, both included, have one outcome. For each of the byte's 8 bits. */
export interface EquivalenceClass {
  readonly region: Region;
  /** Byte within the region. */
  readonly byte: number;
  readonly firstCycle: number;
  readonly lastCycle: number;
  readonly use: ClassUse;
}

const PAGE = 4096;
/** Longest instruction; fetching less than is assumed here only makes classes finer than they need be. */
const INSTRUCTION_BYTES = 15;
const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0]);

/** Points of a class: 8 bits × clocks. */
export function classSize({ firstCycle, lastCycle }: EquivalenceClass): bigint {
  return 8n * BigInt(lastCycle - firstCycle + 1);
}

/** The point of a class at one of its clocks. */
export function pointOfClass({ region, byte }: EquivalenceClass, bit: number, cycle: number): SpacePoint {
  return pointIn(region, 8 * byte + bit, cycle);
}

/** Experiments of a complete campaign: the classes that are read. Pilot i is bit i mod 8 of number i / 8. */
export function pilotsOf(classes: readonly EquivalenceClass[]): EquivalenceClass[] {
  return classes.filter(({ use }) => use === "read");
}

/** Uses of one byte, in their order. */
interface Uses {
  /** A flip at or before this clock comes before the use. */
  readonly sure: number[];
  /** A flip after this clock comes after the use; not before `sure`. */
  readonly unsure: number[];
  /** Else read. */
  readonly written: boolean[];
}

/** Runs the golden run once more and divides every byte of the space into classes, in the order of the space. */
export function divide(golden: GoldenRun, space: FaultSpace): EquivalenceClass[] {
  const classes: EquivalenceClass[] = [];
  const uses = recordUses(golden, space.regions);
  space.regions.forEach((region, i) => {
    for (let byte = 0; byte < region.bytes!; byte++) {
      let from = region.firstCycle;
      const add = (lastCycle: number, use: ClassUse) => {
        if (lastCycle < from) return;
        classes.push({ region, byte, firstCycle: from, lastCycle, use });
        from = lastCycle + 1;
      };
      const { sure, unsure, written } = uses[i]![byte]!;
      for (let use = 0; use < sure.length; use++) {
        add(Math.min(sure[use]!, region.lastCycle), written[use] ? "overwritten" : "read");
        while (from <= Math.min(unsure[use]!, region.lastCycle)) add(from, "read");
      }
      add(region.lastCycle, "unread");
    }
  });
  return classes;
}

/** By region and byte. */
function recordUses(golden: GoldenRun, regions: readonly Region[]): Uses[][] {
  const uses = regions.map(({ bytes }) =>
    Array.from({ length: bytes! }, (): Uses => ({ sure: [], unsure: [], written: [] })),
  );
  const run = new ScenarioRun(golden.plan, golden.timing === undefined ? {} : { timing: golden.timing });
  const { machine, kernel } = run;
  const threadOf = new Map(golden.plan.components.map(({ name, threadNumber }) => [name, threadNumber]));
  /** The bytes of a page of RAM that are in the space. */
  const watched = new Map<number, (Uses | undefined)[]>();
  let missing = regions.map((region, i) => ({ region, i }));
  const locate = () => {
    missing = missing.filter(({ region, i }) => {
      const physical = kernel.translate(threadOf.get(region.component)!, region.address!);
      if (physical === undefined) return true;
      const page = Math.floor(physical / PAGE);
      const bytes = watched.get(page) ?? new Array<Uses | undefined>(PAGE).fill(undefined);
      for (let byte = 0; byte < region.bytes!; byte++) bytes[(physical % PAGE) + byte] = uses[i]![byte]!;
      watched.set(page, bytes);
      return false;
    });
  };

  const { words } = machine.cpu;
  /** Clock of the boundary before the instruction or kernel path that runs. */
  let boundary = 0;
  let linearAddress = 0;
  // A REP instruction can also stop between two elements, at a clock somewhere between their accesses.
  let firstCount = 0;
  let count = 0;
  let accessClock = 0;
  let earlierElement = 0;
  const note = (physical: number, bytes: number, written: boolean, sure = boundary, unsure = boundary) => {
    for (let at = physical; at < physical + bytes; at++) {
      const uses = watched.get(Math.floor(at / PAGE))?.[at % PAGE];
      // Of several uses at one boundary the first decides.
      if (uses === undefined || (uses.sure.at(-1) === sure && uses.unsure.at(-1) === unsure)) continue;
      uses.sure.push(sure);
      uses.unsure.push(unsure);
      uses.written.push(written);
    }
  };
  const noteAccess = (physical: number, bytes: number, written: boolean) => {
    const { now } = machine.clock;
    if (words[Word.Ecx] !== count) {
      count = words[Word.Ecx]!;
      earlierElement = accessClock;
    }
    accessClock = now;
    if (count === firstCount || !isRepeated()) note(physical, bytes, written);
    else note(physical, bytes, written, earlierElement, now);
  };
  const isRepeated = (): boolean => {
    for (let i = 0; i < 4; i++) {
      const physical = kernel.translate(kernel.currentThread() ?? 0, linearAddress + i);
      const byte = physical === undefined ? 0 : machine.memory.read8(physical);
      if (byte === 0xf2 || byte === 0xf3) return true;
      if (!PREFIXES.has(byte)) return false;
    }
    return false;
  };
  const frames = new Map<number, number | undefined>();
  const fetch = (linear: number) => {
    const page = Math.floor(linear / PAGE);
    if (!frames.has(page)) frames.set(page, kernel.translate(kernel.currentThread() ?? 0, page * PAGE));
    const frame = frames.get(page);
    if (frame === undefined) return;
    note(frame + (linear % PAGE), Math.min(INSTRUCTION_BYTES, PAGE - (linear % PAGE)), false);
  };
  machine.observe({
    beforeInstruction: (linear) => {
      boundary = machine.clock.now;
      linearAddress = linear;
      firstCount = words[Word.Ecx]!;
      count = firstCount;
      accessClock = boundary;
      fetch(linear);
      if (linear % PAGE > PAGE - INSTRUCTION_BYTES) {
        fetch((Math.floor(linear / PAGE) + 1) * PAGE);
      }
    },
    memoryRead: (_, physical, bytes) => noteAccess(physical, bytes, false),
    memoryWrite: (_, physical, bytes) => noteAccess(physical, bytes, true),
    portalEnter: () => {
      boundary = machine.clock.now;
    },
    physicalWrite: (physical, bytes) => note(physical, bytes, true),
    portalLeave: () => {
      frames.clear();
      if (missing.length > 0) locate();
    },
  });
  kernel.watch({ load: (physical, bytes) => note(physical, bytes, false) });
  run.advance(golden.result.cycles);
  return uses;
}

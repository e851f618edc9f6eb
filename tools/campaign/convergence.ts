/** Whether the future of a run with a fault is known from the golden run: their states are the same, or differ only in dead words. */
import { PAGE_BYTES, type Snapshot } from "../../emulator/index.ts";
import { differingPages } from "../faults/experiment.ts";
import { isDead } from "./last-uses.ts";

/** A word that is wrong and that nobody will ever use. */
export interface DeadWord {
  readonly physical: number;
  readonly value: number;
}

/**
 * Whether two machines of one configuration are in the same state, to the last bit: CPU, TLBs, caches and branch
 * predictor (all in the state block), clocks, RAM, devices, alarms. Pages that snapshots share cost nothing.
 */
export function sameState(one: Snapshot, other: Snapshot): boolean {
  return sameButRam(one, other) && samePages(one.ram, other.ram);
}

/**
 * The words in which a machine differs from the golden run at its snapshot number `number`, if they are all dead and the rest
 * is the same: then both go the same way from here. Undefined if that is not so.
 */
export function deadDifference(
  now: Snapshot,
  golden: Snapshot,
  number: number,
  lastUses: Uint16Array,
): DeadWord[] | undefined {
  if (!sameButRam(now, golden)) return undefined;
  const words: DeadWord[] = [];
  for (const page of differingPages(golden, now)) {
    const before = wordsOf(golden.ram[page]!);
    const after = wordsOf(now.ram[page]!);
    for (let i = 0; i < after.length; i++) {
      if (before[i] === after[i]) continue;
      const physical = page * PAGE_BYTES + 4 * i;
      if (!isDead(lastUses, physical, number)) return undefined;
      words.push({ physical, value: after[i]! });
    }
  }
  return words;
}

/** Both of one host, whose byte order therefore does not matter for comparing; snapshots hold little-endian words (so do all hosts of Node). */
function wordsOf(page: Uint8Array): Uint32Array {
  return new Uint32Array(page.buffer, page.byteOffset, PAGE_BYTES / 4);
}

function sameButRam(one: Snapshot, other: Snapshot): boolean {
  return (
    one.cycle === other.cycle &&
    one.instructions === other.instructions &&
    one.panic === other.panic &&
    samePages(one.state, other.state) &&
    JSON.stringify(one.alarms) === JSON.stringify(other.alarms) &&
    JSON.stringify(one.devices) === JSON.stringify(other.devices)
  );
}

function samePages(one: readonly Uint8Array[], other: readonly Uint8Array[]): boolean {
  if (one.length !== other.length) return false;
  for (let page = 0; page < one.length; page++) {
    const a = one[page]!;
    const b = other[page]!;
    if (a !== b && Buffer.compare(a, b) !== 0) return false;
  }
  return true;
}

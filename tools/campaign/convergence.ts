/** Whether a run with a fault has become the golden run again: then its future is the golden run's. */
import type { Snapshot } from "../../emulator/index.ts";

/**
 * Whether two machines of one configuration are in the same state, to the last bit: CPU, TLBs, caches and branch
 * predictor (all in the state block), clocks, RAM, devices, alarms. Pages that snapshots share cost nothing.
 */
export function sameState(one: Snapshot, other: Snapshot): boolean {
  return (
    one.cycle === other.cycle &&
    one.instructions === other.instructions &&
    one.panic === other.panic &&
    samePages(one.state, other.state) &&
    samePages(one.ram, other.ram) &&
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

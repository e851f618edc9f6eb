/**
 * Two machines at the same clock: every word of RAM, every register, TLB entry, word of the timing model and every device.
 * Pages that snapshots share cost nothing.
 */
import type { Snapshot } from "../../emulator/index.ts";

export interface EqualCycleDifference {
  /** Physical addresses of the aligned words of RAM that differ, ascending. */
  readonly memory: readonly number[];
  /** Word indices of the CPU state block that differ, ascending. */
  readonly state: readonly number[];
  /** Names of devices that differ; "alarms" when another event is due. */
  readonly devices: readonly string[];
}

/** Compares two snapshots of machines of one configuration. */
export function compareAtEqualCycle(golden: Snapshot, faulty: Snapshot): EqualCycleDifference {
  return {
    memory: differingWords(golden.ram, faulty.ram),
    state: differingWords(golden.state, faulty.state).map((address) => address >>> 2),
    devices: [
      ...Object.keys(golden.devices).filter(
        (name) => JSON.stringify(golden.devices[name]) !== JSON.stringify(faulty.devices[name]),
      ),
      ...(JSON.stringify(golden.alarms) === JSON.stringify(faulty.alarms) ? [] : ["alarms"]),
    ],
  };
}

/** The machines are one again: what follows is the same, for ever. */
export function isReconverged({ memory, state, devices }: EqualCycleDifference): boolean {
  return memory.length === 0 && state.length === 0 && devices.length === 0;
}

function differingWords(one: readonly Uint8Array[], other: readonly Uint8Array[]): number[] {
  const found: number[] = [];
  for (const [page, a] of one.entries()) {
    const b = other[page]!;
    if (a === b || Buffer.compare(a, b) === 0) continue;
    const left = new Int32Array(a.buffer, a.byteOffset, a.length / 4);
    const right = new Int32Array(b.buffer, b.byteOffset, b.length / 4);
    for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) found.push(page * 4096 + 4 * i);
  }
  return found;
}

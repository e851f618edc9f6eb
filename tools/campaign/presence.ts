/** From which clock on the bits of a fault space are there: threads are made and pages mapped while the system boots. */
import type { GoldenRun } from "../faults/golden-run.ts";
import { runWithoutPause } from "../run/run-loop.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import type { FaultSpace, Place, Region } from "./fault-space.ts";

/** Runs the golden run once more and notes when each place appears. */
export function locateInTime(golden: GoldenRun, places: readonly Place[], from: number, to = Infinity): FaultSpace {
  const { plan, timing } = golden;
  const run = new ScenarioRun(plan, timing === undefined ? {} : { timing });
  const { machine, kernel } = run;
  const threadOf = new Map(plan.components.map(({ name, threadNumber }) => [name, threadNumber]));
  const isThere = ({ component, register, address }: Place): boolean => {
    const thread = threadOf.get(component)!;
    if (register !== undefined) return kernel.registerLocation(thread, register) !== undefined;
    return kernel.translate(thread, address!) !== undefined;
  };
  const appeared = new Map<Place, number>();
  let missing = [...places];
  const detach = machine.observe({
    // Only the kernel makes threads and mappings. Its path may still be charged: the bit is sure to be there one clock on.
    portalLeave: () => {
      const found = missing.filter(isThere);
      if (found.length === 0) return;
      for (const place of found) appeared.set(place, machine.clock.now + 1);
      missing = missing.filter((place) => !found.includes(place));
    },
  });
  run.advance(golden.result.cycles);
  detach();
  const lastCycle = Math.min(to, lastBoundary(golden));
  const regions: Region[] = [];
  for (const place of places) {
    const firstCycle = Math.max(from, appeared.get(place) ?? Number.POSITIVE_INFINITY);
    if (firstCycle <= lastCycle) regions.push({ ...place, firstCycle, lastCycle });
  }
  const present = new Set(regions.map(placeKey));
  return { regions, absent: places.filter((place) => !present.has(placeKey(place))) };
}

function placeKey({ component, register, address }: Place): string {
  return `${component} ${register ?? address}`;
}

/** The last clock at which a fault can strike before the golden run ends. */
export function lastBoundary(golden: GoldenRun): number {
  const { plan, timing, result } = golden;
  const run = new ScenarioRun(plan, timing === undefined ? {} : { timing });
  const start = golden.snapshots.at(-1)!;
  let low = start.cycle;
  let high = result.cycles;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    run.restore(start.snapshot, []);
    const ended = run.advance(middle) !== undefined;
    if (ended) high = middle - 1;
    else low = middle;
  }
  run.restore(start.snapshot, []);
  runWithoutPause(run, result.cycles + 1);
  if (run.outcome?.kind !== golden.result.outcome.kind) throw new Error("the golden run did not end as before");
  return low;
}

/**
 * When the bits of a fault space are there: threads are made and pages mapped while the system boots, and may go again.
 * A place that moves to another frame is another region from then on.
 */
import type { Kernel } from "../../kernel/index.ts";
import { messageRegister } from "../../kernel/utcb.ts";
import { parseFault } from "../faults/fault-line.ts";
import type { GoldenRun } from "../faults/golden-run.ts";
import { runWithoutPause } from "../run/run-loop.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import { type FaultSpace, type Place, type Region, SINGLE_FLIP, type SpaceModel } from "./fault-space.ts";

/** Where a place is: physical address, or `ELSEWHERE` for what is not (always) in memory; undefined while it is not there. */
type Whereabouts = number | undefined;
const ELSEWHERE = -1;

/** Segment registers that the kernel keeps nowhere: a component has them while it runs. */
const WHILE_RUNNING = /:(es|ds|fs|gs)$/;

interface Stay {
  readonly place: Place;
  readonly whileRunning: boolean;
  readonly where: (kernel: Kernel) => Whereabouts;
  at: Whereabouts;
  since: number;
  readonly regions: Region[];
}

/** Runs the golden run once more and notes when each place is there. */
export function locateInTime(
  golden: GoldenRun,
  places: readonly Place[],
  from: number,
  to = Number.POSITIVE_INFINITY,
  model: SpaceModel = SINGLE_FLIP,
): FaultSpace {
  const { plan, timing } = golden;
  const run = new ScenarioRun(plan, timing === undefined ? {} : { timing });
  const { machine, kernel } = run;
  const threadOf = new Map(plan.components.map(({ name, threadNumber }) => [name, threadNumber]));
  const lastCycle = Math.min(to, lastBoundary(golden));
  const stays = places.map((place): Stay => {
    const where = whereabouts(place, threadOf);
    const whileRunning = WHILE_RUNNING.test(place.target ?? "");
    return { place, whileRunning, where, at: where(kernel), since: 0, regions: [] };
  });
  const end = (stay: Stay, last: number) => {
    const firstCycle = Math.max(from, stay.since);
    const region = { ...stay.place, firstCycle, lastCycle: Math.min(lastCycle, last) };
    if (stay.at === undefined || region.firstCycle > region.lastCycle) return;
    stay.regions.push(stay.at === ELSEWHERE ? region : { ...region, physical: stay.at });
  };
  /** Clock at which the kernel was last entered; instruction boundary at which a program last was about to go on. */
  let entered = 0;
  let lastInUserMode = 0;
  const enter = () => {
    entered = machine.cycles;
  };
  const detach = machine.observe({
    interrupt: enter,
    exception: enter,
    // Only the kernel makes threads and mappings. Its path may still be charged: the bit is sure to be there one clock on.
    portalLeave: () => {
      const { now } = machine.clock;
      for (const stay of stays) {
        const at = stay.where(kernel);
        if (at === stay.at) continue;
        end(stay, stay.whileRunning ? lastInUserMode : entered);
        stay.at = at;
        stay.since = now + 1;
      }
    },
  });
  if (stays.some(({ whileRunning }) => whileRunning)) {
    let ended = false;
    while (!ended && machine.cycles < golden.result.cycles) {
      if (machine.cpu.cpl === 3) lastInUserMode = machine.cycles;
      ended = machine.step() !== undefined;
    }
  } else run.advance(golden.result.cycles);
  detach();
  for (const stay of stays) end(stay, lastCycle);
  return {
    model,
    regions: stays.flatMap(({ regions }) => regions),
    absent: stays.filter(({ regions }) => regions.length === 0).map(({ place }) => place),
  };
}

function whereabouts(place: Place, threadOf: ReadonlyMap<string, number>): (kernel: Kernel) => Whereabouts {
  const { component, register, address, addressing, target } = place;
  if (addressing === "physical") return () => address;
  const thread = threadOf.get(component);
  // The CPU and the TLBs.
  if (thread === undefined) return () => ELSEWHERE;
  if (address !== undefined) return (kernel) => kernel.translate(thread, address);
  const what = target === undefined ? undefined : parseFault(`${target}:flip:4@cycle=0`, "fault space").target;
  if (what !== undefined && "mr" in what) {
    return (kernel) => {
      const utcb = kernel.thread(thread)?.utcb ?? 0;
      return utcb === 0 ? undefined : utcb + messageRegister(what.mr);
    };
  }
  const whileRunning = WHILE_RUNNING.test(target ?? "");
  return (kernel) => {
    const location = kernel.registerLocation(thread, register ?? "eax");
    return location === undefined || (whileRunning && location.where !== "cpu") ? undefined : ELSEWHERE;
  };
}

/** The last clock at which a fault can strike before the golden run ends. */
function lastBoundary(golden: GoldenRun): number {
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

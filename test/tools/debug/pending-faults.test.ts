import { describe, expect, it } from "vitest";
import { Debuggee } from "../../../tools/debug/debuggee.ts";
import { KERNEL_THREAD } from "../../../tools/debug/guest-view.ts";
import type { Position } from "../../../tools/debug/time/position.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { smallPlan } from "../faults/small-plan.ts";

const plan = smallPlan();
const LIMIT = 100_000_000;

/** Where a run strikes, and its state some time later. */
function ordinary(line: string, later: number) {
  const run = new ScenarioRun(plan, { faults: [parseFault(line)] });
  run.advanceToFault(LIMIT);
  const position = { instructions: run.machine.instructions, cycle: run.machine.cycles };
  run.advance(run.machine.cycles);
  run.advance(run.machine.cycles + later);
  return { position, report: run.injections[0]!, digest: run.machine.stateDigest() };
}

function resume(debuggee: Debuggee, request: { untilFault?: true; untilCycle?: number }): void {
  debuggee.control.resume({ direction: "forward", mode: "continue", thread: KERNEL_THREAD, ...request });
  while (debuggee.control.slice() === undefined);
}

const place = ({ instructions, cycle }: Position) => ({ instructions, cycle });

describe.each([
  "replica-2:aes_state:flip:3@execute=mix_columns#50",
  "replica-2:eax:stuck1:3/30000@read=aes_state/16#700",
  "replica-2:aes_round_keys+16:stuck0:0,1,2,3@ipc=receive#2",
  "voter:ebx:flip:2@interrupt=0x20#4",
  "replica-2:skip@instruction=30000",
])("%s in the debugger", (line) => {
  const expected = ordinary(line, 60_000);

  it("strikes where a run strikes, and again after going back, with the same states on every way", () => {
    const debuggee = new Debuggee(plan, { faults: [parseFault(line)] });
    const { timeline, faults, view } = debuggee;
    resume(debuggee, { untilFault: true });
    expect(place(timeline.position)).toEqual(expected.position);
    expect(faults.list()[0]!.report).toEqual(expected.report);
    const end = expected.position.cycle + 60_000;
    resume(debuggee, { untilCycle: end });
    const there = timeline.position;
    expect(view.machine.stateDigest()).toBe(expected.digest);

    // Back to before it, and forward through the past.
    timeline.seekCycle(expected.position.cycle - 40_000);
    expect(faults.list()[0]!.report).toBe(undefined);
    expect(faults.pending()).toEqual([]);
    timeline.seek(there);
    expect(view.machine.stateDigest()).toBe(expected.digest);

    // Back, and the past begins anew: the fault waits again, with what had been counted by then.
    timeline.seekCycle(expected.position.cycle - 30_000);
    timeline.edit("changes nothing", () => {});
    expect(faults.pending()).toHaveLength(1);
    resume(debuggee, { untilFault: true });
    expect(place(timeline.position)).toEqual(expected.position);
    resume(debuggee, { untilCycle: end });
    expect(view.machine.stateDigest()).toBe(expected.digest);

    // In the midst of what it does, from behind and from before.
    const middle = expected.position.cycle + 20_000;
    timeline.seekCycle(middle);
    const digest = view.machine.stateDigest();
    timeline.seek(timeline.start);
    timeline.seekCycle(middle);
    expect(view.machine.stateDigest()).toBe(digest);
  });

  it("added on the way counts from the beginning", () => {
    const debuggee = new Debuggee(plan);
    resume(debuggee, { untilCycle: expected.position.cycle - 20_000 });
    const here = place(debuggee.timeline.position);
    debuggee.addFault(line);
    expect(place(debuggee.timeline.position)).toEqual(here);
    resume(debuggee, { untilFault: true });
    expect(place(debuggee.timeline.position)).toEqual(expected.position);
    resume(debuggee, { untilCycle: expected.position.cycle + 60_000 });
    expect(debuggee.view.machine.stateDigest()).toBe(expected.digest);
  });
});

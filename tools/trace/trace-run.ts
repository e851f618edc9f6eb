/** Records a trace of a debuggee's run, forwards from where it is. */
import { setImmediate } from "node:timers/promises";
import type { Debuggee } from "../debug/debuggee.ts";
import { KERNEL_THREAD } from "../debug/guest-view.ts";
import { describeEnd, describeInjection } from "../debug/messages.ts";
import type { Disassembler } from "../symbols/disassembler.ts";
import type { TraceEvent } from "./event.ts";
import type { TraceFilter } from "./filter.ts";
import { Recorder } from "./recorder.ts";

/**
 * The recorder begins that much before the first cycle of interest: a kernel path is one step of the machine, and one that
 * began before that cycle has events after it.
 */
const LEAD_CYCLES = 100_000;

export interface TraceRunOptions {
  readonly filter: TraceFilter;
  readonly sink: (event: TraceEvent) => void;
  /** Asked between slices of some milliseconds; true ends the trace. */
  readonly shouldStop?: () => boolean;
}

/** Runs to the machine's end, to the filter's last cycle, or until told to stop. Nothing watches until shortly before its first cycle. */
export async function recordTrace(
  debuggee: Debuggee,
  disassembler: Disassembler,
  { filter, sink, shouldStop = () => false }: TraceRunOptions,
): Promise<void> {
  const { control, view, timeline, faults } = debuggee;
  const runTo = async (untilCycle: number): Promise<boolean> => {
    if (timeline.position.cycle >= untilCycle) return true;
    control.resume({ direction: "forward", mode: "continue", thread: KERNEL_THREAD, untilCycle });
    for (;;) {
      const report = control.slice();
      if (report !== undefined) return report.cause.kind !== "history-end";
      if (shouldStop()) {
        control.interrupt();
        return false;
      }
      await setImmediate();
    }
  };
  const before = Math.max(0, (filter.fromCycle ?? 0) - LEAD_CYCLES);
  if (!(await runTo(before)) || shouldStop()) return;
  const recorder = new Recorder(view, disassembler, filter, sink);
  faults.onStrike = (report) => recorder.fault(report.cycle ?? timeline.position.cycle, describeInjection(report));
  try {
    // The last cycle belongs to the trace.
    const goesOn = await runTo((filter.toCycle ?? Number.POSITIVE_INFINITY) + 1);
    const ended = timeline.machine.run({ cycle: 0 });
    if (!goesOn && ended.kind !== "cycle") {
      const { position } = timeline;
      recorder.end(position.cycle, describeEnd(ended, position).replace(/ at cycle [\d,]+$/, ""));
    }
  } finally {
    recorder.stop();
    faults.onStrike = () => undefined;
  }
}

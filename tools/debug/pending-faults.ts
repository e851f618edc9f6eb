/**
 * Faults that wait for their moment. When one strikes it becomes an edit of the timeline, so that history repeats it; when the
 * past is changed before it struck, it waits again.
 */
import type { RunLimits } from "../../emulator/index.ts";
import { formatFault } from "../faults/fault.ts";
import { type AimedFault, inject } from "../faults/injector.ts";
import type { InjectionReport } from "../run/run-result.ts";
import type { GuestView } from "./guest-view.ts";
import type { Timeline } from "./time/timeline.ts";

export class PendingFaults {
  private readonly faults: AimedFault[] = [];
  private readonly reports = new Map<AimedFault, InjectionReport>();
  /** Told of each fault that strikes for the first time. */
  onStrike: (report: InjectionReport) => void = () => {};

  constructor(
    private readonly view: GuestView,
    private readonly timeline: Timeline,
    faults: readonly AimedFault[],
  ) {
    this.faults.push(...faults);
  }

  /** Faults that have not struck in the present history. */
  pending(): readonly AimedFault[] {
    const struck = new Set(this.timeline.editList().map(({ source }) => source));
    return this.faults.filter((fault) => !struck.has(fault));
  }

  /** Every fault with what it did, if it struck before the present position. */
  list(): { fault: AimedFault; report: InjectionReport | undefined }[] {
    const applied = new Set(this.timeline.appliedEdits().map(({ source }) => source));
    return this.faults.map((fault) => ({
      fault,
      report: applied.has(fault) ? this.reports.get(fault) : undefined,
    }));
  }

  describe({ fault }: AimedFault): string {
    return formatFault(fault);
  }

  /** Adds one; what was recorded after the present position no longer holds. */
  add(fault: AimedFault): void {
    this.timeline.forgetFuture();
    this.faults.push(fault);
  }

  /** Limits within which no pending fault can become due unseen, if the run also ends when an awaited thread gets the CPU. */
  limits(): RunLimits {
    const { machine } = this.view;
    const limits: RunLimits = {};
    for (const aimed of this.pending()) {
      const { trigger } = aimed.fault;
      if ("cycle" in trigger) limits.cycle = Math.min(limits.cycle ?? Number.POSITIVE_INFINITY, trigger.cycle);
      else {
        // Who is not on the CPU retires nothing before it comes there, which `awaitedThreads` is for.
        if (aimed.component !== undefined && this.view.userThread() !== aimed.component.threadNumber) continue;
        const bound = machine.instructions + Math.max(1, this.remaining(aimed));
        limits.instructions = Math.min(limits.instructions ?? Number.POSITIVE_INFINITY, bound);
      }
    }
    return limits;
  }

  /** Threads that faults wait for. */
  awaitedThreads(): ReadonlySet<number> {
    const threads = new Set<number>();
    for (const { fault, component } of this.pending()) {
      if ("instruction" in fault.trigger && component !== undefined) threads.add(component.threadNumber);
    }
    return threads;
  }

  /** Lets those strike that are due; their reports. */
  strikeDue(): InjectionReport[] {
    const reports: InjectionReport[] = [];
    for (const aimed of this.pending()) {
      const { trigger } = aimed.fault;
      const due = "cycle" in trigger ? this.view.machine.cycles >= trigger.cycle : this.remaining(aimed) <= 0;
      if (!due) continue;
      const report = this.strike(aimed);
      if (report !== undefined) reports.push(report);
    }
    return reports;
  }

  /** Strikes now, whatever the trigger says. */
  strike(aimed: AimedFault): InjectionReport | undefined {
    if (!this.faults.includes(aimed)) this.faults.push(aimed);
    const { machine, kernel } = this.view;
    const apply = (): void => {
      this.reports.set(aimed, inject(machine, kernel, aimed));
    };
    this.timeline.edit(formatFault(aimed.fault), apply, aimed);
    const report = this.reports.get(aimed);
    if (report !== undefined) this.onStrike(report);
    return report;
  }

  private remaining({ fault, component }: AimedFault): number {
    if (!("instruction" in fault.trigger)) return Number.POSITIVE_INFINITY;
    const { machine, kernel } = this.view;
    const done =
      component === undefined ? machine.instructions : (kernel.thread(component.threadNumber)?.userInstructions ?? 0);
    return fault.trigger.instruction - done;
  }
}

/**
 * Faults that wait for their moment. When one strikes it becomes an edit of the timeline, so that history repeats it; when the
 * past is changed before it struck, it waits again. What triggers have counted and which bits are stuck goes back and forth with the
 * timeline.
 */
import type { RunLimits } from "../../emulator/index.ts";
import { formatFault } from "../faults/fault.ts";
import { FaultEngine, type FaultsState, freshFault } from "../faults/fault-engine.ts";
import type { AimedFault } from "../faults/injector.ts";
import { countsFromStart } from "../faults/trigger-watch.ts";
import type { Component } from "../run/boot-plan.ts";
import type { InjectionReport } from "../run/run-result.ts";
import type { GuestView } from "./guest-view.ts";
import type { Timeline } from "./time/timeline.ts";

export class PendingFaults {
  private readonly engine: FaultEngine;
  private readonly faults: AimedFault[] = [];
  private readonly reports = new Map<AimedFault, InjectionReport>();
  /** Told of each fault that strikes for the first time. */
  onStrike: (report: InjectionReport) => void = () => {};

  constructor(
    view: GuestView,
    private readonly timeline: Timeline,
    components: readonly Component[],
    faults: readonly AimedFault[],
  ) {
    this.faults.push(...faults);
    this.engine = new FaultEngine({ machine: view.machine, kernel: view.kernel }, components);
    this.engine.load({ pending: faults.map(freshFault), stuck: [] });
    timeline.accompany({ save: () => this.engine.save(), load: (state) => this.load(state as FaultsState) });
  }

  /** Faults that have not struck in the present history. */
  pending(): readonly AimedFault[] {
    return this.faults.filter((fault) => !this.isEdit(fault));
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

  /** Adds one; what was recorded after the present position no longer holds. What its trigger counts is counted from the start. */
  add(fault: AimedFault): void {
    const { timeline, engine } = this;
    timeline.forgetFuture();
    this.faults.push(fault);
    if (countsFromStart(fault.fault.trigger)) timeline.repeat();
    else engine.add(fault);
  }

  /** Limits that leave no fault behind unseen; the machine also stops by itself where one may be due. */
  within(limits: RunLimits): RunLimits {
    const own = this.engine.limits();
    const cycle = Math.min(limits.cycle ?? Number.POSITIVE_INFINITY, own.cycle ?? Number.POSITIVE_INFINITY);
    return { cycle, ...(own.instructions !== undefined && { instructions: own.instructions }) };
  }

  /** Lets those strike that are due; their reports. */
  strikeDue(): InjectionReport[] {
    return this.engine
      .due()
      .filter((fault) => !this.isEdit(fault))
      .flatMap((fault) => this.strike(fault) ?? []);
  }

  /** Strikes now, whatever the trigger says. */
  strike(aimed: AimedFault): InjectionReport | undefined {
    if (!this.faults.includes(aimed)) this.faults.push(aimed);
    const apply = (): void => {
      this.reports.set(aimed, this.engine.strike(aimed));
    };
    this.timeline.edit(formatFault(aimed.fault), apply, aimed);
    const report = this.reports.get(aimed);
    if (report !== undefined) this.onStrike(report);
    return report;
  }

  private isEdit(fault: AimedFault): boolean {
    return this.timeline.editList().some(({ source }) => source === fault);
  }

  /** The faults as they were at an earlier position, and those that were added since. */
  private load(state: FaultsState): void {
    this.engine.load(state);
    const known = new Set<unknown>(state.pending.map(({ aimed }) => aimed));
    for (const { source } of this.timeline.appliedEdits()) known.add(source);
    for (const fault of this.faults) if (!known.has(fault)) this.engine.add(fault);
  }
}

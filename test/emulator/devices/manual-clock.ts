import { Counter } from "../../../emulator/cpu/state.ts";
import { EventQueue } from "../../../emulator/event-queue.ts";

/** A clock that a test moves by hand: alarms on the way are called at their own cycle, in order. */
export class ManualClock extends EventQueue {
  readonly cycleCounter: Float64Array;

  constructor(hertz = 100_000_000) {
    const counters = new Float64Array(64);
    counters[Counter.LimitCycle] = Number.POSITIVE_INFINITY;
    super(counters, hertz);
    this.cycleCounter = counters;
  }

  advanceTo(cycle: number): void {
    while (this.nextDue <= cycle) {
      this.cycleCounter[Counter.Cycles] = Math.max(this.now, this.nextDue);
      this.runDue();
    }
    this.cycleCounter[Counter.Cycles] = cycle;
  }

  advanceBy(cycles: number): void {
    this.advanceTo(this.now + cycles);
  }
}

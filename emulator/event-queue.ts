import type { Alarm, Clock } from "./clock.ts";
import { Counter } from "./cpu/state.ts";

/** The alarms of a snapshot: those that are armed, in the order in which they were armed. */
export type AlarmState = readonly { readonly name: string; readonly due: number }[];

class QueuedAlarm implements Alarm {
  due = Number.POSITIVE_INFINITY;
  /** Arming order, breaks ties of cycle and priority. */
  sequence = 0;
  readonly name: string;
  readonly priority: number;
  readonly callback: (due: number) => void;
  private readonly queue: EventQueue;

  constructor(queue: EventQueue, name: string, priority: number, callback: (due: number) => void) {
    this.queue = queue;
    this.name = name;
    this.priority = priority;
    this.callback = callback;
  }

  at(cycle: number): void {
    this.due = cycle;
    this.sequence = this.queue.nextSequence();
    this.queue.changed();
  }

  cancel(): void {
    if (this.due === Number.POSITIVE_INFINITY) return;
    this.due = Number.POSITIVE_INFINITY;
    this.queue.changed();
  }
}

/**
 * The machine's clock and its queue of alarms, ordered by (cycle, priority, arming sequence). A machine has a handful of
 * alarms, so the queue is a list and finding the next one a scan; arming allocates nothing.
 */
export class EventQueue implements Clock {
  readonly hertz: number;
  /** Cycle of the earliest armed alarm, Infinity when there is none. */
  nextDue = Number.POSITIVE_INFINITY;
  private readonly counters: Float64Array;
  private readonly alarms: QueuedAlarm[] = [];
  private sequence = 0;

  constructor(counters: Float64Array, hertz: number) {
    this.counters = counters;
    this.hertz = hertz;
  }

  get now(): number {
    return this.counters[Counter.Cycles];
  }

  createAlarm(name: string, priority: number, callback: (due: number) => void): Alarm {
    if (this.alarms.some((alarm) => alarm.name === name))
      throw new RangeError(`there is an alarm named ${name} already`);
    const alarm = new QueuedAlarm(this, name, priority, callback);
    this.alarms.push(alarm);
    return alarm;
  }

  nextSequence(): number {
    return this.sequence++;
  }

  /** Recomputes the next due cycle; a running slice ends there if it would have gone further. */
  changed(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const alarm of this.alarms) if (alarm.due < next) next = alarm.due;
    this.nextDue = next;
    if (next < this.counters[Counter.LimitCycle]) this.counters[Counter.LimitCycle] = next;
  }

  /** Calls, in order, every alarm that is due by now, also those that the called ones arm. */
  runDue(): void {
    while (this.nextDue <= this.now) {
      const alarm = this.earliest();
      const due = alarm.due;
      alarm.due = Number.POSITIVE_INFINITY;
      this.changed();
      alarm.callback(due);
    }
  }

  private earliest(): QueuedAlarm {
    let best = this.alarms[0];
    for (const alarm of this.alarms) if (before(alarm, best)) best = alarm;
    return best;
  }

  saveState(): AlarmState {
    return this.alarms
      .filter((alarm) => alarm.due !== Number.POSITIVE_INFINITY)
      .sort((a, b) => a.sequence - b.sequence)
      .map(({ name, due }) => ({ name, due }));
  }

  /** Disarms every alarm and arms those of a saved state. RangeError for a name that this machine does not have. */
  loadState(state: AlarmState): void {
    for (const alarm of this.alarms) alarm.due = Number.POSITIVE_INFINITY;
    this.sequence = 0;
    for (const { name, due } of state) {
      const alarm = this.alarms.find((candidate) => candidate.name === name);
      if (alarm === undefined) throw new RangeError(`snapshot names alarm ${name}, which this machine does not have`);
      alarm.due = due;
      alarm.sequence = this.sequence++;
    }
    this.changed();
  }
}

function before(a: QueuedAlarm, b: QueuedAlarm): boolean {
  if (a.due !== b.due) return a.due < b.due;
  if (a.priority !== b.priority) return a.priority < b.priority;
  return a.sequence < b.sequence;
}

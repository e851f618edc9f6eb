/** A point in guest time at which its owner wants to be called. At most one due time each. */
export interface Alarm {
  /** Due cycle, or Infinity when not armed. */
  readonly due: number;
  /** Arms (or moves) the alarm to an absolute cycle; a past cycle means the next instruction boundary. */
  at(cycle: number): void;
  cancel(): void;
}

/**
 * Guest time. Alarms due at the same cycle run in the order (cycle, priority, arming sequence); all of them are part of a
 * snapshot, so an alarm must be created when the machine is wired, under a name that does not change.
 */
export interface Clock {
  /** Core clocks since reset. */
  readonly now: number;
  /** Core clocks per second. */
  readonly hertz: number;
  /** `callback` gets the cycle the alarm was due at; the clock may already be later. Lower priorities run first. */
  createAlarm(name: string, priority: number, callback: (due: number) => void): Alarm;
}

/**
 * A slower clock derived from the core clock, exact in integers at any time of a run: tick n happens at the first core
 * cycle c with c * frequency >= n * hertz. Both rates must be below 2^26.5 Hz so that products stay below 2^53.
 */
export class DerivedClock {
  private readonly hertz: number;
  private readonly frequency: number;

  constructor(hertz: number, frequency: number) {
    if (hertz * frequency > Number.MAX_SAFE_INTEGER) throw new RangeError("clock rates are too high to be exact");
    this.hertz = hertz;
    this.frequency = frequency;
  }

  /** Number of ticks that have happened at a core cycle. */
  ticksAt(cycle: number): number {
    const seconds = Math.floor(cycle / this.hertz);
    const rest = cycle - seconds * this.hertz;
    return seconds * this.frequency + Math.floor((rest * this.frequency) / this.hertz);
  }

  /** Core cycle at which a tick happens. */
  cycleOf(tick: number): number {
    const seconds = Math.floor(tick / this.frequency);
    const rest = tick - seconds * this.frequency;
    return seconds * this.hertz + Math.ceil((rest * this.hertz) / this.frequency);
  }
}

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
  now(): number;
  /** Core clocks per second. */
  readonly hertz: number;
  createAlarm(name: string, priority: number, callback: (cycle: number) => void): Alarm;
}

/**
 * Intel 8254 programmable interval timer (data sheet 231164-005) of a PC: ports 0x40-0x43, and the two bits of
 * system control port 0x61 that belong to it.
 *
 *   counter 0: OUT → IRQ 0        counter 1: nothing        counter 2: GATE ← port 0x61 bit 0, OUT → port 0x61 bit 5
 *
 * Modes 0 to 5, binary and BCD, counter latch, read-back of count and status. Ticks of 1,193,182 Hz are derived from the core
 * clock by exact integer arithmetic.
 *
 * NOT IMPLEMENTED: the speaker (port 0x61 bit 1 reads back); the refresh toggle of port 0x61 bit 4 reads 0.
 */
import { type Alarm, type Clock, DerivedClock } from "../clock.ts";
import type { Device, DeviceState } from "./device.ts";
import { Counter8254 } from "./i8254-counter.ts";

export const PIT_HERTZ = 1_193_182;

const CONTROL_PORT = 3;
const READ_BACK = 3;

export class Pit8254 implements Device {
  readonly name = "pit";
  private readonly counters = [new Counter8254(), new Counter8254(), new Counter8254()] as const;
  private portB = 0;
  private level = true;
  private readonly clock: Clock;
  private readonly ticks: DerivedClock;
  private readonly alarm: Alarm;
  private readonly setInterrupt: (level: boolean) => void;
  private readonly firstPort: number;

  /** `setInterrupt` is driven with counter 0's OUT. */
  constructor(firstPort: number, clock: Clock, setInterrupt: (level: boolean) => void) {
    this.firstPort = firstPort;
    this.clock = clock;
    this.ticks = new DerivedClock(clock.hertz, PIT_HERTZ);
    this.setInterrupt = setInterrupt;
    this.alarm = clock.createAlarm("pit.counter0", 10, () => this.update());
  }

  reset(): void {
    for (const counter of this.counters) counter.reset();
    this.counters[2].gate = false;
    this.portB = 0;
    this.level = true;
    this.alarm.cancel();
    this.setInterrupt(true);
  }

  private now(): number {
    return this.ticks.ticksAt(this.clock.now);
  }

  /** Drives IRQ 0 with the present level of OUT 0 and waits for its next edge. */
  private update(): void {
    const now = this.now();
    const level = this.counters[0].output(now);
    if (level !== this.level) {
      this.level = level;
      this.setInterrupt(level);
    }
    const edge = this.counters[0].nextEdge(now);
    if (edge === Number.POSITIVE_INFINITY) this.alarm.cancel();
    else this.alarm.at(this.ticks.cycleOf(edge));
  }

  readPort(port: number, _bytes: number): number {
    if (port === 0x61) return this.portB | (this.counters[2].output(this.now()) ? 0x20 : 0);
    const index = port - this.firstPort;
    if (index === CONTROL_PORT) return 0xff;
    return (this.counters[index] as Counter8254).read(this.now());
  }

  writePort(port: number, _bytes: number, value: number): void {
    const now = this.now();
    if (port === 0x61) {
      this.portB = value & 3;
      this.counters[2].setGate((value & 1) !== 0, now);
      return;
    }
    const index = port - this.firstPort;
    if (index === CONTROL_PORT) this.writeControl(value, now);
    else (this.counters[index] as Counter8254).write(value, now);
    this.update();
  }

  private writeControl(value: number, now: number): void {
    const select = value >>> 6;
    if (select === READ_BACK) {
      for (let i = 0; i < 3; i++) {
        if ((value & (2 << i)) === 0) continue;
        const counter = this.counters[i] as Counter8254;
        if ((value & 0x20) === 0) counter.latchCount(now);
        if ((value & 0x10) === 0) counter.latchStatus(now);
      }
      return;
    }
    const counter = this.counters[select] as Counter8254;
    const access = (value >>> 4) & 3;
    if (access === 0) counter.latchCount(now);
    else counter.setMode(access, (value >>> 1) & 7, (value & 1) !== 0);
  }

  saveState(): DeviceState {
    return {
      version: 1,
      counter0: this.counters[0].save(),
      counter1: this.counters[1].save(),
      counter2: this.counters[2].save(),
      portB: this.portB,
      level: Number(this.level),
    };
  }

  loadState(state: DeviceState): void {
    const { counter0, counter1, counter2, portB, level } = state;
    if (state.version !== 1 || !Array.isArray(counter0) || !Array.isArray(counter1) || !Array.isArray(counter2))
      throw new RangeError("not a state of pit");
    this.counters[0].restore(counter0);
    this.counters[1].restore(counter1);
    this.counters[2].restore(counter2);
    this.portB = Number(portB);
    this.level = level === 1;
  }
}

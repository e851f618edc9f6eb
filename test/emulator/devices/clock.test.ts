import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DerivedClock } from "../../../emulator/clock.ts";
import { ManualClock } from "./manual-clock.ts";

describe("a derived clock", () => {
  it("agrees with exact rational arithmetic at any cycle, and tick n is the first cycle that counts n ticks", () => {
    const hertz = 100_000_000;
    const frequency = 1_193_182;
    const clock = new DerivedClock(hertz, frequency);
    fc.assert(
      fc.property(fc.maxSafeNat(), (cycle) => {
        const exact = Number((BigInt(cycle) * BigInt(frequency)) / BigInt(hertz));
        expect(clock.ticksAt(cycle)).toBe(exact);
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), (tick) => {
        const cycle = clock.cycleOf(tick);
        expect(clock.ticksAt(cycle)).toBe(tick);
        expect(clock.ticksAt(cycle - 1)).toBe(tick - 1);
      }),
    );
  });

  it("refuses rates whose products are not exact", () => {
    expect(() => new DerivedClock(4_000_000_000, 4_000_000)).toThrow(RangeError);
  });
});

describe("the event queue", () => {
  it("calls alarms in the order cycle, priority, arming sequence", () => {
    const clock = new ManualClock();
    const called: string[] = [];
    const alarm = (name: string, priority: number) => clock.createAlarm(name, priority, () => called.push(name));
    const late = alarm("late", 0);
    const low = alarm("low priority", 2);
    const second = alarm("second armed", 1);
    const first = alarm("first armed", 1);
    late.at(11);
    low.at(10);
    first.at(10);
    second.at(10);
    clock.advanceTo(20);
    expect(called).toEqual(["first armed", "second armed", "low priority", "late"]);
  });

  it("calls an alarm that another one arms for the same cycle, and one armed for the past", () => {
    const clock = new ManualClock();
    const called: string[] = [];
    const b = clock.createAlarm("b", 0, (due) => called.push(`b ${due} at ${clock.now}`));
    const a = clock.createAlarm("a", 0, () => b.at(5));
    a.at(8);
    clock.advanceTo(8);
    expect(called).toEqual(["b 5 at 8"]);
  });

  it("forgets a cancelled alarm and moves one that is armed again", () => {
    const clock = new ManualClock();
    const called: number[] = [];
    const alarm = clock.createAlarm("alarm", 0, (due) => called.push(due));
    alarm.at(5);
    alarm.at(7);
    clock.advanceTo(6);
    expect(called).toEqual([]);
    alarm.cancel();
    clock.advanceTo(10);
    expect(called).toEqual([]);
    expect(alarm.due).toBe(Number.POSITIVE_INFINITY);
  });

  it("keeps due cycles and tie order across save and load, and refuses names it does not have", () => {
    const make = () => {
      const clock = new ManualClock();
      const called: string[] = [];
      const alarms = ["x", "y", "z"].map((name) => clock.createAlarm(name, 0, () => called.push(name)));
      return { clock, called, alarms };
    };
    const from = make();
    from.alarms[2]?.at(10);
    from.alarms[0]?.at(10);
    from.alarms[1]?.at(9);
    const to = make();
    to.alarms[1]?.at(3);
    to.clock.loadState(from.clock.saveState());
    to.clock.advanceTo(10);
    expect(to.called).toEqual(["y", "z", "x"]);
    expect(() => to.clock.loadState([{ name: "w", due: 1 }])).toThrow(/alarm w/);
  });
});

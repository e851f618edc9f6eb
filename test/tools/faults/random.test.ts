import { describe, expect, it } from "vitest";
import { formatFault } from "../../../tools/faults/fault.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { type RunSnapshot, ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { Random } from "../support/random.ts";
import { randomFault } from "./random-fault.ts";
import { smallPlan } from "./small-plan.ts";

describe.each(["simple", "p5"] as const)("random faults of every kind, %s timing", (timing) => {
  it("do the same however a run is cut, and never more than the guests can", () => {
    const plan = smallPlan(timing);
    const golden = new ScenarioRun(plan);
    golden.advance(1e9);
    const length = golden.machine.cycles;
    const middle = new ScenarioRun(plan);
    middle.advance(length / 2);
    const random = new Random(timing === "p5" ? 21 : 20);
    let applied = 0;
    for (let n = 0; n < (timing === "p5" ? 8 : 24); n++) {
      const fault = randomFault(random, middle.kernel, length);
      const line = formatFault(fault);
      const whole = new ScenarioRun(plan, { faults: [parseFault(line)] });
      whole.advance(length * 1.5);
      if (whole.injections.some((injection) => injection.applied)) applied++;
      expect([line, whole.outcome?.kind === "panic" ? whole.outcome.text : ""]).not.toEqual([
        line,
        expect.stringContaining("kernel model failure"),
      ]);
      let run = new ScenarioRun(plan, { faults: [fault] });
      for (let cut = 0; cut < 6; cut++) {
        run.advance(Math.min(length * 1.5, run.machine.cycles + random.below(length / 3)));
        const snapshot: RunSnapshot = run.snapshot();
        run.advance(Math.min(length * 1.5, run.machine.cycles + random.below(50_000)));
        if (random.below(2) === 0) run = new ScenarioRun(plan);
        run.restore(snapshot);
      }
      run.advance(length * 1.5);
      expect([line, run.outcome, run.injections]).toEqual([line, whole.outcome, whole.injections]);
      expect([line, run.machine.stateDigest()]).toEqual([line, whole.machine.stateDigest()]);
    }
    expect(applied).toBeGreaterThan(timing === "p5" ? 3 : 12);
  });
});

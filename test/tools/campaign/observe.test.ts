import { describe, expect, it } from "vitest";
import { prunedRow } from "../../../tools/campaign/draw-rows.ts";
import { mapDraws, OVERWRITTEN } from "../../../tools/campaign/draws.ts";
import { ExperimentRunner } from "../../../tools/campaign/experiment-runner.ts";
import { activationOf } from "../../../tools/campaign/point-axes.ts";
import { drawnPoint, strataOf } from "../../../tools/campaign/sample.ts";
import { propagate } from "../../../tools/propagate/propagation.ts";
import { smallGolden, spaceOf } from "./truth.ts";

const TARGETS =
  "[{component: replica-2, registers: all, sections: [.stack, .bss, .text], messageRegisters: [0, 1]}, " +
  "{component: voter, registers: all}, {kernel: [globals, gdt]}]";
const SAMPLE = { size: 45, seed: 9, strata: "component" } as const;

describe("what is known of a fault without an observer", () => {
  const golden = smallGolden();
  const space = spaceOf(golden, TARGETS, 390_000, 560_000);
  const draws = mapDraws(golden, space, SAMPLE);
  const strata = strataOf(space, SAMPLE);
  const end = { vote: "unanimous", ending: "power-off", service: "right", cycles: 0, instructions: 0 } as const;
  const points = draws.answer.map((answer, k) => ({ answer, point: drawnPoint(strata, SAMPLE.seed, k) }));

  it("is what the tracker of wrong words says: activation of all, everything of what is never read", () => {
    let pruned = 0;
    let perhaps = 0;
    for (const { answer, point } of points) {
      const { outcome } = propagate(golden, point.fault).experiment;
      if (answer >= 0) {
        const use = draws.perhaps.includes(answer) ? "perhaps" : "read";
        const activation = activationOf(point, space.model, use);
        if (activation !== "unobserved") expect(activation).toBe(outcome.activation);
        else perhaps++;
        continue;
      }
      pruned++;
      const use = answer === OVERWRITTEN ? "overwritten" : "unread";
      const {
        activation,
        containment,
        class: name,
      } = prunedRow(0, point, use, { space, plan: golden.plan, end }).outcome;
      expect({ activation, containment, name, fault: point.fault }).toEqual({
        activation: outcome.activation,
        containment: outcome.containment,
        name: outcome.class,
        fault: point.fault,
      });
    }
    expect(pruned).toBeGreaterThan(10);
    expect(perhaps).toBeLessThan(5);
  }, 60_000);

  it("is completed by an observed campaign, which changes no class", () => {
    const plain = new ExperimentRunner(golden, space);
    const observed = new ExperimentRunner(golden, space, { observe: true });
    const read = points.filter(({ answer }) => answer >= 0).slice(0, 12);
    for (const { point } of read) {
      const one = plain.run(0, point, point, "perhaps");
      const other = observed.run(0, point, point, "perhaps");
      expect(other.outcome.containment).not.toBe("unobserved");
      const { activation, containment } = other.outcome;
      expect(other).toEqual({ ...one, outcome: { ...one.outcome, activation, containment } });
    }
  }, 60_000);
});

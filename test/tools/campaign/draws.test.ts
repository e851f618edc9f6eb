import { describe, expect, it } from "vitest";
import { experimentsOf, mapDraws, OVERWRITTEN, UNREAD } from "../../../tools/campaign/draws.ts";
import { type EquivalenceClass, needsExperiment } from "../../../tools/campaign/pruning.ts";
import { drawnPoint, strataOf } from "../../../tools/campaign/sample.ts";
import { divideSpace, smallGolden } from "./truth.ts";

const TARGETS =
  "[{component: replica-2, registers: [ecx, edi, eflags, eip], sections: [.bss]}, {component: console, registers: all}]";

describe("draws of a sample", () => {
  const golden = smallGolden();

  // The other way to the same: all classes of the space, one by one.
  it.each([["flip"], ["{flip: 3}"]])(
    "of model %s are answered by the classes of the complete space",
    (model) => {
      const { space, classes } = divideSpace(golden, TARGETS, 470_000, 560_000, `complete: true\nmodel: ${model}`);
      const sample = { size: 4000, seed: 17, strata: "component" } as const;
      const draws = mapDraws(golden, space, sample);
      const strata = strataOf(space, sample);
      const byRegion = new Map<unknown, EquivalenceClass[]>();
      for (const region of space.regions) byRegion.set(region, []);
      for (const each of classes) byRegion.get(each.region)!.push(each);
      const answers = new Map<string, number>();
      let next = 0;
      let shared = 0;
      draws.answer.forEach((answer, k) => {
        const { region, index, cycle } = drawnPoint(strata, sample.seed, k);
        const own = byRegion
          .get(region)!
          .find(
            (each) =>
              index >= each.index &&
              index < each.index + each.bits &&
              cycle <= each.lastCycle &&
              cycle >= each.firstCycle,
          )!;
        if (!needsExperiment(own.use)) {
          expect(answer).toBe(own.use === "overwritten" ? OVERWRITTEN : UNREAD);
          return;
        }
        const key = `${classes.indexOf(own)} ${index}`;
        const known = answers.get(key);
        if (known !== undefined) shared++;
        else {
          answers.set(key, k);
          expect(draws.struck[next++]).toBe(own.lastCycle);
          expect(draws.perhaps.includes(k)).toBe(own.use === "perhaps");
        }
        expect(answer).toBe(known ?? k);
      });
      expect(experimentsOf(draws)).toHaveLength(next);
      expect(shared).toBeGreaterThan(10);
    },
    60_000,
  );
});

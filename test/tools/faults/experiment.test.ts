import { describe, expect, it } from "vitest";
import { Experimenter } from "../../../tools/faults/experiment.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { recordGolden } from "../../../tools/faults/golden-run.ts";
import { imageFromScenario } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { runScenario } from "../../../tools/run/run-scenario.ts";

const plan = planBoot(
  imageFromScenario(
    JSON.stringify({
      name: "experiments",
      replicas: [{ implementation: "bytewise", count: 3 }],
      voter: { deadline: "10 ms" },
      workload: {
        mode: "ecb",
        key: "2b7e151628aed2a6abf7158809cf4f3c",
        data: { random: { seed: 9, bytes: 28 * 16 } },
      },
    }),
    "experiments",
  ),
);
const experimenter = new Experimenter(recordGolden(plan));

describe("an experiment", () => {
  it.each([
    ["replica-2:aes_state+5:flip:2@instruction=71000", "CORRECTED", "wrong-value", "minority-named"],
    ["replica-2:eip:flip:30@instruction=70000", "CORRECTED", "trap", "minority-named"],
    ["cpu:eip:flip:30@execute=replica-2:aes_encrypt_block#9", "CORRECTED", "none", "minority-named"],
    ["voter:eip:flip:30@instruction=4000", "DUE_DETECTED", "trap", "voter-trap"],
    ["client:eip:flip:30@instruction=700", "DUE_DETECTED", "trap", "unanimous"],
    ["replica-2:0x08048000:flip:3@instruction=70000", "LATENT", "latent", "unanimous"],
    ["replica-2:reply+40:flip:3@instruction=10000", "MASKED", "none", "unanimous"],
    ["replica-1:0xa0000000:flip:3@instruction=70000", "TOOL_ERROR", "none", "unanimous"],
    ["replica-2:eax:flip:3@instruction=70000000", "TOOL_ERROR", "none", "unanimous"],
  ])("%s: %s", (line, expectedClass, effect, vote) => {
    const { outcome } = experimenter.run(parseFault(line));
    expect([outcome.class, outcome.replicaEffect, outcome.vote]).toEqual([expectedClass, effect, vote]);
  });

  it.each([
    [1, "SDC", "wrong-majority"],
    [2, "DUE_DETECTED", "no-majority"],
  ])(
    "with %i replicas, which cannot outvote one, a wrong answer is a wrong value still",
    (count, expectedClass, vote) => {
      const few = imageFromScenario(
        JSON.stringify({
          name: "few",
          machine: { timing: "simple" },
          replicas: [{ implementation: "bytewise", count }],
          workload: { mode: "ecb", key: "2b7e151628aed2a6abf7158809cf4f3c", data: { random: { seed: 9, bytes: 32 } } },
        }),
        "few",
      );
      const fault = parseFault("replica-1:aes_state+5:flip:2@write=aes_state/16#40");
      const { outcome } = new Experimenter(recordGolden(planBoot(few))).run(fault);
      expect([outcome.class, outcome.replicaEffect, outcome.vote]).toEqual([expectedClass, "wrong-value", vote]);
    },
  );

  it("finds the victim of a physical fault by the space that owns the word then", () => {
    expect(experimenter.run(parseFault("physical:0x19000:flip:7@cycle=600000")).victim).toMatch(/^replica-/);
    expect(experimenter.run(parseFault("physical:0xffe000:flip:0@cycle=2000")).victim).toBe(undefined);
  });

  it("gives what a run from reset gives", () => {
    for (const line of ["replica-2:aes_state+5:flip:2@instruction=70000", "physical:0x19000:flip:7@cycle=600000"]) {
      const fault = parseFault(line);
      const { result } = experimenter.run(fault);
      const plain = runScenario(plan, experimenter.cycleLimit, { faults: [fault] });
      expect(result).toEqual(plain);
    }
  });
});

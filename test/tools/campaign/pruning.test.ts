import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { findSymbol } from "../../../emulator/loader/elf.ts";
import { loadCampaign, startCampaign } from "../../../tools/campaign/campaign.ts";
import { ExperimentRunner } from "../../../tools/campaign/experiment-runner.ts";
import { pointAt, spaceSize } from "../../../tools/campaign/fault-space.ts";
import { reportCampaign } from "../../../tools/campaign/report.ts";
import { samplePosition } from "../../../tools/campaign/sample.ts";
import { proportionInterval } from "../../../tools/campaign/statistics.ts";
import type { GoldenRun } from "../../../tools/faults/golden-run.ts";
import { imageFromScenario } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { Random } from "../support/random.ts";
import { SMALL_SCENARIO, smallPlan, workplace } from "./small-campaign.ts";
import {
  completeTruth,
  type Divided,
  divideSpace,
  isDivided,
  kindsOf,
  memberDisagrees,
  smallGolden,
  type Truth,
} from "./truth.ts";

const WIDE =
  "[{component: replica-2, sections: [.text, .rodata, .bss, .stack], registers: all, messageRegisters: [0, 1], kernel: [tcb, page-table]}, " +
  "{component: voter, sections: [.bss], registers: all}, {kernel: [gdt, idt, tss, globals]}]";
/** A quarter of the AES state. */
const STATE = `[{component: replica-2, memory: [{address: ${stateAddress()}, bytes: 4}]}]`;
/** The last uses of the AES state: after clock 502,152 nobody reads it. */
const FROM = 502_000;
const TO = 502_300;

function stateAddress(): number {
  const { elf } = smallPlan().components.find(({ name }) => name === "replica-2")!;
  return findSymbol(elf, "aes_state")!.value;
}

let golden: GoldenRun;
let small: Divided;
let truth: Truth;

beforeAll(() => {
  golden = smallGolden();
  small = divideSpace(golden, STATE, FROM, TO);
  truth = completeTruth(small);
}, 120_000);

describe("def/use pruning", () => {
  it("divides every bit of the space without a gap, so that weights add up to bits × clocks exactly", () => {
    const divided = divideSpace(golden, WIDE, 370_000, golden.result.cycles);
    const { classes } = divided;
    expect(isDivided(divided)).toBe(true);
    let gaps = classes[0]!.firstCycle === classes[0]!.region.firstCycle ? 0 : 1;
    classes.slice(1).forEach((each, i) => {
      const before = classes[i]!;
      const same = each.region === before.region && each.index === before.index;
      const next = same
        ? each.firstCycle === before.lastCycle + 1
        : before.lastCycle === before.region.lastCycle && each.firstCycle === each.region.firstCycle;
      if (!next) gaps++;
    });
    expect(gaps).toBe(0);
    expect(new Set(classes.map(({ use }) => use))).toEqual(new Set(["read", "perhaps", "overwritten", "unread"]));
  });

  it("gives every member of a class its pilot's outcome", () => {
    const { classes, space } = divideSpace(golden, WIDE, 370_000, golden.result.cycles);
    const runner = new ExperimentRunner(golden, space);
    const kinds = kindsOf(classes);
    expect(kinds.length).toBeGreaterThan(100);
    const random = new Random(12);
    for (let i = 0; i < 300; i++) expect(memberDisagrees(runner, space, kinds, random)).toBe(undefined);
  });

  it("does so with other programs and clocks too", () => {
    const scenario = {
      ...JSON.parse(SMALL_SCENARIO),
      machine: { memory: "8 MiB", timing: "simple" },
      replicas: [{ implementation: "ttable" }, { implementation: "bitslice" }, { implementation: "bytewise" }],
    };
    const other = smallGolden(planBoot(imageFromScenario(JSON.stringify(scenario), "other")));
    const targets =
      "[{component: replica-2, sections: [.text, .bss, .stack], registers: all}, {component: voter, registers: all, kernel: [tcb, utcb]}, " +
      "{component: client, registers: all}, {component: console, registers: all}]";
    const { classes, space } = divideSpace(other, targets, 250_000, other.result.cycles);
    const runner = new ExperimentRunner(other, space);
    const kinds = kindsOf(classes);
    const random = new Random(5);
    for (let i = 0; i < 200; i++) expect(memberDisagrees(runner, space, kinds, random)).toBe(undefined);
  }, 60_000);

  it("makes a complete campaign whose report counts every point once, as running them one by one does", async () => {
    const place = workplace(
      `name: complete\nimage: small.yaml\ntargets: ${STATE}\nwindow: {from: ${FROM}, to: ${TO}}\ncomplete: true\n`,
    );
    const directory = place.path("out");
    const status = await startCampaign(place.file, directory, { workers: 2 });
    expect(status.complete).toBe(true);
    const report = reportCampaign(loadCampaign(directory));
    expect(report.total.space).toBe(String(32 * (TO - FROM + 1)));
    for (const [name, estimate] of Object.entries(report.total.classes)) {
      expect([name, estimate.points]).toEqual([name, Number(truth.points.get(name as "MASKED") ?? 0n)]);
      expect(estimate.pointsHigh).toBe(estimate.points);
    }
    expect(readFileSync(`${directory}/results.jsonl`, "utf8").trim().split("\n")).toHaveLength(status.asked);
    place.remove();
  });
});

describe("statistics", () => {
  it("has intervals that cover the truth as often as they say: 1,000 campaigns of 300 experiments", () => {
    const size = spaceSize(small.space);
    const share = Number(truth.points.get("CORRECTED")!) / Number(size);
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.9);
    const covered = { wilson: 0, "clopper-pearson": 0 };
    for (let seed = 0; seed < 1000; seed++) {
      let hits = 0;
      for (let k = 0; k < 300; k++) {
        const point = pointAt(small.space, samplePosition(seed, k, size));
        if (truth.outcomeAt(point) === "CORRECTED") hits++;
      }
      for (const kind of ["wilson", "clopper-pearson"] as const) {
        const { low, high } = proportionInterval(kind, hits, 300, 0.95);
        if (low <= share && share <= high) covered[kind]++;
      }
    }
    expect(covered.wilson).toBeGreaterThanOrEqual(935);
    expect(covered.wilson).toBeLessThanOrEqual(965);
    // Exact intervals are never too short.
    expect(covered["clopper-pearson"]).toBeGreaterThanOrEqual(covered.wilson);
  });
});

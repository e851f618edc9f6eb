import { writeFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { findSymbol } from "../../../emulator/loader/elf.ts";
import { loadCampaign, startCampaign } from "../../../tools/campaign/campaign.ts";
import { type CampaignReport, reportCampaign } from "../../../tools/campaign/report.ts";
import { imageFromScenario, loadImage } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { padWithNops } from "./nop-padding.ts";
import { SMALL_SCENARIO, workplace } from "./small-campaign.ts";

const place = workplace();
afterAll(place.remove);

const PROGRAM = imageFromScenario(SMALL_SCENARIO, "small").files.get("bundled:replica-bytewise.elf")!;

/** One replica, whose errors nobody outvotes, and one block; clocks by the instruction table, so that NOPs cost one each. */
function image(nops: number): string {
  writeFileSync(place.path(`padded-${nops}.elf`), padWithNops(PROGRAM, nops));
  const file = place.path(`padded-${nops}.yaml`);
  const scenario = {
    name: "padded",
    machine: { memory: "8 MiB", timing: "simple" },
    replicas: [{ module: `padded-${nops}.elf` }],
    voter: { deadline: "5 ms" },
    workload: {
      mode: "ecb",
      key: "2b7e151628aed2a6abf7158809cf4f3c",
      data: { hex: "00112233445566778899aabbccddeeff" },
    },
  };
  writeFileSync(file, JSON.stringify(scenario));
  return file;
}

/** Whether the timer takes the CPU from the replica in the midst of AES: then its state is in use for longer. */
function isInterrupted(file: string): boolean {
  const plan = planBoot(loadImage(file));
  const { elf, threadNumber } = plan.components.find(({ name }) => name === "replica-1")!;
  const [from, to] = ["aes_start", "aes_inverse_sbox"].map((name) => findSymbol(elf, name)!.value);
  const run = new ScenarioRun(plan);
  let found = false;
  run.machine.observe({
    interrupt: (_, kind, eip) => {
      const inAes = eip >= from! && eip < to! && (run.kernel.currentThread() ?? 0) >>> 14 === threadNumber;
      if (kind === "external" && inAes) found = true;
    },
  });
  run.advance(5_000_000);
  return found;
}

/** A complete campaign of four bytes of the AES state over the whole run. */
async function completeReport(nops: number): Promise<CampaignReport> {
  const file = place.path(`campaign-${nops}.yaml`);
  const memory = `[{address: ${findSymbol(planBoot(loadImage(image(nops))).components[3]!.elf, "aes_state")!.value}, bytes: 4}]`;
  const targets = `[{component: replica-1, memory: ${memory}}]`;
  writeFileSync(file, `name: padded\nimage: padded-${nops}.yaml\ntargets: ${targets}\ncomplete: true\n`);
  const directory = place.path(`out-${nops}`);
  await startCampaign(file, directory, { workers: 2 });
  return reportCampaign(loadCampaign(directory));
}

describe("the dilution trap (Schirmeier et al., DSN 2015)", () => {
  it("is avoided: NOPs before a program raise its coverage and leave the number of failures as it was", async () => {
    // Where the timer falls into AES by chance, some NOPs fewer move it.
    const [few, many] = [0, 240_000].map((most) =>
      Array.from({ length: 8 }, (_, i) => Math.abs(most - 3000 * i)).find((nops) => !isInterrupted(image(nops))),
    );
    const plain = await completeReport(few!);
    const padded = await completeReport(many!);
    const coverage = ({ total }: CampaignReport) => 1 - total.failures.share;
    expect(padded.goldenCycles).toBeGreaterThan(plain.goldenCycles * 1.2);
    expect(plain.total.failures.points).toBeGreaterThan(100_000);
    expect(padded.total.failures.points).toBe(plain.total.failures.points);
    expect(padded.total.classes.SDC.points).toBe(plain.total.classes.SDC.points);
    expect(coverage(padded)).toBeGreaterThan(coverage(plain));
    // Of what was not covered, a fifth is gone, and no failure.
    expect(1 - coverage(padded)).toBeLessThan((1 - coverage(plain)) * 0.8);
  }, 120_000);
});

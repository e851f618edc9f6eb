/** The campaign's page in a real browser, against the report that it shows. */
import { writeFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCampaign, startCampaign } from "../../../tools/campaign/campaign.ts";
import { type CampaignReport, reportCampaign } from "../../../tools/campaign/report.ts";
import { points } from "../../../tools/campaign/report-html/numbers.ts";
import { reportHtml } from "../../../tools/campaign/report-html.ts";
import { wordNames } from "../../../tools/campaign/word-names.ts";
import { grouped } from "../../../tools/report/format.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { noteMissing } from "../../oracles/live-drivers.ts";
import { chromiumPath, openChromium, openPage } from "../support/chromium.ts";
import { smallPlan, workplace } from "./small-campaign.ts";

const SPECIFICATION = `name: seen
image: small.yaml
targets:
  - component: replica-2
    registers: [eax, esp, eip]
    sections: [.text]
  - component: voter
    sections: [.text]
  - kernel: [idt]
window: {from: 370000, to: 560000}
sample: {seed: 5, strata: {replica-2: 120, voter: 60, kernel: 20}}
snapshots: 32
`;

const missing = chromiumPath() === undefined;
if (missing) noteMissing("chromium", "it is in no folder of PATH");

it("words have their symbols, the kernel's their structures and fields", () => {
  const booted = new ScenarioRun(smallPlan());
  const names = wordNames(booted);
  const idt = booted.kernel.structures().find(({ name }) => name === "IDT")!;
  const physical = (address: number) => names({ component: "kernel", address, addressing: "physical" });
  expect(physical(idt.start + 8)).toMatch(/^IDT/);
  const component = booted.plan.components.find(({ name }) => name === "replica-2")!;
  const symbol = component.elf.symbols.find(({ name }) => name === "aes_state")!;
  const word = { component: "replica-2", address: symbol.value + 4 } as const;
  expect(names({ ...word, addressing: "virtual" })).toBe("aes_state+4");
  expect(names({ ...word, addressing: "physical" })).toBe(undefined);
  expect(physical(0xffff_fff0)).toBe(undefined);
});

describe.skipIf(missing)("the campaign's page in chromium", () => {
  const place = workplace(SPECIFICATION);
  const file = place.path("report.html");
  let report: CampaignReport;
  let browser: Browser;

  beforeAll(async () => {
    await startCampaign(place.file, place.path("out"), { workers: 2 });
    report = reportCampaign(loadCampaign(place.path("out")));
    writeFileSync(file, reportHtml(report, new ScenarioRun(smallPlan())));
    browser = await openChromium();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    place.remove();
  });

  it.each([360, 768, 1280, 1920])("draws itself %d wide, light and dark, with nothing sticking out", async (width) => {
    for (const theme of ["light", "dark"] as const) {
      const { page, complaints } = await openPage(browser, file, { width, theme });
      expect([width, theme, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([
        width,
        theme,
        width,
      ]);
      expect(complaints).toEqual([]);
      await page.close();
    }
  });

  it("says the absolute number of failures with its interval, and tool errors though there are none", async () => {
    const { page } = await openPage(browser, file, { width: 1280, theme: "light" });
    const { pointsLow, pointsHigh, points: middle } = report.total.failures;
    expect(report.total.failures.count).toBeGreaterThan(0);
    const title = await page.locator("h1").innerText();
    expect(title).toContain(`${points(middle)} of ${points(Number(report.total.space))} points end in failure`);
    expect(title).toContain(`Wilson interval, 95 %: ${points(pointsLow)} to ${points(pointsHigh)}`);
    expect(await page.locator("header").innerText()).toContain("200 of 200 draws");
    expect(await page.locator("section.errors h2").innerText()).toBe("TOOL_ERROR: 0");
    expect(await page.locator("details").count()).toBe(1 + report.components.length);
    await page.close();
  });

  it("colours the words by harm, and names each", async () => {
    const { page, complaints } = await openPage(browser, file, { width: 1280, theme: "dark" });
    const worst = [...report.words, ...report.bits].sort((a, b) => b.failurePoints - a.failurePoints)[0]!;
    const row = page.locator("#words tbody tr").first();
    expect(await row.innerText()).toContain(points(worst.failurePoints));
    await row.locator(".link").click();
    expect(await page.locator("#heat-chosen").innerText()).toContain(
      `${grouped(worst.sampled)} draws: ${worst.failures} failed`,
    );
    const word = report.words.find(({ component }) => component === "replica-2")!;
    const canvas = page.locator("#heat > div", { hasText: "replica-2 .text" }).locator("canvas");
    const box = (await canvas.boundingBox())!;
    const pitch = Math.min(17, box.width / 64);
    await canvas.hover({ position: { x: ((word.address / 4) % 64) * pitch + 4, y: 4 } });
    const tip = await page.locator("#tip").innerText();
    expect(tip).toContain(`0x${word.address.toString(16).padStart(8, "0")}`);
    expect(tip).toContain(wordNames(new ScenarioRun(smallPlan()))(word));
    await page.locator("[data-metric=sampled]").click();
    expect(await page.locator("[data-metric=sampled]").getAttribute("aria-pressed")).toBe("true");
    expect(complaints).toEqual([]);
    await page.close();
  });
});

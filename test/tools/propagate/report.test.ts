/** report.html against the tables beside it: its data in this process, its pictures in a real browser. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordGolden } from "../../../tools/faults/golden-run.ts";
import { bundledScenario, loadImage } from "../../../tools/image/image.ts";
import { Describer } from "../../../tools/propagate/describe.ts";
import { propagate } from "../../../tools/propagate/propagation.ts";
import { type CorruptionRow, summarise } from "../../../tools/propagate/record.ts";
import { members, PropagationRecord } from "../../../tools/propagate/report/browser/record.ts";
import { bucketsOf, seriesOf, wordsAt } from "../../../tools/propagate/report/browser/series.ts";
import { reportData } from "../../../tools/propagate/report/data.ts";
import { COLUMN_NAMES, type ColumnName, type PageData } from "../../../tools/propagate/report/page-data.ts";
import { decodeColumns, encodeColumns } from "../../../tools/report/columns.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { noteMissing } from "../../oracles/live-drivers.ts";
import { quorum86 } from "../cli/command-line.ts";
import { chromiumPath, type Opened, openChromium, openPage } from "../support/chromium.ts";
import { pageParts } from "../support/page-parts.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-report-"));
const file = join(directory, "report.html");
const rows = <T>(name: string): T[] =>
  readFileSync(join(directory, name), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
let corruptions: CorruptionRow[];

beforeAll(() => {
  expect(quorum86(["propagate", "-o", directory, "--quiet", "--no-parquet"]).status).toBe(0);
  corruptions = rows("corruptions.jsonl");
}, 120_000);
afterAll(() => rmSync(directory, { recursive: true }));

function recordOf(html: string): PropagationRecord {
  const { data, columns } = pageParts<PageData, ColumnName>(html, COLUMN_NAMES);
  return new PropagationRecord(data, columns);
}

describe("the data of the page", () => {
  it("are the wrong writes of corruptions.jsonl, each with its sources, effects and writer", () => {
    const record = recordOf(readFileSync(file, "utf8"));
    const byFault = corruptions.filter(({ root }) => root === "fault");
    expect(record.count).toBe(byFault.length);
    const effects = new Map<number, number>();
    byFault.forEach((row, i) => {
      const { columns, data } = record;
      const place = columns.place[i]!;
      const ids = (list: Uint32Array): number[] => [...list].map((each) => columns.id[each]!);
      const sources = row.sources.filter((id) => corruptions[id]!.root === "fault");
      for (const id of sources) effects.set(id, (effects.get(id) ?? 0) + 1);
      const held = {
        id: columns.id[i],
        owner: record.owner(place),
        symbol: record.symbol(place),
        virtual: columns.placeVirtual[place],
        physical: columns.placePhysical[place],
        firstCycle: columns.at[i]! + data.start,
        endCycle: columns.lasted[i]! < 0 ? null : columns.at[i]! + data.start + columns.lasted[i]!,
        healed: columns.healed[i] === 1,
        golden: columns.golden[i],
        faulty: record.faulty(i),
        writer: data.writers[columns.writer[i]!],
        sources: ids(members(record.sources, i)),
      };
      const { id, owner, symbol, firstCycle, endCycle, healed, writer } = row;
      const number = (hex: string | null) => (hex === null ? -1 : Number(hex));
      const numbers = { virtual: number(row.virtual), physical: number(row.physical) };
      const values = { golden: Number(row.golden), faulty: Number(row.faulty) };
      expect(held).toEqual({ id, owner, symbol, firstCycle, endCycle, healed, writer, sources, ...numbers, ...values });
    });
    for (let i = 0; i < record.count; i++) {
      expect(members(record.effects, i).length).toBe(effects.get(record.columns.id[i]!) ?? 0);
    }
  });

  it("give the series of series.jsonl at each of its clocks", () => {
    const record = recordOf(readFileSync(file, "utf8"));
    const series = seriesOf(record);
    const { owners, start } = record.data;
    const now = new Map<string, number>(owners.map(({ name }) => [name, 0]));
    const lines = rows<{ cycle: number; owner: string; words: number }>("series.jsonl");
    lines.forEach(({ cycle, owner, words }, i) => {
      now.set(owner, words);
      if (lines[i + 1]?.cycle === cycle) return;
      const counted = new Map(owners.map(({ name }, number) => [name, wordsAt(series[number]!, cycle - start)]));
      expect([cycle, counted]).toEqual([cycle, now]);
    });
    expect(lines.length).toBeGreaterThan(500);
  });

  it("keep the peaks that fall between two pixels", () => {
    const series = seriesOf(recordOf(readFileSync(file, "utf8")));
    const { peak } = JSON.parse(readFileSync(join(directory, "summary.json"), "utf8")).tracking as { peak: number };
    const fine = bucketsOf(
      series,
      Float64Array.from({ length: 400 }, (_, i) => 1.04 ** i - 1),
      new Set(),
    );
    expect(fine.top).toBeGreaterThanOrEqual(peak);
    for (const [owner, row] of fine.rows.entries()) {
      expect(Math.max(...row)).toBe(Math.max(...series[owner]!.began.map((at) => wordsAt(series[owner]!, at))));
    }
    const one = { began: Float64Array.of(5, 7, 9), ended: Float64Array.of(7, 8) };
    expect([...bucketsOf([one], Float64Array.of(4, 6, 10, 12), new Set()).rows[0]!]).toEqual([0, 1, 1, 1]);
  });

  it("have every place's state at a moment as its rows say", () => {
    const record = recordOf(readFileSync(file, "utf8"));
    const { start } = record.data;
    for (const at of [0, 111, 5000, 44_411, 95_066, 200_000, 4_000_000]) {
      const wrong = corruptions.filter(
        ({ root, firstCycle, endCycle }) =>
          root === "fault" && firstCycle - start <= at && (endCycle === null || endCycle - start > at),
      );
      const places = Array.from({ length: record.placeCount }, (_, place) => place);
      const shown = places.filter((place) => record.state(place, at) === "wrong").map((place) => record.name(place));
      expect([at, shown.sort()]).toEqual([at, wrong.map(({ owner, symbol }) => `${owner} ${symbol}`).sort()]);
    }
  });
});

describe("a page that cannot hold all", () => {
  it("ends before the first wrong write that it leaves out, and is right until then", async () => {
    const image = loadImage(bundledScenario("aes-tmr"));
    const golden = recordGolden(planBoot(image));
    const propagation = propagate(golden, image.faults[0]!);
    const describer = new Describer(propagation.owners, await Disassembler.load());
    const { data, columns } = reportData(propagation, summarise(propagation, describer), describer, 2500);
    const record = new PropagationRecord(data, decodeColumns(encodeColumns(columns, COLUMN_NAMES), COLUMN_NAMES));
    const byFault = propagation.history.filter(({ root }) => root === "fault");
    expect([data.total, data.held]).toEqual([byFault.length, record.count]);
    expect(data.held).toBeGreaterThan(2000);
    const left = byFault.filter(({ id }) => !columns.id.includes(id));
    expect(data.end).toBe(Math.min(...left.map(({ cycle }) => cycle)) - data.start);
    for (let at = 0; at < data.end; at += Math.ceil(data.end / 200)) {
      const wrong = byFault.filter(
        ({ cycle, endCycle }) => cycle - data.start <= at && (endCycle === undefined || endCycle - data.start > at),
      );
      const places = Array.from({ length: record.placeCount }, (_, place) => place);
      expect([at, places.filter((place) => record.state(place, at) === "wrong").length]).toEqual([at, wrong.length]);
    }
    const ends = columns.lasted.map((lasted, i) => columns.at[i]! + lasted);
    expect(Math.max(...ends)).toBeLessThan(data.end);
    expect(data.moments.every(({ at }) => at < data.end)).toBe(true);
  });
});

const missing = chromiumPath() === undefined;
if (missing) noteMissing("chromium", "it is in no folder of PATH");

describe.skipIf(missing)("the page in chromium", () => {
  let browser: Browser;
  let opened: Opened;
  let page: Page;

  beforeAll(async () => {
    browser = await openChromium();
    opened = await openPage(browser, file, { width: 1280, theme: "light" });
    page = opened.page;
  }, 60_000);
  afterAll(() => browser?.close());
  const here = () => page.locator("#walk .here");
  const number = async (): Promise<number> => Number(/number (\d+) in/.exec(await here().innerText())![1]);

  it.each([360, 768, 1280, 1920])("draws itself %d wide, light and dark, with nothing sticking out", async (width) => {
    for (const theme of ["light", "dark"] as const) {
      const { page, complaints } = await openPage(browser, file, { width, theme });
      for (const place of ["", "#space=voter", "#space=voter&page=0804b000&word=answers%2B344"]) {
        await page.evaluate((hash) => {
          location.hash = hash;
        }, place);
        const wide = await page.evaluate("document.documentElement.scrollWidth");
        expect([width, theme, place, wide]).toEqual([width, theme, place, width]);
        expect(complaints).toEqual([]);
      }
      expect(await page.locator(".word h3").innerText()).toBe("answers+344");
      const drawn = await page.locator("#chart").evaluate((canvas) => {
        const { width, height } = canvas as HTMLCanvasElement;
        const { data } = (canvas as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
        return data.filter((value, i) => i % 4 === 3 && value > 0).length;
      });
      expect(drawn).toBeGreaterThan(1000);
      await page.close();
    }
  });

  it("zooms from the machine to a space, a page, a word, and back", async () => {
    await page.locator(".space-name", { hasText: "voter" }).click();
    await page.locator(".tile", { hasText: "0x0804b000" }).click();
    const words = rows<{ symbol: string; owner: string; virtual: string }>("words.jsonl").filter(
      ({ owner, virtual }) => owner === "voter data" && virtual.startsWith("0x0804b"),
    );
    expect(await page.locator(".grid button").count()).toBe(words.length);
    await page.locator(".grid button").first().click();
    const card = page.locator(".word");
    expect(await card.locator("h3").innerText()).toBe(words[0]!.symbol);
    expect(await card.innerText()).toContain(words[0]!.virtual);
    expect(await page.locator("#crumbs").innerText()).toMatch(/machine\s+voter\s+page 0x0804b000\s+answers\+\d+/);
    expect(new URL(page.url()).hash).toContain("space=voter&page=0804b000&word=answers");
    await page.goBack();
    expect(await page.locator(".word").count()).toBe(0);
    await page.locator(".grid button").first().press("ArrowRight");
    await page.keyboard.press("Enter");
    expect(await card.locator("h3").innerText()).toBe(words[1]!.symbol);
    for (let level = 0; level < 3; level++) await page.locator("#crumbs button").last().press("Escape");
    expect(await page.locator("#crumbs").innerText()).toBe("machine");
  });

  it("zooms in by keys alone", async () => {
    await page.locator(".space-name", { hasText: "voter" }).focus();
    for (let level = 0; level < 2; level++) {
      await page.keyboard.press("Enter");
      if (level === 0) await page.locator(".tile").first().focus();
    }
    expect(await page.evaluate("document.activeElement.dataset.place")).toMatch(/^\d+$/);
    await page.keyboard.press("Enter");
    expect(await page.locator(".word").count()).toBe(1);
    await page.locator("#crumbs button").first().click();
  });

  it("opens at the place that a link names", async () => {
    const row = corruptions.find(({ owner }) => owner === "voter registers")!;
    const link = `#space=voter&word=${row.symbol}&step=3`;
    const { page, complaints } = await openPage(browser, file, { width: 1280, theme: "dark" }, link);
    expect(await page.locator(".word h3").innerText()).toBe(row.symbol);
    expect(await page.locator("#walk .here").innerText()).toContain("number 3 in");
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("walks from the vote to the fault, and every step is a cause in the record", async () => {
    const summary = JSON.parse(readFileSync(join(directory, "summary.json"), "utf8"));
    const chain = (summary.chain as { corruption: number }[]).map(({ corruption }) => corruption);
    expect(await page.locator("#path circle").count()).toBe(chain.length);
    expect(await number()).toBe(chain.at(-1));
    for (const expected of chain.slice(0, -1).reverse()) {
      const row = corruptions[await number()]!;
      const text = await here().innerText();
      expect(text).toContain(`${row.owner} ${row.symbol}`);
      expect(text).toContain(`${row.golden.slice(2)} → ${row.faulty.slice(2)}`);
      const causes = await page.locator("#walk [data-side=cause]").count();
      expect(causes).toBe(row.sources.filter((id) => corruptions[id]!.root === "fault").length);
      await page.locator("#path-back").click();
      expect(await number()).toBe(expected);
    }
    expect(await page.locator("#walk").innerText()).toContain("this is the fault");
  });

  it("walks off the chain along effects and shows the way there", async () => {
    const effect = page.locator("#walk [data-side=effect]").last();
    const label = (await effect.getAttribute("data-step"))!;
    await effect.click();
    expect(await page.locator("#path circle[aria-current]").getAttribute("data-step")).toBe(label);
    expect(corruptions[await number()]!.sources).toContain(0);
    await here().press("ArrowLeft");
    expect(await number()).toBe(0);
  });

  it("shows the map at a moment", async () => {
    await page.locator("#time").fill("0");
    expect(await page.locator("#time-label").innerText()).toMatch(/at the injection, 1 place wrong/);
    await page.locator("#time-whole").click();
    expect(await page.locator("#time-label").innerText()).toMatch(/at some time/);
  });

  it("goes through time on the chart by keys", async () => {
    const label = page.locator("#time-label");
    const chart = page.locator("#chart");
    const moments: number[] = [];
    for (const key of ["ArrowRight", "ArrowRight", "+", "ArrowRight", "-", "ArrowLeft"]) {
      await chart.press(key);
      moments.push(Number(/\+([\d,]+)/.exec(await label.innerText())?.[1]?.replaceAll(",", "") ?? 0));
    }
    const [first, second, zoomed, third, out, back] = moments as [number, number, number, number, number, number];
    expect(second).toBeGreaterThan(first);
    expect(zoomed).toBe(second);
    expect(third).toBeGreaterThan(second);
    expect(out).toBe(third);
    expect(back).toBeLessThan(third);
    await chart.press("+");
    expect(await page.locator("#chart-whole").isEnabled()).toBe(true);
    await chart.press("Escape");
    expect(await page.locator("#chart-whole").isEnabled()).toBe(false);
    await page.locator("#time-whole").click();
  });

  it("finds words in the table", async () => {
    await page.locator("#words input").fill("console ring");
    await page.waitForTimeout(300);
    const found = rows<{ owner: string; symbol: string; byFault: boolean }>("words.jsonl").filter(
      ({ owner, symbol, byFault }) => byFault && owner.startsWith("console") && symbol.includes("ring"),
    );
    expect(found.length).toBeGreaterThan(5);
    expect(await page.locator("#words [role=status]").innerText()).toContain(`of ${found.length}`);
    await page.locator("#words .link").first().click();
    expect(await page.locator(".word h3").innerText()).toContain("ring");
  });

  it("changes its colours when asked", async () => {
    const back = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await back();
    await page.locator("#theme").click();
    await page.locator("#theme").click();
    expect(await back()).not.toBe(light);
  });

  it("is printed light, whatever the screen is", async () => {
    const { page } = await openPage(browser, file, { width: 1000, theme: "dark" });
    const back = (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((each) => getComputedStyle(each).backgroundColor);
    expect(await back("section")).not.toBe("rgb(255, 255, 255)");
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    expect(await back("section")).toBe("rgb(255, 255, 255)");
    expect(await page.locator("#theme").isVisible()).toBe(false);
    await page.close();
  });

  it("had nothing to complain about", () => expect(opened.complaints).toEqual([]));
});

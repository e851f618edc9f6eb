import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { outcomeSchema } from "../../../tools/faults/outcome.ts";
import type { CorruptionRow, PropagationSummary } from "../../../tools/propagate/record.ts";
import { readParquet } from "../parquet/read-parquet.ts";
import { quorum86 } from "./command-line.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-propagate-"));
afterAll(() => rmSync(directory, { recursive: true }));
const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);

describe("quorum86 inject", () => {
  it("proves the fault, says what became of it, and how it came to the vote", () => {
    const { status, stdout, stderr } = quorum86(["inject"]);
    const text = stdout.toString();
    expect(stderr.toString()).toBe("");
    expect(status).toBe(0);
    expect(text).toMatch(/^ {2}injected {3}replica-2:aes_state/m);
    expect(text).toMatch(/0x[0-9a-f]{8} -> 0x[0-9a-f]{8}$/m);
    expect(text).toMatch(/^ {2}activation {1}read at cycle [\d,]+\n +replica-2 at aes_\w+\+\d+: \w+ .*$/m);
    expect(text).toMatch(/^ {2}class {6}CORRECTED/m);
    expect(text).toMatch(/\+[\d,]+ cycles {2}excluded: the voter's verdict/);
    expect(text).toMatch(/voter at count_votes\+\d+: cmp /);
    expect(text.split("\n").filter((line) => [...line].length > 80)).toEqual([]);
    expect(text).not.toContain("\x1b");
  });

  it("--json has everything, in the order of time", () => {
    const line = "replica-1:eip:flip:30@instruction=9000";
    const { status, stdout } = quorum86(["inject", "--fault", line, "--json"]);
    expect(status).toBe(0);
    const summary = JSON.parse(stdout.toString()) as PropagationSummary;
    expect(outcomeSchema.parse(summary.outcome)).toMatchObject({
      activation: "control",
      replicaEffect: "trap",
      vote: "minority-named",
      class: "CORRECTED",
    });
    expect(summary.fault).toBe(line);
    expect((summary.injection!.before! ^ summary.injection!.after!) >>> 0).toBe(0x4000_0000);
    expect(summary.tracking.byRoot.unknown).toBe(0);
    const { injected, verdict, end } = summary.latency;
    expect(injected).toBeLessThan(verdict!);
    expect(verdict).toBeLessThan(end);
    const cycles = summary.chain.map(({ cycle }) => cycle);
    expect(cycles).toEqual([...cycles].sort((a, b) => a - b));
  });

  it("a fault that is not applied is bad input, not an outcome", () => {
    const { status, stdout } = quorum86(["inject", "--fault", "replica-1:0xa0000000:flip:3@instruction=9000"]);
    expect(status).toBe(2);
    expect(stdout.toString()).toMatch(/not applied: .* is not mapped at this time/);
  });

  it("two faults at a time are refused", () => {
    const fault = ["--fault", "replica-1:eax:flip:1@cycle=9"];
    const { status, stderr } = quorum86(["inject", ...fault, ...fault]);
    expect(status).toBe(2);
    expect(stderr.toString()).toMatch(/2 faults, but one is followed at a time/);
  });
});

describe("quorum86 propagate", () => {
  const into = join(directory, "a", "fault");
  const { status, stdout } = quorum86(["propagate", "-o", into, "--json"]);
  const rows = <T>(name: string): T[] =>
    readFileSync(join(into, name), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as T);

  it("writes every file it names", () => {
    expect(status).toBe(0);
    const { files } = JSON.parse(stdout.toString()) as { files: string[] };
    expect(files).toHaveLength(10);
    for (const file of files) expect(existsSync(file)).toBe(true);
  });

  it("gives every wrong word a writer, and every one but the fault and shifted clocks a source", () => {
    const corruptions = rows<CorruptionRow>("corruptions.jsonl");
    expect(corruptions.length).toBeGreaterThan(100);
    for (const [index, row] of corruptions.entries()) {
      expect(row.id).toBe(index);
      expect(row.golden).not.toBe(row.faulty);
      expect(row.owner).not.toBe("");
      if (row.root === "fault" && row.writer.kind !== "fault") expect(row.sources.length).toBeGreaterThan(0);
      for (const source of row.sources) {
        expect(source).toBeLessThan(row.id);
        expect([row.id, corruptions[source]!.firstCycle <= row.firstCycle]).toEqual([row.id, true]);
      }
      if (row.writer.kind === "instruction") expect(row.writer.symbol).not.toBe("");
    }
    const foreign = corruptions.filter(({ component, root }) => component !== "replica-2" && root === "fault");
    expect(foreign.length).toBeGreaterThan(10);
    const edges = rows<{ from: number; to: number }>("edges.jsonl");
    expect(edges).toHaveLength(corruptions.reduce((sum, { sources }) => sum + sources.length, 0));
  });

  it("counts words by owner that never fall below none and end as many as the summary says", () => {
    const summary = JSON.parse(readFileSync(join(into, "summary.json"), "utf8")) as PropagationSummary;
    const last = new Map<string, number>();
    for (const { owner, words } of rows<{ owner: string; words: number }>("series.jsonl")) {
      expect(words).toBeGreaterThanOrEqual(0);
      last.set(owner, words);
    }
    for (const { owner, atEnd } of summary.tracking.owners) expect([owner, last.get(owner)]).toEqual([owner, atEnd]);
  });

  it.each(["corruptions", "words", "edges", "series"])("%s.parquet holds what the JSON Lines hold", async (name) => {
    const lines = rows<Record<string, unknown>>(`${name}.jsonl`);
    const { names, types, rows: read } = await readParquet(join(into, `${name}.parquet`));
    expect(read).toHaveLength(lines.length);
    expect(read.length).toBeGreaterThan(100);
    read.forEach((values, i) => {
      const parquet = Object.fromEntries(names.map((key, column) => [key, values[column]]));
      const line = Object.entries(lines[i]!).flatMap(([key, value]) =>
        /riter$/.test(key)
          ? Object.entries(value as object).map(([part, text]) => [key + capital(part), text])
          : [[key, value]],
      );
      const expected = line.map(([key, value]) => {
        const type = types[names.indexOf(key)]!;
        if (value !== null && /BIGINT/.test(type)) return [key, BigInt(value)];
        return [key, type === "UINTEGER" && typeof value === "string" ? Number(value) : value];
      });
      expect(parquet).toEqual(Object.fromEntries(expected));
    });
  });

  it("makes a page that needs nothing else", () => {
    const html = readFileSync(join(into, "report.html"), "utf8");
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).not.toMatch(/\b(?:src|href)=|url\(|\bimport\(|@import/);
    expect(html).toContain("prefers-color-scheme:dark");
  });
});

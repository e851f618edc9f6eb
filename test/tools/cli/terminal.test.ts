import pc from "picocolors";
import { describe, expect, it } from "vitest";
import { progressLine } from "../../../tools/cli/progress.ts";
import { shareTable, voteMatrix } from "../../../tools/cli/run-report.ts";
import { bar, duration, forTerminal, list, ranges } from "../../../tools/cli/terminal.ts";
import { grouped, plural } from "../../../tools/report/format.ts";

const plain = pc.createColors(false);

describe("numbers and words", () => {
  it("thousands are marked", () => {
    expect([0, 999, 1000, 1234567].map(grouped)).toEqual(["0", "999", "1,000", "1,234,567"]);
  });
  it("durations have a sensible unit", () => {
    expect([0.0000042, 0.0042, 0.42, 4.2, 4200].map(duration)).toEqual([
      "4 us",
      "4.2 ms",
      "420.0 ms",
      "4.20 s",
      "4,200 s",
    ]);
  });
  it("one round, two rounds", () => {
    expect([plural(1, "round"), plural(2, "round")]).toEqual(["1 round", "2 rounds"]);
    expect([list([]), list(["a"]), list(["a", "b"]), list(["a", "b", "c"])]).toEqual([
      "",
      "a",
      "a and b",
      "a, b and c",
    ]);
  });
  it("runs of rounds are joined, long lists shortened", () => {
    expect(ranges([1, 2, 3, 7])).toBe("1-3, 7");
    expect(ranges([1, 3, 5, 7], 2)).toBe("1, 3, …");
    expect(ranges([4])).toBe("4");
  });
  it("bars are drawn in eighths", () => {
    expect([bar(0, 4), bar(1, 4), bar(0.5, 4), bar(0.28125, 4), bar(2, 4)]).toEqual(["", "████", "██", "█▏", "████"]);
  });
  it("no control sequence of a guest reaches the terminal", () => {
    expect([...Buffer.from("ok\r\n\t\x1b[2J\x7f\xe9", "latin1")].map(forTerminal).join("")).toBe("ok\n\t·[2J··");
  });
});

describe("the picture of the votes", () => {
  const vote = (round: number, change: object) => ({
    round,
    verdict: "majority" as const,
    dissenting: [],
    late: [],
    trapped: [],
    replied: [],
    cycle: 0,
    ...change,
  });
  const log = (rounds: number, votes: ReturnType<typeof vote>[]) => ({
    rounds,
    unanimous: 0,
    majority: 0,
    noMajority: 0,
    votes,
  });

  it("has a row for each replica and a column for each round", () => {
    const text = voteMatrix(
      log(3, [vote(2, { dissenting: [2] }), vote(3, { late: [2], trapped: [1] })]),
      ["a", "b"],
      plain,
    );
    expect(text.split("\n").map((line) => line.trim())).toEqual([
      "a                    ● ● !",
      "b                    ● ✗ ○",
      "a column a round; ● agreed  ! trapped  ✗ differed  ○ no answer",
    ]);
  });

  it("joins rounds into columns when they are many, so that none is lost", () => {
    const text = voteMatrix(log(5000, [vote(4999, { dissenting: [1] })]), ["a"], plain);
    expect(text.split("\n")[0]!.length).toBeLessThanOrEqual(80);
    expect(text.split("\n")[0]).toMatch(/●✗$/);
    expect(text).toContain("a column 90 rounds");
  });
});

it("the table of shares accounts for the clocks that nobody claims", () => {
  const shares = [
    { part: "replica-1", cycles: 750, instructions: 1 },
    { part: "idle", cycles: 0, instructions: 0 },
  ];
  const text = shareTable({ shares, cycles: 1000, instructions: 0, coreHertz: 1, culprits: [], injections: [] }, plain);
  expect(text.split("\n").map((line) => line.replace(/ +/g, " "))).toEqual([
    " replica-1 750 75.0 % ████████████████▌",
    " unaccounted 250 25.0 % █████▌",
  ]);
});

describe("the line of progress", () => {
  const line = (columns: number) => progressLine("aes", 0.5, "12,000 cycles", 4, columns);
  it("has a bar where there is room", () => {
    expect(line(80)).toBe(`aes ${"━".repeat(24)}  50 %  12,000 cycles  4.00 s, 4.00 s left`);
  });
  it("never fills a narrow terminal's line, which would leave it behind", () => {
    expect(line(50)).toBe("aes  50 %  12,000 cycles  4.00 s, 4.00 s left");
    expect(line(20)).toBe("aes  50 %  12,000 c");
    expect(progressLine("aes", undefined, "12,000 cycles", 4, 80)).toBe("aes  12,000 cycles  4.00 s");
  });
});

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type ClocksOptions, type ClocksReport, measureClocks } from "../../../tools/clocks/clocks-measure.ts";
import { type ClocksProgram, programFromFile, programFromHex } from "../../../tools/clocks/clocks-program.ts";
import { clocksText } from "../../../tools/clocks/clocks-report.ts";
import type { ClocksSetup } from "../../../tools/clocks/clocks-run.ts";
import { InputError } from "../../../tools/input-error.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { MICRO_BENCHMARKS } from "../../emulator/timing/micro-benchmarks.ts";

const SETUP: ClocksSetup = { registers: new Map(), pokes: [], parameters: [], paging: false, p5: {} };
const OPTIONS: ClocksOptions = { iterations: 40, preload: true };
const REPLICA = "guests/prebuilt/replica-bytewise.elf";

let disassembler: Disassembler;

beforeAll(async () => {
  disassembler = await Disassembler.load();
});

function measure(
  program: ClocksProgram,
  setup: Partial<ClocksSetup> = {},
  options: Partial<ClocksOptions> = {},
): ClocksReport {
  return measureClocks(program, { ...SETUP, ...setup }, { ...OPTIONS, ...options }, disassembler);
}

describe("clocks of a body", () => {
  const bodies = MICRO_BENCHMARKS.filter(({ shape, registers }) => shape === "straight" && registers === undefined);
  it.each(bodies.filter((_, index) => index % 4 === 0))(
    "agrees with the acceptance list, row $row",
    ({ code, clocks }) => {
      const { steady, mode } = measure(programFromHex(code), {}, { unroll: true });
      const [least, most] = typeof clocks === "number" ? [clocks, clocks] : clocks;
      expect(mode).toBe("unrolled");
      expect(steady.clocks).toBeGreaterThanOrEqual(least);
      expect(steady.clocks).toBeLessThanOrEqual(most);
    },
  );

  it("shows pipes, issue clocks and what was waited for", () => {
    // clc; add ebx, 4; mov edx, 1; mov eax, [ebx]
    const { rows } = measure(programFromHex("f883c304ba010000008b03"));
    expect(rows.map(({ issue, pipe, waits }) => [issue, pipe, waits])).toEqual([
      [0, "U", {}],
      [2, "U", {}],
      [2, "V", {}],
      [4, "U", { agi: 1 }],
    ]);
    expect(rows[3]?.text).toBe("mov eax, dword ptr [ebx]");
  });

  it("shows what floating-point instructions wait for, and FXCH in the V pipe", () => {
    // fadd st(1); fxch st(2); fadd st(1); fst [esi]; inc eax
    const { rows } = measure(programFromHex("d8c1d9cad8c1d91640"));
    expect(rows.map(({ issue, pipe, waits }) => [issue, pipe, waits])).toEqual([
      [0, "U", {}],
      [0, "V", {}],
      [1, "U", {}],
      [5, "U", { fpu: 3 }],
      [7, "U", {}],
    ]);
  });

  it("shows the cold iteration: code cache misses, nothing paired", () => {
    const { cold, rows, shown } = measure(programFromHex("83c00183c301"), {}, { warm: 0 });
    expect(shown).toBe(0);
    expect(cold.inV).toBe(0);
    expect(cold.waits["code-cache"]).toBeGreaterThan(0);
    expect(rows.reduce((sum, { clocks }) => sum + clocks, 0)).toBe(cold.clocks);
  });

  it("runs a loop to its end in every iteration", () => {
    const { mode, steady, rows } = measure(programFromHex("4975fd"));
    expect(mode).toBe("run");
    expect(steady.clocks).toBe(1004);
    expect(rows.map(({ executions, pipe }) => [executions, pipe])).toEqual([
      [1000, "U"],
      [1000, "V"],
    ]);
  });

  it("lets stores miss when nothing is preloaded", () => {
    const store = programFromHex("f8c70601000000");
    expect(measure(store).steady.clocks).toBe(3);
    expect(measure(store, {}, { preload: false }).steady.clocks).toBeGreaterThan(3);
  });

  it("counts TLB misses with paging", () => {
    // Loads from more pages than the data TLB has entries, after one another.
    const code = Array.from({ length: 80 }, (_, page) => {
      const address = 0x2_0000 + page * 0x1000;
      return `a1${Buffer.from(Uint32Array.of(address).buffer).toString("hex")}`;
    });
    const { steady } = measure(programFromHex(code.join("")), { paging: true }, { iterations: 4 });
    expect(steady.waits.tlb).toBeGreaterThan(80 * 12);
  });

  it("says what ended a run that should not have ended so", () => {
    expect(() => measure(programFromHex("0f0b"))).toThrow(InputError);
    expect(() => measure(programFromHex("ebfe"))).toThrow(/did not end/);
    expect(() => programFromHex("12345")).toThrow(/hexadecimal/);
  });
});

describe("clocks of a function in an ELF program", () => {
  it("knows its symbols and its source lines", () => {
    const elf = readFileSync(REPLICA);
    const program = programFromFile(REPLICA, elf, "aes_start");
    const report = measure(program, {}, { iterations: 2 });
    expect(report.rows.some((row) => row.function === "aes_start")).toBe(true);
    const sources = new Set(report.rows.map(({ file }) => file));
    expect([...sources].some((file) => file?.endsWith(".c"))).toBe(true);
    const plain = (text: string) => text;
    const text = clocksText(report, { bold: plain, dim: plain, cyan: plain, yellow: plain });
    expect(text).toContain("; aes_start");
    expect(text).toMatch(/^steady +\d/m);
  });

  it("names functions that there are when one is missing", () => {
    expect(() => programFromFile(REPLICA, readFileSync(REPLICA), "no_such")).toThrow(/there is no such function/);
  });
});

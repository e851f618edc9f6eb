/** The P5's performance counters, set up and read by guest code. */
import { describe, expect, it } from "vitest";
import { Word } from "../../../emulator/index.ts";
import { PerformanceEvent } from "../../../emulator/timing/event-counters.ts";
import { TimingRig } from "./rig.ts";

const ANY_LEVEL = 3 << 6;
const CLOCKS = 4 << 6;

function moveImmediate(register: number, value: number): string {
  return (0xb8 + register).toString(16) + Buffer.from(Uint32Array.of(value >>> 0).buffer).toString("hex");
}

/** CTR0 and CTR1 after a body ran while they counted two events; the registers are the rig's. */
function count(body: string, instructions: number, first: number, second: number, passes = 1): [number, number] {
  const rig = new TimingRig();
  const { words } = rig.machine.cpu;
  const select = first | ANY_LEVEL | ((second | ANY_LEVEL) << 16);
  rig.readLines(0x2_0000, 256);
  let result: [number, number] = [0, 0];
  for (let pass = 0; pass < passes; pass++) {
    // Counters to 0, then CESR: mov ecx, n; mov eax, v; mov edx, 0; wrmsr.
    const write = (msr: number, value: number) =>
      `${moveImmediate(1, msr)}${moveImmediate(0, value)}${moveImmediate(2, 0)}0f30`;
    rig.load(`${write(0x12, 0)}${write(0x13, 0)}${write(0x11, select)}${body}${moveImmediate(1, 0x12)}0f32f490`);
    rig.restart();
    rig.run(12 + instructions);
    result = [words[Word.Msrs + 2 * 0x12] as number, words[Word.Msrs + 2 * 0x13] as number];
    rig.run(2);
    // What RDMSR gives has counted its own instructions too.
    expect(words[Word.Eax]).toBeGreaterThanOrEqual(result[0]);
    words[Word.Msrs + 2 * 0x11] = 0;
    rig.machine.timing?.eventsSelected();
  }
  return result;
}

describe("event counters", () => {
  it("count instructions, and those in the V pipe", () => {
    // Four pairs, their marks set by the first pass. The WRMSR that starts the counting counts itself.
    const body = "404b404b404b404b";
    expect(count(body, 8, PerformanceEvent.Instruction, PerformanceEvent.InstructionInV, 2)).toEqual([9, 4]);
  });

  it("count reads and writes of data", () => {
    // mov eax, [esi]; mov [esi], eax; add [esi], eax
    const body = "8b0689060106";
    expect(count(body, 3, PerformanceEvent.DataRead, PerformanceEvent.DataWrite)).toEqual([2, 2]);
    expect(count(body, 3, PerformanceEvent.DataAccess, PerformanceEvent.DataMiss)).toEqual([4, 0]);
  });

  it("count misses, misaligned accesses and conflicts of banks", () => {
    // mov eax, [0x30000]; mov eax, [0x30001]
    expect(count("a100000300a101000300", 2, PerformanceEvent.DataReadMiss, PerformanceEvent.Misaligned)).toEqual([
      1, 1,
    ]);
    // clc; mov eax, [esi]; mov ebx, [esi + 32], twice: the second pass has marks.
    const body = "f88b068b5e20f88b068b5e20";
    expect(count(body, 6, PerformanceEvent.BankConflict, PerformanceEvent.MemoryInBothPipes, 2)).toEqual([2, 2]);
  });

  it("count branches, and clocks of interlocks", () => {
    // add esi, 4; mov eax, [esi]; jmp next; jmp next
    const body = "83c6048b06eb00eb00";
    expect(count(body, 4, PerformanceEvent.Branch, PerformanceEvent.Interlock)).toEqual([2, 1]);
  });

  it("count lines written back, port accesses and writes to segment registers", () => {
    // Four lines of one set: mov eax, [esi]; mov [esi], eax; mov eax, [esi + 4096]; mov eax, [esi + 8192]; mov eax, [esi + 12288]
    const body = "8b0689068b86001000008b86002000008b8600300000";
    expect(count(body, 5, PerformanceEvent.LineWrittenBack, PerformanceEvent.DataReadMiss)).toEqual([1, 3]);
    // in al, 0x61; out 0x80, al
    expect(count("e461e680", 2, PerformanceEvent.InputOutput, PerformanceEvent.HardwareInterrupt)).toEqual([2, 0]);
    // xor eax, eax; mov fs, ax; mov gs, ax
    expect(count("31c08ee08ee8", 3, PerformanceEvent.SegmentLoad, PerformanceEvent.Instruction)).toEqual([2, 4]);
  });

  it("count clocks instead of events when asked", () => {
    const events = count("a100000300", 1, PerformanceEvent.ReadWait, PerformanceEvent.DataReadMiss);
    expect(events[0]).toBeGreaterThan(5);
    expect(count("a100000300", 1, PerformanceEvent.DataReadMiss | CLOCKS, 0)[0]).toBe(1);
  });

  it("change no clock", () => {
    const clocks = (counting: boolean): number => {
      const rig = new TimingRig();
      rig.load("8b0683c0048906404b".repeat(20));
      rig.restart();
      if (counting) {
        rig.machine.cpu.words[Word.Msrs + 2 * 0x11] = PerformanceEvent.DataRead | ANY_LEVEL;
        rig.machine.timing?.eventsSelected();
        rig.machine.cpu.access.flushMemos();
      }
      return rig.run(100);
    };
    expect(clocks(true)).toBe(clocks(false));
  });
});

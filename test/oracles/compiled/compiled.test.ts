/**
 * Code as compilers make it: program.c built by gcc and clang at every level of optimisation, run on the host's processor and on the
 * emulator. Both must print the same lines. Without a compiler or without a processor that runs 32-bit programs: skipped, and said so.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { createMachine, enterFlatProtectedMode, initialiseX87, type Machine, Word } from "../../../emulator/index.ts";
import { parseElf, SegmentType } from "../../../emulator/loader/elf.ts";
import { noteMissing } from "../live-drivers.ts";
import { COMPILER_FLAGS } from "../native-driver.ts";
import { encodeDescriptor } from "../stage.ts";

const source = join(dirname(fileURLToPath(import.meta.url)), "program.c");
const folder = mkdtempSync(join(tmpdir(), "quorum86-compiled-"));
const COMPILERS = ["gcc", "clang"];
const LEVELS = ["-O0", "-O1", "-O2", "-O3", "-Os"];

const MEMORY_BYTES = 0x80_0000;
const GDT = 0x1000;
const IDT = 0x2000;
const HANDLER = 0x3000;
const STACK_TOP = 0x70_0000;
const CODE_SELECTOR = 0x08;
const DATA_SELECTOR = 0x10;
const SYSTEM_CALL = 0x80;
const HLT = 0xf4;
const IRET = 0xcf;
const EXIT = 1;
const WRITE = 4;
const MOST_CYCLES = 1_000_000_000;

function compile(compiler: string, level: string): string | undefined {
  const output = join(folder, `${compiler}${level}`);
  const flags = [
    ...COMPILER_FLAGS.filter((flag) => flag !== "-O1"),
    level,
    "-march=pentium",
    "-Wl,-Ttext-segment=0x400000",
  ];
  return spawnSync(compiler, [...flags, source, "-o", output]).status === 0 ? output : undefined;
}

/** A machine in flat protected mode with the program loaded and a handler for INT 80h that halts, then returns. */
function load(path: string, timing: "simple" | "p5"): Machine {
  const machine = createMachine({ memoryBytes: MEMORY_BYTES, timing });
  const { memory, cpu } = machine;
  const elf = parseElf(readFileSync(path));
  for (const segment of elf.segments) {
    if (segment.type === SegmentType.Load) memory.writeBytes(segment.physicalAddress, segment.data);
  }
  const flat = { base: 0, limit: 0xffff_ffff, big: true };
  memory.writeBytes(GDT + CODE_SELECTOR, encodeDescriptor({ ...flat, access: 0x9b }, true));
  memory.writeBytes(GDT + DATA_SELECTOR, encodeDescriptor({ ...flat, access: 0x93 }, true));
  memory.write32(IDT + SYSTEM_CALL * 8, (CODE_SELECTOR << 16) | HANDLER);
  memory.write32(IDT + SYSTEM_CALL * 8 + 4, 0x8e00);
  memory.writeBytes(HANDLER, Uint8Array.of(HLT, IRET));
  enterFlatProtectedMode(cpu, elf.entry, STACK_TOP);
  initialiseX87(cpu);
  cpu.words[Word.GdtrBase] = GDT;
  cpu.words[Word.GdtrLimit] = 0x17;
  cpu.words[Word.IdtrBase] = IDT;
  cpu.words[Word.IdtrLimit] = 0x7ff;
  return machine;
}

/** Runs the program to its exit; returns what it wrote. */
function runOnEmulator(path: string, timing: "simple" | "p5"): string {
  const machine = load(path, timing);
  const { cpu, memory } = machine;
  let written = "";
  for (;;) {
    const stop = machine.run({ cycle: MOST_CYCLES });
    if (stop.kind !== "halted" || cpu.eip !== HANDLER + 1)
      return `${written}stopped: ${stop.kind} at ${cpu.eip.toString(16)}`;
    if (cpu.register(0) === EXIT) return written;
    if (cpu.register(0) === WRITE) {
      written += Buffer.from(memory.readBytes(cpu.register(1), cpu.register(2))).toString("latin1");
      cpu.setRegister(0, cpu.register(2));
    }
    cpu.words[Word.Halted] = 0;
  }
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(COMPILERS)("what %s makes of program.c", (compiler) => {
  const programs = LEVELS.map((level) => ({ level, path: compile(compiler, level) }));
  if (programs.some(({ path }) => path === undefined)) {
    noteMissing(`${compiler} -m32`, "it cannot compile the program");
    it.skip(`needs ${compiler} -m32`, () => undefined);
    return;
  }
  it.each(programs)("$level: the emulator prints what the processor prints", ({ path }) => {
    const native = spawnSync(path as string, { encoding: "latin1" });
    expect(native.status).toBe(0);
    expect(native.stdout.split("\n").length).toBeGreaterThan(10);
    expect(runOnEmulator(path as string, "simple")).toBe(native.stdout);
    expect(runOnEmulator(path as string, "p5")).toBe(native.stdout);
  });
});

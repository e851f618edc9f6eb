/**
 * What an instruction reads and writes, as the decoded record says it (InstructionWord.RegistersRead and its neighbours), against what
 * instructions do. Analyses of fault propagation stand on these masks.
 *
 * - A register that silicon changed is one that the record says is written.
 * - A register that the record does not mention can hold anything: nothing else changes. The same for each arithmetic flag.
 */
import { describe, expect, it } from "vitest";
import type { DecodedInstruction } from "../../emulator/cpu/decode.ts";
import { writeInstruction } from "../../emulator/cpu/decode-instruction-record.ts";
import { InstructionWord } from "../../emulator/cpu/decode-records.ts";
import { ALL_ARITHMETIC_FLAGS, ARITHMETIC_FLAGS } from "./case-builder.ts";
import { compareOutcomes } from "./compare.ts";
import { EmulatorDriver } from "./emulator-driver.ts";
import { decodeVector, describeVector, readGoldenFiles } from "./golden-files.ts";
import type { GoldenVector } from "./golden-format.ts";
import { Random } from "./random.ts";
import { isSystemCase } from "./system/system-case.ts";
import type { TestCase } from "./test-driver.ts";

/** One vector in so many is disturbed. */
const STRIDE = 5;
const SHOWN = 5;

interface Use {
  readonly registersRead: number;
  readonly registersWritten: number;
  readonly flagsRead: number;
  readonly flagsWritten: number;
}

const record = new Int32Array(InstructionWord.Words);

function useOf(decoded: DecodedInstruction): Use {
  writeInstruction(record, 0, decoded, 0, 0);
  const at = (word: InstructionWord): number => record[word] as number;
  const flags = at(InstructionWord.FlagsUsed);
  return {
    registersRead: at(InstructionWord.RegistersRead) | at(InstructionWord.AddressRegisters),
    registersWritten: at(InstructionWord.RegistersWritten),
    flagsRead: flags & 0xffff,
    flagsWritten: flags >>> 16,
  };
}

/** Vectors of one user-level instruction that the table knows. */
function userVectors(): { vector: GoldenVector; use: Use }[] {
  const list: { vector: GoldenVector; use: Use }[] = [];
  for (const vector of readGoldenFiles().flatMap(({ golden }) => golden.vectors.flat())) {
    if (isSystemCase(vector.test)) continue;
    const decoded = decodeVector(vector);
    if (decoded !== undefined) list.push({ vector, use: useOf(decoded) });
  }
  return list;
}

const vectors = userVectors();
const emulator = new EmulatorDriver();

/** Runs a case and a disturbed copy; returns how they differ beyond what was disturbed. */
function influence(before: TestCase, after: TestCase, flags: number, registers: number): string[] {
  const [one, other] = emulator.run([before, after]);
  if (one === undefined || other === undefined) return ["a case never ended"];
  return compareOutcomes(one, other, { flags, registers });
}

describe("the registers and flags that a decoded instruction names", () => {
  it("are all that silicon changed", () => {
    const wrong: string[] = [];
    for (const { vector, use } of vectors) {
      const { test, expected } = vector;
      let changed = 0;
      for (let i = 0; i < 8; i++) if (test.registers[i] !== expected.registers[i]) changed |= 1 << i;
      const unnamed = changed & ~use.registersWritten & ~vector.undefinedRegisters;
      const flags = (test.eflags ^ expected.eflags) & ALL_ARITHMETIC_FLAGS & ~use.flagsWritten;
      if (unnamed !== 0 || (flags !== 0 && expected.fault === undefined))
        wrong.push(`registers ${unnamed.toString(2)} flags ${flags.toString(16)}: ${describeVector(vector)}`);
    }
    expect(wrong.slice(0, SHOWN), `${wrong.length} vectors`).toEqual([]);
  });

  it("are all that the result depends on", () => {
    const random = new Random(3);
    const wrong: string[] = [];
    for (let n = random.below(STRIDE); n < vectors.length; n += STRIDE) {
      const { vector, use } = vectors[n] as { vector: GoldenVector; use: Use };
      const { test } = vector;
      // RDTSC reads the clock, which went on between the two.
      const timed = vector.undefinedRegisters;
      const free = [0, 1, 2, 3, 4, 5, 6, 7].filter(
        (i) => ((use.registersRead | use.registersWritten) & (1 << i)) === 0,
      );
      if (free.length > 0) {
        const register = random.pick(free);
        const registers = test.registers.map((value, i) => (i === register ? random.next() : value));
        const lines = influence(test, { ...test, registers }, 0, timed | (1 << register));
        if (lines.length > 0) wrong.push(`register ${register}: ${describeVector(vector)}\n  ${lines.join("\n  ")}`);
      }
      const flag = random.pick(ARITHMETIC_FLAGS);
      if ((use.flagsRead & flag) === 0) {
        const lines = influence(test, { ...test, eflags: test.eflags ^ flag }, flag, timed);
        if (lines.length > 0)
          wrong.push(`flag ${flag.toString(16)}: ${describeVector(vector)}\n  ${lines.join("\n  ")}`);
      }
    }
    expect(wrong.slice(0, SHOWN), `${wrong.length} vectors`).toEqual([]);
  });
});

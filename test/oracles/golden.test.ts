/** Every golden vector against the emulator; the vectors against the instruction table. No compiler, no library needed. */
import { describe, expect, it } from "vitest";
import { FORMS } from "../../emulator/cpu/instructions/table.ts";
import { ALL_ARITHMETIC_FLAGS } from "./case-builder.ts";
import { compareOutcomes } from "./compare.ts";
import { EmulatorDriver } from "./emulator-driver.ts";
import { decodeVector, describeVector, readGoldenFiles } from "./golden-files.ts";
import type { GoldenVector } from "./golden-format.ts";
import { EmulatorSystemDriver } from "./system/emulator-system-driver.ts";
import { isSystemCase } from "./system/system-case.ts";

const LEAST_VECTORS = 200;
const SHOWN_FAILURES = 5;

const files = readGoldenFiles();
const userDriver = new EmulatorDriver();
const systemDriver = new EmulatorSystemDriver();

function failuresOf(vectors: readonly GoldenVector[]): string[] {
  const failures: string[] = [];
  const [first] = vectors;
  const driver = first !== undefined && isSystemCase(first.test) ? systemDriver : userDriver;
  const outcomes = driver.run(vectors.map(({ test }) => test));
  vectors.forEach((vector, i) => {
    const outcome = outcomes[i];
    const mask = {
      flags: vector.undefinedFlags,
      registers: vector.undefinedRegisters,
      bits: vector.undefinedBits,
      memory: vector.uncheckedMemory,
    };
    const lines = outcome === undefined ? ["the case never ended"] : compareOutcomes(vector.expected, outcome, mask);
    if (lines.length > 0) failures.push(`${describeVector(vector)}\n  ${lines.join("\n  ")}`);
  });
  return failures;
}

describe.each(files)("golden vectors of $name", ({ golden }) => {
  const cases = golden.header.forms.map((form, i) => ({ form, vectors: golden.vectors[i] ?? [] }));
  it.each(cases)("$form.key $form.mnemonic, $form.size bits: as the judges did", ({ vectors }) => {
    const failures = failuresOf(vectors);
    expect(failures.slice(0, SHOWN_FAILURES), `${failures.length} of ${vectors.length} failed`).toEqual([]);
  });
});

/** Which form of the table the decoder finds in each vector's code. */
function vectorsByForm(): Map<number, GoldenVector[]> {
  const byForm = new Map<number, GoldenVector[]>();
  for (const vector of files.flatMap(({ golden }) => golden.vectors.flat())) {
    const id = decodeVector(vector)?.form?.id;
    if (id === undefined) continue;
    const list = byForm.get(id);
    if (list === undefined) byForm.set(id, [vector]);
    else list.push(vector);
  }
  return byForm;
}

function hex(value: number): string {
  return (value >>> 0).toString(16);
}

describe("the golden vectors and the instruction table", () => {
  const byForm = vectorsByForm();

  it(`have at least ${LEAST_VECTORS} vectors for every form`, () => {
    // Floating-point escapes have vectors of their own (x87/).
    const integer = FORMS.filter(({ encoding }) => encoding.map !== 0 || (encoding.opcode & 0xf8) !== 0xd8);
    const short = integer
      .map((form) => ({ form, count: byForm.get(form.id)?.length ?? 0 }))
      .filter(({ count }) => count < LEAST_VECTORS);
    expect(short.map(({ form, count }) => `${form.encoding.text} ${form.mnemonic}: ${count}`)).toEqual([]);
  });

  it("agree about which flags the manual leaves undefined", () => {
    const disagreements: string[] = [];
    for (const form of FORMS) {
      const vectors = byForm.get(form.id) ?? [];
      if (vectors.length === 0) continue;
      // Where the result itself is undefined (SHLD by more than 16 bits of 16), all flags are: not a matter of the form.
      const ordinary = vectors.filter((vector) => vector.undefinedRegisters === 0);
      const masked = ordinary.reduce((flags, vector) => flags | vector.undefinedFlags, 0);
      const declared = form.flags.undefined & ALL_ARITHMETIC_FLAGS;
      if (masked !== declared)
        disagreements.push(`${form.encoding.text} ${form.mnemonic}: vectors ${hex(masked)}, table ${hex(declared)}`);
    }
    expect(disagreements).toEqual([]);
  });

  it("agree about which flags an instruction can change", () => {
    const disagreements = new Set<string>();
    for (const form of FORMS) {
      for (const vector of byForm.get(form.id) ?? []) {
        // System cases are of several instructions.
        if (vector.expected.fault !== undefined || isSystemCase(vector.test)) continue;
        const changed = (vector.test.eflags ^ vector.expected.eflags) & ~form.flags.written;
        if (changed !== 0) disagreements.add(`${form.encoding.text} ${form.mnemonic}: changes ${hex(changed)}`);
      }
    }
    expect([...disagreements]).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { deviceFields, stateName } from "../../../emulator/index.ts";
import type { KernelStructure } from "../../../kernel/index.ts";
import { defaultCycleLimit } from "../../../tools/faults/experiment.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import type { GoldenRun } from "../../../tools/faults/golden-run.ts";
import { kernelWord, placeName } from "../../../tools/faults/kernel-places.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { exactnessGolden } from "../propagate/exactness.ts";
import { Random } from "../support/random.ts";

/** Every word of RAM and every bit of a register has exactly one owner at any cycle, the kernel's structures by name. */

const CYCLES = 6;
const WORDS_EACH = 4_000;
const FAULTS = [
  "replica-2:pte=0x0804a000:flip:12@instruction=2500",
  "replica-1:esp:flip:30@instruction=900",
  "physical:0x0:flip:3@cycle=1",
];

function startOf({ plan, timing }: GoldenRun, fault?: string): ScenarioRun {
  const faults = fault === undefined ? [] : [parseFault(fault)];
  return new ScenarioRun(plan, { ...(timing === undefined ? {} : { timing }), faults });
}

/** The field of a word of one element; "" for padding. */
function fieldOf({ fields }: KernelStructure, offset: number): string {
  return fields.find((field) => offset >= field.offset && offset < field.offset + field.bytes)?.name ?? "";
}

describe.each([["p5"], ["simple"]] as const)("owners, %s timing", (timing) => {
  const golden = exactnessGolden(timing);

  it("the kernel's structures cover kernel memory without gap or overlap, and owner() finds each word where the list has it", () => {
    const run = startOf(golden);
    const random = new Random(4);
    for (const part of [0.05, 0.5]) {
      run.advance(Math.floor(golden.result.cycles * part));
      const structures = run.kernel.structures();
      let next = run.kernel.kernelMemory.start;
      for (const structure of structures) {
        const { name, kind, start, bytes, count } = structure;
        expect(start, name).toBe(next);
        next += bytes * count;
        // All words of what is small, some of what is large.
        structure.fields.reduce((offset, field) => {
          expect(field.offset, `${name} ${field.name}`).toBe(offset);
          return offset + field.bytes;
        }, 0);
        const words = (bytes / 4) * count;
        for (let look = 0; look < Math.min(words, 64); look++) {
          const at = 4 * (words <= 64 ? look : random.below(words));
          const owner = run.kernel.owner(start + at);
          expect(owner.kind).toBe(kind);
          const field = (owner.field ?? "").replace(/\[\d+\]$/, "").replace(/^(padding|word)$/, "");
          const element = count > 1 ? ` ${Math.floor(at / bytes)}` : "";
          expect([owner.name, field]).toEqual([`${name}${element}`, fieldOf(structure, at % bytes)]);
        }
      }
      expect(next).toBe(run.kernel.kernelMemory.end);
      expect(new Set(structures.map(({ name }) => name)).size).toBe(structures.length);
    }
  });

  it("a structure is struck as kernel:NAME by the name that its owner has", () => {
    const run = startOf(golden);
    run.advance(Math.floor(golden.result.cycles / 2));
    const { kernel, machine } = run;
    const read = (physical: number): number => machine.memory.read32(physical);
    for (const { kind, name, start, bytes, count, fields } of kernel.structures()) {
      if (kind === "free") continue;
      for (const field of fields.slice(-2)) {
        const element = count - 1;
        const target = { kernel: placeName(name), ...(count > 1 ? { of: element } : {}), field: field.name, offset: 0 };
        const struck = kernelWord(kernel, target, undefined, read);
        expect(struck, name).toBe(start + element * bytes + field.offset);
        const owner = kernel.owner(struck as number);
        expect(owner.name).toBe(count > 1 ? `${name} ${element}` : name);
        expect(owner.field?.replace(/\[0\]$/, "")).toBe(field.name);
      }
    }
  });

  it("two words of kernel memory never have the same name, but for the halves of a 64-bit number", () => {
    const run = startOf(golden);
    run.advance(Math.floor(golden.result.cycles / 3));
    const { start, end } = run.kernel.kernelMemory;
    const names = new Map<string, number>();
    for (let physical = start; physical < end; physical += 4) {
      const { name, field = `+${physical % 4096}` } = run.kernel.owner(physical);
      const known = names.get(`${name}, ${field}`);
      if (known !== undefined && known !== physical - 4) expect(`${name}, ${field}`).toBe("of one word only");
      names.set(`${name}, ${field}`, physical);
    }
    expect(names.size).toBeGreaterThan((0.95 * (end - start)) / 4);
  });

  it.each([{ fault: undefined }, ...FAULTS.map((fault) => ({ fault }))])(
    "at random cycles of a run with fault $fault: every word of RAM and of the processor has a name",
    ({ fault }) => {
      const run = startOf(golden, fault);
      const random = new Random(86);
      const limit = defaultCycleLimit(golden);
      const cycles = Array.from({ length: CYCLES }, () => random.below(golden.result.cycles)).sort((a, b) => a - b);
      for (const cycle of [...cycles, limit]) {
        run.advance(cycle);
        for (let i = 0; i < WORDS_EACH; i++) {
          const physical = 4 * random.below(run.machine.memory.byteLength / 4);
          const { kind, name, field } = run.kernel.owner(physical);
          expect(name).not.toBe("");
          // What the kernel keeps has a field too, down to the padding.
          if (kind === "kernel" || kind === "page-table" || kind === "utcb")
            expect(field, name).toMatch(/^\w+(\[\d+\])?$/);
        }
        const { state, devices } = run.machine.snapshot();
        const fields = run.machine.devices.flatMap((device) =>
          deviceFields(device).map((field) => `${device.name} ${field.name}`),
        );
        expect(new Set(fields).size).toBe(fields.length);
        expect(Object.keys(devices)).toEqual(run.machine.devices.map(({ name }) => name));
        state.forEach((page, index) => {
          const words = new Int32Array(page.buffer, page.byteOffset, page.length / 4);
          words.forEach((value, offset) => {
            const { part, name } = stateName(1024 * index + offset);
            if ((part === "unused" || part === "scratch") && value !== 0) expect(name).toBe("owned by somebody");
          });
        });
      }
    },
  );
});

describe("words of the processor", () => {
  it("have one name each", () => {
    const names = Array.from({ length: 0x4000 }, (_, word) => stateName(word).name);
    expect(new Set(names).size).toBe(names.length);
    for (const wanted of [
      "EAX",
      "EIP",
      "CR3",
      "CS base",
      "TR limit",
      "DR7",
      "data TLB set 15 way 3 frame",
      "CTR1 high",
    ])
      expect(names).toContain(wanted);
  });
});

/**
 * Writes the golden vectors (test/golden): `npm run build && node dist/test/oracles/generate.js [count]`.
 * Needs a compiler with -m32 and libunicorn 2. The outcomes are silicon's; libunicorn confirms those that it can judge,
 * and a disagreement without a row in differences.ts stops the program.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DEFAULT_EIP } from "./case-builder.ts";
import { generateVectors, type Vector } from "./case-generator.ts";
import { CATALOGUE, type Encoding } from "./catalogue.ts";
import { compareOutcomes } from "./compare.ts";
import { UNICORN_DIFFERENCES, UNICORN_KINDS } from "./differences.ts";
import { encodeGolden, GOLDEN_FORMAT, type GoldenForm, type GoldenVector } from "./golden-format.ts";
import { findCompiler, openNativeDriver } from "./native-driver.ts";
import type { Outcome, TestDriver } from "./test-driver.ts";
import { openUnicornDriver } from "./unicorn-driver.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
/** Of each encoding and operand size; a few of them are cut off or too long, so that no form of the table decodes. */
const VECTORS_PER_FORM = 216;
/** RF is set in the pushed flags of a fault; libunicorn pushes none. */
const RESUME_FLAG = 0x1_0000;
const DIVIDE_ERROR = 0;
const DEBUG = 1;
/** The registers that a POPA which faults midway may have loaded already: silicon has, the manual does not say. */
const ALL_BUT_ESP = 0xef;

/** Which file an encoding's vectors go to. */
function fileOf(encoding: Encoding): string {
  if (encoding.kind === "shift" || encoding.kind === "double-shift") return "shift";
  if (/^(bit-string|scan)$/.test(encoding.kind) || encoding.key.startsWith("0FBA")) return "bit";
  if (/^(string|port-string|xlat)$/.test(encoding.kind)) return "string";
  if (/^(branch|branch-indirect|return)$/.test(encoding.kind)) return "branch";
  if (/^(far|interrupt|trap|into)/.test(encoding.kind) && encoding.kind !== "far-pointer") return "far-transfer";
  if (/segment|selector|far-pointer/.test(encoding.kind)) return "segment";
  if (/^(stack|enter|leave|pop-flags)$/.test(encoding.kind)) return "stack";
  if (/^(privileged|control-register|identification|undefined|undefined-modrm)$/.test(encoding.kind)) return "system";
  if (/^(add|adc|sub|sbb|cmp|inc|dec|neg)$/.test(encoding.mnemonic)) return "arithmetic";
  if (/^(and|or|xor|test|not)$/.test(encoding.mnemonic)) return "logic";
  if (/^(i?mul|i?div|da[as]|aa[adms]|cwde|cdq)$/.test(encoding.mnemonic)) return "multiply-divide";
  return "data-transfer";
}

/** Silicon's outcomes; a case that never ends is not a vector. */
function judge(
  silicon: TestDriver,
  encoding: Encoding,
  size: number,
  count: number,
): { vector: Vector; outcome: Outcome }[] {
  const judged: { vector: Vector; outcome: Outcome }[] = [];
  for (let seed = 0; judged.length < count; seed++) {
    const vectors = generateVectors(encoding, size, count - judged.length, seed);
    silicon.run(vectors.map((vector) => vector.test)).forEach((outcome, i) => {
      if (outcome !== undefined) judged.push({ vector: vectors[i] as Vector, outcome });
    });
  }
  return judged;
}

const unexplained: string[] = [];
const explained = new Map<string, number>();

function confirm(
  unicorn: TestDriver,
  encoding: Encoding,
  judged: readonly { vector: Vector; outcome: Outcome }[],
): boolean[] {
  if (!UNICORN_KINDS.test(encoding.kind)) return judged.map(() => false);
  const outcomes = unicorn.run(judged.map(({ vector }) => vector.test));
  return judged.map(({ vector, outcome: silicon }, i) => {
    const outcome = outcomes[i];
    if (outcome === undefined) return false;
    const mask = {
      flags: vector.undefinedFlags | RESUME_FLAG,
      registers: vector.undefinedRegisters,
      bits: vector.undefinedBits,
    };
    const lines = compareOutcomes(silicon, outcome, mask);
    if (lines.length === 0) return true;
    const row = UNICORN_DIFFERENCES.find((known) =>
      known.applies({ encoding, test: vector.test, silicon, unicorn: outcome }),
    );
    if (row !== undefined) explained.set(row.name, (explained.get(row.name) ?? 0) + 1);
    else {
      const code = Buffer.from(vector.test.patches[vector.test.patches.length - 1]?.bytes ?? []).toString("hex");
      unexplained.push(`${encoding.key} ${encoding.mnemonic} ${code}\n    ${lines.join("\n    ")}`);
    }
    return false;
  });
}

function toGolden(encoding: Encoding, judged: { vector: Vector; outcome: Outcome }, confirmed: boolean): GoldenVector {
  const { vector, outcome } = judged;
  const midway = outcome.fault !== undefined && /^(pusha|popa|enter|lcall|retf|iretd)$/.test(encoding.mnemonic);
  // A fault leaves nothing undefined, except a divide error after the flags.
  const faulted =
    outcome.fault !== undefined && outcome.fault.vector !== DIVIDE_ERROR && outcome.fault.vector !== DEBUG;
  const nothingDone = faulted && !runsBeforeItFaults(vector, outcome);
  const poppedMidway = midway && encoding.mnemonic === "popa" && nothingDone;
  return {
    test: vector.test,
    expected: withoutUndefined(vector, outcome),
    undefinedFlags: nothingDone ? 0 : vector.undefinedFlags,
    undefinedRegisters: poppedMidway ? ALL_BUT_ESP : nothingDone ? 0 : vector.undefinedRegisters,
    undefinedBits: vector.undefinedBits,
    uncheckedMemory: midway,
    confirmed,
  };
}

/** Gives wholly undefined registers their old value: time stamps and the like must not make two runs differ. */
function withoutUndefined(vector: Vector, outcome: Outcome): Outcome {
  if (vector.undefinedBits !== 0xffff_ffff) return outcome;
  const registers = outcome.registers.map((value, i) =>
    (vector.undefinedRegisters & (1 << i)) === 0 ? value : (vector.test.registers[i] as number),
  );
  return { ...outcome, registers };
}

/**
 * INT1 (F1): silicon under a hypervisor reports the wrong instruction pointer for it, and QEMU does not know it. The manual is
 * clear enough: a trap to vector 1 whatever the gate's privilege level, with nothing else changed.
 */
function debugTrapVectors(count: number): GoldenVector[] {
  const encoding = CATALOGUE.find(({ key }) => key === "CC") as Encoding;
  return generateVectors(encoding, 32, 4 * count)
    .filter(({ test }) => test.codeBytes === 1 && test.eip === DEFAULT_EIP)
    .slice(0, count)
    .map(({ test }) => {
      const code = { address: DEFAULT_EIP, bytes: Uint8Array.of(0xf1) };
      const trap = { ...test, patches: [...test.patches.slice(0, -1), code] };
      const fault = { vector: DEBUG, errorCode: 0, linearAddress: 0 };
      const { registers, eflags, segments } = test;
      const expected = { registers, eflags, segments, eip: DEFAULT_EIP + 1, fault, changes: [] };
      const nothing = { undefinedFlags: 0, undefinedRegisters: 0, undefinedBits: 0, uncheckedMemory: false };
      return { test: trap, expected, ...nothing, confirmed: false };
    });
}

function writeManual(folder: string, count: number): void {
  const form = { key: "F1", mnemonic: "int1", size: 32, count, undefinedFlags: 0 };
  const header = {
    format: GOLDEN_FORMAT,
    generator: "test/oracles/generate.ts",
    judges: ["Intel SDM vol. 2, INT n/INTO/INT3/INT1"],
    compiler: "none",
    forms: [form],
  };
  writeFileSync(join(folder, "manual.gz"), encodeGolden({ header, vectors: [debugTrapVectors(count)] }));
}

/** The instruction itself completed and the fetch of the next one faulted. */
function runsBeforeItFaults(vector: Vector, outcome: Outcome): boolean {
  return outcome.eip !== vector.test.eip;
}

function main(): void {
  const count = Number(process.argv[2] ?? VECTORS_PER_FORM);
  const native = openNativeDriver(join(root, "test", "oracles", "native", "harness.c"));
  const emulated = openUnicornDriver();
  if ("missing" in native) throw new Error(native.missing);
  if ("missing" in emulated) throw new Error(emulated.missing);
  const files = new Map<string, { forms: GoldenForm[]; vectors: GoldenVector[][] }>();
  let confirmations = 0;
  let total = 0;
  for (const encoding of CATALOGUE) {
    for (const size of encoding.sizes) {
      const judged = judge(native.driver, encoding, size, count);
      const confirmed = confirm(emulated.driver, encoding, judged);
      const name = fileOf(encoding);
      const file = files.get(name) ?? { forms: [], vectors: [] };
      files.set(name, file);
      file.forms.push({
        key: encoding.key,
        mnemonic: encoding.mnemonic,
        size,
        count,
        undefinedFlags: encoding.undefinedFlags,
      });
      file.vectors.push(judged.map((one, i) => toGolden(encoding, one, confirmed[i] as boolean)));
      confirmations += confirmed.filter(Boolean).length;
      total += count;
    }
  }
  const folder = join(root, "test", "golden");
  mkdirSync(folder, { recursive: true });
  for (const [name, file] of files) {
    const header = {
      format: GOLDEN_FORMAT,
      generator: "test/oracles/generate.ts",
      judges: ["x86 silicon at privilege level 3, test/oracles/native/harness.c", emulated.driver.name],
      compiler: findCompiler()?.version ?? "unknown",
      forms: file.forms,
    };
    const path = join(folder, `${name}.gz`);
    rmSync(path, { force: true });
    writeFileSync(path, encodeGolden({ header, vectors: file.vectors }));
  }
  writeManual(folder, count);
  process.stdout.write(`${total} vectors, ${confirmations} confirmed by ${emulated.driver.name}\n`);
  for (const [name, times] of explained) process.stdout.write(`known difference: ${name}: ${times}\n`);
  for (const { name } of UNICORN_DIFFERENCES)
    if (!explained.has(name)) unexplained.push(`no case any more of: ${name}`);
  if (unexplained.length > 0) {
    process.stdout.write(
      `${unexplained.length} differences without an explanation:\n${unexplained.slice(0, 40).join("\n")}\n`,
    );
    process.exitCode = 1;
  }
}

main();

/**
 * Writes the golden vectors of system cases (test/golden/levels.gz): `npm run build && node dist/test/oracles/system/generate-system.js`.
 * Needs qemu-system-i386 and a compiler with -m32. QEMU's outcomes are kept as they are: what it is known to get wrong is not
 * generated (the README of the folder above lists it).
 */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeGolden, GOLDEN_FORMAT, type GoldenForm, type GoldenVector } from "../golden-format.ts";
import { findCompiler } from "../native-driver.ts";
import type { Outcome } from "../test-driver.ts";
import { openQemuDriver } from "./qemu-driver.ts";
import type { SystemVector } from "./system-draft.ts";
import { generateSystemVectors, SYSTEM_GROUPS } from "./system-generator.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
const VECTORS_PER_GROUP = 216;

function toGolden({ test, undefinedRegisters, undefinedBits }: SystemVector, expected: Outcome): GoldenVector {
  return {
    test,
    expected,
    undefinedFlags: 0,
    undefinedRegisters,
    undefinedBits,
    uncheckedMemory: false,
    confirmed: false,
  };
}

function main(): void {
  const opened = openQemuDriver(join(root, "test", "oracles", "system"));
  if ("missing" in opened) throw new Error(opened.missing);
  const forms: GoldenForm[] = [];
  const vectors: GoldenVector[][] = [];
  for (const group of SYSTEM_GROUPS) {
    const generated = generateSystemVectors(group, VECTORS_PER_GROUP);
    const outcomes = opened.driver.run(generated.map(({ test }) => test));
    const { key, mnemonic, size } = group;
    forms.push({ key, mnemonic, size, count: generated.length, undefinedFlags: 0 });
    vectors.push(
      generated.map((vector, i) => {
        const outcome = outcomes[i];
        if (outcome === undefined) throw new Error(`${mnemonic}: case ${i} came to no end`);
        return toGolden(vector, outcome);
      }),
    );
  }
  opened.driver.close();
  const header = {
    format: GOLDEN_FORMAT,
    generator: "test/oracles/system/generate-system.ts",
    judges: [opened.driver.name],
    compiler: findCompiler()?.version ?? "unknown",
    forms,
  };
  writeFileSync(join(root, "test", "golden", "levels.gz"), encodeGolden({ header, vectors }));
  process.stdout.write(`${vectors.flat().length} system vectors from ${opened.driver.name}\n`);
}

main();

/**
 * Makes the x87 golden vectors from the host's processor: `npm run golden`. Every encoding of the catalogue has the same number; the
 * program is deterministic.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openNativeDriver } from "../native-driver.ts";
import { X87_CATALOGUE } from "./catalogue.ts";
import { playX87 } from "./x87-driver.ts";
import { generateX87Cases } from "./x87-generator.ts";
import { encodeX87Golden, type X87Vector } from "./x87-golden.ts";

const VECTORS_PER_FORM = 216;
// This file runs from dist/test/oracles/x87.
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");

function main(): void {
  const opened = openNativeDriver(join(root, "test", "oracles", "native", "harness.c"));
  if ("missing" in opened) throw new Error(opened.missing);
  const { driver } = opened;
  const vectors = X87_CATALOGUE.map((encoding): X87Vector[] => {
    const cases = generateX87Cases(encoding, VECTORS_PER_FORM);
    return playX87(driver, cases).map((expected, i) => {
      const test = cases[i];
      if (expected === undefined || test === undefined) throw new Error(`${encoding.key}: a case never ended`);
      return { test, expected };
    });
  });
  const header = {
    format: 1 as const,
    generator: "test/oracles/x87/generate-x87.ts",
    judges: ["x86 silicon at privilege level 3, test/oracles/native/harness.c"],
    forms: X87_CATALOGUE.map(({ key, mnemonic }) => ({ key, mnemonic, count: VECTORS_PER_FORM })),
  };
  const folder = join(root, "test", "golden", "x87");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "x87.gz"), encodeX87Golden({ header, vectors }));
  process.stdout.write(`${vectors.flat().length} x87 vectors\n`);
}

main();

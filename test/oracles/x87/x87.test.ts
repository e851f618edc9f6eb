/** The floating-point unit against silicon: golden vectors everywhere, random cases where the host is an x86. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDecodedInstruction, Decoder } from "../../../emulator/cpu/decode.ts";
import { FORMS } from "../../../emulator/cpu/instructions/table.ts";
import { EmulatorDriver } from "../emulator-driver.ts";
import { noteMissing, openSilicon } from "../live-drivers.ts";
import { undefinedStatusOf, X87_CATALOGUE, type X87Encoding } from "./catalogue.ts";
import { compareX87, describeState, type X87Case, type X87Outcome } from "./x87-case.ts";
import { playX87 } from "./x87-driver.ts";
import { generateX87Cases } from "./x87-generator.ts";
import { decodeX87Golden } from "./x87-golden.ts";

const LEAST_VECTORS = 200;
const SHOWN_FAILURES = 5;
const LIVE_RUNS = Number(process.env.ORACLE_X87_RUNS ?? 400);
const CASES_PER_RUN = 20;

const here = dirname(fileURLToPath(import.meta.url));
const golden = decodeX87Golden(readFileSync(join(here, "..", "..", "golden", "x87", "x87.gz")));
const emulator = new EmulatorDriver();
const encodingOf = new Map(X87_CATALOGUE.map((encoding) => [encoding.key, encoding]));

function differences(
  encoding: X87Encoding,
  test: X87Case,
  expected: X87Outcome | undefined,
  got: X87Outcome | undefined,
): string | undefined {
  if (expected === undefined || got === undefined) return `${encoding.key}: a case never ended`;
  const mask = undefinedStatusOf(encoding, expected.after.status, expected.after.control);
  const lines = compareX87(expected, got, mask, encoding.approximate);
  if (lines.length === 0) return undefined;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  return `${encoding.mnemonic} ${hex(test.code)} operand ${hex(test.operand)} ${describeState(test.before)}\n  ${lines.join("\n  ")}`;
}

describe("x87 golden vectors", () => {
  it.each(golden.header.forms.map((form, i) => ({ ...form, i })))("$key $mnemonic: as silicon did", ({ key, i }) => {
    const encoding = encodingOf.get(key) as X87Encoding;
    const vectors = golden.vectors[i] ?? [];
    const got = playX87(
      emulator,
      vectors.map(({ test }) => test),
    );
    const failures = vectors
      .map(({ test, expected }, n) => differences(encoding, test, expected, got[n]))
      .filter((text) => text !== undefined);
    expect(failures.slice(0, SHOWN_FAILURES), `${failures.length} of ${vectors.length} failed`).toEqual([]);
  });

  it(`have at least ${LEAST_VECTORS} vectors for every floating-point form of the table, and none for another`, () => {
    const decoder = new Decoder();
    const decoded = createDecodedInstruction();
    const counts = new Map<number, number>();
    for (const { test } of golden.vectors.flat()) {
      decoder.decode(test.code, 0, test.code.length, true, decoded);
      const id = decoded.form?.id ?? -1;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const forms = FORMS.filter(({ floatingPoint }) => floatingPoint !== undefined);
    const short = forms.filter(({ id }) => (counts.get(id) ?? 0) < LEAST_VECTORS);
    expect(short.map(({ encoding }) => encoding.text)).toEqual([]);
    expect(counts.size).toBe(forms.length);
  });
});

describe("x87 instructions on silicon", () => {
  const opened = openSilicon();
  if ("missing" in opened) noteMissing("silicon", opened.missing);

  it.skipIf("missing" in opened)("do what they do here, in random states", () => {
    if ("missing" in opened) return;
    const { driver } = opened;
    fc.assert(
      fc.property(fc.constantFrom(...X87_CATALOGUE), fc.integer({ min: 1 }), (encoding, seed) => {
        const cases = generateX87Cases(encoding, CASES_PER_RUN, seed);
        const theirs = playX87(driver, cases);
        const ours = playX87(emulator, cases);
        const failures = cases
          .map((test, i) => differences(encoding, test, theirs[i], ours[i]))
          .filter((text) => text !== undefined);
        expect(failures).toEqual([]);
      }),
      { numRuns: LIVE_RUNS },
    );
  });
});

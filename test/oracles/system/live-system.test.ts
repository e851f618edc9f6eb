/** Live comparison of system cases with QEMU, with other cases than the golden ones; skipped with the reason when QEMU is missing. */
import { afterAll, describe, expect, it } from "vitest";
import { compareOutcomes } from "../compare.ts";
import { noteMissing, openQemu } from "../live-drivers.ts";
import { EmulatorSystemDriver } from "./emulator-system-driver.ts";
import { generateSystemVectors, SYSTEM_GROUPS } from "./system-generator.ts";

const SEED = Number(process.env.ORACLE_SEED ?? 2026);
const CASES_PER_GROUP = Number(process.env.ORACLE_SYSTEM_CASES ?? 40);

const opened = openQemu();

describe("system cases on the emulator and on QEMU", () => {
  if ("missing" in opened) {
    noteMissing("QEMU", opened.missing);
    it.skip(`needs QEMU: ${opened.missing}`, () => undefined);
    return;
  }
  const { driver } = opened;
  const emulator = new EmulatorSystemDriver();
  afterAll(() => driver.close());

  it(`end in the same state (${CASES_PER_GROUP} of each of ${SYSTEM_GROUPS.length} groups, seed ${SEED})`, () => {
    const cases = SYSTEM_GROUPS.flatMap((group) =>
      generateSystemVectors(group, CASES_PER_GROUP, SEED).map((vector) => ({ group, vector })),
    );
    const tests = cases.map(({ vector }) => vector.test);
    const expected = driver.run(tests);
    const got = emulator.run(tests);
    const failures = cases.flatMap(({ group, vector }, i) => {
      const [theirs, ours] = [expected[i], got[i]];
      if (theirs === undefined || ours === undefined) return [`${group.mnemonic}: case ${i} came to no end`];
      const mask = { flags: 0, registers: vector.undefinedRegisters, bits: vector.undefinedBits };
      const lines = compareOutcomes(theirs, ours, mask);
      const code = Buffer.from(vector.test.patches[vector.test.patches.length - 1]?.bytes ?? []).toString("hex");
      return lines.length === 0 ? [] : [`${group.mnemonic}: ${code}\n  ${lines.join("\n  ")}`];
    });
    expect(failures.slice(0, 5), `${failures.length} of ${cases.length}`).toEqual([]);
  });
});

/** Flipped bits of page-directory and page-table entries, against the written table: the emulator, and QEMU. */
import { describe, expect, it } from "vitest";
import { noteMissing, openQemu } from "../live-drivers.ts";
import { EmulatorSystemDriver } from "./emulator-system-driver.ts";
import {
  ACCESSES,
  ENTRY_KINDS,
  LEVELS,
  pageTableCases,
  pageTableFailures,
  qemuKnows,
  qemuSees,
  REMOVALS,
} from "./page-table-cases.ts";
import { MEMORY_BYTES, stagePages } from "./page-table-stage.ts";

/** `npm run acceptance page-tables` takes all. A prime, so that the sample has every bit, access, level and removal. */
const STEP = 7;

describe("a flipped bit of a paging entry does what the written table says", () => {
  it.each(ENTRY_KINDS)("on the emulator: %s", (kind) => {
    const cases = [...pageTableCases(kind)];
    const failures = pageTableFailures(new EmulatorSystemDriver(MEMORY_BYTES, stagePages(kind)), cases);
    expect(failures.slice(0, 5), `${failures.length} of ${cases.length}`).toEqual([]);
  });

  it.each(ENTRY_KINDS)(`on the emulator with the P5's pipeline and caches: %s (one case in ${STEP})`, (kind) => {
    const cases = [...pageTableCases(kind)].filter((_, i) => i % STEP === 0);
    const failures = pageTableFailures(new EmulatorSystemDriver(MEMORY_BYTES, stagePages(kind), "p5"), cases);
    expect(failures.slice(0, 5), `${failures.length} of ${cases.length}`).toEqual([]);
  });

  it("is asked for every bit, entry, access, level, CR0.WP, with a TLB entry and without", () => {
    for (const kind of ["page-table entry, PSE", "directory entry, PSE", "4 MiB entry"] as const) {
      const asked = new Set<string>();
      for (const { bit, access, level, writeProtect, removal, beginning } of pageTableCases(kind))
        asked.add([bit, access, level, writeProtect, removal, beginning].join());
      expect(asked.size).toBe(32 * ACCESSES.length * LEVELS.length * 2 * REMOVALS.length * 2);
    }
  });

  const opened = openQemu();
  if ("missing" in opened) {
    noteMissing("QEMU", opened.missing);
    it.skip(`needs QEMU: ${opened.missing}`, () => undefined);
    return;
  }
  opened.driver.close();

  it.each(ENTRY_KINDS)(`on QEMU: %s (one case in ${STEP})`, (kind) => {
    const world = openQemu({ megabytes: MEMORY_BYTES >> 20, more: stagePages(kind) });
    if ("missing" in world) throw new Error(world.missing);
    const cases = [...pageTableCases(kind)].filter((one) => qemuKnows(one)).filter((_, i) => i % STEP === 0);
    const failures = pageTableFailures(world.driver, cases, qemuSees);
    world.driver.close();
    expect(failures.slice(0, 5), `${failures.length} of ${cases.length}`).toEqual([]);
  });
});

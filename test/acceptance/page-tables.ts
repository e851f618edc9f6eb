import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EmulatorSystemDriver } from "../oracles/system/emulator-system-driver.ts";
import {
  ENTRY_KINDS,
  type PageTableCase,
  pageTableCases,
  pageTableFailures,
  qemuKnows,
  qemuSees,
} from "../oracles/system/page-table-cases.ts";
import { MEMORY_BYTES, stagePages } from "../oracles/system/page-table-stage.ts";
import { openQemuDriver } from "../oracles/system/qemu-driver.ts";

/** The monitor's C is not compiled into dist. */
const sources = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "test", "oracles", "system");

/** Every flip of the written table on the emulator, with both timing models, and on QEMU where it can judge. */
export async function pageTables(): Promise<boolean> {
  let bad = 0;
  const totals = new Map<string, number>();
  const report = (judge: string, cases: readonly PageTableCase[], failures: readonly string[]): void => {
    bad += failures.length;
    totals.set(judge, (totals.get(judge) ?? 0) + cases.length);
    for (const failure of failures.slice(0, 5)) process.stdout.write(`${judge}: ${failure}\n`);
  };
  for (const kind of ENTRY_KINDS) {
    const cases = [...pageTableCases(kind)];
    for (const timing of ["simple", "p5"] as const) {
      const driver = new EmulatorSystemDriver(MEMORY_BYTES, stagePages(kind), timing);
      report(`emulator, ${timing} timing`, cases, pageTableFailures(driver, cases));
    }
    const opened = openQemuDriver(sources, { megabytes: MEMORY_BYTES >> 20, more: stagePages(kind) });
    if ("missing" in opened) {
      process.stdout.write(`no QEMU: ${opened.missing}\n`);
      continue;
    }
    const known = cases.filter((one) => qemuKnows(one));
    report(opened.driver.name, known, pageTableFailures(opened.driver, known, qemuSees));
    opened.driver.close();
  }
  for (const [judge, count] of totals) process.stdout.write(`${judge}: ${count} cases\n`);
  process.stdout.write(`${bad} differ from the table\n`);
  return bad === 0;
}

import { describe, expect, it } from "vitest";
import { ACCESSED, DIRTY, LARGE, PagingBench, PRESENT, USER, WRITABLE } from "./paging-bench.ts";

const LINEAR = 0x00c03123;
const PHYSICAL = 0x00800000;

interface Case {
  directory: number;
  table: number;
  write: boolean;
  user: boolean;
  writeProtect: boolean;
}

/**
 * Intel SDM vol. 3, 4.6.1 and 4.7, said again: the error code of the page fault that an access must raise, or undefined.
 * `levels` are the entries that the walk uses.
 */
function expectedErrorCode(
  levels: readonly number[],
  { write, user, writeProtect }: Omit<Case, "directory" | "table">,
) {
  const cause = (write ? 2 : 0) + (user ? 4 : 0);
  if (levels.some((entry) => (entry & PRESENT) === 0)) return cause;
  const userPage = levels.every((entry) => (entry & USER) !== 0);
  const writablePage = levels.every((entry) => (entry & WRITABLE) !== 0);
  if (user) return userPage && (!write || writablePage) ? undefined : cause + 1;
  return write && writeProtect && !writablePage ? cause + 1 : undefined;
}

function* cases(): Generator<Case> {
  for (let bits = 0; bits < 512; bits++)
    yield {
      directory: bits & 7,
      table: (bits >> 3) & 7,
      write: (bits & 0x40) !== 0,
      user: (bits & 0x80) !== 0,
      writeProtect: (bits & 0x100) !== 0,
    };
}

describe("page protection", () => {
  it("follows the manual for every combination of entry bits, access, privilege and CR0.WP, 4 KiB pages", () => {
    for (const one of cases()) {
      const bench = new PagingBench();
      bench.map(LINEAR & ~0xfff, PHYSICAL, one.table, one.directory === 0 ? 0x10 : one.directory);
      bench.start(one.writeProtect);
      bench.cpu.setCpl(one.user ? 3 : 0);
      const fault = bench.faultOf(() => (one.write ? bench.access.write8(LINEAR, 0x5a) : bench.access.read8(LINEAR)));
      const errorCode = expectedErrorCode([one.directory, one.table], one);
      const text = JSON.stringify(one);
      if (errorCode === undefined) {
        expect(fault, text).toBeUndefined();
        if (one.write) expect(bench.memory.read8(PHYSICAL + 0x123), text).toBe(0x5a);
      } else expect(fault, text).toEqual({ vector: 14, errorCode, cr2: LINEAR });
      const directoryEntry = bench.memory.read32(bench.directoryEntryAddress(LINEAR));
      const tableEntry = bench.memory.read32(bench.tableEntryAddress(LINEAR));
      const used = (one.directory & PRESENT) !== 0;
      expect(directoryEntry & (ACCESSED | DIRTY), text).toBe(used ? ACCESSED : 0);
      const granted = errorCode === undefined ? ACCESSED | (one.write ? DIRTY : 0) : 0;
      expect(tableEntry & (ACCESSED | DIRTY), text).toBe(granted);
    }
  });

  it("follows the manual for every combination, 4 MiB pages", () => {
    for (const one of cases()) {
      if (one.table !== 7) continue;
      const bench = new PagingBench();
      bench.mapLarge(LINEAR, PHYSICAL, one.directory);
      bench.start(one.writeProtect, true);
      bench.cpu.setCpl(one.user ? 3 : 0);
      const fault = bench.faultOf(() => (one.write ? bench.access.write8(LINEAR, 0x5a) : bench.access.read8(LINEAR)));
      const errorCode = expectedErrorCode([one.directory], one);
      const text = JSON.stringify(one);
      if (errorCode === undefined) {
        expect(fault, text).toBeUndefined();
        if (one.write) expect(bench.memory.read8(PHYSICAL + (LINEAR & 0x3fffff)), text).toBe(0x5a);
      } else expect(fault, text).toEqual({ vector: 14, errorCode, cr2: LINEAR });
      const granted = errorCode === undefined ? ACCESSED | (one.write ? DIRTY : 0) : 0;
      expect(bench.memory.read32(bench.directoryEntryAddress(LINEAR)) & (ACCESSED | DIRTY), text).toBe(granted);
    }
  });

  it("gives the same answer when the translation is in the TLB already", () => {
    for (const one of cases()) {
      const bench = new PagingBench();
      bench.map(LINEAR & ~0xfff, PHYSICAL, one.table, one.directory === 0 ? 0x10 : one.directory);
      bench.start(one.writeProtect);
      const filled = bench.faultOf(() => bench.access.read8(LINEAR)) === undefined;
      bench.cpu.setCpl(one.user ? 3 : 0);
      const fault = bench.faultOf(() => (one.write ? bench.access.write8(LINEAR, 1) : bench.access.read8(LINEAR)));
      const text = `${JSON.stringify(one)} filled: ${filled}`;
      expect(fault?.errorCode, text).toBe(expectedErrorCode([one.directory, one.table], one));
      const dirty = bench.memory.read32(bench.tableEntryAddress(LINEAR)) & DIRTY;
      expect(dirty, text).toBe(fault === undefined && one.write ? DIRTY : 0);
    }
  });

  it("protects instruction fetches like reads", () => {
    for (const one of cases()) {
      if (one.write) continue;
      const bench = new PagingBench();
      bench.map(LINEAR & ~0xfff, PHYSICAL, one.table, one.directory === 0 ? 0x10 : one.directory);
      bench.start(one.writeProtect);
      bench.cpu.setCpl(one.user ? 3 : 0);
      let physical = 0;
      const fault = bench.faultOf(() => {
        physical = bench.access.translateFetch(LINEAR);
      });
      expect(fault?.errorCode, JSON.stringify(one)).toBe(expectedErrorCode([one.directory, one.table], one));
      if (fault === undefined) expect(physical).toBe(PHYSICAL + 0x123);
    }
  });

  it("lets implicit accesses of descriptor tables through to supervisor pages at CPL 3", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, PRESENT | WRITABLE);
    bench.memory.write32(PHYSICAL, 0x12345678);
    bench.start();
    bench.cpu.setCpl(3);
    expect(bench.access.readSystem32(0x5000)).toBe(0x12345678);
    expect(bench.faultOf(() => bench.access.read32(0x5000))?.errorCode).toBe(5);
  });

  it("raises a fault with the reserved-bit flag for address bits 12-21 of a 4 MiB entry", () => {
    for (let bit = 12; bit <= 21; bit++) {
      const bench = new PagingBench();
      bench.mapLarge(LINEAR, PHYSICAL | (1 << bit), PRESENT | WRITABLE | USER);
      bench.start(false, true);
      expect(bench.faultOf(() => bench.access.write8(LINEAR, 0))).toEqual({ vector: 14, errorCode: 0xb, cr2: LINEAR });
    }
  });

  it("takes bit 7 of a directory entry for a 4 KiB mapping without CR4.PSE", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, PRESENT, PRESENT | LARGE);
    bench.memory.write8(PHYSICAL + 5, 0x77);
    bench.start();
    expect(bench.access.read8(0x5005)).toBe(0x77);
  });
});

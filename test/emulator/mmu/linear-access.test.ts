import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { invlpg, writeControlRegister } from "../../../emulator/cpu/control-registers.ts";
import { Word } from "../../../emulator/cpu/state.ts";
import { Tlb } from "../../../emulator/mmu/tlb.ts";
import { ACCESSED, DIRTY, PagingBench, PRESENT, USER, WRITABLE } from "./paging-bench.ts";

const ALL = PRESENT | WRITABLE | USER;
const PHYSICAL = 0x00800000;

describe("accesses by linear address", () => {
  it("read and write 8, 16 and 32 bits at any alignment, little endian", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, ALL);
    bench.start();
    for (let offset = 0; offset < 8; offset++) {
      bench.access.write32(0x5000 + offset, 0x81020384);
      expect(bench.access.read32(0x5000 + offset)).toBe(0x81020384 | 0);
      expect(bench.access.read16(0x5000 + offset)).toBe(0x0384);
      expect(bench.access.read8(0x5003 + offset)).toBe(0x81);
      bench.access.write16(0x5001 + offset, 0xabcd);
      expect(bench.access.read32(0x5000 + offset)).toBe(0x81abcd84 | 0);
    }
  });

  it("cross into the next page, which may lie elsewhere", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, ALL);
    bench.map(0x6000, PHYSICAL + 0x10000, ALL);
    bench.start();
    for (const bytes of [1, 2, 3]) {
      bench.access.write32(0x6000 - bytes, 0x44332211);
      expect(bench.access.read32(0x6000 - bytes)).toBe(0x44332211);
      expect(bench.memory.read8(PHYSICAL + 0x1000 - bytes)).toBe(0x11);
      expect(bench.memory.read8(PHYSICAL + 0x10000 + 3 - bytes)).toBe(0x44);
    }
    bench.access.write16(0x5fff, 0xbeef);
    expect(bench.access.read16(0x5fff)).toBe(0xbeef);
  });

  it("write nothing when the second page of a crossing write faults, and report the second page in CR2", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, ALL);
    bench.map(0x6000, PHYSICAL + 0x1000, PRESENT | USER);
    bench.start(true);
    const fault = bench.faultOf(() => bench.access.write32(0x5ffe, -1));
    expect(fault).toEqual({ vector: 14, errorCode: 3, cr2: 0x6000 });
    expect(bench.memory.read16(PHYSICAL + 0xffe)).toBe(0);
    expect(bench.faultOf(() => bench.access.probeWrite(0x5ffe, 4))?.cr2).toBe(0x6000);
    expect(bench.faultOf(() => bench.access.probeWrite(0x5ffe, 2))).toBeUndefined();
  });

  it("wrap from the last page of the address space to the first", () => {
    const bench = new PagingBench();
    bench.map(0xfffff000, PHYSICAL, ALL);
    bench.map(0x0, PHYSICAL + 0x1000, ALL);
    bench.start();
    bench.access.write32(0xfffffffe, 0x44332211);
    expect(bench.memory.read16(PHYSICAL + 0xffe)).toBe(0x2211);
    expect(bench.memory.read16(PHYSICAL + 0x1000)).toBe(0x4433);
  });

  it("read all ones and drop writes outside RAM", () => {
    const bench = new PagingBench();
    bench.map(0x5000, 0xfee00000 | 0, ALL);
    bench.start();
    bench.access.write32(0x5000, 0);
    expect(bench.access.read32(0x5000)).toBe(-1);
    expect(bench.access.read8(0x5001)).toBe(0xff);
  });

  it("read like a write before a read-modify-write: the fault says write", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, PRESENT | USER);
    bench.start();
    bench.cpu.setCpl(3);
    expect(bench.faultOf(() => bench.access.readModify32(0x5000))?.errorCode).toBe(7);
  });

  it("raise #AC(0) when misaligned at CPL 3 with CR0.AM and EFLAGS.AC, after any page fault, and never otherwise", () => {
    for (let bits = 0; bits < 8; bits++) {
      const bench = new PagingBench();
      const checked = bits === 7;
      bench.map(0x5000, PHYSICAL, ALL);
      bench.map(0x6000, PHYSICAL + 0x1000, ALL);
      bench.start();
      if ((bits & 1) !== 0) bench.cpu.words[Word.Cr0] |= 0x40000;
      bench.cpu.eflags = (bits & 2) !== 0 ? 0x40002 : 2;
      bench.cpu.setCpl((bits & 4) !== 0 ? 3 : 0);
      const check = (action: () => void) => expect(bench.faultOf(action)?.vector).toBe(checked ? 17 : undefined);
      check(() => bench.access.read32(0x5002));
      check(() => bench.access.write32(0x5001, 1));
      check(() => bench.access.read16(0x5001));
      check(() => bench.access.write32(0x5ffe, 1));
      expect(bench.memory.read32(PHYSICAL)).toBe(checked ? 0 : 0x100);
      for (const address of [0x5004, 0x5000])
        expect(bench.faultOf(() => bench.access.write32(address, 1))).toBeUndefined();
      expect(bench.faultOf(() => bench.access.write16(0x5006, 1))).toBeUndefined();
      expect(bench.faultOf(() => bench.access.read8(0x5007))).toBeUndefined();
      expect(bench.faultOf(() => bench.access.readSystem32(0x5001))).toBeUndefined();
      expect(bench.faultOf(() => bench.access.read32(0x7001))?.vector).toBe(14);
    }
  });

  it("work without paging, to the end of RAM and beyond", () => {
    const bench = new PagingBench();
    bench.access.write32(0x5001, 0x01020304);
    expect(bench.access.read32(0x5001)).toBe(0x01020304);
    expect(bench.access.read32((16 << 20) - 2)).toBe(0xffff0000 | 0);
    expect(bench.access.read32(0xfffffff0)).toBe(-1);
  });
});

describe("the TLBs", () => {
  it("keep a stale translation until INVLPG or a CR3 load", () => {
    for (const flush of ["invlpg", "cr3"] as const) {
      const bench = new PagingBench();
      bench.map(0x5000, PHYSICAL, ALL);
      bench.memory.write8(PHYSICAL, 1);
      bench.memory.write8(PHYSICAL + 0x1000, 2);
      bench.start();
      expect(bench.access.read8(0x5000)).toBe(1);
      bench.map(0x5000, PHYSICAL + 0x1000, ALL);
      expect(bench.access.read8(0x5000)).toBe(1);
      if (flush === "invlpg") invlpg(bench.cpu, 0x5fff);
      else writeControlRegister(bench.cpu, 3, bench.directory);
      expect(bench.access.read8(0x5000)).toBe(2);
    }
  });

  it("are separate for code and data: each fills and goes stale by itself", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, ALL);
    bench.start();
    expect(bench.access.translateFetch(0x5010)).toBe(PHYSICAL + 0x10);
    bench.map(0x5000, PHYSICAL + 0x1000, ALL);
    bench.memory.write8(PHYSICAL + 0x1000, 2);
    expect(bench.access.read8(0x5000)).toBe(2);
    expect(bench.access.translateFetch(0x5010)).toBe(PHYSICAL + 0x10);
    invlpg(bench.cpu, 0x5000);
    expect(bench.access.translateFetch(0x5010)).toBe(PHYSICAL + 0x1010);
  });

  it("give four ways to pages 64 KiB apart: the fifth takes the place of the pseudo-least-recently used", () => {
    const bench = new PagingBench();
    const page = (index: number) => 0x400000 + index * 0x10000;
    for (let i = 0; i < 5; i++) bench.map(page(i), PHYSICAL + i * 0x1000, ALL);
    bench.start();
    const cached = () =>
      [0, 1, 2, 3, 4].filter((i) => {
        const words = bench.cpu.words.slice(Word.Tlb, Word.Tlb + 8);
        return words.some((word) => (word & ~0xffe) === (page(i) | 1));
      });
    for (let i = 0; i < 4; i++) bench.access.read8(page(i));
    expect(cached()).toEqual([0, 1, 2, 3]);
    bench.access.read8(page(0));
    // The tree now says: ways 0-1 newer than 2-3, and way 3 newer than 2. So way 2 goes.
    bench.access.read8(page(4));
    expect(cached()).toEqual([0, 1, 3, 4]);
    // Ways 0-1 are older now, and way 1 older than 0.
    bench.access.read8(page(2));
    expect(cached()).toEqual([0, 2, 3, 4]);
  });

  it("replace code pages in the same way: a fetch that hits makes its page the newest", () => {
    const bench = new PagingBench();
    const page = (index: number) => 0x400000 + index * 0x8000;
    for (let i = 0; i < 5; i++) bench.map(page(i), PHYSICAL + i * 0x1000, ALL);
    bench.start();
    for (const i of [0, 1, 2, 3, 0, 4]) bench.access.translateFetch(page(i));
    const set = Word.Tlb + Tlb.Code;
    const tags = [0, 2, 4, 6].map((way) => (bench.cpu.words[set + way] as number) & ~0xfff);
    expect(tags).toEqual([page(0), page(1), page(4), page(3)]);
  });

  it("let no supervisor write through to a dirty read-only page that was read first, with CR0.WP", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, PRESENT | USER | ACCESSED | DIRTY);
    bench.memory.write32(PHYSICAL, 0x1234);
    bench.start(true);
    expect(bench.access.read32(0x5000)).toBe(0x1234);
    expect(bench.faultOf(() => bench.access.write32(0x5000, 1))).toEqual({ vector: 14, errorCode: 3, cr2: 0x5000 });
    expect(bench.memory.read32(PHYSICAL)).toBe(0x1234);
  });

  it("hold eight 4 MiB pages in two sets, and 4 KiB pieces of them for code", () => {
    const bench = new PagingBench();
    bench.mapLarge(0x40000000, 0x800000, ALL);
    bench.start(false, true);
    bench.memory.write8(0x812345, 0x42);
    expect(bench.access.read8(0x40012345)).toBe(0x42);
    expect(bench.access.translateFetch(0x40012345)).toBe(0x812345);
    bench.mapLarge(0x40000000, 0xc00000, ALL);
    expect(bench.access.read8(0x40012345)).toBe(0x42);
    // Another 4 KiB piece is not in the code TLB yet and sees the new entry.
    expect(bench.access.translateFetch(0x40013000)).toBe(0xc13000);
    expect(bench.access.translateFetch(0x40012000)).toBe(0x812000);
    bench.map(0x80012000, 0x900000, ALL);
    expect(bench.access.translateFetch(0x80012000)).toBe(0x900000);
    bench.map(0x80012000, 0x901000, ALL);
    invlpg(bench.cpu, 0x40000000);
    expect(bench.access.read8(0x40012345)).toBe(0);
    // INVLPG of any address of the large page drops all its pieces, and nothing else.
    expect(bench.access.translateFetch(0x40012000)).toBe(0xc12000);
    expect(bench.access.translateFetch(0x80012000)).toBe(0x900000);
  });

  it("are empty after a change of CR0.PG, CR0.WP or CR4.PSE", () => {
    const words = (bench: PagingBench) => bench.cpu.words.slice(Word.Tlb, Word.Tlb + Tlb.Words);
    for (const change of [
      (bench: PagingBench) => writeControlRegister(bench.cpu, 0, 0x11),
      (bench: PagingBench) => writeControlRegister(bench.cpu, 0, 0x80010011),
      (bench: PagingBench) => writeControlRegister(bench.cpu, 4, 0x10),
    ]) {
      const bench = new PagingBench();
      bench.map(0x5000, PHYSICAL, ALL);
      bench.start();
      bench.access.read8(0x5000);
      bench.access.translateFetch(0x5000);
      expect(words(bench).some((word) => word !== 0)).toBe(true);
      change(bench);
      expect(words(bench).every((word) => word === 0)).toBe(true);
    }
  });

  it("set the dirty bit at the first write, also when the page was read before", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, ALL);
    bench.start();
    bench.access.read8(0x5000);
    expect(bench.memory.read32(bench.tableEntryAddress(0x5000)) & (ACCESSED | DIRTY)).toBe(ACCESSED);
    bench.access.write8(0x5000, 1);
    expect(bench.memory.read32(bench.tableEntryAddress(0x5000)) & (ACCESSED | DIRTY)).toBe(ACCESSED | DIRTY);
  });

  it("do not set accessed and dirty bits again while a translation that has them is cached", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, ALL);
    bench.start();
    bench.access.write8(0x5000, 1);
    bench.map(0x5000, PHYSICAL, ALL);
    bench.access.write8(0x5000, 2);
    expect(bench.memory.read32(bench.tableEntryAddress(0x5000)) & (ACCESSED | DIRTY)).toBe(0);
  });

  it("drop the entry that a fault came from, so that a handler which grants access needs no INVLPG", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, PRESENT | USER);
    bench.start();
    bench.cpu.setCpl(3);
    bench.access.read8(0x5000);
    bench.map(0x5000, PHYSICAL, ALL);
    expect(bench.faultOf(() => bench.access.write8(0x5000, 1))?.errorCode).toBe(7);
    expect(bench.faultOf(() => bench.access.write8(0x5000, 1))).toBeUndefined();
  });

  it("charge a walk of 13 clocks for 4 KiB, 9 for 4 MiB, nothing for a hit", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, ALL | ACCESSED | DIRTY, ALL | ACCESSED);
    bench.mapLarge(0x40000000, 0x800000, ALL | ACCESSED | DIRTY);
    bench.start(false, true);
    const clocks = (action: () => void) => {
      const before = bench.cpu.cycles;
      action();
      return bench.cpu.cycles - before;
    };
    expect(clocks(() => bench.access.read8(0x5000))).toBe(13);
    expect(clocks(() => bench.access.write32(0x5100, 1))).toBe(0);
    expect(clocks(() => bench.access.read8(0x40000000))).toBe(9);
    expect(clocks(() => bench.access.read8(0x403fffff))).toBe(0);
  });
});

describe("watched pages", () => {
  it("tell of every access to them and of no other, whether a memo was there before or not", () => {
    const bench = new PagingBench();
    bench.map(0x5000, PHYSICAL, ALL);
    bench.map(0x6000, PHYSICAL + 0x1000, ALL);
    bench.start();
    const seen: [number, number][] = [];
    const touch = () => {
      bench.access.write32(0x5010, 7);
      bench.access.read8(0x5ff0);
      bench.access.read32(0x5ffe);
      bench.access.read32(0x6100);
    };
    touch();
    bench.machine.watchPage(PHYSICAL >>> 12, true);
    const detach = bench.machine.observe({ watchedAccess: (physical, bytes) => seen.push([physical, bytes]) });
    for (let i = 0; i < 2; i++) {
      touch();
      expect(seen.splice(0)).toEqual([
        [PHYSICAL + 0x10, 4],
        [PHYSICAL + 0xff0, 1],
        [PHYSICAL + 0xffe, 2],
      ]);
    }
    bench.machine.watchPage(PHYSICAL >>> 12, false);
    touch();
    detach();
    expect(seen).toEqual([]);
  });
});

describe("memos", () => {
  /**
   * Pages that fall into few sets, 4 KiB and 4 MiB, user and supervisor, writable and read-only (these dirty already). Those
   * within 4 MiB pages have memos of their own, while their TLB entries share a set.
   */
  const PAGES = [0x00400000, 0x00410000, 0x00420000, 0x00430000, 0x00440000, 0x00401000, 0x00411000];
  const LARGE_PAGES = [0x40000000, 0x40801000, 0x41002000, 0x41803000, 0x42004000, 0x40401000];

  function makeBench(observed: boolean): PagingBench {
    const bench = new PagingBench();
    PAGES.forEach((page, i) => {
      bench.map(page, PHYSICAL + i * 0x1000, [ALL, PRESENT | USER | DIRTY, PRESENT | WRITABLE][i % 3] as number);
      bench.memory.write8(PHYSICAL + i * 0x1000, i);
    });
    LARGE_PAGES.forEach((page, i) => {
      bench.mapLarge(page, i % 2 === 0 ? 0xc00000 : 0x800000, i === 3 ? PRESENT | USER | DIRTY : ALL);
    });
    bench.start(true, true);
    bench.memory.attachCodeCache({ invalidateCode: () => {}, invalidateAll: () => {} });
    if (observed) bench.machine.observe({ memoryRead: () => {} });
    return bench;
  }

  const operation = fc.record({
    page: fc.constantFrom(...PAGES, ...LARGE_PAGES),
    offset: fc.oneof(fc.integer({ min: 0, max: 0xfff }), fc.constantFrom(0, 4, 0xffd, 0xffe, 0xfff)),
    kind: fc.constantFrom(
      "r8",
      "r16",
      "r32",
      "w8",
      "w16",
      "w32",
      "probe",
      "system",
      "user",
      "kernel",
      "invlpg",
      "snapshot",
      "code",
    ),
    value: fc.integer(),
  });

  type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

  function perform(bench: PagingBench, { page, offset, kind, value }: Operation): string {
    const linear = page + offset;
    const { access, cpu } = bench;
    let result: number | undefined;
    const fault = bench.faultOf(() => {
      if (kind === "r8") result = access.read8(linear);
      else if (kind === "r16") result = access.read16(linear);
      else if (kind === "r32") result = access.read32(linear);
      else if (kind === "w8") access.write8(linear, value);
      else if (kind === "w16") access.write16(linear, value);
      else if (kind === "w32") access.write32(linear, value);
      else if (kind === "probe") access.probeWrite(linear, 4);
      else if (kind === "system") result = access.readSystem32(linear);
      else if (kind === "user") cpu.setCpl(3);
      else if (kind === "kernel") cpu.setCpl(0);
      else if (kind === "invlpg") access.flushPage(linear);
      else if (kind === "snapshot") bench.machine.snapshot();
      else bench.memory.markCode(((access.inspect(linear) ?? 0) >>> 12) | 0);
    });
    return JSON.stringify({ result, fault });
  }

  it("change nothing: results, faults, TLB and replacement state, clocks and memory equal those without memos", () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 50, maxLength: 400 }), (operations) => {
        const fast = makeBench(false);
        const slow = makeBench(true);
        for (const one of operations) expect(perform(fast, one)).toBe(perform(slow, one));
        expect(fast.machine.stateDigest()).toBe(slow.machine.stateDigest());
      }),
      { numRuns: 40 },
    );
  });

  it("let no write to a page with decoded code or to a clean page pass unnoticed", () => {
    const bench = makeBench(false);
    const invalidated: number[] = [];
    bench.memory.attachCodeCache({
      invalidateCode: (physical) => invalidated.push(physical),
      invalidateAll: () => {},
    });
    const page = PAGES[0] as number;
    for (let i = 0; i < 3; i++) bench.access.write32(page, i);
    bench.memory.markCode(PHYSICAL >>> 12);
    bench.access.write32(page + 8, 1);
    bench.access.write32(page + 12, 1);
    expect(invalidated).toEqual([PHYSICAL + 8, PHYSICAL + 12]);
    const before = bench.machine.snapshot();
    bench.access.write32(page + 16, 0x1234);
    const after = bench.machine.snapshot();
    const index = PHYSICAL >>> 12;
    expect(after.ram[index]).not.toBe(before.ram[index]);
    expect(after.ram[index + 1]).toBe(before.ram[index + 1]);
  });
});

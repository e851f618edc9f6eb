import { beforeEach, describe, expect, it } from "vitest";
import { lldt } from "../../../emulator/cpu/descriptor-tables.ts";
import { arpl, lar, lsl, verr, verw } from "../../../emulator/cpu/segment-queries.ts";
import { checkedLinear, loadSegment } from "../../../emulator/cpu/segmentation.ts";
import { Flag, SegmentRegister } from "../../../emulator/cpu/state.ts";
import {
  CODE_CONFORMING,
  CODE_EXECUTE_ONLY,
  CODE_READABLE,
  CODE0,
  CODE3,
  CONFORMING0,
  DATA_EXPAND_DOWN,
  DATA_READ_ONLY,
  DATA_WRITABLE,
  DATA0,
  DATA3,
  dpl,
  FIRST_FREE,
  GDT,
  LDT,
  PRESENT,
  SystemBench,
  TSS_SELECTOR,
} from "./system-bench.ts";

const { Es, Ss, Ds, Fs, Gs } = { Es: 0, Ss: 2, Ds: 3, Fs: 4, Gs: 5 };
const GP = 13;
const SS = 12;
const NP = 11;

let bench: SystemBench;
beforeEach(() => {
  bench = new SystemBench();
});

/** Puts a descriptor at FIRST_FREE. */
function define(access: number, base = 0, limit = 0xfffff, flags = 0xc): number {
  bench.descriptor(FIRST_FREE, base, limit, access, flags);
  return FIRST_FREE;
}

describe("loading a data segment register", () => {
  it("takes any DPL >= max(CPL, RPL) and refuses others with #GP(selector)", () => {
    for (const level of [0, 3])
      for (let segmentLevel = 0; segmentLevel < 4; segmentLevel++)
        for (let rpl = 0; rpl < 4; rpl++) {
          bench = new SystemBench();
          const selector = define(PRESENT | DATA_WRITABLE | dpl(segmentLevel)) | rpl;
          bench.enterLevel(level);
          const before = bench.selector(Fs);
          const fault = bench.faultOf(() => loadSegment(bench.cpu, Fs, selector));
          const allowed = segmentLevel >= Math.max(level, rpl);
          expect(fault).toEqual(allowed ? undefined : { vector: GP, errorCode: FIRST_FREE });
          expect(bench.selector(Fs)).toBe(allowed ? selector : before);
        }
  });

  it("takes readable code, conforming code whatever its DPL, but not execute-only code or system segments", () => {
    bench.enterLevel(3);
    expect(bench.faultOf(() => loadSegment(bench.cpu, Gs, CODE3))).toBeUndefined();
    expect(bench.faultOf(() => loadSegment(bench.cpu, Gs, CONFORMING0 | 3))).toBeUndefined();
    define(PRESENT | CODE_EXECUTE_ONLY | dpl(3));
    expect(bench.faultOf(() => loadSegment(bench.cpu, Gs, FIRST_FREE))).toEqual({ vector: GP, errorCode: FIRST_FREE });
    expect(bench.faultOf(() => loadSegment(bench.cpu, Gs, TSS_SELECTOR))?.vector).toBe(GP);
  });

  it("raises #NP for a segment that is not present and #GP beyond the table, with index and TI in the error code", () => {
    define(DATA_WRITABLE);
    expect(bench.faultOf(() => loadSegment(bench.cpu, Es, FIRST_FREE))).toEqual({ vector: NP, errorCode: FIRST_FREE });
    expect(bench.faultOf(() => loadSegment(bench.cpu, Es, 0x83))).toEqual({ vector: GP, errorCode: 0x80 });
    expect(bench.faultOf(() => loadSegment(bench.cpu, Es, 0x0c))).toEqual({ vector: GP, errorCode: 0x0c });
  });

  it("accepts a null selector, and any use of the register then raises #GP(0)", () => {
    loadSegment(bench.cpu, Es, 3);
    expect(bench.selector(Es)).toBe(3);
    expect(bench.faultOf(() => checkedLinear(bench.cpu, Es, 0, 1, false))).toEqual({ vector: GP, errorCode: 0 });
  });

  it("sets the accessed bit in memory once, and charges for the descriptor and the locked update", () => {
    define(PRESENT | DATA_WRITABLE);
    const first = bench.clocks(() => loadSegment(bench.cpu, Es, FIRST_FREE));
    expect(bench.memory.read8(GDT + FIRST_FREE + 5)).toBe(PRESENT | DATA_WRITABLE | 1);
    const second = bench.clocks(() => loadSegment(bench.cpu, Es, FIRST_FREE));
    expect(second).toBe(9);
    expect(first).toBeGreaterThan(second);
    expect(bench.clocks(() => loadSegment(bench.cpu, Es, 0))).toBe(0);
  });
});

describe("loading SS", () => {
  it("takes only writable data with RPL = DPL = CPL", () => {
    for (const [access, rpl, ok] of [
      [DATA_WRITABLE, 0, true],
      [DATA_WRITABLE, 1, false],
      [DATA_WRITABLE | dpl(1), 0, false],
      [DATA_READ_ONLY, 0, false],
      [CODE_READABLE, 0, false],
      [DATA_EXPAND_DOWN, 0, true],
    ] as const) {
      define(PRESENT | access);
      const fault = bench.faultOf(() => loadSegment(bench.cpu, Ss, FIRST_FREE | rpl));
      expect(fault, `access ${access.toString(16)}, RPL ${rpl}`).toEqual(
        ok ? undefined : { vector: GP, errorCode: FIRST_FREE },
      );
    }
  });

  it("raises #GP(0) for a null selector and #SS(selector) for a segment that is not present", () => {
    expect(bench.faultOf(() => loadSegment(bench.cpu, Ss, 0))).toEqual({ vector: GP, errorCode: 0 });
    define(DATA_WRITABLE);
    expect(bench.faultOf(() => loadSegment(bench.cpu, Ss, FIRST_FREE))).toEqual({ vector: SS, errorCode: FIRST_FREE });
  });
});

describe("segment limits and rights", () => {
  const reaches = (segment: SegmentRegister, offset: number, bytes: number, write = false) =>
    bench.faultOf(() => checkedLinear(bench.cpu, segment, offset, bytes, write)) === undefined;

  it("allow an access whose last byte is at the limit and none beyond", () => {
    loadSegment(bench.cpu, Es, define(PRESENT | DATA_WRITABLE, 0x5000, 0xfff, 0x4));
    expect(checkedLinear(bench.cpu, Es, 0x123, 4, true)).toBe(0x5123);
    expect(reaches(Es, 0xffc, 4)).toBe(true);
    expect(reaches(Es, 0xffd, 4)).toBe(false);
    expect(reaches(Es, 0xfff, 1)).toBe(true);
    expect(reaches(Es, 0x1000, 1)).toBe(false);
    expect(reaches(Es, -1, 1)).toBe(false);
    expect(reaches(Es, -2, 4)).toBe(false);
  });

  it("count in units of 4 KiB with G set", () => {
    loadSegment(bench.cpu, Es, define(PRESENT | DATA_WRITABLE, 0, 0x1, 0xc));
    expect(reaches(Es, 0x1fff, 1)).toBe(true);
    expect(reaches(Es, 0x2000, 1)).toBe(false);
  });

  it("lie below the segment when it expands down, up to 64 KiB or 4 GiB", () => {
    loadSegment(bench.cpu, Es, define(PRESENT | DATA_EXPAND_DOWN, 0, 0xfff, 0x4));
    expect(reaches(Es, 0xfff, 1)).toBe(false);
    expect(reaches(Es, 0x1000, 1)).toBe(true);
    expect(reaches(Es, -4, 4)).toBe(true);
    expect(reaches(Es, -3, 4)).toBe(false);
    loadSegment(bench.cpu, Es, define(PRESENT | DATA_EXPAND_DOWN, 0, 0xfff, 0x0));
    expect(reaches(Es, 0xffff, 1)).toBe(true);
    expect(reaches(Es, 0xffff, 2)).toBe(false);
  });

  it("deny writes to read-only data and to code, and reads of execute-only code", () => {
    loadSegment(bench.cpu, Es, define(PRESENT | DATA_READ_ONLY));
    expect([reaches(Es, 0, 1), reaches(Es, 0, 1, true)]).toEqual([true, false]);
    loadSegment(bench.cpu, Es, define(PRESENT | CODE_READABLE));
    expect([reaches(Es, 0, 1), reaches(Es, 0, 1, true)]).toEqual([true, false]);
    expect(reaches(SegmentRegister.Cs, 0, 1, true)).toBe(false);
  });

  it("fault with #SS(0) through SS and #GP(0) otherwise", () => {
    define(PRESENT | DATA_WRITABLE, 0, 0xfff, 0x4);
    loadSegment(bench.cpu, Ss, FIRST_FREE);
    loadSegment(bench.cpu, Ds, FIRST_FREE);
    expect(bench.faultOf(() => checkedLinear(bench.cpu, Ss, 0x1000, 1, false))).toEqual({ vector: SS, errorCode: 0 });
    expect(bench.faultOf(() => checkedLinear(bench.cpu, Ds, 0x1000, 1, false))).toEqual({ vector: GP, errorCode: 0 });
  });

  it("do not exist for a flat 4 GiB segment, whose accesses wrap", () => {
    loadSegment(bench.cpu, Es, define(PRESENT | DATA_WRITABLE, 0x10, 0xfffff, 0xc));
    expect(checkedLinear(bench.cpu, Es, -8, 4, true)).toBe(8);
  });
});

describe("the LDT", () => {
  it("answers selectors with TI set after LLDT, and only then", () => {
    bench.descriptor(0x0c, 0x7000, 0xff, PRESENT | DATA_WRITABLE, 0x4);
    expect(bench.faultOf(() => loadSegment(bench.cpu, Es, 0x0c))?.errorCode).toBe(0x0c);
    bench.descriptor(FIRST_FREE, LDT, 0x0f, PRESENT | 0x02, 0);
    lldt(bench.cpu, FIRST_FREE);
    loadSegment(bench.cpu, Es, 0x0c);
    expect(checkedLinear(bench.cpu, Es, 4, 4, true)).toBe(0x7004);
    expect(bench.faultOf(() => loadSegment(bench.cpu, Es, 0x14))).toEqual({ vector: GP, errorCode: 0x14 });
    lldt(bench.cpu, 0);
    expect(bench.faultOf(() => loadSegment(bench.cpu, Es, 0x0c))?.vector).toBe(GP);
  });

  it("is refused when the descriptor is not an LDT, not present, in the LDT itself, or CPL is not 0", () => {
    expect(bench.faultOf(() => lldt(bench.cpu, DATA0))).toEqual({ vector: GP, errorCode: DATA0 });
    expect(bench.faultOf(() => lldt(bench.cpu, 0x0c))).toEqual({ vector: GP, errorCode: 0x0c });
    bench.descriptor(FIRST_FREE, LDT, 0x0f, 0x02, 0);
    expect(bench.faultOf(() => lldt(bench.cpu, FIRST_FREE))).toEqual({ vector: NP, errorCode: FIRST_FREE });
    bench.enterLevel(3);
    expect(bench.faultOf(() => lldt(bench.cpu, FIRST_FREE))).toEqual({ vector: GP, errorCode: 0 });
  });
});

describe("LAR, LSL, VERR and VERW", () => {
  const zero = () => (bench.cpu.eflags & Flag.Zf) !== 0;

  it("give access rights and limit with ZF for visible segments", () => {
    expect(lar(bench.cpu, DATA0, 0)).toBe(0x00c09300);
    expect(zero()).toBe(true);
    expect(lsl(bench.cpu, DATA0, 0)).toBe(-1);
    expect(lsl(bench.cpu, TSS_SELECTOR, 0)).toBe(0x67);
    expect(lar(bench.cpu, TSS_SELECTOR, 0)).toBe(0x00008b00);
  });

  it("clear ZF and keep the destination for what is null, outside, of a wrong type or not visible, without a fault", () => {
    bench.gate(GDT + FIRST_FREE, CODE0, 0, PRESENT | 0x0e);
    for (const selector of [0, 3, 0x88, 0x0c, FIRST_FREE]) {
      bench.cpu.eflags |= Flag.Zf;
      expect(lar(bench.cpu, selector, 77)).toBe(77);
      expect(zero()).toBe(false);
    }
    bench.gate(GDT + FIRST_FREE, CODE0, 0, PRESENT | 0x0c);
    expect(lar(bench.cpu, FIRST_FREE, 0)).toBe(0x8c00);
    expect(lsl(bench.cpu, FIRST_FREE, 5)).toBe(5);
    expect(lar(bench.cpu, DATA0 | 3, 5)).toBe(5);
    bench.enterLevel(3);
    expect(lar(bench.cpu, DATA0, 5)).toBe(5);
    expect(lar(bench.cpu, CONFORMING0, 5)).not.toBe(5);
  });

  it("verify readability and writability", () => {
    const verify = (access: number): string => {
      define(PRESENT | access);
      verr(bench.cpu, FIRST_FREE);
      const readable = zero();
      verw(bench.cpu, FIRST_FREE);
      return `${readable ? "r" : "-"}${zero() ? "w" : "-"}`;
    };
    expect(verify(DATA_WRITABLE)).toBe("rw");
    expect(verify(DATA_READ_ONLY)).toBe("r-");
    expect(verify(CODE_READABLE)).toBe("r-");
    expect(verify(CODE_EXECUTE_ONLY)).toBe("--");
    expect(verify(CODE_CONFORMING)).toBe("r-");
    verr(bench.cpu, TSS_SELECTOR);
    expect(zero()).toBe(false);
  });

  it("ARPL raises the RPL of the first selector to that of the second and says so in ZF", () => {
    expect(arpl(bench.cpu, 0x10, DATA3)).toBe(0x13);
    expect(zero()).toBe(true);
    expect(arpl(bench.cpu, 0x13, 0x09)).toBe(0x13);
    expect(zero()).toBe(false);
  });
});

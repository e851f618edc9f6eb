import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as flexpage from "../../kernel/flexpage.ts";
import { microseconds } from "../../kernel/timeout.ts";
import { period } from "./support/guest-script.ts";

describe("flexpages (ABI 7.3)", () => {
  it.each([
    [0x0000_0000, true, 0, 0],
    [0x0000_0010, false, 0, 2 ** 32],
    [0x0200_00c7, false, 0x0200_0000, 4096],
    [0xbff0_00c0, false, 0xbff0_0000, 4096],
    [0xbf00_0110, false, 0xbf00_0000, 2 ** 17],
    // The base is aligned down to the size.
    [0x1234_50d7, false, 0x1234_4000, 8192],
    [0xffff_fdf7, false, 0x8000_0000, 2 ** 31],
  ])("%x", (raw, nil, base, size) => {
    expect([flexpage.isNil(raw), flexpage.base(raw), flexpage.size(raw)]).toEqual([nil, base, size]);
  });

  it("I/O flexpages have a port and a number of ports", () => {
    const raw = flexpage.ioFlexpage(0x3f8, 3, 6);
    expect([flexpage.isIo(raw), flexpage.base(raw), flexpage.size(raw), flexpage.rights(raw)]).toEqual([
      true,
      0x3f8,
      8,
      6,
    ]);
    expect(flexpage.base(flexpage.ioFlexpage(0x3ff, 3, 7))).toBe(0x3f8);
    expect(flexpage.size(flexpage.ioFlexpage(0, 16, 7))).toBe(65536);
    // A size beyond 2^16 is the whole port space.
    expect(flexpage.size(flexpage.ioFlexpage(0x1234, 63, 7))).toBe(65536);
  });

  it("a mapping's source and destination lie in the two flexpages, differ by the send base, and have the smaller size", () => {
    const log2 = fc.integer({ min: 12, max: 31 });
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(word, log2, word, log2, word, (sendBits, sendLog2, windowBits, windowLog2, baseBits) => {
        const send = flexpage.memoryFlexpage((sendBits & ~0x3ff) >>> 0, sendLog2, 0);
        const window = flexpage.memoryFlexpage((windowBits & ~0x3ff) >>> 0, windowLog2, 0);
        const sendBase = (baseBits & ~0x3ff) >>> 0;
        const { source, destination, log2: size } = flexpage.mappingRange(send, sendBase, window);
        expect(size).toBe(Math.min(sendLog2, windowLog2));
        expect(flexpage.contains(send, source, 2 ** size)).toBe(true);
        expect(flexpage.contains(window, destination, 2 ** size)).toBe(true);
        const larger = sendLog2 > windowLog2 ? source : destination;
        const mask = 2 ** Math.max(sendLog2, windowLog2);
        expect(larger % mask).toBe(flexpage.alignDown(sendBase % mask, size));
      }),
    );
  });

  it("the complete window puts a page where the send base says", () => {
    const send = flexpage.memoryFlexpage(0x40_0000, 12, 7);
    expect(flexpage.mappingRange(send, 0x2000_0c00, flexpage.COMPLETE_FLEXPAGE)).toEqual({
      source: 0x40_0000,
      destination: 0x2000_0000,
      log2: 12,
    });
  });
});

describe("times (ABI 7.7)", () => {
  it.each([
    [0x0001, 1],
    [0x03ff, 1023],
    [0x0400, 0],
    [0x0401, 2],
    [0x7fff, 1023 * 2 ** 31],
    [0x0800, 0],
  ])("%x", (time, expected) => {
    expect(microseconds(time)).toBe(expected);
  });

  it("the test's own encoder gives at least what was asked for, and less than 0.4 % more", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (wanted) => {
        expect(microseconds(period(wanted))).toBeGreaterThanOrEqual(wanted);
        expect(microseconds(period(wanted))).toBeLessThanOrEqual(wanted * 1.004 + 1);
      }),
    );
  });
});

import { describe, expect, it } from "vitest";
import { KIP } from "../../kernel/kip.ts";
import { TCB, TCB_BYTES } from "../../kernel/tcb-layout.ts";
import { bufferRegister, messageRegister, UTCB } from "../../kernel/utcb.ts";
import { Rig } from "./support/rig.ts";

/** The kernel interface page as user code reads it (ABI 3), and structures whose offsets are ABI. */
describe("the kernel interface page", () => {
  const rig = new Rig();
  rig.run();
  const page = rig.kernel.translate(50, 0xbff0_0000) ?? 0;
  const word = (offset: number): number => rig.word(page + offset);

  it.each([
    ["magic", 0x00, 0x4be6_344c],
    ["API version", 0x04, 0x8405_0000],
    ["API flags", 0x08, 0],
    ["kernel description", 0x0c, 0x130],
    ["sigma0's instruction pointer", 0x24, 0x0002_0000],
    ["sigma0's image", 0x28, 0x0002_0000],
    ["sigma1: none", 0x34, 0],
    ["root's instruction pointer", 0x44, 0x0040_0000],
    ["root's image", 0x48, 0x0040_0000],
    ["root's image's end", 0x4c, 0x0044_0000],
    ["UTCB area: size 512, alignment 512, at least 4 KiB", 0xa8, 0x000c_2401],
    ["KIP area: 4 KiB", 0xac, 0x0c],
    ["processor descriptors", 0xbc, 0x120],
    ["clock information", 0xc0, 0],
    ["threads: 10 bits, system base 16, user base 48", 0xc4, 0x0300_100a],
    ["pages: 4 KiB, rights r and w", 0xc8, 0x0000_1006],
    ["one processor", 0xcc, 0x4000_0000],
    ["internal frequency in kHz", 0x124, 100_000],
    ["kernel id", 0x130, 0x0402_0000],
  ])("%s", (_name, offset, value) => {
    expect(word(offset)).toBe(value);
  });

  it("has all stubs inside the page", () => {
    for (let offset = 0xd0; offset <= 0xf8; offset += 4) {
      expect(word(offset)).toBeGreaterThanOrEqual(0x800);
      expect(word(offset)).toBeLessThan(0x1000);
    }
  });

  it("names its features after the version string, and none that it lacks", () => {
    const bytes = rig.machine.memory.readBytes(page + 0x140, 0x60);
    const strings = new TextDecoder().decode(bytes).split("\0");
    expect(strings.slice(0, strings.indexOf(""))).toEqual([
      "quorum86 L4 X.2 kernel model",
      "pagerexregs",
      "ioflexpages",
    ]);
  });

  it("describes memory: RAM, the hole, the kernel's part, images, boot information, the user area", () => {
    const information = word(0x54);
    const first = information >>> 16;
    const descriptors = Array.from({ length: information & 0xffff }, (_, i) => {
      const low = word(first + 8 * i);
      const high = word(first + 8 * i + 4);
      return [low & 0x3ff, (low & ~0x3ff) >>> 0, ((high & ~0x3ff) >>> 0) + 0x3ff];
    });
    expect(descriptors).toEqual([
      [0x01, 0, 0x9_ffff],
      [0x2f, 0xa_0000, 0xf_ffff],
      [0x01, 0x10_0000, 0xbf_ffff],
      [0x02, 0xa0_0000, 0xbf_ffff],
      [0x2e, 0x2_0000, expect.any(Number)],
      [0x2e, 0x40_0000, 0x43_ffff],
      [0x1e, 0x44_0000, 0x44_0fff],
      [0x201, 0, 0xbfff_ffff],
    ]);
  });

  it("is read-only and the same page in every space", () => {
    expect(rig.kernel.translate(48, 0xbff0_0000)).toBe(page);
    expect(rig.kernel.owner(page)).toMatchObject({ kind: "kernel", name: "KIP", field: "magic" });
  });
});

describe("structures whose offsets are ABI", () => {
  it("KIP", () => {
    expect([KIP.at.memoryInfo, KIP.at.utcbAreaInfo, KIP.at.bootInfo, KIP.at.threadInfo, KIP.at.entries]).toEqual([
      0x54, 0xa8, 0xb8, 0xc4, 0xd0,
    ]);
    expect([KIP.at.processor, KIP.at.kernelId, KIP.at.memoryDescriptors, KIP.at.stubs]).toEqual([
      0x120, 0x130, 0x1a0, 0x800,
    ]);
  });

  it("UTCB", () => {
    const pointer = 0x100;
    const { at } = UTCB;
    expect(
      [at.myGlobalId, at.userDefinedHandle, at.pager, at.exceptionHandler].map((offset) => offset - pointer),
    ).toEqual([-60, -52, -48, -44]);
    expect([at.flags, at.errorCode, at.transferTimeouts, at.virtualSender].map((offset) => offset - pointer)).toEqual([
      -40, -36, -32, -24,
    ]);
    expect([bufferRegister(0), bufferRegister(32), messageRegister(0)].map((offset) => offset - pointer)).toEqual([
      -64, -192, 0,
    ]);
  });

  it("TCB: the CPU's frame is at the very end", () => {
    expect([TCB.at.ss, TCB.at.esp, TCB.at.eflags, TCB.at.cs, TCB.at.eip, TCB.at.errorCode]).toEqual(
      [1, 2, 3, 4, 5, 6].map((word) => TCB_BYTES - 4 * word),
    );
  });
});

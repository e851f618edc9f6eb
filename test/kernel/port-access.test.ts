import { describe, expect, it } from "vitest";
import { decodePortAccess } from "../../kernel/io-space.ts";

/** Which port an instruction accesses, by its bytes (Intel SDM vol. 2: IN, OUT, INS, OUTS). */
describe("a port access is recognised", () => {
  const decode = (...bytes: number[]) => decodePortAccess((i) => bytes[i] ?? -1, 0xabcd_03f8);

  it.each([
    ["in al, 0x60", [0xe4, 0x60], 0x60, 1],
    ["in eax, 0x60", [0xe5, 0x60], 0x60, 4],
    ["in ax, 0x60", [0x66, 0xe5, 0x60], 0x60, 2],
    ["out 0x80, al", [0xe6, 0x80], 0x80, 1],
    ["out 0x80, eax", [0xe7, 0x80], 0x80, 4],
    ["in al, dx", [0xec], 0x3f8, 1],
    ["in eax, dx", [0xed], 0x3f8, 4],
    ["out dx, al", [0xee], 0x3f8, 1],
    ["out dx, ax", [0x66, 0xef], 0x3f8, 2],
    ["rep insb", [0xf3, 0x6c], 0x3f8, 1],
    ["insd", [0x6d], 0x3f8, 4],
    ["fs outsb", [0x64, 0x6e], 0x3f8, 1],
    ["rep outsw with a 16-bit address", [0xf3, 0x66, 0x67, 0x6f], 0x3f8, 2],
  ])("%s", (_name, bytes, port, width) => {
    expect(decode(...bytes)).toEqual({ port, bytes: width });
  });

  it.each([
    ["nop", [0x90]],
    ["hlt", [0xf4]],
    ["prefixes without end", new Array<number>(16).fill(0x66)],
    ["an instruction that can't be read", []],
  ])("not in %s", (_name, bytes) => {
    expect(decode(...bytes)).toBeUndefined();
  });
});

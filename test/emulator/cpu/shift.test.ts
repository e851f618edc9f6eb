import { describe, expect, it } from "vitest";
import { DATA, Guest } from "./guest.ts";

const guest = new Guest();

describe("SHL, SHR, SAR", () => {
  it("SHL by 1 moves the top bit into CF and sets OF when the sign changes", () => {
    expect(guest.run("d1 e0 ; shl eax, 1", { eax: 0xc0000001 })).toMatchObject({
      eax: 0x80000002,
      flags: "sc",
      cycles: 1,
    });
    expect(guest.run("d1 e0 ; shl eax, 1", { eax: 0x40000000 })).toMatchObject({ eax: 0x80000000, flags: "osp" });
  });

  it("a count of 0 (also 32) changes neither operand nor flags", () => {
    for (const count of [0, 32, 0x40]) {
      const outcome = guest.run("d3 e0 ; shl eax, cl", { eax: 0x12345678, ecx: count, flags: "oszapc" });
      expect(outcome).toMatchObject({ eax: 0x12345678, flags: "oszapc", cycles: 4 });
    }
  });

  it("byte and word shifts by more than their width shift everything out", () => {
    expect(guest.run("c0 e0 09 ; shl al, 9", { eax: 0xff })).toMatchObject({ eax: 0, flags: "zp" });
    expect(guest.run("c0 e0 08 ; shl al, 8", { eax: 0x01 }).flags).toContain("c");
    expect(guest.run("66 c1 e8 11 ; shr ax, 17", { eax: 0xffff })).toMatchObject({ eax: 0 });
  });

  it("SHR by 1 sets OF to the old sign", () => {
    expect(guest.run("d1 e8 ; shr eax, 1", { eax: 0x80000001 })).toMatchObject({ eax: 0x40000000, flags: "opc" });
  });

  it("SAR keeps the sign, whatever the count", () => {
    expect(guest.run("c1 f8 1f ; sar eax, 31", { eax: 0x80000000 })).toMatchObject({ eax: 0xffffffff, flags: "sp" });
    expect(guest.run("c0 f8 1f ; sar al, 31", { eax: 0x80 })).toMatchObject({ eax: 0xff, flags: "spc" });
  });

  it("a shift of memory takes 3 clocks by an immediate and 4 by CL", () => {
    expect(guest.run("c1 25 00 20 00 00 04 ; shl dword [0x2000], 4", { memory: { [DATA]: 0x11 } }).cycles).toBe(3);
    expect(guest.word(DATA)).toBe(0x110);
    expect(guest.run("d3 25 00 20 00 00 ; shl dword [0x2000], cl", { ecx: 1 }).cycles).toBe(4);
  });
});

describe("ROL, ROR, RCL, RCR", () => {
  it("rotates change CF and OF only", () => {
    expect(guest.run("d1 c0 ; rol eax, 1", { eax: 0x80000000, flags: "szap" })).toMatchObject({
      eax: 1,
      flags: "oszapc",
    });
    expect(guest.run("d1 c8 ; ror eax, 1", { eax: 1, flags: "zp" })).toMatchObject({
      eax: 0x80000000,
      flags: "ozpc",
    });
  });

  it("a byte rotated by 8 comes back, with CF from its bit", () => {
    expect(guest.run("c0 c0 08 ; rol al, 8", { eax: 0x81 })).toMatchObject({ eax: 0x81 });
    expect(guest.run("c0 c0 08 ; rol al, 8", { eax: 0x81 }).flags).toContain("c");
    expect(guest.run("66 c1 c8 10 ; ror ax, 16", { eax: 0x8001 }).flags).toContain("c");
  });

  it("RCL by 1 takes CF in at the bottom and the top bit out (1 clock)", () => {
    expect(guest.run("d1 d0 ; rcl eax, 1", { eax: 0x80000000, flags: "c" })).toMatchObject({
      eax: 1,
      flags: "oc",
      cycles: 1,
    });
  });

  it("RCR by 33 steps modulo 32, byte RCL modulo 9", () => {
    expect(guest.run("d3 d8 ; rcr eax, cl", { eax: 2, ecx: 33, flags: "c" })).toMatchObject({ eax: 0x80000001 });
    expect(guest.run("c0 d0 09 ; rcl al, 9", { eax: 0x5a, flags: "c" })).toMatchObject({ eax: 0x5a });
  });

  it("RCL by an immediate takes 8 clocks and one for each step, by CL 7 and at most 17 more", () => {
    expect(guest.run("c1 d0 05 ; rcl eax, 5").cycles).toBe(13);
    expect(guest.run("d3 d0 ; rcl eax, cl", { ecx: 5 }).cycles).toBe(12);
    expect(guest.run("d3 d0 ; rcl eax, cl", { ecx: 31 }).cycles).toBe(24);
  });
});

describe("SHLD and SHRD", () => {
  it("shift bits of the second operand in", () => {
    expect(guest.run("0f a4 d8 08 ; shld eax, ebx, 8", { eax: 0x12345678, ebx: 0xab000000 })).toMatchObject({
      eax: 0x345678ab,
      cycles: 4,
    });
    expect(guest.run("0f ad d8 ; shrd eax, ebx, cl", { eax: 0x12345678, ebx: 0xab, ecx: 8 })).toMatchObject({
      eax: 0xab123456,
    });
  });

  it("put the last bit shifted out in CF", () => {
    expect(guest.run("0f a4 d8 04 ; shld eax, ebx, 4", { eax: 0x10000000 }).flags).toContain("c");
    expect(guest.run("0f ac d8 04 ; shrd eax, ebx, 4", { eax: 0x8 }).flags).toContain("c");
  });

  it("work on 16-bit operands", () => {
    expect(guest.run("66 0f a4 d8 04 ; shld ax, bx, 4", { eax: 0x99991234, ebx: 0xabcd })).toMatchObject({
      eax: 0x9999234a,
    });
  });
});

describe("bit instructions", () => {
  it("BT of a register takes the bit number modulo 32 and changes CF only (4 clocks)", () => {
    expect(guest.run("0f a3 d8 ; bt eax, ebx", { eax: 8, ebx: 35, flags: "ozp" })).toMatchObject({
      flags: "ozpc",
      cycles: 4,
    });
  });

  it("BTS of memory with a register number reaches beyond the operand, also below it", () => {
    const text = "0f ab 1d 00 20 00 00 ; bts [0x2000], ebx";
    expect(guest.run(text, { ebx: 40, memory: { [DATA + 4]: 0 } }).cycles).toBe(13);
    expect(guest.word(DATA + 4)).toBe(0x100);
    guest.run(text, { ebx: -1 >>> 0, memory: { [DATA - 4]: 0 } });
    expect(guest.word(DATA - 4)).toBe(0x80000000);
  });

  it("BTR and BTC clear and toggle", () => {
    expect(guest.run("0f ba f0 03 ; btr eax, 3", { eax: 0xff })).toMatchObject({ eax: 0xf7, flags: "c", cycles: 7 });
    expect(guest.run("0f ba f8 03 ; btc eax, 3", { eax: 0xf7 })).toMatchObject({ eax: 0xff, flags: "" });
  });

  it("BSF finds the lowest bit, BSR the highest; a zero source sets ZF and changes no register", () => {
    expect(guest.run("0f bc c3 ; bsf eax, ebx", { ebx: 0x00f00000 })).toMatchObject({ eax: 20, cycles: 26 });
    expect(guest.run("0f bd c3 ; bsr eax, ebx", { ebx: 0x00f00000 })).toMatchObject({ eax: 23, cycles: 23 });
    expect(guest.run("0f bc c3 ; bsf eax, ebx", { eax: 77 })).toMatchObject({ eax: 77, flags: "z", cycles: 6 });
  });

  it("SETcc writes a byte: 1 clock to a register, 2 to memory", () => {
    expect(guest.run("0f 94 c4 ; sete ah", { eax: 0xffff, flags: "z" })).toMatchObject({ eax: 0x01ff, cycles: 1 });
    expect(guest.run("0f 95 05 00 20 00 00 ; setne [0x2000]", { memory: { [DATA]: 0xffffffff } }).cycles).toBe(2);
    expect(guest.word(DATA)).toBe(0xffffff01);
  });
});

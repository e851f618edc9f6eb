import { describe, expect, it } from "vitest";
import { DATA, Guest } from "./guest.ts";

const guest = new Guest();

describe("ADD, ADC, SUB, SBB, CMP", () => {
  it("ADD sets CF, ZF, AF and PF when FFFFFFFF + 1 wraps, in 1 clock", () => {
    expect(guest.run("01 d8 ; add eax, ebx", { eax: 0xffffffff, ebx: 1 })).toMatchObject({
      eax: 0,
      flags: "zapc",
      cycles: 1,
      retired: 1,
    });
  });

  it("ADD sets OF and SF, not CF, when 7FFFFFFF + 1 crosses the sign", () => {
    expect(guest.run("83 c0 01 ; add eax, 1", { eax: 0x7fffffff })).toMatchObject({ eax: 0x80000000, flags: "osap" });
  });

  it("a 16-bit ADD leaves the upper half of the register alone", () => {
    expect(guest.run("66 01 d8 ; add ax, bx", { eax: 0x1234ffff, ebx: 1 })).toMatchObject({
      eax: 0x12340000,
      flags: "zapc",
    });
  });

  it("byte ADD reaches AH without touching AL", () => {
    expect(guest.run("00 dc ; add ah, bl", { eax: 0x1122ff44, ebx: 0x02 })).toMatchObject({
      eax: 0x11220144,
      flags: "ac",
    });
  });

  it("ADC adds the carry, and carries out when operand and carry wrap together", () => {
    expect(guest.run("11 d8 ; adc eax, ebx", { eax: 5, ebx: 0xffffffff, flags: "c" })).toMatchObject({
      eax: 5,
      flags: "apc",
    });
  });

  it("SBB subtracts the borrow: 0 - 0 - 1 borrows", () => {
    expect(guest.run("19 d8 ; sbb eax, ebx", { flags: "c" })).toMatchObject({ eax: 0xffffffff, flags: "sapc" });
  });

  it("SBB of equal operands with the largest subtrahend still borrows", () => {
    expect(guest.run("19 d8 ; sbb eax, ebx", { eax: 0xffffffff, ebx: 0xffffffff, flags: "c" })).toMatchObject({
      eax: 0xffffffff,
      flags: "sapc",
    });
  });

  it("SUB memory, register: 3 clocks; the memory holds the difference", () => {
    const outcome = guest.run("29 05 00 20 00 00 ; sub [0x2000], eax", { eax: 1, memory: { [DATA]: 0x80000000 } });
    expect(guest.word(DATA)).toBe(0x7fffffff);
    expect(outcome).toMatchObject({ flags: "oap", cycles: 3 });
  });

  it("ADD register, memory: 2 clocks", () => {
    expect(guest.run("03 05 00 20 00 00 ; add eax, [0x2000]", { eax: 2, memory: { [DATA]: 40 } })).toMatchObject({
      eax: 42,
      cycles: 2,
    });
  });

  it("CMP writes nothing but flags; with memory it takes 2 clocks", () => {
    const outcome = guest.run("39 05 00 20 00 00 ; cmp [0x2000], eax", { eax: 7, memory: { [DATA]: 7 } });
    expect(outcome).toMatchObject({ eax: 7, flags: "zp", cycles: 2 });
    expect(guest.word(DATA)).toBe(7);
  });

  it("the imm8 form sign-extends its immediate", () => {
    expect(guest.run("83 e8 ff ; sub eax, -1", { eax: 1 })).toMatchObject({ eax: 2, flags: "ac" });
  });
});

describe("INC and DEC", () => {
  it("leave CF alone, set or clear", () => {
    expect(guest.run("40 ; inc eax", { eax: 0xffffffff })).toMatchObject({ eax: 0, flags: "zap" });
    expect(guest.run("40 ; inc eax", { eax: 0xffffffff, flags: "c" })).toMatchObject({ eax: 0, flags: "zapc" });
    expect(guest.run("48 ; dec eax", { eax: 0, flags: "c" })).toMatchObject({ eax: 0xffffffff, flags: "sapc" });
  });

  it("set OF at the sign boundary and keep it right beside a preserved CF", () => {
    expect(guest.run("40 ; inc eax", { eax: 0x7fffffff, flags: "c" })).toMatchObject({ flags: "osapc" });
    expect(guest.run("fe c8 ; dec al", { eax: 0x80, flags: "c" })).toMatchObject({ eax: 0x7f, flags: "oac" });
  });
});

describe("NEG and NOT", () => {
  it("NEG of zero clears CF, of anything else sets it", () => {
    expect(guest.run("f7 d8 ; neg eax", { eax: 0, flags: "c" })).toMatchObject({ eax: 0, flags: "zp" });
    expect(guest.run("f7 d8 ; neg eax", { eax: 1 })).toMatchObject({ eax: 0xffffffff, flags: "sapc" });
  });

  it("NEG of the most negative byte overflows", () => {
    expect(guest.run("f6 d8 ; neg al", { eax: 0x80 })).toMatchObject({ eax: 0x80, flags: "osc" });
  });

  it("NOT changes no flags", () => {
    expect(guest.run("f7 d0 ; not eax", { eax: 0x0f0f0f0f, flags: "oszapc" })).toMatchObject({
      eax: 0xf0f0f0f0,
      flags: "oszapc",
    });
  });
});

describe("MUL and IMUL", () => {
  it("MUL r32 gives all 64 bits: FFFFFFFF squared, CF and OF because EDX is not zero, 10 clocks", () => {
    const outcome = guest.run("f7 e3 ; mul ebx", { eax: 0xffffffff, ebx: 0xffffffff });
    expect(outcome).toMatchObject({ eax: 1, edx: 0xfffffffe, cycles: 10 });
    expect(outcome.flags).toContain("o");
    expect(outcome.flags).toContain("c");
  });

  it("MUL r32 of random operands equals the product of bigints", () => {
    let state = 12345;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state;
    };
    for (let i = 0; i < 500; i++) {
      const a = next();
      const b = next();
      const product = BigInt(a) * BigInt(b);
      const unsigned = guest.run("f7 e3 ; mul ebx", { eax: a, ebx: b });
      expect((BigInt(unsigned.edx) << 32n) | BigInt(unsigned.eax)).toBe(product);
      const signed = guest.run("f7 eb ; imul ebx", { eax: a, ebx: b });
      const signedProduct = BigInt.asUintN(64, BigInt(a | 0) * BigInt(b | 0));
      expect((BigInt(signed.edx) << 32n) | BigInt(signed.eax)).toBe(signedProduct);
    }
  });

  it("MUL r8 and r16 take 11 clocks and leave the rest of the registers alone", () => {
    expect(guest.run("f6 e3 ; mul bl", { eax: 0x55aa00ff, ebx: 0xff })).toMatchObject({ eax: 0x55aafe01, cycles: 11 });
    expect(guest.run("66 f7 e3 ; mul bx", { eax: 0x11110100, edx: 0x22222222, ebx: 0x0100 })).toMatchObject({
      eax: 0x11110000,
      edx: 0x22220001,
      cycles: 11,
    });
  });

  it("two-operand IMUL sets CF and OF only when the product does not fit", () => {
    expect(guest.run("0f af c3 ; imul eax, ebx", { eax: -3 >>> 0, ebx: 5 })).toMatchObject({
      eax: -15 >>> 0,
      flags: "s",
      cycles: 9,
    });
    expect(guest.run("0f af c3 ; imul eax, ebx", { eax: 0x10000, ebx: 0x10000 }).flags).toBe("ozpc");
  });

  it("three-operand IMUL multiplies the source, not the destination", () => {
    expect(guest.run("6b c3 fe ; imul eax, ebx, -2", { eax: 99, ebx: 7 })).toMatchObject({ eax: -14 >>> 0 });
    expect(guest.run("66 69 c3 e8 03 ; imul ax, bx, 1000", { eax: 0xffff0000, ebx: 100 })).toMatchObject({
      eax: 0xffff86a0,
    });
  });
});

describe("DIV and IDIV", () => {
  it("DIV r32 divides 64 bits: quotient in EAX, remainder in EDX, 41 clocks", () => {
    expect(guest.run("f7 f3 ; div ebx", { edx: 1, eax: 5, ebx: 0x10000 })).toMatchObject({
      eax: 0x10000,
      edx: 5,
      cycles: 41,
    });
  });

  it("DIV r32 and IDIV r32 of random operands equal bigint division", () => {
    let state = 99;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state;
    };
    for (let i = 0; i < 500; i++) {
      const divisor = next() >>> (i & 31) || 1;
      const high = next() % divisor;
      const low = next();
      const dividend = (BigInt(high) << 32n) | BigInt(low);
      expect(guest.run("f7 f3 ; div ebx", { edx: high, eax: low, ebx: divisor })).toMatchObject({
        eax: Number(dividend / BigInt(divisor)),
        edx: Number(dividend % BigInt(divisor)),
      });
      const signedDivisor = BigInt(divisor | 0);
      const signed = BigInt.asIntN(64, dividend);
      const quotient = signed / signedDivisor;
      const outcome = guest.run("f7 fb ; idiv ebx", { edx: high, eax: low, ebx: divisor });
      if (quotient > 0x7fffffffn || quotient < -0x80000000n) expect(outcome.vector).toBe(0);
      else {
        expect(outcome.eax | 0).toBe(Number(quotient));
        expect(outcome.edx | 0).toBe(Number(signed % signedDivisor));
      }
    }
  });

  it("raises #DE at the instruction and changes nothing when the divisor is zero or the quotient does not fit", () => {
    for (const setup of [
      { eax: 1, edx: 0, ebx: 0 },
      { eax: 0, edx: 2, ebx: 2 },
    ]) {
      expect(guest.run("90 ; nop\n f7 f3 ; div ebx", { ...setup, instructions: 3 })).toMatchObject({
        vector: 0,
        faultEip: 0x1001,
        eax: setup.eax,
        edx: setup.edx,
      });
    }
  });

  it("IDIV raises #DE for the most negative number divided by -1, in every width", () => {
    expect(guest.run("f7 fb ; idiv ebx", { eax: 0x80000000, edx: 0xffffffff, ebx: 0xffffffff }).vector).toBe(0);
    expect(guest.run("66 f7 fb ; idiv bx", { eax: 0x8000, edx: 0xffff, ebx: 0xffff }).vector).toBe(0);
    expect(guest.run("f6 fb ; idiv bl", { eax: 0xff80, ebx: 0xff }).vector).toBe(0);
  });

  it("IDIV truncates toward zero: the remainder has the dividend's sign", () => {
    expect(guest.run("f6 fb ; idiv bl", { eax: -7 & 0xffff, ebx: 2 })).toMatchObject({ eax: 0xfffd, cycles: 22 });
  });
});

describe("XADD, CMPXCHG, CMPXCHG8B", () => {
  it("XADD exchanges and adds", () => {
    const outcome = guest.run("0f c1 05 00 20 00 00 ; xadd [0x2000], eax", { eax: 5, memory: { [DATA]: 10 } });
    expect(outcome).toMatchObject({ eax: 10, flags: "p", cycles: 4 });
    expect(guest.word(DATA)).toBe(15);
  });

  it("XADD of a register with itself doubles it", () => {
    expect(guest.run("0f c1 c0 ; xadd eax, eax", { eax: 21 })).toMatchObject({ eax: 42 });
  });

  it("CMPXCHG stores the source when the accumulator equals the destination, else loads the accumulator", () => {
    const text = "f0 0f b1 1d 00 20 00 00 ; lock cmpxchg [0x2000], ebx";
    expect(guest.run(text, { eax: 7, ebx: 8, memory: { [DATA]: 7 } }).flags).toBe("zp");
    expect(guest.word(DATA)).toBe(8);
    expect(guest.run(text, { eax: 6, ebx: 8, memory: { [DATA]: 7 } })).toMatchObject({ eax: 7, flags: "sapc" });
    expect(guest.word(DATA)).toBe(7);
  });

  it("CMPXCHG8B compares EDX:EAX, stores ECX:EBX, and changes ZF only", () => {
    const text = "0f c7 0d 00 20 00 00 ; cmpxchg8b [0x2000]";
    const memory = { [DATA]: 1, [DATA + 4]: 2 };
    const registers = { eax: 1, edx: 2, ebx: 3, ecx: 4 };
    expect(guest.run(text, { ...registers, memory, flags: "osapc" })).toMatchObject({ flags: "oszapc", cycles: 10 });
    expect([guest.word(DATA), guest.word(DATA + 4)]).toEqual([3, 4]);
    expect(guest.run(text, { ...registers, edx: 9, memory, flags: "z" })).toMatchObject({ eax: 1, edx: 2, flags: "" });
  });
});

describe("decimal arithmetic", () => {
  it("DAA corrects 79 + 35 to 14 and carries", () => {
    expect(guest.run("00 d8 ; add al, bl\n 27 ; daa", { eax: 0x79, ebx: 0x35 })).toMatchObject({
      eax: 0x14,
      cycles: 4,
    });
    expect(guest.run("00 d8 ; add al, bl\n 27 ; daa", { eax: 0x79, ebx: 0x35 }).flags).toBe("apc");
  });

  it("DAS corrects 35 - 47 to 88 and borrows", () => {
    expect(guest.run("28 d8 ; sub al, bl\n 2f ; das", { eax: 0x35, ebx: 0x47 })).toMatchObject({
      eax: 0x88,
      flags: "sapc",
    });
  });

  it("AAA and AAS move a decimal carry into AH", () => {
    expect(guest.run("37 ; aaa", { eax: 0x000b })).toMatchObject({ eax: 0x0101 });
    expect(guest.run("3f ; aas", { eax: 0x02ff })).toMatchObject({ eax: 0x0109 });
  });

  it("AAM divides by its immediate (18 clocks) and raises #DE for zero; AAD puts the digits together (10 clocks)", () => {
    expect(guest.run("d4 0a ; aam", { eax: 63 })).toMatchObject({ eax: 0x0603, cycles: 18 });
    expect(guest.run("d4 00 ; aam 0", { eax: 63 })).toMatchObject({ vector: 0, faultEip: 0x1000 });
    expect(guest.run("d5 0a ; aad", { eax: 0x0603 })).toMatchObject({ eax: 63, cycles: 10 });
  });
});

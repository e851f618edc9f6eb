import { describe, expect, it } from "vitest";
import { CODE, DATA, Guest, STACK } from "./guest.ts";

const guest = new Guest();

describe("near transfers", () => {
  it("JMP short and near go relative to the next instruction (1 clock)", () => {
    expect(guest.run("eb 10 ; jmp +16")).toMatchObject({ eip: CODE + 0x12, cycles: 1 });
    expect(guest.run("e9 f0 ff ff ff ; jmp -16")).toMatchObject({ eip: CODE - 11 });
  });

  it("Jcc takes 1 clock taken or not", () => {
    expect(guest.run("74 10 ; jz +16", { flags: "z" })).toMatchObject({ eip: CODE + 0x12, cycles: 1 });
    expect(guest.run("0f 84 10 00 00 00 ; jz +16")).toMatchObject({ eip: CODE + 6, cycles: 1 });
  });

  it("CALL pushes the return address, RET n takes it and releases n bytes", () => {
    expect(guest.run("e8 00 01 00 00 ; call +256")).toMatchObject({ eip: CODE + 0x105, esp: STACK - 4, cycles: 1 });
    expect(guest.word(STACK - 4)).toBe(CODE + 5);
    expect(guest.run("c2 08 00 ; ret 8", { memory: { [STACK]: 0x3000 } })).toMatchObject({
      eip: 0x3000,
      esp: STACK + 12,
      cycles: 3,
    });
  });

  it("indirect JMP and CALL take 2 clocks; CALL [ESP] uses the stack before the push", () => {
    expect(guest.run("ff e0 ; jmp eax", { eax: 0x3000 })).toMatchObject({ eip: 0x3000, cycles: 2 });
    expect(guest.run("ff 25 00 20 00 00 ; jmp [0x2000]", { memory: { [DATA]: 0x3000 } })).toMatchObject({
      eip: 0x3000,
    });
    expect(guest.run("ff 14 24 ; call [esp]", { memory: { [STACK]: 0x3000 } })).toMatchObject({
      eip: 0x3000,
      esp: STACK - 4,
    });
  });

  it("16-bit operands truncate the target", () => {
    expect(guest.run("66 ff e0 ; jmp ax", { eax: 0x12343000 })).toMatchObject({ eip: 0x3000 });
  });

  it("the same indirect jump goes to different targets in turn", () => {
    const outcome = guest.run(
      `bf 10 10 00 00 ; mov edi, 0x1010
       ff e7          ; jmp edi
       90 90 90 90 90 90 90 90 90 ; padding
       bf 07 10 00 00 ; 1010: mov edi, 0x1007
       eb ee          ; jmp 0x1005`,
      { instructions: 5 },
    );
    expect(outcome).toMatchObject({ eip: 0x1007, edi: 0x1007 });
  });
});

describe("LOOP and JCXZ", () => {
  it("LOOP counts ECX down: 5 clocks taken, 6 not taken", () => {
    expect(guest.run("e2 10 ; loop +16", { ecx: 2 })).toMatchObject({ ecx: 1, eip: CODE + 0x12, cycles: 5 });
    expect(guest.run("e2 10 ; loop +16", { ecx: 1 })).toMatchObject({ ecx: 0, eip: CODE + 2, cycles: 6 });
    expect(guest.run("e2 10 ; loop +16", { ecx: 0 })).toMatchObject({ ecx: 0xffffffff, eip: CODE + 0x12 });
  });

  it("LOOPE and LOOPNE also look at ZF and do not change it", () => {
    expect(guest.run("e1 10 ; loope +16", { ecx: 2 })).toMatchObject({ ecx: 1, eip: CODE + 2, flags: "" });
    expect(guest.run("e0 10 ; loopne +16", { ecx: 2 })).toMatchObject({ ecx: 1, eip: CODE + 0x12 });
  });

  it("with 16-bit addressing LOOP and JCXZ use CX", () => {
    expect(guest.run("67 e2 10 ; loop cx", { ecx: 0x20001 })).toMatchObject({ ecx: 0x20000, eip: CODE + 3 });
    expect(guest.run("67 e3 10 ; jcxz +16", { ecx: 0x20000 })).toMatchObject({ eip: CODE + 0x13, cycles: 5 });
    expect(guest.run("e3 10 ; jecxz +16", { ecx: 0x20000 })).toMatchObject({ eip: CODE + 2, cycles: 6 });
  });
});

describe("faults and traps", () => {
  it("INT n pushes the next instruction's address, INT3 and INTO too", () => {
    expect(guest.run("cd 05 ; int 5")).toMatchObject({ vector: 5, faultEip: CODE + 2, cycles: 31, retired: 1 });
    expect(guest.run("cc ; int3")).toMatchObject({ vector: 3, faultEip: CODE + 1, cycles: 27 });
    expect(guest.run("ce ; into", { flags: "o" })).toMatchObject({ vector: 4, faultEip: CODE + 1, cycles: 27 });
    expect(guest.run("ce ; into")).toMatchObject({ vector: undefined, eip: CODE + 1, cycles: 4 });
  });

  it("BOUND passes inside the pair (8 clocks) and raises #BR outside, signed", () => {
    const memory = { [DATA]: -5 >>> 0, [DATA + 4]: 5 };
    expect(guest.run("62 05 00 20 00 00 ; bound eax, [0x2000]", { eax: -5 >>> 0, memory })).toMatchObject({
      cycles: 8,
    });
    expect(guest.run("62 05 00 20 00 00 ; bound eax, [0x2000]", { eax: 6, memory })).toMatchObject({
      vector: 5,
      faultEip: CODE,
    });
  });

  it.each([
    ["UD2", "0f 0b"],
    ["an opcode that a Pentium does not have (CMOV)", "0f 44 c0"],
    ["LEA with a register", "8d c0"],
    ["MOV to CS", "8e c8"],
    ["LOCK before an instruction that cannot be locked", "f0 89 c3"],
    ["LOCK with a register destination", "f0 01 c3"],
    ["CMPXCHG8B with a register, locked", "f0 0f c7 c8"],
    ["group 5 /7", "ff f8"],
    ["a reserved floating-point escape", "d9 d1"],
  ])("%s raises #UD with EIP at the instruction", (_name, bytes) => {
    expect(guest.run(`90 ; nop\n ${bytes} ; the bad one`, { instructions: 3 })).toMatchObject({
      vector: 6,
      faultEip: CODE + 1,
      retired: 2,
    });
  });

  it("an instruction of 16 bytes raises #GP(0), one of 15 runs", () => {
    const prefixes = (count: number) => "2e ".repeat(count);
    expect(guest.run(`${prefixes(14)} 40 ; inc eax`)).toMatchObject({ eax: 1 });
    expect(guest.run(`${prefixes(15)} 40 ; inc eax`)).toMatchObject({
      vector: 13,
      errorCode: 0,
      faultEip: CODE,
      eax: 0,
    });
  });

  it("a fault keeps the clocks and the count of the instructions before it, in a block or alone", () => {
    const text = "40 ; inc eax\n 40 ; inc eax\n f7 f1 ; div ecx\n 40 ; inc eax";
    const whole = guest.run(text, { instructions: 100 });
    const stepped = new Guest();
    stepped.run("90 ; nop");
    const { machine } = stepped;
    const detach = machine.observe({ beforeInstruction: () => {} });
    const watched = stepped.run(text, { instructions: 100 });
    detach();
    expect(whole).toEqual(watched);
    // Two INCs, then the HLT of the handler; the DIV did not retire.
    expect(whole).toMatchObject({ vector: 0, faultEip: CODE + 2, eax: 2, retired: 3 });
  });
});

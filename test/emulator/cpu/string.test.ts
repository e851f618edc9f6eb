import { describe, expect, it } from "vitest";
import { Word } from "../../../emulator/index.ts";
import { CODE, DATA, Guest } from "./guest.ts";

const guest = new Guest();
const SOURCE = DATA;
const TARGET = DATA + 0x100;

describe("string instructions", () => {
  it("MOVS, STOS, LODS, SCAS, CMPS do one element and move the index registers by its size", () => {
    const registers = { esi: SOURCE, edi: TARGET, memory: { [SOURCE]: 0x11223344 } };
    expect(guest.run("a5 ; movsd", registers)).toMatchObject({ esi: SOURCE + 4, edi: TARGET + 4, cycles: 4 });
    expect(guest.word(TARGET)).toBe(0x11223344);
    expect(guest.run("66 ad ; lodsw", registers)).toMatchObject({ eax: 0x3344, esi: SOURCE + 2, cycles: 2 });
    expect(guest.run("aa ; stosb", { ...registers, eax: 0x99 })).toMatchObject({ edi: TARGET + 1, cycles: 3 });
    expect(guest.run("ae ; scasb", { edi: SOURCE, eax: 0x45, memory: registers.memory })).toMatchObject({
      edi: SOURCE + 1,
      flags: "",
      cycles: 4,
    });
    expect(guest.run("a6 ; cmpsb", { ...registers, memory: { [SOURCE]: 1, [TARGET]: 2 } })).toMatchObject({
      flags: "sapc",
      cycles: 5,
    });
  });

  it("go down when DF is set", () => {
    expect(guest.run("a4 ; movsb", { esi: SOURCE, edi: TARGET, flags: "d" })).toMatchObject({
      esi: SOURCE - 1,
      edi: TARGET - 1,
    });
  });

  it("REP MOVSD copies ECX elements in 12 + n clocks and counts as one instruction", () => {
    const memory: Record<number, number> = {};
    for (let i = 0; i < 16; i++) memory[SOURCE + 4 * i] = 0x1000 + i;
    expect(guest.run("f3 a5 ; rep movsd", { ecx: 16, esi: SOURCE, edi: TARGET, memory })).toMatchObject({
      ecx: 0,
      esi: SOURCE + 64,
      edi: TARGET + 64,
      cycles: 28,
      retired: 1,
    });
    for (let i = 0; i < 16; i++) expect(guest.word(TARGET + 4 * i)).toBe(0x1000 + i);
  });

  it("REP with a count of 0 does nothing, for 6 clocks, and changes no flags", () => {
    expect(guest.run("f3 aa ; rep stosb", { edi: 0xdead0000, flags: "oszapc" })).toMatchObject({
      edi: 0xdead0000,
      cycles: 6,
      flags: "oszapc",
    });
  });

  it("REPNE SCASB stops behind the byte it looks for, with ZF set", () => {
    const outcome = guest.run("f2 ae ; repne scasb", {
      eax: 0x33,
      ecx: 10,
      edi: SOURCE,
      memory: { [SOURCE]: 0x44332211 },
    });
    expect(outcome).toMatchObject({ ecx: 7, edi: SOURCE + 3, flags: "zp", cycles: 9 + 3 * 4 });
  });

  it("REPE CMPSD stops behind the first difference", () => {
    const memory = { [SOURCE]: 1, [SOURCE + 4]: 2, [TARGET]: 1, [TARGET + 4]: 3 };
    expect(guest.run("f3 a7 ; repe cmpsd", { ecx: 5, esi: SOURCE, edi: TARGET, memory })).toMatchObject({
      ecx: 3,
      esi: SOURCE + 8,
      flags: "sapc",
    });
  });

  it("REP MOVSB to the next byte repeats the first one; REP MOVSD across pages copies all", () => {
    guest.run("f3 a4 ; rep movsb", { ecx: 15, esi: SOURCE, edi: SOURCE + 1, memory: { [SOURCE]: 0x99887741 } });
    expect([0, 4, 8, 12].map((offset) => guest.word(SOURCE + offset))).toEqual(Array(4).fill(0x41414141));
    const memory: Record<number, number> = {};
    for (let i = 0; i < 3000; i++) memory[0x10000 + 4 * i] = Math.imul(i + 1, 0x9e3779b1);
    const outcome = guest.run("f3 a5 ; rep movsd", { ecx: 3000, esi: 0x10000, edi: 0x20ff0, memory });
    expect(outcome).toMatchObject({ ecx: 0, esi: 0x10000 + 12000, edi: 0x20ff0 + 12000, cycles: 3012, retired: 1 });
    for (let i = 0; i < 3000; i++) {
      expect(guest.word(0x20ff0 + 4 * i)).toBe(Math.imul(i + 1, 0x9e3779b1) >>> 0);
    }
  });

  it("REP STOSW fills, and leaves what lies behind alone", () => {
    guest.run("66 f3 ab ; rep stosw", { eax: 0xbeef, ecx: 7, edi: 0x20ff8, memory: { 135172: 0x11111111 } });
    expect(guest.word(0x20ff8)).toBe(0xbeefbeef);
    expect(guest.word(0x21004)).toBe(0x1111beef);
  });

  it("with 16-bit addressing uses SI, DI and CX and keeps the upper halves", () => {
    expect(guest.run("67 f3 a4 ; rep movsb", { ecx: 0x50002, esi: 0x2000, edi: 0x92100 })).toMatchObject({
      ecx: 0x50000,
      edi: 0x92102,
      esi: 0x2002,
    });
  });

  it("a REP that faults has done exactly the elements before the fault", () => {
    const limited = new Guest();
    // Descriptor 18: data, base 0, limit 210B.
    const memory = { 24600: 0x0000210b, 24604: 0x00409200 };
    const outcome = limited.run(
      `66 b8 18 00 ; mov ax, 0x18
       8e c0       ; mov es, ax
       f3 aa       ; rep stosb`,
      { ecx: 20, edi: 0x2100, memory, instructions: 4 },
    );
    expect(outcome).toMatchObject({ vector: 13, errorCode: 0, faultEip: CODE + 6, ecx: 8, edi: 0x210c });
  });
});

describe("REP between two elements", () => {
  const text = "f3 ab ; rep stosd\n 43 ; inc ebx";
  const setup = { eax: 0xabcd, ecx: 100, edi: TARGET };

  it("stops at a cycle limit with exact registers, EIP at the instruction, and not yet retired", () => {
    const sliced = new Guest();
    const { machine } = sliced;
    sliced.run(text, { ...setup, instructions: 0 });
    const start = machine.cycles;
    const first = machine.instructions;
    expect(machine.run({ cycle: start + 30 })).toEqual({ kind: "cycle" });
    expect(machine.cycles).toBe(start + 30);
    expect(machine.cpu.words[Word.Ecx]).toBe(80);
    expect(machine.cpu.eip).toBe(CODE);
    expect(machine.instructions).toBe(first);
  });

  it("takes the same clocks in slices of any size as in one piece", () => {
    const whole = guest.run(text, setup);
    for (const slice of [1, 2, 3, 7, 50]) {
      const sliced = new Guest();
      const { machine } = sliced;
      sliced.run(text, { ...setup, instructions: 0 });
      const start = machine.cycles;
      const first = machine.instructions;
      while (machine.instructions < first + 2) machine.run({ cycle: machine.cycles + slice, instructions: first + 2 });
      expect(machine.cycles - start).toBe(whole.cycles);
      expect(machine.cpu.words[Word.Ebx]).toBe(1);
      expect(machine.cpu.words[Word.Edi]).toBe(TARGET + 400);
    }
  });
});

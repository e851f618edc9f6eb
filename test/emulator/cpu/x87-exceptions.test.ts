/** When the x87 unit may be used, how its exceptions reach the program, and what it remembers of the instruction. */
import { beforeEach, describe, expect, it } from "vitest";
import { initialiseX87, Word } from "../../../emulator/index.ts";
import { CODE, DATA, Guest, type Outcome, type Setup } from "./guest.ts";

const NE = 0x20;
const TS = 0x08;
const EM = 0x04;
const MP = 0x02;
const PE = 0x01;

const guest = new Guest();
const { cpu } = guest.machine;

/** fninit; fldcw of a word that unmasks zero divide; fld1; fldz. */
const UNMASKED = `
  db e3             ; fninit
  d9 2d 00 20 00 00 ; fldcw [0x2000]
  d9 e8             ; fld1
  d9 ee             ; fldz
`;
const ZERO_DIVIDE_UNMASKED = { memory: { [DATA]: 0x037b } };
const DIVIDE = "d8 f9 ; fdivr st, st(1): 1 / 0";

/** Where the text of `run` begins. */
const START = CODE + 8;

/** Runs a text with these bits of CR0 besides PE. */
function run(bits: number, text: string, setup: Setup = {}): Outcome {
  const control = (bits | PE).toString(16).padStart(2, "0");
  const instructions = setup.instructions === undefined ? {} : { instructions: setup.instructions + 2 };
  const outcome = guest.run(`b8 ${control} 00 00 00 ; mov eax\n 0f 22 c0 ; mov cr0, eax\n ${text}`, {
    ...setup,
    ...instructions,
  });
  return { ...outcome, retired: outcome.retired - 2 };
}

beforeEach(() => {
  guest.machine.reset();
  guest.setUp();
  initialiseX87(cpu);
});

describe("#NM", () => {
  it.each([
    ["an escape with EM", "d9 e8", EM, 7],
    ["an escape with TS", "d9 e8", TS, 7],
    ["an escape that waits for nothing, with TS", "db e3", TS, 7],
    ["a reserved escape with EM", "d9 d1", EM, 7],
    ["an escape with MP alone", "d9 e8", MP, undefined],
    ["WAIT with TS alone", "9b", TS, undefined],
    ["WAIT with EM", "9b", EM, undefined],
    ["WAIT with MP and TS", "9b", MP | TS, 7],
  ])("%s", (_name, code, bits, vector) => {
    const outcome = run(bits | NE, `${code} ; it`);
    expect(outcome.vector).toBe(vector);
    if (vector !== undefined) expect(outcome.faultEip).toBe(START);
  });
});

describe("#MF with CR0.NE", () => {
  it("comes before the next instruction that waits, not with the one that erred", () => {
    const outcome = run(NE, `${UNMASKED} ${DIVIDE}\n 90 ; nop\n d9 e8 ; fld1`, ZERO_DIVIDE_UNMASKED);
    expect([outcome.vector, outcome.faultEip]).toEqual([16, START + 8 + 4 + 2 + 1]);
    expect(cpu.words[Word.X87Status] & 0xb8ff).toBe(0xb084);
  });

  it.each([
    ["wait", "9b", 16],
    ["fnclex, which waits for nothing", "db e2", undefined],
    ["fnstsw ax", "df e0", undefined],
    ["fninit", "db e3", undefined],
    ["fldcw", "d9 2d 00 20 00 00", 16],
  ])("at %s", (_name, code, vector) => {
    const outcome = run(NE, `${UNMASKED} ${DIVIDE}\n ${code} ; it`, ZERO_DIVIDE_UNMASKED);
    expect(outcome.vector).toBe(vector);
  });

  it("leaves operands alone when the exception was found before there was a result", () => {
    run(NE, `${UNMASKED} ${DIVIDE}`, ZERO_DIVIDE_UNMASKED);
    const exponent = (i: number): number => cpu.words[Word.X87Registers + 4 * ((6 + i) & 7) + 2] as number;
    expect([exponent(0), exponent(1)]).toEqual([0, 0x3fff]);
  });
});

describe("FERR# and IRQ 13 with CR0.NE clear", () => {
  const OUT_F0 = "b8 00 00 00 00 e6 f0 ; mov eax, 0; out 0xf0, al";

  /** The second controller's inputs wait for IRQ 13, as IRQ 2 of the first; vectors 16 to 31. */
  function programControllers(): void {
    for (const [port, value] of [
      [0x20, 0x11],
      [0x21, 0x10],
      [0x21, 4],
      [0x21, 1],
      [0xa0, 0x11],
      [0xa1, 0x18],
      [0xa1, 2],
      [0xa1, 1],
      [0x21, 0xfb],
      [0xa1, 0xdf],
    ] as const)
      guest.machine.ports.write(port, 1, value);
  }

  beforeEach(() => {
    programControllers();
  });

  it("stops the CPU in front of the next waiting instruction, for good when interrupts are off", () => {
    const outcome = run(0, `${UNMASKED} ${DIVIDE}\n d9 e8 ; fld1`, ZERO_DIVIDE_UNMASKED);
    expect([outcome.vector, outcome.eip, outcome.retired]).toEqual([undefined, START + 14, 5]);
    expect(cpu.words[Word.Halted]).toBe(1);
    expect(cpu.words[Word.InterruptLine]).toBe(1);
  });

  it("interrupts with IRQ 13, whose handler finds the instruction that erred", () => {
    const outcome = run(0, `${UNMASKED} fb ; sti\n ${DIVIDE}\n d9 e8 ; fld1`, {
      ...ZERO_DIVIDE_UNMASKED,
      instructions: 7,
    });
    expect(outcome.vector).toBe(0x18 + 5);
    expect(cpu.words[Word.X87InstructionOffset]).toBe(START + 13);
  });

  it("interrupts also when STI comes just before the instruction that stops", () => {
    const outcome = run(0, `${UNMASKED} ${DIVIDE}\n fb ; sti\n d9 e8 ; fld1`, {
      ...ZERO_DIVIDE_UNMASKED,
      instructions: 8,
    });
    expect([outcome.vector, outcome.faultEip]).toEqual([0x18 + 5, START + 15]);
  });

  it("goes on after a write to port F0h, until the exception is cleared", () => {
    const more = `d9 e8 ; fld1\n ${OUT_F0}\n d9 e8 ; fld1\n db e2 ; fnclex\n d9 e8 ; fld1`;
    // The instruction in front of which it stops comes after the write.
    const outcome = run(0, `${UNMASKED} ${DIVIDE}\n ${OUT_F0}\n ${more}`, {
      ...ZERO_DIVIDE_UNMASKED,
      instructions: 14,
    });
    expect([outcome.vector, cpu.words[Word.Halted]]).toEqual([undefined, 0]);
    expect(cpu.words[Word.X87IgnoreError]).toBe(0);
    expect(cpu.words[Word.InterruptLine]).toBe(0);
  });

  it("a snapshot carries the lines", () => {
    run(0, `${UNMASKED} ${DIVIDE}\n ${OUT_F0}`, { ...ZERO_DIVIDE_UNMASKED, instructions: 7 });
    expect(cpu.words[Word.X87IgnoreError]).toBe(1);
    const snapshot = guest.machine.snapshot();
    const digest = guest.machine.stateDigest();
    guest.machine.reset();
    guest.machine.restore(snapshot);
    expect(guest.machine.stateDigest()).toBe(digest);
    expect(cpu.words[Word.X87IgnoreError]).toBe(1);
  });
});

describe("pointers", () => {
  it("name the last instruction that was none of control, with its prefixes, and its operand in memory", () => {
    guest.run(
      `64 d8 05 10 20 00 00 ; fadd fs:[0x2010]
       d9 e8                ; fld1
       dd c0                ; ffree st(0)
       d9 35 00 21 00 00    ; fnstenv [0x2100]`,
      {},
    );
    const environment = Array.from({ length: 7 }, (_, i) => guest.word(0x2100 + 4 * i));
    // fld1 is D9 E8: opcode 1E8h; it has no operand, and leaves the other's address.
    expect(environment.slice(3)).toEqual([CODE + 7, (0x1e8 << 16) | 8, 0x2010, 0xffff_0010]);
  });

  it("are stored in all four formats", () => {
    const before = "d8 05 10 20 00 00 ; fadd [0x2010]\n";
    guest.run(`${before} 66 d9 35 00 21 00 00 ; fnstenv, 16 bits`);
    const words = (count: number): number[] =>
      Array.from({ length: count }, (_, i) => guest.word(0x2100 + 2 * i) & 0xffff);
    expect(words(7)).toEqual([0x037f, 0x0041, 0xfffe, CODE, 8, 0x2010, 0x10]);
    // Real mode keeps linear addresses and the opcode; the segments here have base 0 and selectors 8 and 10h.
    cpu.words[Word.X87Status] = 0;
    const instruction = CODE + 8 * 16;
    const data = 0x2010 + 0x10 * 16;
    cpu.words[Word.X87InstructionOffset] = 0x5_0000 + CODE;
    cpu.words[Word.Cr0] &= ~PE;
    cpu.words[Word.Eip] = CODE + 6;
    guest.machine.run({ instructions: guest.machine.instructions + 1 });
    expect(words(7)).toEqual([0x037f, 0, 0xfffe, instruction, 0x5000 | 0x005, data, 0]);
  });
});

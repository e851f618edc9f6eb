import { describe, expect, it } from "vitest";
import {
  arithmeticFlags,
  canonicalAuxiliary,
  canonicalResult,
  evaluateCondition,
  materialiseFlags,
  writeArithmeticFlags,
} from "../../../emulator/cpu/flags.ts";
import { Flag, Word } from "../../../emulator/index.ts";
import { Guest } from "./guest.ts";

const BITS = [Flag.Cf, Flag.Pf, Flag.Af, Flag.Zf, Flag.Sf, Flag.Of];

function combination(index: number): number {
  return BITS.reduce((flags, bit, i) => (((index >>> i) & 1) === 1 ? flags | bit : flags), 0);
}

/** Flags of an 8-bit sum or difference by the manual's definitions, written out bit by bit. */
function reference(a: number, b: number, subtract: boolean): number {
  const result = (subtract ? a - b : a + b) & 0xff;
  const carry = subtract ? a < b : a + b > 0xff;
  const nibble = subtract ? (a & 15) < (b & 15) : (a & 15) + (b & 15) > 15;
  const signedA = (a << 24) >> 24;
  const signedB = (b << 24) >> 24;
  const signed = subtract ? signedA - signedB : signedA + signedB;
  let ones = 0;
  for (let bit = 0; bit < 8; bit++) ones += (result >> bit) & 1;
  return (
    (carry ? Flag.Cf : 0) |
    (ones % 2 === 0 ? Flag.Pf : 0) |
    (nibble ? Flag.Af : 0) |
    (result === 0 ? Flag.Zf : 0) |
    (result & Flag.Sf) |
    (signed < -128 || signed > 127 ? Flag.Of : 0)
  );
}

describe("lazy flags", () => {
  it("represent all 64 combinations of the arithmetic flags", () => {
    for (let index = 0; index < 64; index++) {
      const flags = combination(index);
      expect(arithmeticFlags(canonicalResult(flags), canonicalAuxiliary(flags))).toBe(flags);
    }
  });

  it("have one canonical encoding: equal flags give equal words, whatever computed them", () => {
    const words = new Int32Array(Word.Cpl);
    for (const [result, auxiliary] of [
      [0, 0],
      [-1, 0x40000008],
      [0x7fffffff, 0x80000000 | 0],
      [1, 0x101],
    ] as const) {
      words[Word.FlagResult] = result;
      words[Word.FlagAuxiliary] = auxiliary;
      const flags = arithmeticFlags(result, auxiliary);
      materialiseFlags(words);
      expect(arithmeticFlags(words[Word.FlagResult], words[Word.FlagAuxiliary])).toBe(flags);
      expect(words[Word.FlagAuxiliary]).toBe(canonicalAuxiliary(flags));
      expect(words[Word.FlagResult]).toBe(canonicalResult(flags));
    }
  });

  it("decide the sixteen conditions as the manual's table does", () => {
    const words = new Int32Array(Word.Cpl);
    for (let index = 0; index < 64; index++) {
      const flags = combination(index);
      const set = (bit: number) => (flags & bit) !== 0;
      const less = set(Flag.Sf) !== set(Flag.Of);
      const expected = [
        set(Flag.Of),
        set(Flag.Cf),
        set(Flag.Zf),
        set(Flag.Cf) || set(Flag.Zf),
        set(Flag.Sf),
        set(Flag.Pf),
        less,
        less || set(Flag.Zf),
      ];
      writeArithmeticFlags(words, flags);
      for (let condition = 0; condition < 16; condition++) {
        const wanted = expected[condition >>> 1] !== ((condition & 1) === 1) ? 1 : 0;
        expect(evaluateCondition(words, condition), `flags ${flags}, condition ${condition}`).toBe(wanted);
      }
    }
  });

  it("of byte ADD and SUB equal the definitions for all 65,536 operand pairs", () => {
    // Each outer operand runs a guest loop over the inner one, collecting LAHF and SETO.
    const guest = new Guest();
    for (const subtract of [false, true]) {
      for (let a = 0; a < 256; a++) {
        guest.run(
          `31 c9                ; xor ecx, ecx
           88 d8                ; mov al, bl
           ${subtract ? "28" : "00"} c8                ; add/sub al, cl
           9f                   ; lahf
           88 24 4d 00 00 01 00 ; mov [ecx*2 + 0x10000], ah
           0f 90 04 4d 01 00 01 00 ; seto [ecx*2 + 0x10001]
           41                   ; inc ecx
           81 f9 00 01 00 00    ; cmp ecx, 256
           72 e3                ; jb second line
           f4                   ; hlt`,
          { ebx: a, instructions: 3000 },
        );
        const collected = guest.machine.memory.readBytes(0x10000, 512);
        for (let b = 0; b < 256; b++) {
          const flags = ((collected[2 * b] as number) & 0xd5) | ((collected[2 * b + 1] as number) << 11);
          if (flags !== reference(a, b, subtract)) {
            expect(flags, `${a} ${subtract ? "-" : "+"} ${b}`).toBe(reference(a, b, subtract));
          }
        }
      }
    }
  });

  it.each(
    ["o", "no", "b", "nb", "z", "nz", "be", "nbe", "s", "ns", "p", "np", "l", "nl", "le", "nle"].map(
      (name, condition) => [name, condition] as const,
    ),
  )("J%s and its SETcc agree with the condition for every combination of flags", (_name, condition) => {
    const guest = new Guest();
    const words = new Int32Array(Word.Cpl);
    const opcode = (0x70 | condition).toString(16);
    const setcc = (0x90 | condition).toString(16);
    for (let index = 0; index < 64; index++) {
      const flags = combination(index);
      writeArithmeticFlags(words, flags);
      const outcome = guest.run(
        `ff 35 00 20 00 00 ; push dword [0x2000]
         9d                ; popfd
         0f ${setcc} c0          ; setcc al
         ${opcode} 01             ; jcc over the next
         43                ; inc ebx
         90                ; nop`,
        { memory: { 8192: flags | 2 }, instructions: evaluateCondition(words, condition) === 1 ? 5 : 6 },
      );
      const wanted = evaluateCondition(words, condition);
      expect(outcome.eax, `flags ${flags}`).toBe(wanted);
      expect(outcome.ebx, `flags ${flags}`).toBe(1 - wanted);
    }
  });
});

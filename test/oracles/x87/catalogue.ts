/**
 * The x87 encodings of a Pentium, from the opcode maps of the Intel manual (SDM vol. 2, A.5), written down apart from the
 * emulator's table. One line an encoding: `key mnemonic memory condition-codes`.
 *   key       escape byte, then `/n` (memory operand, ModR/M reg field) or the second byte, `+i` for ST(i)
 *   memory    format of the memory operand: s d t single, double, extended real; w l q integers; b packed decimal; cw control or status
 *             word; env, state; - none
 *   undefined condition codes that the manual leaves undefined, of 0 1 2 3
 *
 * Comparisons set their codes only when their exceptions are masked, says the manual (SDM vol. 2, FCOM: "if IM = 1"); processors of
 * another maker set them always. There the codes are not compared.
 */

export type MemoryFormat = "s" | "d" | "t" | "w" | "l" | "q" | "b" | "cw" | "env" | "state" | "-";

export interface X87Encoding {
  readonly key: string;
  readonly opcode: number;
  /** ModR/M reg field with a memory operand, else -1. */
  readonly digit: number;
  /** Second byte without a memory operand, else -1. */
  readonly second: number;
  readonly stackRegister: boolean;
  readonly mnemonic: string;
  readonly memory: MemoryFormat;
  /** Status bits that the manual leaves undefined. */
  readonly undefinedStatus: number;
  /** Transcendental: right within one unit in the last place, which also leaves C1 (rounding) and precision open. */
  readonly approximate: boolean;
  /** FCOM and its like. */
  readonly compares: boolean;
}

const CODES = [0x100, 0x200, 0x400, 0x4000];
const ARITHMETIC = ["add", "mul", "com", "comp", "sub", "subr", "div", "divr"];

/** Arithmetic leaves C0, C2 and C3 undefined and C1 says how it rounded; comparisons define all four. */
function codesOf(name: string): string {
  return name.startsWith("com") ? "-" : "023";
}

function arithmeticLines(): string[] {
  return ARITHMETIC.flatMap((name, n) => {
    const low = (0xc0 + 8 * n).toString(16).toUpperCase();
    const codes = codesOf(name);
    const lines = [
      `D8/${n} f${name} s ${codes}`,
      `DC/${n} f${name} d ${codes}`,
      `DA/${n} fi${name} l ${codes}`,
      `DE/${n} fi${name} w ${codes}`,
      `D8${low}+i f${name} - ${codes}`,
    ];
    if (name.startsWith("com")) return lines;
    // With the result in ST(i), the reversed forms have changed places.
    const swapped = n < 4 ? name : (ARITHMETIC[n ^ 1] as string);
    return [...lines, `DC${low}+i f${swapped} - ${codes}`, `DE${low}+i f${swapped}p - ${codes}`];
  });
}

const OTHERS = `
D9/0 fld s 023
DD/0 fld d 023
DB/5 fld t 023
D9C0+i fld - 023
D9/2 fst s 023
DD/2 fst d 023
DDD0+i fst - 023
D9/3 fstp s 023
DD/3 fstp d 023
DB/7 fstp t 023
DDD8+i fstp - 023
DF/0 fild w 023
DB/0 fild l 023
DF/5 fild q 023
DF/2 fist w 023
DB/2 fist l 023
DF/3 fistp w 023
DB/3 fistp l 023
DF/7 fistp q 023
DF/4 fbld b 023
DF/6 fbstp b 023
D9C8+i fxch - 023
D9E8 fld1 - 023
D9E9 fldl2t - 023
D9EA fldl2e - 023
D9EB fldpi - 023
D9EC fldlg2 - 023
D9ED fldln2 - 023
D9EE fldz - 023
DED9 fcompp - -
DDE0+i fucom - -
DDE8+i fucomp - -
DAE9 fucompp - -
D9E4 ftst - -
D9E5 fxam - -
D9E0 fchs - 023
D9E1 fabs - 023
D9FA fsqrt - 023
D9FC frndint - 023
D9F8 fprem - -
D9F5 fprem1 - -
D9FD fscale - 023
D9F4 fxtract - 023
D9F0 f2xm1 - 0123 ~
D9F1 fyl2x - 0123 ~
D9F2 fptan - 013 ~
D9F3 fpatan - 0123 ~
D9F9 fyl2xp1 - 0123 ~
D9FB fsincos - 013 ~
D9FE fsin - 013 ~
D9FF fcos - 013 ~
D9/5 fldcw cw 0123
D9/7 fnstcw cw 0123
DD/7 fnstsw cw 0123
DFE0 fnstsw - 0123
DBE2 fnclex - 0123
DBE3 fninit - -
D9/4 fldenv env -
D9/6 fnstenv env 0123
DD/4 frstor state -
DD/6 fnsave state -
D9F7 fincstp - 023
D9F6 fdecstp - 023
DDC0+i ffree - 0123
D9D0 fnop - 0123
DBE0 fneni - 0123
DBE1 fndisi - 0123
DBE4 fnsetpm - 0123
`;

function parse(line: string): X87Encoding {
  const [key, mnemonic, memory, codes, tilde] = line.split(" ") as [string, string, MemoryFormat, string, string?];
  const opcode = Number.parseInt(key.slice(0, 2), 16);
  const digit = key[2] === "/" ? Number(key[3]) : -1;
  const second = digit >= 0 ? -1 : Number.parseInt(key.slice(2, 4), 16);
  let undefinedStatus = 0;
  for (const code of codes) if (code !== "-") undefinedStatus |= CODES[Number(code)] as number;
  const stackRegister = key.endsWith("+i");
  return {
    key,
    opcode,
    digit,
    second,
    stackRegister,
    mnemonic,
    memory,
    undefinedStatus,
    approximate: tilde === "~",
    compares: /com|ftst/.test(mnemonic),
  };
}

const CONDITION_CODES = 0x4700;
const ERROR_SUMMARY = 0x80;
const BUSY = 0x8000;
const PRECISION = 0x20;

/**
 * Status bits of an outcome that are not compared, by the status and control words after it. Whether a transcendental result that could be
 * exact counts as inexact is the implementation's, and with precision unmasked so is the error summary.
 */
export function undefinedStatusOf(encoding: X87Encoding, status: number, control: number): number {
  if (encoding.approximate)
    return encoding.undefinedStatus | PRECISION | ((control & PRECISION) === 0 ? ERROR_SUMMARY | BUSY : 0);
  return encoding.compares && (status & ERROR_SUMMARY) !== 0 ? CONDITION_CODES : encoding.undefinedStatus;
}

export const X87_CATALOGUE: readonly X87Encoding[] = [...arithmeticLines(), ...OTHERS.trim().split("\n")].map(parse);

/**
 * Clocks of floating-point instructions when everything hits: Agner Fog's list for the Pentium ("How to optimize for the Pentium family",
 * x87), which agrees with Intel's (Pentium Processor Family Developer's Manual vol. 3) where it gives one figure; section 7.8 of the design
 * document. Where a range is published, the machine's figure must lie in it.
 */
export interface FloatClocks {
  /** As Capstone prints it at 0x1000. */
  readonly text: string;
  readonly code: string;
  /** Until the result is there. */
  readonly clocks: number | readonly [number, number];
  /** Pairs with FXCH. */
  readonly pairs: boolean;
  /** Of the clocks: what an integer instruction after it, and an independent floating-point one, need not wait for. */
  readonly integerOverlap: number;
  readonly floatOverlap: number;
  /** Control word, if not that of FNINIT. */
  readonly control?: number;
}

function row(
  text: string,
  code: string,
  clocks: number | readonly [number, number],
  pairs = false,
  integerOverlap = 0,
  floatOverlap = 0,
  control?: number,
): FloatClocks {
  const set = control === undefined ? {} : { control };
  return { text, code, clocks, pairs, integerOverlap, floatOverlap, ...set };
}

const SINGLE_PRECISION = 0x007f;
const DOUBLE_PRECISION = 0x027f;

export const X87_CLOCKS: readonly FloatClocks[] = [
  row("fld dword ptr [esi]", "d906", 1, true),
  row("fld qword ptr [esi]", "dd06", 1, true),
  row("fld st(3)", "d9c3", 1, true),
  row("fld xword ptr [esi]", "db2e", 3),
  row("fbld tbyte ptr [esi]", "df26", [48, 58]),
  row("fst st(3)", "ddd3", 1),
  row("fstp st(3)", "dddb", 1),
  row("fst dword ptr [esi]", "d916", 2),
  row("fstp qword ptr [esi]", "dd1e", 2),
  row("fstp xword ptr [esi]", "db3e", 3),
  row("fbstp tbyte ptr [esi]", "df36", [148, 154]),
  row("fild word ptr [esi]", "df06", 3, false, 2, 2),
  row("fild dword ptr [esi]", "db06", 3, false, 2, 2),
  row("fild qword ptr [esi]", "df2e", 3, false, 2, 2),
  row("fist dword ptr [esi]", "db16", 6),
  row("fistp qword ptr [esi]", "df3e", 6),
  row("fldz", "d9ee", 2),
  row("fld1", "d9e8", 2),
  row("fldpi", "d9eb", 5, false, 2, 2),
  row("fldl2e", "d9ea", 5, false, 2, 2),
  row("fnstsw ax", "dfe0", 6),
  row("fnstsw word ptr [esi]", "dd3e", 6),
  row("fldcw word ptr [esi + 0x40]", "d96e40", 8),
  row("fnstcw word ptr [esi]", "d93e", 2),
  row("fadd st(1)", "d8c1", 3, true, 2, 2),
  row("fadd dword ptr [esi]", "d806", 3, true, 2, 2),
  row("fadd qword ptr [esi]", "dc06", 3, true, 2, 2),
  row("faddp st(1)", "dec1", 3, true, 2, 2),
  row("fsub st(1)", "d8e1", 3, true, 2, 2),
  row("fsubr qword ptr [esi]", "dc2e", 3, true, 2, 2),
  row("fmul st(1)", "d8c9", 3, true, 2, 2),
  row("fmulp st(1)", "dec9", 3, true, 2, 2),
  row("fdiv st(1)", "d8f1", 39, true, 38, 2),
  row("fdiv st(1)", "d8f1", 33, true, 32, 2, DOUBLE_PRECISION),
  row("fdiv st(1)", "d8f1", 19, true, 18, 2, SINGLE_PRECISION),
  row("fdivr dword ptr [esi]", "d83e", 39, true, 38, 2),
  row("fchs", "d9e0", 1, true),
  row("fabs", "d9e1", 1, true),
  row("fcom st(1)", "d8d1", 1, true),
  row("fcomp dword ptr [esi]", "d81e", 1, true),
  row("fcompp", "ded9", 1, true),
  row("fucom st(1)", "dde1", 1, true),
  row("ftst", "d9e4", 1),
  row("fxam", "d9e5", [17, 21], false, 4, 0),
  row("fiadd dword ptr [esi]", "da06", 6, false, 2, 2),
  row("fisubr word ptr [esi]", "de2e", 6, false, 2, 2),
  row("fimul dword ptr [esi]", "da0e", 6, false, 2, 2),
  row("fidiv dword ptr [esi]", "da36", 42, false, 41, 2),
  row("fidiv dword ptr [esi]", "da36", 36, false, 35, 2, DOUBLE_PRECISION),
  row("fidiv dword ptr [esi]", "da36", 22, false, 21, 2, SINGLE_PRECISION),
  row("ficom dword ptr [esi]", "da16", 4),
  row("fprem", "d9f8", [16, 64], false, 2, 2),
  row("fprem1", "d9f5", [20, 70], false, 2, 2),
  row("frndint", "d9fc", [9, 20]),
  row("fscale", "d9fd", [20, 32], false, 5, 0),
  row("fxtract", "d9f4", [12, 66]),
  row("fsqrt", "d9fa", 70, false, 69, 2),
  row("fsin", "d9fe", [65, 100], false, 2, 2),
  row("fcos", "d9ff", [65, 100], false, 2, 2),
  row("fsincos", "d9fb", [89, 112], false, 2, 2),
  row("f2xm1", "d9f0", [53, 59], false, 2, 2),
  row("fyl2x", "d9f1", 103, false, 2, 2),
  row("fyl2xp1", "d9f9", 105, false, 2, 2),
  row("fptan", "d9f2", [120, 147], false, 36, 0),
  row("fpatan", "d9f3", [112, 134], false, 2, 2),
  row("fxch st(1)", "d9c9", 1),
  row("fincstp", "d9f7", 2),
  row("fdecstp", "d9f6", 2),
  row("ffree st(3)", "ddc3", 2),
  row("fnop", "d9d0", 1),
  row("fnclex", "dbe2", 9),
  row("fninit", "dbe3", [12, 22]),
  row("fnstenv [esi + 0x100]", "d9b600010000", [48, 50]),
  row("fldenv [esi + 0x80]", "d9a680000000", [32, 33]),
  row("fnsave dword ptr [esi + 0x100]", "ddb600010000", [124, 155]),
  row("frstor dword ptr [esi + 0x80]", "dda680000000", [70, 95]),
  row("wait", "9b", 1),
];

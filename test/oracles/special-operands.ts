/** Operand choices that several kinds of special cases share: selectors, a given value in ModR/M, the stack.  */
import { type CaseBuilder, Register, Segment, segmentBase } from "./case-builder.ts";
import { chooseMemoryOperand, type MemoryOperand } from "./memory-operand.ts";
import type { Random } from "./random.ts";
import { ABSENT, FLAT_CODE, FLAT_DATA, LocalSelector, PAGE_BYTES, READ_ONLY, STACK, STACK_TOP } from "./stage.ts";

/** Nothing is ever mapped here. */
export const NOWHERE = 0x0070_0000;

/** Selectors for every outcome of a segment load: good, null, wrong type, wrong privilege, absent, beyond a table. */
export const SELECTORS: readonly number[] = [
  0,
  1,
  2,
  3,
  0x23,
  0x20,
  0x2b,
  0x28,
  0x2a,
  0x10,
  0x18,
  0x1b,
  0x2f,
  0x5f,
  0x67,
  0x0087,
  0xfff8,
  0xffff,
  LocalSelector.Data,
  LocalSelector.Data & ~3,
  LocalSelector.ReadOnlyData,
  LocalSelector.ExpandDownData,
  LocalSelector.ExecuteOnlyCode,
  LocalSelector.ReadableCode,
  LocalSelector.ReadableCode & ~3,
  LocalSelector.AbsentData,
  LocalSelector.Stack16,
  LocalSelector.LimitedStack,
  LocalSelector.AbsentCode,
];

export function chooseSelector(random: Random): number {
  return random.chance(0.35) ? random.pick([FLAT_DATA, LocalSelector.Data]) : random.pick(SELECTORS);
}

/** Loads ES, FS and GS with selectors of all sorts, so that reading them shows something. */
export function chooseDataSegments(builder: CaseBuilder): void {
  const random = builder.random;
  for (const segment of [Segment.Es, Segment.Fs, Segment.Gs]) {
    if (random.chance(0.4))
      builder.segments[segment] = random.pick([
        0,
        LocalSelector.Data,
        LocalSelector.ReadOnlyData,
        LocalSelector.ReadableCode,
        FLAT_CODE,
      ]);
  }
}

/** A stack pointer: mostly in the middle of the page, else at an edge of the page or of a limited segment. */
export function chooseStack(builder: CaseBuilder): void {
  const random = builder.random;
  const kind = random.below(100);
  if (kind < 55) builder.setRegister(Register.Esp, STACK_TOP);
  else if (kind < 66) builder.setRegister(Register.Esp, STACK_TOP + random.below(64));
  else if (kind < 78) builder.setRegister(Register.Esp, STACK + random.below(14));
  else if (kind < 88) builder.setRegister(Register.Esp, STACK + PAGE_BYTES - random.below(14));
  else if (kind < 96) {
    builder.segments[Segment.Ss] = LocalSelector.LimitedStack;
    builder.setRegister(
      Register.Esp,
      random.pick([0x800, 0, 1, 2, 3, 4, 8, 0xffc, 0xffd, 0xffe, 0xfff, 0x1000, 0x1001, 0x1004]),
    );
  } else {
    builder.segments[Segment.Ss] = LocalSelector.Stack16;
    builder.setRegister(Register.Esp, (random.below(0x1_0000) << 16) | random.pick([0x800, 0x802, 0x7fd, 0xf00]));
  }
}

/** Linear address of an offset from the top of the stack. */
export function stackLinear(builder: CaseBuilder, offset = 0): number {
  const selector = builder.segments[Segment.Ss] as number;
  const pointer = builder.register(Register.Esp);
  return (segmentBase(selector) + (selector === LocalSelector.Stack16 ? pointer & 0xffff : pointer) + offset) >>> 0;
}

export function patchStack(builder: CaseBuilder, values: readonly number[]): void {
  const bytes = builder.size / 8;
  values.forEach((value, i) => {
    builder.patch(stackLinear(builder, i * bytes), value, bytes);
  });
}

/** Encodes ModR/M for an operand that shall hold `value`, in a register or in memory. */
export function encodeValue(
  builder: CaseBuilder,
  reg: number,
  value: number,
  bytes: number,
  keepStack: boolean,
  onlyMemory = false,
  isTarget = false,
): void {
  const random = builder.random;
  if (!onlyMemory && random.chance(0.5)) {
    const rm = keepStack ? random.pick([0, 1, 2, 3, 5, 6, 7]) : random.below(8);
    builder.modRm = [0xc0 | (reg << 3) | rm];
    builder.setRegister(rm, bytes === 2 ? (random.next() & 0xffff_0000) | (value & 0xffff) : value);
    return;
  }
  const place = chooseMemoryOperand(builder, reg, bytes, keepStack);
  if (place.patchable) builder.patch(place.linear, value, bytes);
  if (isTarget) rejectUnlessPatched(builder, place);
}

/** A target read where no patch reaches would be a random one, perhaps within the judge's own program. */
export function rejectUnlessPatched(builder: CaseBuilder, place: MemoryOperand): void {
  const absent = place.linear >= ABSENT && place.linear < READ_ONLY;
  if (!place.patchable && !absent) builder.rejected = true;
}

export function settleStack(builder: CaseBuilder): void {
  builder.segments[Segment.Ss] = FLAT_DATA;
  builder.setRegister(Register.Esp, STACK_TOP);
}

/** Whether pushes and pops near the stack pointer work. */
export function stackIsSettled(builder: CaseBuilder): boolean {
  const pointer = builder.register(Register.Esp);
  return builder.segments[Segment.Ss] === FLAT_DATA && pointer >= STACK + 0x40 && pointer < STACK + PAGE_BYTES - 0x40;
}

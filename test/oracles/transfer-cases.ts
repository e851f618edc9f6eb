/** Operands of branches, calls, returns, interrupts and far transfers: targets that exist, that are nowhere, that are forbidden. */
import { ALIGNMENT_FLAG, bytesOf, type CaseBuilder, Register, Segment } from "./case-builder.ts";
import type { Encoding } from "./catalogue.ts";
import { chooseMemoryOperand } from "./memory-operand.ts";
import type { Random } from "./random.ts";
import {
  chooseStack,
  encodeValue,
  NOWHERE,
  patchStack,
  rejectUnlessPatched,
  SELECTORS,
  settleStack,
  stackIsSettled,
} from "./special-operands.ts";
import { CODE, FLAT_CODE, LOW_CODE, LocalSelector, PAGE_BYTES } from "./stage.ts";

/** Where a transfer through CS may go: code of the stage, or where nothing is. Never data, which are not instructions. */
function chooseTarget(builder: CaseBuilder): number {
  const random = builder.random;
  const selector = builder.segments[Segment.Cs] as number;
  if (selector !== FLAT_CODE && !stackIsSettled(builder)) return 0x100 + random.below(0x600);
  if (selector !== FLAT_CODE)
    return random.pick([0x100 + random.below(0x600), random.below(0x700), 0xfff, 0x1000, 0x1001, 0x8000_0000]);
  const kind = random.below(10);
  if (builder.size === 16)
    return kind < 7 ? LOW_CODE + random.below(0x700) : random.pick([0x3000, 0x8000, 0x10, 0xfff0]);
  if (kind < 7) return CODE + random.below(0x700);
  if (kind < 8) return LOW_CODE + random.below(0x700);
  return random.pick([NOWHERE, NOWHERE + random.below(0x1000), CODE + PAGE_BYTES, CODE - 1, 0]);
}

/** Places the code: flat, or in a code segment with a limit, or below 64 KiB where a 16-bit EIP can reach. */
function chooseCodePlace(builder: CaseBuilder): void {
  const random = builder.random;
  if (builder.size === 16 && random.chance(0.6)) builder.eip = LOW_CODE + 0x800;
  else if (random.chance(0.2))
    builder.setCodeSelector(random.pick([LocalSelector.ReadableCode, LocalSelector.ExecuteOnlyCode]));
}

export function generateBranch(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  chooseCodePlace(builder);
  if (encoding.mnemonic === "call") chooseStack(builder);
  if (encoding.opcode[0] === 0xe3 || encoding.mnemonic.startsWith("loop")) {
    builder.setRegister(
      Register.Ecx,
      random.pick([0, 1, 2, 0x1_0000, 0x1_0001, 0xffff, 0xffff_0000, random.operand(32)]),
    );
    if (random.chance(0.3)) builder.prefixes.push(0x67);
  }
  builder.opcode = [...encoding.opcode];
  if (encoding.operands[0] === "Jb") {
    const length = builder.length + 1;
    let displacement = random.between(-128, 127);
    if (displacement < 0 && displacement >= -length) displacement = random.between(0, 127);
    builder.immediate = [displacement & 0xff];
  } else {
    const bytes = builder.size / 8;
    const next = builder.eip + builder.length + bytes;
    builder.immediate = bytesOf((chooseTarget(builder) - next) >>> 0, bytes);
  }
}

export function generateIndirectBranch(builder: CaseBuilder, encoding: Encoding): void {
  chooseCodePlace(builder);
  const call = encoding.mnemonic === "call";
  if (call) chooseStack(builder);
  const target = chooseTarget(builder);
  const eip = builder.eip;
  const codeSelector = builder.segments[Segment.Cs];
  builder.opcode = [...encoding.opcode];
  encodeValue(builder, encoding.extension ?? 0, target, builder.size / 8, call, false, true);
  // A CS override may have moved the code to another segment: the target then means something else, and that is fine.
  if (codeSelector === builder.segments[Segment.Cs]) builder.eip = eip;
}

/**
 * A far target: selector and an offset that fits it. When the transfer through it must fail, the stack is put where it
 * cannot fail too: which of two faults comes first is the maker's own choice, and the manuals of the makers differ.
 */
function chooseFarTarget(builder: CaseBuilder): { selector: number; offset: number } {
  const target = chooseFarPointer(builder);
  const offsetLimit = target.selector === FLAT_CODE || target.selector === (FLAT_CODE & ~3) ? 0xffff_ffff : 0xfff;
  const good = FAR_CODE.includes(target.selector) && target.offset <= offsetLimit;
  if (!good) settleStack(builder);
  return target;
}

/** Selectors of code that a program at privilege level 3 may run. */
const FAR_CODE: readonly number[] = [FLAT_CODE, LocalSelector.ReadableCode, LocalSelector.ExecuteOnlyCode];

function chooseFarPointer(builder: CaseBuilder): { selector: number; offset: number } {
  const random = builder.random;
  const kind = random.below(10);
  const local = LocalSelector.ReadableCode;
  if (kind < 4)
    return {
      selector: FLAT_CODE,
      offset: builder.size === 16 ? LOW_CODE + random.below(0x700) : CODE + random.below(0x700),
    };
  if (kind < 6)
    return {
      selector: random.pick([local, local & ~3, LocalSelector.ExecuteOnlyCode]),
      offset: random.pick([random.below(0x700), 0xfff, 0x1000, 0x1fff]),
    };
  if (kind < 7) return { selector: FLAT_CODE & ~3, offset: builder.size === 16 ? LOW_CODE + 0x10 : CODE + 0x10 };
  return { selector: random.pick(SELECTORS), offset: builder.size === 16 ? LOW_CODE + 0x20 : CODE + 0x20 };
}

export function generateFar(builder: CaseBuilder, encoding: Encoding): void {
  const bytes = builder.size / 8;
  const call = encoding.mnemonic === "lcall";
  if (call) chooseStack(builder);
  const { selector, offset } = chooseFarTarget(builder);
  builder.opcode = [...encoding.opcode];
  if (encoding.extension === undefined) {
    builder.immediate = [...bytesOf(offset, bytes), ...bytesOf(selector, 2)];
    return;
  }
  const place = chooseMemoryOperand(builder, encoding.extension, bytes + 2, call);
  if (!stackIsSettled(builder)) builder.eflags &= ~ALIGNMENT_FLAG;
  rejectUnlessPatched(builder, place);
  if (!place.patchable) return;
  builder.patch(place.linear, offset, bytes);
  builder.patch(place.linear + bytes, selector, 2);
}

function chooseReturnPop(random: Random): number[] {
  return bytesOf(random.pick([0, 4, 8, 2, 3, 0x20, 0x7ff, 0x8000, 0xffff]), 2);
}

export function generateReturn(builder: CaseBuilder, encoding: Encoding): void {
  chooseCodePlace(builder);
  chooseStack(builder);
  builder.opcode = [...encoding.opcode];
  if (encoding.operands.length > 0) builder.immediate = chooseReturnPop(builder.random);
  patchStack(builder, [chooseTarget(builder)]);
}

export function generateFarReturn(builder: CaseBuilder, encoding: Encoding): void {
  chooseStack(builder);
  builder.opcode = [...encoding.opcode];
  const { selector, offset } = chooseFarTarget(builder);
  if (encoding.operands.length > 0)
    builder.immediate = FAR_CODE.includes(selector) ? chooseReturnPop(builder.random) : [0x20, 0];
  patchStack(builder, [offset, selector]);
}

/** A flags image for POPF and IRET: every bit except TF, RF, VIF and VIP, which change what happens next. */
function chooseFlagsImage(random: Random): number {
  return (random.next() & 0x0026_fed5) >>> 0;
}

export function generateInterruptReturn(builder: CaseBuilder, encoding: Encoding): void {
  chooseStack(builder);
  builder.opcode = [...encoding.opcode];
  const { selector, offset } = chooseFarTarget(builder);
  patchStack(builder, [offset, selector, chooseFlagsImage(builder.random)]);
}

export function generatePopFlags(builder: CaseBuilder, encoding: Encoding): void {
  chooseStack(builder);
  builder.opcode = [...encoding.opcode];
  patchStack(builder, [chooseFlagsImage(builder.random)]);
}

export function generateInterrupt(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  builder.opcode = [...encoding.opcode];
  // INT 80h is a system call of the host; INT 3 and INT 4 have gates of privilege level 3, all others of level 0.
  const vector = random.chance(0.2) ? random.pick([3, 4]) : random.below(256);
  builder.immediate = [vector === 0x80 ? 0x81 : vector];
}

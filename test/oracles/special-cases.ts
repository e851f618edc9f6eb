/** Operands of instructions for which random values would mean nothing: stack, branches, segments, strings, system. */
import {
  ALIGNMENT_FLAG,
  bytesOf,
  type CaseBuilder,
  DIRECTION_FLAG,
  Register,
  Segment,
  segmentBase,
} from "./case-builder.ts";
import type { Encoding } from "./catalogue.ts";
import { chooseImplicitOperand, chooseMemoryOperand, type MemoryOperand } from "./memory-operand.ts";
import type { Random } from "./random.ts";
import {
  ABSENT,
  CODE,
  DATA,
  FLAT_CODE,
  FLAT_DATA,
  LOW_CODE,
  LocalSelector,
  PAGE_BYTES,
  READ_ONLY,
  STACK,
  STACK_TOP,
} from "./stage.ts";

/** Nothing is ever mapped here. */
const NOWHERE = 0x0070_0000;

/** Selectors for every outcome of a segment load: good, null, wrong type, wrong privilege, absent, beyond a table. */
const SELECTORS: readonly number[] = [
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

function chooseSelector(random: Random): number {
  return random.chance(0.35) ? random.pick([FLAT_DATA, LocalSelector.Data]) : random.pick(SELECTORS);
}

/** Loads ES, FS and GS with selectors of all sorts, so that reading them shows something. */
function chooseDataSegments(builder: CaseBuilder): void {
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
function stackLinear(builder: CaseBuilder, offset = 0): number {
  const selector = builder.segments[Segment.Ss] as number;
  const pointer = builder.register(Register.Esp);
  return (segmentBase(selector) + (selector === LocalSelector.Stack16 ? pointer & 0xffff : pointer) + offset) >>> 0;
}

function patchStack(builder: CaseBuilder, values: readonly number[]): void {
  const bytes = builder.size / 8;
  values.forEach((value, i) => {
    builder.patch(stackLinear(builder, i * bytes), value, bytes);
  });
}

/** Encodes ModR/M for an operand that shall hold `value`, in a register or in memory. */
function encodeValue(
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
function rejectUnlessPatched(builder: CaseBuilder, place: MemoryOperand): void {
  const absent = place.linear >= ABSENT && place.linear < READ_ONLY;
  if (!place.patchable && !absent) builder.rejected = true;
}

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

function generateBranch(builder: CaseBuilder, encoding: Encoding): void {
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

function generateIndirectBranch(builder: CaseBuilder, encoding: Encoding): void {
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

function settleStack(builder: CaseBuilder): void {
  builder.segments[Segment.Ss] = FLAT_DATA;
  builder.setRegister(Register.Esp, STACK_TOP);
}

/** Whether pushes and pops near the stack pointer work. */
function stackIsSettled(builder: CaseBuilder): boolean {
  const pointer = builder.register(Register.Esp);
  return builder.segments[Segment.Ss] === FLAT_DATA && pointer >= STACK + 0x40 && pointer < STACK + PAGE_BYTES - 0x40;
}

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

function generateFar(builder: CaseBuilder, encoding: Encoding): void {
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

function generateReturn(builder: CaseBuilder, encoding: Encoding): void {
  chooseCodePlace(builder);
  chooseStack(builder);
  builder.opcode = [...encoding.opcode];
  if (encoding.operands.length > 0) builder.immediate = chooseReturnPop(builder.random);
  patchStack(builder, [chooseTarget(builder)]);
}

function generateFarReturn(builder: CaseBuilder, encoding: Encoding): void {
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

function generateInterruptReturn(builder: CaseBuilder, encoding: Encoding): void {
  chooseStack(builder);
  builder.opcode = [...encoding.opcode];
  const { selector, offset } = chooseFarTarget(builder);
  patchStack(builder, [offset, selector, chooseFlagsImage(builder.random)]);
}

function generatePopFlags(builder: CaseBuilder, encoding: Encoding): void {
  chooseStack(builder);
  builder.opcode = [...encoding.opcode];
  patchStack(builder, [chooseFlagsImage(builder.random)]);
}

function generateEnter(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  chooseStack(builder);
  const level = random.pick([0, 0, 0, 1, 1, 2, 3, 5, 31, 32, 0xff]);
  const selector = builder.segments[Segment.Ss] as number;
  const frame =
    selector === FLAT_DATA
      ? STACK + random.pick([0x900, 0x901, 0xa00, 0x10, 0xff8])
      : random.pick([0x900, 0x10, 0xffc]);
  builder.setRegister(Register.Ebp, selector === LocalSelector.Stack16 ? (random.next() & 0xffff_0000) | frame : frame);
  builder.opcode = [...encoding.opcode];
  builder.immediate = [...bytesOf(random.pick([0, 0, 1, 4, 8, 0x10, 0x100, 0x600]), 2), level];
}

function generateLeave(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  chooseStack(builder);
  builder.setRegister(Register.Ebp, builder.register(Register.Esp));
  if (builder.segments[Segment.Ss] === FLAT_DATA && random.chance(0.2))
    builder.setRegister(Register.Ebp, random.pick([NOWHERE, 0, DATA + 0x1fe]));
  builder.setRegister(Register.Esp, random.pick([STACK_TOP, STACK + 0x100, 0x1234_5678]));
  builder.opcode = [...encoding.opcode];
}

function generatePushSegment(builder: CaseBuilder, encoding: Encoding): void {
  chooseStack(builder);
  chooseDataSegments(builder);
  builder.opcode = [...encoding.opcode];
}

function generatePopSegment(builder: CaseBuilder, encoding: Encoding): void {
  chooseStack(builder);
  builder.opcode = [...encoding.opcode];
  const random = builder.random;
  patchStack(builder, [chooseSelector(random) | (random.chance(0.3) ? random.next() & 0xffff_0000 : 0)]);
}

function generateFromSegment(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  chooseDataSegments(builder);
  builder.opcode = [...encoding.opcode];
  const reg = random.chance(0.9) ? random.below(6) : random.between(6, 7);
  encodeValue(builder, reg, random.next(), random.chance(0.5) ? 2 : 4, false);
}

function generateToSegment(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  builder.opcode = [...encoding.opcode];
  const reg = random.chance(0.9) ? random.pick([0, 2, 3, 4, 5]) : random.pick([1, 6, 7]);
  encodeValue(builder, reg, chooseSelector(random), 2, false);
}

function generateSelector(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  builder.opcode = [...encoding.opcode];
  const reg = encoding.extension ?? random.below(8);
  const selector = random.chance(0.2) ? random.pick([0x23, 0x2b, 0x28]) : random.pick(SELECTORS);
  if (encoding.mnemonic === "lar" && builder.size === 32) {
    // "Masked by 00FxFF00H, where x is undefined": the limit's high bits of the descriptor (SDM vol. 2, LAR).
    builder.undefinedRegisters = 1 << reg;
    builder.undefinedBits = 0x000f_0000;
  }
  if (encoding.mnemonic === "arpl") builder.setRegister(reg, random.operand(32));
  encodeValue(builder, reg, selector, 2, false);
}

function generateFarPointer(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  const bytes = builder.size / 8;
  builder.opcode = [...encoding.opcode];
  const reg = random.below(8);
  // With ModR/M 11 in bits 6-7, C4 and C5 are VEX prefixes on modern silicon, so only the two-byte forms are judged there.
  if (encoding.opcode.length === 2 && random.chance(0.03)) {
    builder.modRm = [0xc0 | random.below(64)];
    return;
  }
  const place = chooseMemoryOperand(builder, reg, bytes + 2, false);
  if (!place.patchable) return;
  builder.patch(place.linear, random.operand(builder.size), bytes);
  builder.patch(place.linear + bytes, chooseSelector(random), 2);
}

function generateInterrupt(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  builder.opcode = [...encoding.opcode];
  // INT 80h is a system call of the host; INT 3 and INT 4 have gates of privilege level 3, all others of level 0.
  const vector = random.chance(0.2) ? random.pick([3, 4]) : random.below(256);
  builder.immediate = [vector === 0x80 ? 0x81 : vector];
}

function generateString(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  const bytes = builder.size / 8;
  const name = encoding.mnemonic;
  const compares = name.startsWith("cmps") || name.startsWith("scas");
  const address16 = random.chance(0.15);
  if (random.chance(0.3)) builder.eflags |= DIRECTION_FLAG;
  if (address16) builder.prefixes.push(0x67);
  let source = Segment.Ds;
  const readsSource = !(name.startsWith("stos") || name.startsWith("scas") || name.startsWith("ins"));
  const usesDestination = !(name.startsWith("lods") || name.startsWith("outs"));
  if (readsSource && random.chance(0.2)) {
    source = random.pick([Segment.Es, Segment.Ss, Segment.Fs, Segment.Gs]);
    builder.prefixes.push([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65][source] as number);
  }
  const repeated = random.chance(0.6);
  const count = random.pick([0, 1, 2, 3, 5, 8, 17]);
  const high = (): number => (address16 ? random.next() & 0xffff_0000 : 0);
  if (repeated) {
    builder.prefixes.push(compares ? random.pick([0xf2, 0xf3]) : 0xf3);
    builder.setRegister(Register.Ecx, high() | count);
  }
  const span = repeated ? Math.max(bytes, random.below(count * bytes + 1)) : bytes;
  const run: number[] = [];
  for (let i = 0; i < Math.min(count + 1, 8) * bytes; i++) run.push(random.chance(0.9) ? 0x5a : random.below(256));
  const fill = (linear: number): void => {
    const from = (builder.eflags & DIRECTION_FLAG) !== 0 ? linear - run.length + bytes : linear;
    const same = compares ? run : run.map(() => random.below(256));
    builder.patches.push({ address: from >>> 0, bytes: Uint8Array.from(same) });
  };
  const place = (register: Register, segment: Segment): void => {
    const chosen = chooseImplicitOperand(builder, segment, span, address16);
    builder.setRegister(register, high() | chosen.offset);
    if (!chosen.patchable) misplaced = true;
    if (chosen.patchable && (chosen.linear & 0xfff) < 0xf00 && (chosen.linear & 0xfff) > 0x100) fill(chosen.linear);
  };
  let misplaced = false;
  if (readsSource) place(Register.Esi, source);
  if (usesDestination) place(Register.Edi, Segment.Es);
  if (misplaced) builder.eflags &= ~ALIGNMENT_FLAG; // which of two faults comes first is not architecture
  if (!compares && usesDestination === false) builder.setRegister(Register.Eax, random.next());
  if (name.startsWith("scas")) builder.setRegister(Register.Eax, random.chance(0.6) ? 0x5a5a_5a5a : random.next());
  if (name.startsWith("stos")) builder.setRegister(Register.Eax, random.next());
  // One run in four compares a run with itself from another place, so that REPE goes on to the end.
  if (name.startsWith("cmps") && random.chance(0.25)) {
    builder.setRegister(Register.Esi, builder.register(Register.Edi));
    builder.eflags &= ~ALIGNMENT_FLAG;
  }
  builder.opcode = [...encoding.opcode];
}

function generatePortString(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  builder.setRegister(Register.Edx, random.pick([0x60, 0x3f8, 0x70, random.below(0x1_0000)]));
  builder.setRegister(Register.Esi, DATA + random.below(0x800));
  builder.setRegister(Register.Edi, DATA + random.below(0x800));
  if (random.chance(0.3)) {
    builder.prefixes.push(0xf3);
    builder.setRegister(Register.Ecx, random.between(1, 9));
  }
  builder.opcode = [...encoding.opcode];
}

function generateTranslate(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  const address16 = random.chance(0.15);
  let segment = Segment.Ds;
  if (random.chance(0.3)) {
    segment = random.pick([Segment.Es, Segment.Ss, Segment.Fs, Segment.Gs, Segment.Cs]);
    builder.prefixes.push([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65][segment] as number);
  }
  if (address16) builder.prefixes.push(0x67);
  const place = chooseImplicitOperand(builder, segment, 1, address16);
  const index = random.below(256);
  builder.setRegister(Register.Eax, (random.next() & 0xffff_ff00) | index);
  const base = place.offset - index;
  builder.setRegister(Register.Ebx, address16 ? (random.next() & 0xffff_0000) | (base & 0xffff) : base);
  if (place.patchable) builder.patch(place.linear, random.below(256), 1);
  builder.opcode = [...encoding.opcode];
}

function generatePrivileged(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  builder.opcode = [...encoding.opcode];
  builder.setRegister(Register.Edx, random.pick([0x60, 0x3f8, 0x80, random.below(0x1_0000)]));
  const operand = encoding.operands.find((candidate) => /^[EM]/.test(candidate));
  if (operand !== undefined)
    encodeValue(
      builder,
      encoding.extension ?? 0,
      random.next(),
      operand === "Ms" ? 4 : 2,
      false,
      operand.startsWith("M"),
    );
  if (encoding.operands.includes("Ib")) builder.immediate = [random.below(256)];
}

function generateControlRegister(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  builder.opcode = [...encoding.opcode];
  const control = encoding.operands.some((operand) => operand.startsWith("C"));
  const reg = control ? random.pick([0, 2, 3, 4]) : random.pick([0, 1, 2, 3, 6, 7]);
  builder.modRm = [0xc0 | (reg << 3) | random.below(8)];
}

function generateBare(builder: CaseBuilder, encoding: Encoding): void {
  builder.opcode = [...encoding.opcode];
}

/** CPUID and RDTSC: what they say is the processor's own; that they change nothing else is everybody's. */
function generateIdentification(builder: CaseBuilder, encoding: Encoding): void {
  builder.opcode = [...encoding.opcode];
  builder.setRegister(Register.Eax, builder.random.pick([0, 1, 2, 0x8000_0000, builder.random.next()]));
  builder.undefinedRegisters = encoding.mnemonic === "cpuid" ? 0b1111 : 0b101;
}

function generateUndefinedModRm(builder: CaseBuilder, encoding: Encoding): void {
  const random = builder.random;
  builder.opcode = [...encoding.opcode];
  const bytes = Math.min(4, builder.size / 8);
  encodeValue(builder, encoding.extension ?? random.below(8), random.next(), bytes, false);
}

const GENERATORS: Readonly<Record<string, (builder: CaseBuilder, encoding: Encoding) => void>> = {
  branch: generateBranch,
  "branch-indirect": generateIndirectBranch,
  "far-direct": generateFar,
  "far-indirect": generateFar,
  return: generateReturn,
  "far-return": generateFarReturn,
  "interrupt-return": generateInterruptReturn,
  "pop-flags": generatePopFlags,
  enter: generateEnter,
  leave: generateLeave,
  "push-segment": generatePushSegment,
  "pop-segment": generatePopSegment,
  "from-segment": generateFromSegment,
  "to-segment": generateToSegment,
  selector: generateSelector,
  "far-pointer": generateFarPointer,
  interrupt: generateInterrupt,
  trap: generateBare,
  into: generateBare,
  string: generateString,
  "port-string": generatePortString,
  xlat: generateTranslate,
  privileged: generatePrivileged,
  "control-register": generateControlRegister,
  identification: generateIdentification,
  undefined: generateBare,
  "undefined-modrm": generateUndefinedModRm,
};

export function isSpecial(encoding: Encoding): boolean {
  return encoding.kind in GENERATORS;
}

export function generateSpecial(builder: CaseBuilder, encoding: Encoding): void {
  GENERATORS[encoding.kind]?.(builder, encoding);
  builder.undefinedFlags = encoding.undefinedFlags;
}

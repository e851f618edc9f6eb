/** Operands of instructions for which random values would mean nothing: stack, segments, strings, system. */
import { ALIGNMENT_FLAG, bytesOf, type CaseBuilder, DIRECTION_FLAG, Register, Segment } from "./case-builder.ts";
import type { Encoding } from "./catalogue.ts";
import { chooseImplicitOperand, chooseMemoryOperand } from "./memory-operand.ts";
import {
  chooseDataSegments,
  chooseSelector,
  chooseStack,
  encodeValue,
  NOWHERE,
  patchStack,
  SELECTORS,
} from "./special-operands.ts";
import { DATA, FLAT_DATA, LocalSelector, STACK, STACK_TOP } from "./stage.ts";
import {
  generateBranch,
  generateFar,
  generateFarReturn,
  generateIndirectBranch,
  generateInterrupt,
  generateInterruptReturn,
  generatePopFlags,
  generateReturn,
} from "./transfer-cases.ts";

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
  if (misplaced || source === Segment.Es) builder.eflags &= ~ALIGNMENT_FLAG; // which of two faults comes first is not architecture
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

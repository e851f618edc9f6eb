/**
 * Makes system cases: instructions that only level 0 may run, transfers between levels, gates, and page rights. One group an
 * instruction or a mechanism; the same group and seed give the same cases.
 */
import { bytesOf } from "../case-builder.ts";
import { hashText, Random } from "../random.ts";
import { CODE, DATA, encodeDescriptor, STACK_TOP } from "../stage.ts";
import {
  CR0_EMULATION,
  CR0_MONITOR,
  CR0_TASK_SWITCHED,
  CR0_WRITE_PROTECT,
  CR4_LARGE_PAGES,
  CR4_TIME_STAMP_DISABLE,
  Draft,
  EIP,
  GDT,
  IDT,
  IO_PRIVILEGE,
  KERNEL_ESP,
  LDT,
  memory,
  type SystemVector,
  TSS,
} from "./system-draft.ts";
import {
  BASE,
  encodeGate,
  FREE_SELECTOR,
  handlerOf,
  INNER_STACK_TOP,
  KERNEL_CODE,
  KERNEL_DATA,
  LARGE,
  Offset,
  PageBit,
  SYSTEM_CR0,
  TARGET,
  TSS_SELECTOR,
  WINDOW,
} from "./system-stage.ts";

export interface SystemGroup {
  /** Catalogue key of the instruction, or the name of a mechanism. */
  readonly key: string;
  readonly mnemonic: string;
  readonly size: number;
  generate(draft: Draft): void;
}

/** Stores a 16-bit system register (SLDT, STR, SMSW): a wide register operand's upper half is undefined on a P5. */
function storeWord(opcode: number, digit: number, size: number): (draft: Draft) => void {
  return (draft) => {
    draft.eitherLevel();
    const prefix = size === 16 ? [0x66] : [];
    if (draft.random.chance(0.5)) {
      draft.code = [...prefix, 0x0f, opcode, ...memory(draft, digit)];
      return;
    }
    const register = draft.random.pick([0, 1, 2, 3, 5, 6, 7]);
    draft.code = [...prefix, 0x0f, opcode, 0xc0 | (digit << 3) | register];
    draft.undefinedRegisters = 1 << register;
    draft.undefinedBits = size === 16 ? 0 : 0xffff_0000;
  };
}

function storeTable(digit: number): (draft: Draft) => void {
  return (draft) => {
    draft.eitherLevel();
    const modRm = draft.random.chance(0.06) ? [0xc0 | (digit << 3) | draft.random.below(8)] : memory(draft, digit);
    draft.code = [0x0f, 0x01, ...modRm];
    // With a register these bytes are VMX and others on later processors, and #UD on a P5.
    if ((modRm[0] as number) >= 0xc0) draft.code = [0x0f, 0x01, 0x05 | (digit << 3), ...bytesOf(0x50_2000, 4)];
  };
}

/** Floating-point escapes with CR0.EM set, and WAIT by CR0.MP and CR0.TS. */
function escapeOpcode(opcode: number): (draft: Draft) => void {
  return (draft) => {
    draft.eitherLevel();
    const { random } = draft;
    draft.cr0 |= CR0_EMULATION;
    if (random.chance(0.5)) draft.cr0 |= CR0_TASK_SWITCHED;
    if (random.chance(0.5)) draft.cr0 &= ~CR0_MONITOR;
    if (random.chance(0.2)) draft.code.push(random.pick([0x66, 0x26, 0x3e, 0x64]));
    draft.code.push(opcode, ...(random.chance(0.5) ? memory(draft, random.below(8)) : [0xc0 | random.below(64)]));
  };
}

function wait(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  for (const bit of [CR0_TASK_SWITCHED, CR0_EMULATION]) if (random.chance(0.5)) draft.cr0 |= bit;
  if (random.chance(0.5)) draft.cr0 &= ~CR0_MONITOR;
  draft.code = [0x9b];
}

/** MOV to CR0, CR2, CR3 or CR4, with the read back; CLTS and LMSW likewise. */
function writeControl(draft: Draft): void {
  draft.supervisor();
  const { random } = draft;
  const which = random.pick([0, 0, 2, 3, 4]);
  const changeable = CR0_TASK_SWITCHED | CR0_EMULATION | CR0_MONITOR | CR0_WRITE_PROTECT;
  const value = [
    (SYSTEM_CR0 & ~changeable) | (random.next() & changeable),
    0,
    random.next(),
    BASE + Offset.Directory,
    random.pick([0, CR4_TIME_STAMP_DISABLE, CR4_LARGE_PAGES, CR4_LARGE_PAGES | CR4_TIME_STAMP_DISABLE]),
  ][which] as number;
  draft.registers[0] = value >>> 0;
  draft.code = [0x0f, 0x22, 0xc0 | (which << 3), 0x0f, 0x20, 0xc1 | (which << 3)];
}

function taskSwitched(draft: Draft): void {
  draft.supervisor();
  const { random } = draft;
  if (random.chance(0.7)) draft.cr0 |= CR0_TASK_SWITCHED;
  draft.code = [0x0f, 0x06, 0x0f, 0x20, 0xc1];
}

/** LMSW changes PE (to 1 only), MP, EM and TS. */
function loadStatusWord(draft: Draft): void {
  draft.supervisor();
  const { random } = draft;
  if (random.chance(0.5)) draft.cr0 |= CR0_TASK_SWITCHED;
  draft.registers[0] = random.next();
  draft.code = [0x0f, 0x01, 0xf0, 0x0f, 0x20, 0xc1];
}

/** MOV to a debug register and back; DR7 with all breakpoints off. */
function debugRegister(draft: Draft): void {
  draft.supervisor();
  const { random } = draft;
  const which = random.below(4);
  draft.registers[0] = random.next();
  draft.code = [0x0f, 0x23, 0xc0 | (which << 3), 0x0f, 0x21, 0xc1 | (which << 3)];
}

/** CLI, STI, PUSHF, POPF at both levels with both IOPLs. */
function interruptFlag(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  if (random.chance(0.5)) draft.eflags |= IO_PRIVILEGE;
  const kind = random.below(4);
  if (kind === 0) draft.code = [0xfa, 0x9c, 0x58];
  else if (kind === 1) draft.code = [0xfb, 0x9c, 0x58];
  else {
    // Everything but TF, VM, VIF, VIP and RF, which change what comes next.
    const image = (random.next() & 0x0020_7ed5) >>> 0;
    const prefix = random.chance(0.3) ? [0x66] : [];
    draft.code = [0x68, ...bytesOf(image, 4), ...prefix, 0x9d, 0x9c, 0x58];
  }
}

/** Ports by IOPL and by the bitmap of the TSS; at ports where no device is. */
function port(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  if (random.chance(0.3)) draft.eflags |= IO_PRIVILEGE;
  const limit = random.pick([0x67, 0xfff, 0x1ff]);
  draft.patch(GDT + TSS_SELECTOR, encodeDescriptor({ base: TSS, limit, access: 0x8b, big: false }));
  const number = 0x0a00 + random.below(64);
  for (let byte = 0; byte < 12; byte++)
    draft.patch(TSS + 0x68 + (0x0a00 >>> 3) + byte, [random.chance(0.5) ? 0 : random.below(256)]);
  draft.registers[2] = number;
  const opcode = random.pick([0xec, 0xed, 0xee, 0xef]);
  // What a port without a device reads as is the machine's own.
  if (opcode < 0xee) draft.undefinedRegisters = 1;
  draft.code = [...(random.chance(0.3) ? [0x66] : []), opcode];
}

const CODE_SELECTORS = [
  0x23,
  0x20,
  0x2b,
  0x28,
  KERNEL_CODE,
  0x13,
  KERNEL_DATA,
  0,
  3,
  0x27,
  0x1f,
  0x57,
  0x63,
  0x87,
  0x08,
];

const STACK_SELECTORS = [0x2b, 0x28, 0x23, KERNEL_DATA, 0x1b, 0, 3, 0x07, 0x0f, 0x47, 0x87];

/** IRET and RETF from level 0, to the same or an outer level, with data segments that an outer level may not keep. */
function outerReturn(draft: Draft, interrupt: boolean): void {
  draft.supervisor();
  const { random } = draft;
  const good = random.chance(0.6);
  const cs = good ? random.pick([0x23, 0x23, KERNEL_CODE]) : random.pick(CODE_SELECTORS);
  const ss = good || random.chance(0.5) ? 0x2b : random.pick(STACK_SELECTORS);
  const local = cs === 0x27 || cs === 0x1f;
  const eip = local ? random.below(0x700) : CODE + random.below(0x700);
  const eflags = (random.next() & 0x0020_3ed5) >>> 0;
  for (const segment of [0, 3, 4, 5]) draft.segments[segment] = random.pick([KERNEL_DATA, 0x2b, 0x28, 0x23, 0]);
  const stack = interrupt ? [eip, cs, eflags] : [eip, cs];
  draft.patch32(KERNEL_ESP, ...stack, STACK_TOP + random.below(16), ss);
  draft.code = interrupt ? [0xcf] : [0xcb];
}

/** A code segment of a given level in the free descriptor. */
function codeDescriptor(access: number): Uint8Array {
  return encodeDescriptor({ base: 0, limit: 0xffff_ffff, access, big: true }, true);
}

/** CALL and JMP through a call gate: to the same or an inner level, with parameters, and gates that fail. */
function callGate(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  const parameters = random.below(4);
  const access = random.pick([0xec, 0xec, 0xec, 0xec, 0x8c, 0x6c, 0xe4 & 0xfb, 0xcc]);
  const target = random.pick([KERNEL_CODE, KERNEL_CODE, 0x20, FREE_SELECTOR + 8, 0, 0x28, 0x87]);
  draft.patch(GDT + FREE_SELECTOR, encodeGate(target, CODE + 0x10 + random.below(0x600), access, parameters));
  draft.patch(
    GDT + FREE_SELECTOR + 8,
    codeDescriptor(random.pick([0x9b, 0xfb, draft.level === 0 ? 0x9f : 0xff, 0xff, 0xbb])),
  );
  const rpl = random.pick([0, 3, 3]);
  const opcode = random.chance(0.75) ? 0x9a : 0xea;
  draft.patch32(draft.registers[4] as number, random.next(), random.next(), random.next(), random.next());
  draft.code = [opcode, ...bytesOf(random.next(), 4), ...bytesOf(FREE_SELECTOR | rpl, 2)];
}

/** INT n through gates of all sorts, with inner stacks of all sorts. */
function interruptGate(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  const vector = random.between(0x20, 0x3f);
  const level = random.pick([0, 3, 3, 3]);
  const type = random.pick([0x8e, 0x8e, 0x8f, 0x8e, 0x0e, 0x8c, 0x80, 0x92]) | (level << 5);
  const target = random.pick([
    KERNEL_CODE,
    KERNEL_CODE,
    KERNEL_CODE,
    KERNEL_CODE,
    0,
    0x20,
    0x28,
    FREE_SELECTOR,
    0x87,
    0x57,
  ]);
  draft.patch(IDT + vector * 8, encodeGate(target, handlerOf(vector), type));
  draft.patch(GDT + FREE_SELECTOR, codeDescriptor(random.pick([0x9b, 0x99, 0x1b, 0x93])));
  draft.code = [0xcd, vector];
}

/** A stack switch whose TSS names a stack that cannot be used: #TS or #SS for INT n, while page faults find a good one. */
function innerStack(draft: Draft): void {
  const { random } = draft;
  // INT n goes to level 1 through a descriptor of that level; the fault that follows goes to level 0.
  draft.patch(GDT + FREE_SELECTOR, codeDescriptor(0xbb));
  draft.patch(
    GDT + FREE_SELECTOR + 8,
    encodeDescriptor(
      { base: 0, limit: 0xffff_ffff, access: random.pick([0xb3, 0xb3, 0x93, 0xb1, 0xbb]), big: true },
      true,
    ),
  );
  const selector = random.pick([
    FREE_SELECTOR | 9,
    FREE_SELECTOR | 9,
    FREE_SELECTOR | 8,
    0,
    3,
    KERNEL_DATA,
    0x2b,
    0x87,
  ]);
  const pointer = random.pick([INNER_STACK_TOP, INNER_STACK_TOP - 3, INNER_STACK_TOP - 0x800]);
  draft.patch32(TSS + 12, pointer, selector);
  const vector = 0x30;
  draft.patch(IDT + vector * 8, encodeGate(FREE_SELECTOR, 0x0050_0800, 0xee));
  // Level 1 begins with INT3, which takes the case back to level 0.
  draft.patch(DATA + 0x800, [0xcc]);
  draft.code = [0xcd, vector];
}

/** An exception whose own gate is bad: a double fault. The second exception is contributory, and so is or counts the first. */
function doubleFault(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  const first = random.pick([14, 13, 0]);
  const broken = random.pick([
    encodeGate(KERNEL_CODE, handlerOf(first), 0x0e),
    encodeGate(0, handlerOf(first), 0x8e),
    encodeGate(0x28, handlerOf(first), 0x8e),
    encodeGate(KERNEL_CODE, handlerOf(first), 0x80),
  ]);
  draft.patch(IDT + first * 8, broken);
  const codes: Readonly<Record<number, number[]>> = {
    14: [0xa1, ...bytesOf(0x0050_2000, 4)],
    13: [0x66, 0xb8, 0x87, 0x00, 0x8e, 0xd8],
    0: [0x29, 0xc9, 0xf7, 0xf1],
  };
  // When it is the gate of #GP that is bad, #GP again is a double fault as well.
  draft.code = codes[first] as number[];
}

/** An access to a page by its entry's and its directory entry's rights, at both levels, with and without CR0.WP. */
function pageRights(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  if (random.chance(0.4)) draft.cr0 &= ~CR0_WRITE_PROTECT;
  const bits = (): number => {
    let value = random.chance(0.9) ? PageBit.Present : 0;
    for (const bit of [PageBit.Writable, PageBit.User]) if (random.chance(0.6)) value |= bit;
    for (const bit of [PageBit.Accessed, PageBit.Dirty]) if (random.chance(0.3)) value |= bit;
    return value;
  };
  draft.patch32(WINDOW + Offset.ExtraTable, (BASE + Offset.Target) | bits());
  draft.patch32(WINDOW + Offset.Directory + 12, (BASE + Offset.ExtraTable) | (bits() & ~PageBit.Dirty));
  accessTarget(draft, TARGET + random.below(0xff0));
}

/** Read, write, compare, push from memory, or a jump to a linear address. */
function accessTarget(draft: Draft, linear: number): void {
  const { random } = draft;
  const address = bytesOf(linear, 4);
  draft.registers[0] = random.next();
  draft.code = random.pick([
    [0xa1, ...address],
    [0xa3, ...address],
    [0x39, 0x05, ...address],
    [0xff, 0x35, ...address],
    [0xe9, ...bytesOf(linear - (EIP + 5), 4)],
  ]);
}

/** The same through a 4 MiB page. */
function largePage(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  draft.cr4 = CR4_LARGE_PAGES;
  if (random.chance(0.4)) draft.cr0 &= ~CR0_WRITE_PROTECT;
  let entry = BASE | PageBit.Large | (random.chance(0.9) ? PageBit.Present : 0);
  for (const bit of [PageBit.Writable, PageBit.User]) if (random.chance(0.6)) entry |= bit;
  for (const bit of [PageBit.Accessed, PageBit.Dirty]) if (random.chance(0.3)) entry |= bit;
  draft.patch32(WINDOW + Offset.Directory + 8, entry);
  accessTarget(draft, LARGE + Offset.Target + random.below(0xff0));
}

/** Descriptors of every type, for instructions that look at them without using them. */
function inspectDescriptor(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  const access = random.below(256);
  draft.patch(
    GDT + FREE_SELECTOR,
    encodeDescriptor({ base: random.next(), limit: random.below(0x10_0000), access, big: random.chance(0.5) }),
  );
  draft.registers[1] = FREE_SELECTOR | random.below(4);
  const kind = random.below(4);
  if (kind < 2) draft.code = [0x0f, 0x00, kind === 0 ? 0xe1 : 0xe9];
  else draft.code = [0x0f, kind, 0xc1];
  if (kind === 2) {
    draft.undefinedRegisters = 1;
    draft.undefinedBits = 0x000f_0000;
  }
}

/** Segment loads at both levels from descriptors of every type, privilege and presence. */
function segmentLoad(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  const access = random.chance(0.7) ? 0x90 | random.below(16) | (random.below(4) << 5) : random.below(256);
  draft.patch(GDT + FREE_SELECTOR, encodeDescriptor({ base: 0, limit: 0xffff_ffff, access, big: true }, true));
  draft.registers[1] = FREE_SELECTOR | random.below(4);
  // An expand-down segment of 4 GiB has no valid offset: not for a stack on which the end of the case is delivered.
  const expandDown = (access & 0x0c) === 0x04;
  const register = random.pick(expandDown ? [0, 3, 4, 5] : [0, 2, 3, 4, 5]);
  draft.code = [0x8e, 0xc1 | (register << 3)];
}

/** LLDT and LTR from system descriptors of every type; the TSS becomes busy. */
function loadSystemSegment(draft: Draft, digit: number): void {
  draft.supervisor();
  const { random } = draft;
  const access = random.pick([0x82, 0x89, 0x02, 0x09, 0x8b, 0x81, 0x92, 0xe2, 0xe9, random.below(256)]);
  draft.patch(GDT + FREE_SELECTOR, encodeDescriptor({ base: TSS, limit: 0x67, access, big: false }));
  draft.registers[1] = random.chance(0.1)
    ? random.pick([...(digit === 2 ? [0, 3] : []), 0x87, 0x07])
    : FREE_SELECTOR | random.below(4);
  draft.code = [0x0f, 0x00, 0xc1 | (digit << 3)];
  draft.patch(LDT, encodeDescriptor({ base: DATA, limit: 0xfff, access: 0xf3, big: true }));
}

/** Far jumps and calls between code segments of all levels, conforming or not. */
function farToDescriptor(draft: Draft): void {
  draft.eitherLevel();
  const { random } = draft;
  draft.patch(
    GDT + FREE_SELECTOR,
    codeDescriptor(random.pick([0x9b, 0x9f, 0xbb, 0xbf, 0xfb, 0xff, 0x9b, 0x1b, 0x93, 0xfd])),
  );
  const offset = CODE + 0x10 + random.below(0x600);
  draft.code = [random.pick([0x9a, 0xea]), ...bytesOf(offset, 4), ...bytesOf(FREE_SELECTOR | random.below(4), 2)];
}

/** Instructions that change no register and no memory: INVLPG, INVD, WBINVD. */
function cacheControl(draft: Draft): void {
  draft.supervisor();
  const { random } = draft;
  draft.code = random.pick([
    [0x0f, 0x01, ...memory(draft, 7)],
    [0x0f, 0x08],
    [0x0f, 0x09],
  ]);
}

/** LGDT and LIDT with the tables' own bases and limits that still hold what the case needs, read back by SGDT and SIDT. */
function loadTable(draft: Draft): void {
  draft.supervisor();
  const { random } = draft;
  const digit = random.pick([2, 3]);
  const limit = digit === 2 ? random.between(0x57, 0xffff) : random.between(0x77, 0xffff);
  draft.patch(DATA + 0x100, [...bytesOf(limit, 2), ...bytesOf(digit === 2 ? GDT : IDT, 4)]);
  draft.code = [
    ...[0x0f, 0x01, (digit << 3) | 5, ...bytesOf(DATA + 0x100, 4)],
    ...[0x0f, 0x01, ((digit - 2) << 3) | 5, ...bytesOf(DATA + 0x200, 4)],
  ];
}

export const SYSTEM_GROUPS: readonly SystemGroup[] = [
  { key: "0F00/0", mnemonic: "sldt", size: 32, generate: storeWord(0x00, 0, 32) },
  { key: "0F00/0", mnemonic: "sldt", size: 16, generate: storeWord(0x00, 0, 16) },
  { key: "0F00/1", mnemonic: "str", size: 32, generate: storeWord(0x00, 1, 32) },
  { key: "0F00/1", mnemonic: "str", size: 16, generate: storeWord(0x00, 1, 16) },
  { key: "0F01/4", mnemonic: "smsw", size: 32, generate: storeWord(0x01, 4, 32) },
  { key: "0F01/4", mnemonic: "smsw", size: 16, generate: storeWord(0x01, 4, 16) },
  { key: "0F01/0", mnemonic: "sgdt", size: 32, generate: storeTable(0) },
  { key: "0F01/1", mnemonic: "sidt", size: 32, generate: storeTable(1) },
  ...[0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf].map((opcode) => ({
    key: opcode.toString(16).toUpperCase(),
    mnemonic: "esc",
    size: 32,
    generate: escapeOpcode(opcode),
  })),
  { key: "9B", mnemonic: "wait", size: 32, generate: wait },
  { key: "0F22", mnemonic: "mov to and from control registers", size: 32, generate: writeControl },
  { key: "0F06", mnemonic: "clts", size: 32, generate: taskSwitched },
  { key: "0F01/6", mnemonic: "lmsw", size: 32, generate: loadStatusWord },
  { key: "0F23", mnemonic: "mov to and from debug registers", size: 32, generate: debugRegister },
  { key: "0F01/2", mnemonic: "lgdt and lidt at level 0", size: 32, generate: loadTable },
  { key: "0F01/7", mnemonic: "invlpg, invd and wbinvd at level 0", size: 32, generate: cacheControl },
  { key: "9D", mnemonic: "interrupt flag and IOPL", size: 32, generate: interruptFlag },
  { key: "EC", mnemonic: "ports by IOPL and bitmap", size: 32, generate: port },
  { key: "CF", mnemonic: "iret to outer levels", size: 32, generate: (draft) => outerReturn(draft, true) },
  { key: "CB", mnemonic: "retf to outer levels", size: 32, generate: (draft) => outerReturn(draft, false) },
  { key: "9A", mnemonic: "call gates", size: 32, generate: callGate },
  { key: "EA", mnemonic: "code segments of all levels", size: 32, generate: farToDescriptor },
  { key: "CD", mnemonic: "interrupt gates", size: 32, generate: interruptGate },
  { key: "CD", mnemonic: "stacks of an inner level", size: 32, generate: innerStack },
  { key: "CD", mnemonic: "exceptions in exceptions", size: 32, generate: doubleFault },
  { key: "A1", mnemonic: "rights of 4 KiB pages", size: 32, generate: pageRights },
  { key: "A1", mnemonic: "rights of 4 MiB pages", size: 32, generate: largePage },
  { key: "0F02", mnemonic: "lar, lsl, verr and verw of all descriptors", size: 32, generate: inspectDescriptor },
  { key: "8E", mnemonic: "segment loads from all descriptors", size: 32, generate: segmentLoad },
  { key: "0F00/2", mnemonic: "lldt", size: 32, generate: (draft) => loadSystemSegment(draft, 2) },
  { key: "0F00/3", mnemonic: "ltr", size: 32, generate: (draft) => loadSystemSegment(draft, 3) },
];

export function generateSystemVectors(group: SystemGroup, count: number, seed = 0): SystemVector[] {
  const random = new Random(hashText(`${group.key}:${group.mnemonic}:${group.size}:${seed}`));
  return Array.from({ length: count }, () => {
    const draft = new Draft(random);
    group.generate(draft);
    return draft.finish();
  });
}

/**
 * Random programs for live comparison: 10 to 50 pieces, each position-independent and made from its own seed, so that a
 * failing program shrinks by leaving pieces out. A piece is one instruction or a small construct: a loop, a forward branch,
 * a call, a repeated string instruction, a balanced run of stack work.
 *
 * EBX, ESI and EDI point into the data pages and change only by string instructions, which set them first; EAX, ECX, EDX
 * and EBP are free. An instruction that leaves flags undefined is followed by one that defines all of them, because
 * judges may rightly differ in what is undefined.
 */
import { bytesOf, DEFAULT_EFLAGS, DEFAULT_SEGMENTS } from "./case-builder.ts";
import { operandBits } from "./case-generator.ts";
import { CATALOGUE, type Encoding } from "./catalogue.ts";
import { Random } from "./random.ts";
import { ABSENT, CODE, DATA, READ_ONLY, STACK, STACK_TOP } from "./stage.ts";
import type { TestCase } from "./test-driver.ts";

const POINTERS = [DATA + 0x400, DATA + 0x900, DATA + 0x1400] as const;
const [EAX, ECX, EDX, EBX, _ESP, EBP, ESI, EDI] = [0, 1, 2, 3, 4, 5, 6, 7];
const FREE = [EAX, ECX, EDX, EBP] as const;
const BASES = [EBX, ESI, EDI] as const;
const FREE_BYTES = [0, 1, 2, 4, 5, 6] as const; // AL CL DL AH CH DH
const MOST_INSTRUCTIONS = 100_000;
/** Where a program counts its rounds: far below what the stack reaches. */
const ROUNDS = STACK + 0x10;

/** Plain instructions: ModR/M or register operands, no transfer, no stack, no system. */
const PLAIN: readonly Encoding[] = CATALOGUE.filter(
  (encoding) =>
    /^(|shift|double-shift|scan|multiply|divide|accumulator|exchange|bswap|compare-exchange|bit-string)$/.test(
      encoding.kind,
    ) &&
    !encoding.operands.some((operand) => /^[OM]/.test(operand)) &&
    encoding.mnemonic !== "wait" &&
    // libunicorn does not know this second encoding of TEST (differences.ts); the golden vectors have it from silicon.
    !/^F[67]\/1$/.test(encoding.key),
);

const COMPARE_DEFINES_ALL_FLAGS = [0x83, 0xf8]; // CMP EAX, imm8
const PRESERVED = 0x66;

/** Registers that a piece may not write: the counter of a loop. */
type Reserved = ReadonlySet<number>;

function freeRegister(random: Random, reserved: Reserved): number {
  const choices = FREE.filter((register) => !reserved.has(register));
  return random.pick(choices);
}

function freeByte(random: Random, reserved: Reserved): number {
  return random.pick(FREE_BYTES.filter((register) => !reserved.has(register & 3)));
}

/** ModR/M for memory in the sandbox: [base + disp], [base + index * scale + disp] with a masked index, or absolute. */
function memoryOperand(random: Random, reg: number, faulty: boolean): { before: number[]; modRm: number[] } {
  if (faulty) {
    const address = random.pick([ABSENT + random.below(64), READ_ONLY + random.below(64), ABSENT - 1]);
    return { before: [], modRm: [(reg << 3) | 5, ...bytesOf(address, 4)] };
  }
  const base = random.pick(BASES);
  const kind = random.below(4);
  if (kind === 0) return { before: [], modRm: [(reg << 3) | 5, ...bytesOf(DATA + random.below(0x1ff0), 4)] };
  if (kind === 1) return { before: [], modRm: [0x40 | (reg << 3) | base, random.below(256)] };
  if (kind === 2)
    return { before: [], modRm: [0x80 | (reg << 3) | base, ...bytesOf(random.between(-0x80, 0x180) >>> 0, 4)] };
  // The index is masked by an AND, which leaves AF undefined, so a compare follows.
  const index = random.pick([EAX, ECX, EDX]);
  const before = [0x83, 0xe0 | index, 0x1f, ...COMPARE_DEFINES_ALL_FLAGS, random.below(256)];
  return { before, modRm: [0x44 | (reg << 3), (random.below(4) << 6) | (index << 3) | base, random.below(128)] };
}

function immediateOf(random: Random, operand: string, size: number): number[] {
  if (operand === "Ib" || operand === "Is") return [random.operand(8)];
  return bytesOf(random.operand(size), size / 8);
}

/** One instruction of the catalogue with operands in free registers or sandbox memory. */
function plain(random: Random, reserved: Reserved): number[] {
  const encoding = random.pick(PLAIN);
  const size = random.pick(encoding.sizes);
  const byte = size === 8;
  const writesCounter = [...reserved].length > 0;
  const implicit = /^(accumulator|multiply|divide|exchange)$/.test(encoding.kind) || encoding.operands.includes("eAX");
  if (writesCounter && encoding.operands.includes("CL")) return [];
  const code: number[] = [];
  const opcode = [...encoding.opcode];
  let before: number[] = [];
  let modRm: number[] = [];
  const immediates: number[] = [];
  const rmOperand = encoding.operands.find((operand) => operand.startsWith("E"));
  const regOperand = encoding.operands.find((operand) => operand.startsWith("G"));
  if (rmOperand !== undefined) {
    const regIsByte = regOperand !== undefined && operandBits(regOperand, size) === 8;
    const reg = encoding.extension ?? (regIsByte ? freeByte(random, reserved) : freeRegister(random, reserved));
    const rmIsByte = operandBits(rmOperand, size) === 8;
    if (random.chance(0.5) && encoding.kind !== "bit-string") {
      ({ before, modRm } = memoryOperand(random, reg, random.chance(0.01)));
      if (writesCounter && before.length > 0) return [];
    } else {
      modRm = [0xc0 | (reg << 3) | (rmIsByte ? freeByte(random, reserved) : freeRegister(random, reserved))];
    }
  }
  for (const operand of encoding.operands) {
    if (operand.startsWith("Z"))
      opcode[opcode.length - 1] =
        ((opcode.at(-1) ?? 0) & 0xf8) |
        (operand === "Zb" ? freeByte(random, reserved) : freeRegister(random, reserved));
    else if (operand.startsWith("I"))
      immediates.push(...(limitedCount(random, encoding, size) ?? immediateOf(random, operand, size)));
  }
  if (implicit && reserved.has(EAX)) return [];
  if (encoding.kind === "double-shift" && encoding.operands.includes("CL")) before.push(0xb1, random.below(size)); // MOV CL, count
  if (encoding.kind === "divide" && random.chance(0.95)) before.push(...tameDivision(random, size));
  if (size === 16) code.push(PRESERVED);
  code.push(...opcode, ...modRm, ...immediates);
  const undefinedFlags = encoding.undefinedFlags !== 0 || /shift/.test(encoding.kind);
  const after = undefinedFlags ? [...COMPARE_DEFINES_ALL_FLAGS, random.below(256)] : [];
  return byte || size === 32 || size === 16 ? [...before, ...code, ...after] : [];
}

/** SHLD and SHRD by more than the operand's size leave the destination undefined. */
function limitedCount(random: Random, encoding: Encoding, size: number): number[] | undefined {
  return encoding.kind === "double-shift" ? [random.below(size)] : undefined;
}

/** A dividend that most divisors take: EDX or AH zero. */
function tameDivision(random: Random, size: number): number[] {
  return size === 8 ? [0xb4, 0x00] : [0xba, ...bytesOf(random.below(2), 4)];
}

function plainRun(random: Random, count: number, reserved: Reserved): number[] {
  return Array.from({ length: count }, () => plain(random, reserved)).flat();
}

/** A loop of 2 to 9 rounds by LOOP or by DEC and JNZ. */
function loop(random: Random): number[] {
  const body = plainRun(random, random.between(1, 3), new Set([ECX]));
  const start = [0xb9, ...bytesOf(random.between(2, 9), 4)];
  const dec = random.chance(0.5);
  const length = body.length + (dec ? 3 : 2);
  if (length > 120) return [];
  return [...start, ...body, ...(dec ? [0x49, 0x75] : [0xe2]), -length & 0xff];
}

/** A conditional branch over a few instructions. */
function branch(random: Random): number[] {
  const body = plainRun(random, random.between(1, 3), new Set());
  const condition = random.below(16);
  if (body.length < 128 && random.chance(0.5)) return [0x70 | condition, body.length, ...body];
  return [0x0f, 0x80 | condition, ...bytesOf(body.length, 4), ...body];
}

/** CALL of a routine that stands behind a jump over it. */
function call(random: Random): number[] {
  const body = plainRun(random, random.between(1, 2), new Set());
  const routine = [...body, ...(random.chance(0.5) ? [0xc3] : [0xc2, 0x00, 0x00])];
  return [0xeb, 0x05 + 0, ...[0xe8, ...bytesOf(2, 4)], 0xeb, routine.length, ...routine].slice(2);
}

/** A string instruction, repeated or not, on runs of data that it sets up itself. */
function string(random: Random): number[] {
  const opcode = random.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]);
  const setup = [
    0xbe,
    ...bytesOf(DATA + 0x800 + random.below(0x200), 4),
    0xbf,
    ...bytesOf(DATA + random.pick([0x1300, 0xff0, 0x810]) + random.below(0x20), 4),
    0xb9,
    ...bytesOf(random.between(0, 20), 4),
    random.chance(0.3) ? 0xfd : 0xfc,
  ];
  const prefixes = random.pick([[], [0xf3], [0xf2], [0x66], [0xf3, 0x66], [0x66, 0xf2]]);
  return [...setup, ...prefixes, opcode, 0xfc, 0xbe, ...bytesOf(POINTERS[1], 4), 0xbf, ...bytesOf(POINTERS[2], 4)];
}

/** Pushes, work, and as many pops; PUSHA and POPA; ENTER and LEAVE. */
function stack(random: Random): number[] {
  const kind = random.below(4);
  const body = plainRun(random, 1, new Set());
  if (kind === 0) return [0x60, ...body, 0x61];
  if (kind === 1)
    return [0xc8, random.below(64) & ~3, 0, random.below(2), ...plainRun(random, 1, new Set([EBP])), 0xc9];
  if (kind === 2) return [0x9c, ...body, 0x9d];
  const push = random.pick([
    [0x50 + freeRegister(random, new Set())],
    [0x68, ...bytesOf(random.next(), 4)],
    [0x6a, random.below(256)],
  ]);
  return [...push, ...body, 0x58 + freeRegister(random, new Set())];
}

/**
 * Code that changes itself: CALL and POP find its own address, a store changes an opcode or an immediate ahead, a jump makes it
 * seen (SDM vol. 3, 8.1.3), and the changed instruction runs, once or in a loop.
 */
function selfModifying(random: Random): number[] {
  const here = [0xe8, 0, 0, 0, 0, 0x5d]; // CALL next; POP EBP
  if (random.chance(0.5)) {
    // MOV byte [EBP + 7 or 8], value; JMP next; MOV reg8, imm8
    const opcode = random.chance(0.5);
    const value = opcode ? 0xb0 + random.pick(FREE_BYTES) : random.below(256);
    return [...here, 0xc6, 0x45, opcode ? 7 : 8, value, 0xeb, 0x00, 0xb0, random.below(256)];
  }
  // MOV ECX, n; again: CALL, POP; INC byte [EBP + 7]; JMP next; ADD AL, imm8; LOOP again
  const loop = [...here, 0xfe, 0x45, 0x07, 0xeb, 0x00, 0x04, random.below(256), 0xe2, 0xf1];
  return [0xb9, ...bytesOf(random.between(2, 6), 4), ...loop];
}

/** The bytes of the piece that a seed makes. */
export function pieceOf(seed: number): number[] {
  const random = new Random(seed);
  const kind = random.below(100);
  if (kind < 70) return plain(random, new Set());
  if (kind < 78) return branch(random);
  if (kind < 84) return loop(random);
  if (kind < 88) return call(random);
  if (kind < 93) return string(random);
  if (kind < 95) return selfModifying(random);
  return stack(random);
}

/** A case that runs the pieces of these seeds one after the other; undefined when they do not fit into the code page. */
export function programOf(seeds: readonly number[]): TestCase | undefined {
  const random = new Random(seeds[0] ?? 1);
  const pieces = seeds.flatMap(pieceOf);
  // Half of the programs run several rounds, so that their blocks become warm: DEC dword [counter]; JNZ start.
  const rounds = random.chance(0.5) ? 1 : random.between(2, 40);
  const back = [0xff, 0x0d, ...bytesOf(ROUNDS, 4), 0x0f, 0x85, ...bytesOf(-(pieces.length + 12) >>> 0, 4)];
  const code = Uint8Array.from([...pieces, ...back]);
  if (code.length > 0xf00) return undefined;
  const [ebx, esi, edi] = POINTERS;
  const value = (): number => random.operand(32);
  return {
    registers: [value(), value(), value(), ebx, STACK_TOP, value(), esi, edi],
    eflags: DEFAULT_EFLAGS | (random.next() & 0x8d5),
    eip: CODE,
    segments: DEFAULT_SEGMENTS,
    patches: [
      { address: ROUNDS, bytes: Uint8Array.from(bytesOf(rounds, 4)) },
      { address: CODE, bytes: code },
    ],
    codeBytes: code.length,
    instructions: MOST_INSTRUCTIONS,
  };
}

/** Seeds of `count` programs of 10 to 50 pieces. */
export function programSeeds(seed: number, count: number): number[][] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => Array.from({ length: random.between(10, 50) }, () => random.next()));
}

/** Leaves out pieces as long as `fails` stays true. */
export function shrinkProgram(
  seeds: readonly number[],
  fails: (seeds: readonly number[]) => boolean,
): readonly number[] {
  let current = seeds;
  for (let size = Math.ceil(current.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < current.length; ) {
      // The first seed also makes the registers: it may stay.
      const shorter = [...current.slice(0, at), ...current.slice(at + size)];
      if (shorter.length > 0 && fails(shorter)) current = shorter;
      else at += size;
    }
  }
  return current;
}

/**
 * Random programs that the first-level caches cannot hold: functions on several pages whose code and data share cache sets, called in
 * a fixed order for ever. Loads and stores in pairs, misaligned ones, loads through their own register, prefixes, locked
 * and string instructions, short loops, stores into the code.
 */
import { enterFlatProtectedMode, type Machine, Word, writeControlRegister } from "../../../emulator/index.ts";

const CODE = 0x1_0000;
const CODE_BYTES = 0x2_0000;
const DATA = 0x4_0000;
const DATA_BYTES = 0x5000;
const STACK = 0x3_f000;
const PAGE_DIRECTORY = 0x1000;
const PAGE_TABLE = 0x2000;
export const SCATTERED_MEMORY_BYTES = 4 << 20;

type Random = (range: number) => number;

/** Mulberry32. */
export function generator(seed: number): Random {
  let state = seed | 0;
  return (range) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % range;
  };
}

function dword(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
}

/** EBX ESI EDI point into the data; EAX ECX EDX EBP hold anything. */
const POINTERS = [3, 6, 7];
const SCRATCH = [0, 1, 2, 5];
const ALU = [0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38];
const STRINGS = [0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad];

class Writer {
  private readonly random: Random;
  private readonly aligned: boolean;

  constructor(random: Random) {
    this.random = random;
    this.aligned = random(3) !== 0;
  }

  private of(choices: readonly number[]): number {
    return choices[this.random(choices.length)] as number;
  }

  private modRm(register: number, rm: number): number[] {
    return [0xc0 | (register << 3) | rm];
  }

  /** ModR/M and displacement of an operand near one of the pointers. */
  private memory(register: number): number[] {
    const displacement = this.aligned && this.random(12) !== 0 ? this.random(32) * 4 : this.random(128);
    return [0x40 | (register << 3) | this.of(POINTERS), displacement];
  }

  /** and r, mask; mov r, [r + DATA]: the load changes the register of its own address. */
  private throughItself(): number[] {
    const first = this.of(SCRATCH);
    const second = SCRATCH[(SCRATCH.indexOf(first) + 1 + this.random(3)) % 4] as number;
    const load = (register: number, offset: number) => [0x8b, 0x80 | (register * 9), ...dword(DATA + offset)];
    const mask = (register: number, bits: number) => [0x81, 0xe0 | register, ...dword(bits)];
    const masks = [...mask(first, 0x1ffc), ...mask(second, this.random(2) === 0 ? 0x1ffc : 0x1fff)];
    return [...masks, ...load(first, 0), ...load(second, 4 * this.random(64))];
  }

  private repeated(): number[] {
    const { random } = this;
    const pointers = [0xbe, ...dword(DATA + random(0x1000)), 0xbf, ...dword(DATA + 0x1000 + random(0x1000))];
    return [...pointers, 0xb9, ...dword(random(20)), 0xf3, this.of(STRINGS)];
  }

  private unusual(): number[] {
    const { random } = this;
    const lockable = (this.of(ALU) & 0x30) | 1;
    switch (random(8)) {
      case 0:
        return this.repeated();
      case 1:
        return [this.of(STRINGS)];
      case 2:
        return [0xf0, lockable, ...this.memory(this.of(SCRATCH))];
      case 3:
        return [0x87, ...this.memory(this.of(SCRATCH))];
      case 4:
        return [0xf7, 0xe0 | this.of(SCRATCH)];
      case 5:
        return [0xb8 | this.of(POINTERS), ...dword(DATA + 0x200 + random(60) * 256 + random(this.aligned ? 1 : 32))];
      case 6:
        // A byte of the code, replaced with NOP.
        return random(30) === 0 ? [0xc6, 0x05, ...dword(CODE + random(0x3000)), 0x90] : [0x90];
      default:
        return this.throughItself();
    }
  }

  /** One instruction, or a few that belong together. */
  instructions(): number[] {
    const { random } = this;
    const register = this.of(SCRATCH);
    const prefix = random(14) === 0 ? [0x66] : [];
    switch (random(16)) {
      case 0:
      case 1:
        return [...prefix, this.of(ALU) | 1, ...this.modRm(register, this.of(SCRATCH))];
      case 2:
        return [this.of(ALU) | 3, ...this.memory(register)];
      case 3:
        return [this.of(ALU) | 1, ...this.memory(register)];
      case 4:
      case 5:
        return [0x8b, ...this.memory(register)];
      case 6:
        return [0x8a, ...this.memory(random(4))];
      case 7:
        return [...prefix, 0x89, ...this.memory(register)];
      case 8:
        return [0x40 | register];
      case 9:
        return [0xc1, 0xe0 | register, random(31)];
      case 10:
        return [0x0f, 0xb6, ...(random(2) === 0 ? this.memory(register) : this.modRm(register, random(4)))];
      case 11:
        return [0x50 | random(8), 0x58 | register];
      case 12:
        return [0x50 | random(8), 0x50 | random(8), 0x58 | this.of(SCRATCH), 0x58 | register];
      case 13:
        return [0x8d, ...this.memory(register)];
      default:
        return this.unusual();
    }
  }

  /** Straight code with branches over parts of it and, if `loops`, loops counted in memory. */
  body(pieces: number, loops: boolean): number[] {
    const { random } = this;
    const code: number[] = [];
    for (let i = 0; i < pieces; i++) {
      const kind = random(12);
      if (kind === 0) {
        const skipped = this.instructions();
        code.push(0x70 | random(16), skipped.length, ...skipped);
      } else if (kind === 1 && loops) {
        const counter = dword(DATA + 0x3f00 + random(8) * 16);
        const loop = [...this.body(1 + random(6), false), 0xff, 0x0d, ...counter, 0x0f, 0x85];
        code.push(0xc7, 0x05, ...counter, ...dword(1 + random(5)), ...loop, ...dword(-(loop.length + 4)));
      } else code.push(...this.instructions());
    }
    return code;
  }
}

/** Sets a machine of SCATTERED_MEMORY_BYTES up to run program `seed`, with 4 KiB pages or without paging. */
export function startScattered(machine: Machine, seed: number): void {
  const random = generator(seed);
  const writer = new Writer(random);
  const code = new Uint8Array(CODE_BYTES).fill(0x90);
  const functions: number[] = [];
  const count = 3 + random(6);
  for (let i = 0; i < count; i++) {
    const at = i * 0x1000 + random(64);
    code.set([...writer.body(5 + random(30), true), 0xc3], at);
    functions.push(at);
  }
  const main = count * 0x1000 + random(0xf00);
  let at = main;
  for (let i = 4 + random(12); i > 0; i--) {
    code.set([0xe8, ...dword((functions[random(count)] as number) - at - 5)], at);
    at += 5;
  }
  code.set([0xe9, ...dword(main - at - 5)], at);

  machine.reset();
  const { memory, cpu } = machine;
  memory.writeBytes(0, new Uint8Array(DATA + DATA_BYTES));
  memory.writeBytes(CODE, code);
  memory.writeBytes(
    DATA,
    Uint8Array.from({ length: DATA_BYTES }, () => random(256)),
  );
  enterFlatProtectedMode(cpu, CODE + main, STACK);
  if (random(2) === 0) {
    for (let page = 0; page < 1024; page++) memory.write32(PAGE_TABLE + 4 * page, (page << 12) | 7);
    memory.write32(PAGE_DIRECTORY, PAGE_TABLE | 7);
    cpu.words[Word.Cr3] = PAGE_DIRECTORY;
    writeControlRegister(cpu, 0, 0x8000_0011 | 0);
  }
  for (const register of SCRATCH) cpu.setRegister(register, random(0x1_0000));
  for (const register of POINTERS) cpu.setRegister(register, DATA + 0x300 + random(0x1000) * 4);
  cpu.stateReplaced();
}

/**
 * A bare CPU for tests: flat 32-bit protected mode at level 0, no paging, code as bytes with the assembly beside them.
 *
 *   const guest = new Guest();
 *   guest.run("01 d8 ; add eax, ebx", { eax: 1, ebx: 2 }).eax === 3
 */
import { writeEflags } from "../../../emulator/cpu/flags.ts";
import { createMachine, enterFlatProtectedMode, type Machine, Word } from "../../../emulator/index.ts";

export const CODE = 0x1000;
export const STACK = 0x8000;
export const DATA = 0x2000;
const HANDLERS = 0x4000;
const IDT = 0x5000;
const GDT = 0x6000;
const MEMORY_BYTES = 1 << 20;

const NAMES = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] as const;
type RegisterName = (typeof NAMES)[number];

export interface Setup extends Partial<Record<RegisterName, number>> {
  /** Letters of the arithmetic flags (and d) that are set before: o d s z a p c. */
  flags?: string;
  /** 32-bit words written to memory before: address → value. */
  memory?: Readonly<Record<number, number>>;
  /** Instructions to run; default: those in the text. */
  instructions?: number;
}

export interface Outcome extends Record<RegisterName, number> {
  eip: number;
  /** Letters of the flags that are set, in the order o d s z a p c. */
  flags: string;
  /** Clocks and retired instructions that the run took. */
  cycles: number;
  retired: number;
  /** Vector of the exception that ended the run, its error code, and the pushed EIP. */
  vector: number | undefined;
  errorCode: number;
  faultEip: number;
}

const FLAG_BITS: readonly (readonly [string, number])[] = [
  ["o", 0x800],
  ["d", 0x400],
  ["s", 0x80],
  ["z", 0x40],
  ["a", 0x10],
  ["p", 0x4],
  ["c", 0x1],
];
const ERROR_CODE_VECTORS = [8, 10, 11, 12, 13, 14, 17];

/** The bytes of a text of lines "hex bytes ; assembly", and the number of lines that have bytes. */
export function assemble(text: string): { bytes: Uint8Array; lines: number } {
  const parts = text
    .split("\n")
    .map((line) => (line.split(";")[0] as string).replace(/\s+/g, ""))
    .filter((line) => line !== "");
  return { bytes: Uint8Array.from(Buffer.from(parts.join(""), "hex")), lines: parts.length };
}

export class Guest {
  readonly machine: Machine;

  constructor(configuration: Partial<Parameters<typeof createMachine>[0]> = {}) {
    this.machine = createMachine({ memoryBytes: MEMORY_BYTES, ...configuration });
    this.setUp();
  }

  /** Writes the descriptor tables and the handlers, and resets; after a reset of the machine. */
  setUp(): void {
    const { memory } = this.machine;
    // GDT: null, flat code (08), flat data (10); 18 to 38 are the tests'.
    const descriptors = [0, 0, 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300];
    descriptors.forEach((word, i) => {
      memory.write32(GDT + 4 * i, word);
    });
    for (let vector = 0; vector < 32; vector++) {
      // Each handler is a HLT of its own; its address tells the vector.
      memory.write8(HANDLERS + vector, 0xf4);
      memory.write32(IDT + 8 * vector, 0x00080000 | (HANDLERS + vector));
      memory.write32(IDT + 8 * vector + 4, 0x00008e00);
    }
    this.reset();
  }

  /** Registers zero, flags clear, ESP at STACK. */
  reset(): void {
    const { cpu } = this.machine;
    enterFlatProtectedMode(cpu, CODE, STACK);
    for (let register = 0; register < 8; register++) cpu.words[register] = 0;
    cpu.words[Word.Esp] = STACK;
    cpu.words[Word.Halted] = 0;
    cpu.words[Word.GdtrBase] = GDT;
    cpu.words[Word.GdtrLimit] = 0x3f;
    cpu.words[Word.IdtrBase] = IDT;
    cpu.words[Word.IdtrLimit] = 8 * 32 - 1;
    writeEflags(cpu.words, 2);
  }

  /** Resets, sets up, runs the text from CODE, and tells what became of it. */
  run(text: string, setup: Setup = {}): Outcome {
    this.reset();
    const { machine } = this;
    const { cpu, memory } = machine;
    const { bytes, lines } = assemble(text);
    memory.writeBytes(CODE, bytes);
    NAMES.forEach((name, i) => {
      const value = setup[name];
      if (value !== undefined) cpu.words[i] = value;
    });
    let eflags = 2;
    for (const letter of setup.flags ?? "") {
      const bit = FLAG_BITS.find(([name]) => name === letter)?.[1];
      if (bit === undefined) throw new Error(`no such flag: ${letter}`);
      eflags |= bit;
    }
    writeEflags(cpu.words, eflags);
    for (const [address, value] of Object.entries(setup.memory ?? {})) memory.write32(Number(address), value);
    const cycles = machine.cycles;
    const first = machine.instructions;
    machine.run({ instructions: first + (setup.instructions ?? lines) });
    return this.outcome(cycles, first);
  }

  word(address: number): number {
    return this.machine.memory.read32(address) >>> 0;
  }

  private outcome(cycles: number, first: number): Outcome {
    const { machine } = this;
    const { cpu } = machine;
    const eip = cpu.words[Word.Eip] >>> 0;
    // A delivered exception leaves EIP at its handler, or behind it when the handler's HLT has run.
    const inHandler = eip >= HANDLERS && eip <= HANDLERS + 32;
    const vector = inHandler ? eip - HANDLERS - (cpu.words[Word.Halted] !== 0 ? 1 : 0) : undefined;
    const hasError = vector !== undefined && ERROR_CODE_VECTORS.includes(vector);
    const esp = cpu.words[Word.Esp] >>> 0;
    const frame = hasError ? esp + 4 : esp;
    const eflags = vector === undefined ? cpu.eflags : this.word(frame + 8);
    return {
      ...(Object.fromEntries(NAMES.map((name, i) => [name, cpu.words[i] >>> 0])) as Record<RegisterName, number>),
      eip,
      flags: FLAG_BITS.filter(([, bit]) => (eflags & bit) !== 0)
        .map(([letter]) => letter)
        .join(""),
      cycles: machine.cycles - cycles,
      retired: machine.instructions - first,
      vector,
      errorCode: hasError ? this.word(esp) : 0,
      faultEip: vector === undefined ? 0 : this.word(frame),
    };
  }
}

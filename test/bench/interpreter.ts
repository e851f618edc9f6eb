/**
 * Guest instructions per second of host CPU time of the interpreter, observers off and on: `npm run bench:interpreter
 * [-- [p5] [name…]]`; `p5` counts clocks by the pipeline model.
 *
 * Programs: the three AES replicas' `aes_process` (from guests/prebuilt), and five small functions compiled once with
 * `gcc -m32 -O2 -march=pentium` (their C is beside the bytes). Paging is on, with 4 KiB pages. Each figure is the best of
 * several runs; compare them as ratios, on the same machine. CPU time, so that other programs on the host disturb less.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createMachine,
  enterFlatProtectedMode,
  type Machine,
  Word,
  writeControlRegister,
} from "../../emulator/index.ts";
import { findSymbol, loadSegments, parseProgram } from "../../emulator/loader/elf.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

const MEMORY_BYTES = 32 << 20;
const PAGE_DIRECTORY = 0x1000;
const FIRST_TABLE = 0x10_0000;
const RETURN_ADDRESS = 0x5000;
const STACK_TOP = 0x9000;
const KERNELS = 0x1_0000;
const ARENA = 0x4_0000;
/** Programs linked at 0x08000000 and up lie at the same offset from here. */
const PROGRAM_LINEAR = 0x0800_0000;
const PROGRAM_PHYSICAL = 0x100_0000;
const RUNS = 5;
const INSTRUCTIONS_PER_RUN = 20_000_000;

/*
 * unsigned alu(unsigned n) { unsigned a = 0x12345678, b = 0x9abcdef0, c = 1;
 *   while (n--) { a += b; b ^= a >> 3; c = (c << 5) + c + (b & 0xff); a -= c; b = (b << 7) | (b >> 25); } return a ^ b ^ c; }
 * void sort(int *v, int n) { insertion sort }
 * void copy(unsigned *d, const unsigned *s, int n) { for (int i = 0; i < n; i++) d[i] = s[i]; }
 * unsigned bytesum(const unsigned char *s, int n) { unsigned t = 0; for (int i = 0; i < n; i++) t = t * 31 + s[i]; return t; }
 * unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
 */
const KERNEL_CODE = Buffer.from(
  "56538b44240c85c074468d70ffbaf0debc9ab801000000b9785634128d74260001d189cbc1eb0331da89c3c1e30501c389d025ff000000" +
    "01d829c1c1c20783ee0173dd31d05b31c85ec38db6000000005bb8898888885ec38db426000000009055575653837c2418018b6c2414" +
    "7e36bf010000008d7426008b74bd008d57ff8d44bd00eb0e8d76004a890883faff8d43fc741d8b48fc89c339f17fec478933397c2418" +
    "75d35b5e5f5dc38db60000000089eb47397c2418893375bdebe88d7600538b4c241085c97e1d8b44240c8b5424088d1c888d7426008b" +
    "0883c004890a83c20439d875f25bc38db4260000000090538b5c240c85db7e278b54240831c001d38db4260000000089c142c1e10529" +
    "c131c08a42ff01c839da75ed5bc38d760031c05bc38db426000000008d742600905557565383ec1c8b5c243083fb01771083c41c89d8" +
    "5b5e5f5dc38db60000000083fb02751383c41cbb0100000089d85b5e5f5dc38d74260083fb03751383c41cbb0200000089d85b5e5f5d" +
    "c38d74260083ec0c8d73fd8d6bfc56e8a1ffffff892c2489c7e897ffffff83c41001c78944240c83fe01744983ec0c8d43fb50e87dff" +
    "ffff8b54241c83c41001c289c601d74d74308954240c83ec0c83eb0653e85dffffff8b54241c83c41001d601c683c41c8d1c3e89d85b" +
    "5e5f5dc38d7426009047ebeb8d7201ebe6",
  "hex",
);
const ALU = KERNELS;
const SORT = KERNELS + 0x60;
const COPY = KERNELS + 0xc0;
const BYTESUM = KERNELS + 0xf0;
const FIB = KERNELS + 0x130;

interface Program {
  readonly name: string;
  /** Prepares the machine once. */
  prepare?(machine: Machine): void;
  /** One unit of work; called until a run has executed enough instructions. */
  work(machine: Machine): void;
}

function newMachine(timing: "simple" | "p5"): Machine {
  const machine = createMachine({ memoryBytes: MEMORY_BYTES, timing });
  const { memory, cpu } = machine;
  const map = (linear: number, physical: number, bytes: number, table: number): void => {
    for (let offset = 0; offset < bytes; offset += 4096) {
      const at = table + ((offset >>> 22) << 12);
      memory.write32(PAGE_DIRECTORY + (((linear + offset) >>> 22) << 2), at | 7);
      memory.write32(at + ((((linear + offset) >>> 12) & 0x3ff) << 2), (physical + offset) | 7);
    }
  };
  map(0, 0, 16 << 20, FIRST_TABLE);
  map(PROGRAM_LINEAR, PROGRAM_PHYSICAL, 8 << 20, FIRST_TABLE + 0x8000);
  memory.write8(RETURN_ADDRESS, 0xf4);
  memory.writeBytes(KERNELS, KERNEL_CODE);
  cpu.words[Word.Cr3] = PAGE_DIRECTORY;
  enterFlatProtectedMode(cpu, RETURN_ADDRESS, STACK_TOP);
  writeControlRegister(cpu, 0, 0x8000_0011 | 0);
  return machine;
}

/** Calls a function (cdecl) and runs to its return. */
function call(machine: Machine, address: number, ...parameters: number[]): void {
  const { cpu, memory } = machine;
  const stack = STACK_TOP - 4 * (parameters.length + 1);
  memory.write32(stack, RETURN_ADDRESS);
  parameters.forEach((value, i) => {
    memory.write32(stack + 4 + 4 * i, value);
  });
  cpu.words[Word.Halted] = 0;
  cpu.words[Word.Esp] = stack;
  cpu.words[Word.Eip] = address;
  const reason = machine.run();
  if (reason.kind !== "halted") throw new Error(`the program did not return: ${JSON.stringify(reason)}`);
}

function aes(name: string): Program {
  const elf = parseProgram(readFileSync(join(root, "guests", "prebuilt", `replica-${name}.elf`)));
  const address = (symbol: string): number => {
    const found = findSymbol(elf, symbol);
    if (found === undefined) throw new Error(`replica-${name}.elf has no ${symbol}`);
    return found.value;
  };
  return {
    name: `aes ${name}`,
    prepare(machine) {
      for (const segment of loadSegments(elf)) {
        machine.memory.writeBytes(segment.virtualAddress - PROGRAM_LINEAR + PROGRAM_PHYSICAL, segment.data);
      }
      machine.memory.writeBytes(
        ARENA,
        Uint8Array.from({ length: 16 }, (_, i) => i),
      );
      call(machine, address("aes_start"));
      call(machine, address("aes_set_key"), ARENA, 16);
    },
    // Mode 0 (ECB), operation 0 (encrypt), 256 blocks.
    work: (machine) => call(machine, address("aes_process"), 0, 0, ARENA, ARENA + 0x1000, ARENA + 0x4000, 256),
  };
}

const PROGRAMS: readonly Program[] = [
  aes("bytewise"),
  aes("ttable"),
  aes("bitslice"),
  { name: "alu", work: (machine) => call(machine, ALU, 100_000) },
  {
    name: "sort",
    work(machine) {
      for (let i = 0; i < 500; i++) machine.memory.write32(ARENA + 4 * i, Math.imul(i + 1, 0x9e3779b1));
      call(machine, SORT, ARENA, 500);
    },
  },
  { name: "copy", work: (machine) => call(machine, COPY, ARENA + 0x11000, ARENA, 0x4000) },
  // Source and destination always in the same set of the data TLB: no translation memo can hold both.
  { name: "copy, one set", work: (machine) => call(machine, COPY, ARENA + 0x10000, ARENA, 0x4000) },
  { name: "byte sum", work: (machine) => call(machine, BYTESUM, ARENA, 0x10000) },
  { name: "calls (fib)", work: (machine) => call(machine, FIB, 20) },
];

/** Millions of guest instructions per second, best of several runs. */
function measure(machine: Machine, program: Program, instructions: number): number {
  let best = 0;
  for (let run = 0; run < RUNS; run++) {
    const first = machine.instructions;
    const start = process.cpuUsage();
    while (machine.instructions - first < instructions) program.work(machine);
    const used = process.cpuUsage(start);
    const seconds = (used.user + used.system) / 1e6;
    best = Math.max(best, (machine.instructions - first) / seconds / 1e6);
  }
  return best;
}

const timing = process.argv.includes("p5") ? "p5" : "simple";
const wanted = process.argv.slice(2).filter((word) => word !== "p5");
console.log(`guest instructions per second, millions; ${timing} timing`);
console.log(
  "program".padEnd(14),
  "off".padStart(8),
  "on".padStart(8),
  "off/on".padStart(8),
  "clocks/instr".padStart(13),
);
for (const program of PROGRAMS) {
  if (wanted.length > 0 && !wanted.some((name) => program.name.includes(name))) continue;
  const machine = newMachine(timing);
  program.prepare?.(machine);
  const off = measure(machine, program, INSTRUCTIONS_PER_RUN);
  const clocks = machine.cycles / machine.instructions;
  let seen = 0;
  const detach = machine.observe({
    afterInstruction: () => {
      seen++;
    },
  });
  const on = measure(machine, program, INSTRUCTIONS_PER_RUN / 10);
  detach();
  if (seen === 0) throw new Error("the observer saw nothing");
  console.log(
    program.name.padEnd(14),
    off.toFixed(1).padStart(8),
    on.toFixed(1).padStart(8),
    (off / on).toFixed(1).padStart(8),
    clocks.toFixed(2).padStart(13),
  );
}

/** What kernel faults strike, in strata: structures of the kernel by kind, page tables, stacks, registers, TLB entries. */
import { findSymbol } from "../../../emulator/loader/elf.ts";
import type { KernelStructure } from "../../../kernel/index.ts";
import { CPU_REGISTERS, type CpuRegisterName, REGISTERS, SEGMENT_NAMES } from "../../../tools/faults/cpu-registers.ts";
import { type FaultTarget, TLB_NAMES, TLB_PARTS, TLB_SETS, targetBits } from "../../../tools/faults/fault.ts";
import type { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import type { Random } from "../support/random.ts";

export interface Stratum {
  readonly name: string;
  readonly words: number;
  target(random: Random): FaultTarget;
  /** A word such as stands in such places. */
  plausible(random: Random): number;
}

export function strataOf(run: ScenarioRun): Stratum[] {
  // At the very start programs have no memory yet.
  const memory = [...structureStrata(run), ...trapFrames(run), stacks(run), userMemory(run)];
  return [...memory.filter(({ words }) => words > 0), ...componentStrata(run), ...cpuStrata(run)];
}

/** Kind of a structure: its name without the number, the space and the address. */
function kindOf({ name, kind }: KernelStructure): string {
  if (kind === "free") return "free page of the pool";
  return name
    .replace(/ at 0x[0-9a-f]+/, "")
    .replace(/ of (space|thread) -?\d+/, "")
    .replace(/^unused after.*/, "unused ends of pages");
}

function structureStrata(run: ScenarioRun): Stratum[] {
  const kinds = new Map<string, KernelStructure[]>();
  for (const structure of run.kernel.structures()) {
    const kind = kindOf(structure);
    const list = kinds.get(kind);
    if (list === undefined) kinds.set(kind, [structure]);
    else list.push(structure);
  }
  return [...kinds].map(([name, structures]) => stratumOf(run, name, wordsOf(structures)));
}

function wordsOf(structures: readonly KernelStructure[]): number[] {
  return structures.flatMap(({ start, bytes, count }) =>
    Array.from({ length: (bytes * count) / 4 }, (_, word) => start + 4 * word),
  );
}

/** Three strikes in four go where something is: words that are not zero, and their neighbours. */
function stratumOf(run: ScenarioRun, name: string, words: readonly number[]): Stratum {
  const { memory } = run.machine;
  const used = words.filter((physical) => memory.read32(physical) !== 0);
  const values = used.slice(0, 100_000).map((physical) => memory.read32(physical) >>> 0);
  const near = (random: Random): number => {
    const physical = random.pick(used) + 4 * (random.below(5) - 2);
    return physical >= 0 && memory.isRam(physical) ? physical : random.pick(used);
  };
  return {
    name,
    words: words.length,
    target: (random) => ({
      physical:
        used.length > 0 && random.below(4) > 0
          ? random.below(2) === 0
            ? random.pick(used)
            : near(random)
          : random.pick(words),
    }),
    plausible: (random) => (values.length > 0 ? random.pick(values) : random.below(memory.byteLength)),
  };
}

/** The frames and registers of threads that are not running: the last 17 words of their TCBs. */
function trapFrames(run: ScenarioRun): Stratum[] {
  const tcbs = run.kernel.threads().map(({ tcb }) => tcb);
  const frame = tcbs.flatMap((tcb) => Array.from({ length: 17 }, (_, word) => tcb + 512 - 4 * (word + 1)));
  return [
    stratumOf(run, "trap frames", frame),
    stratumOf(
      run,
      "tcbs of threads",
      tcbs.flatMap((tcb) => Array.from({ length: 128 }, (_, word) => tcb + 4 * word)),
    ),
  ];
}

/** Stacks of the programs, as far as they are mapped. */
function stacks(run: ScenarioRun): Stratum {
  const words: number[] = [];
  for (const { elf, threadNumber } of run.plan.components) {
    const bottom = findSymbol(elf, "stack_bottom")?.value ?? 0;
    const top = findSymbol(elf, "stack_top")?.value ?? 0;
    for (let virtual = bottom; virtual < top; virtual += 4) {
      const physical = run.kernel.translate(threadNumber, virtual);
      if (physical !== undefined) words.push(physical);
    }
  }
  return stratumOf(run, "user stacks", words);
}

function userMemory(run: ScenarioRun): Stratum {
  const words: number[] = [];
  for (let page = 0; page < run.kernel.kernelMemory.start; page += 4096) {
    if (run.kernel.owner(page).kind !== "user") continue;
    for (let word = 0; word < 4096; word += 4)
      if (run.machine.memory.read32(page + word) !== 0) words.push(page + word);
  }
  return stratumOf(run, "user memory", words);
}

// ---- by name, register and entry ----

/** A word such as a register holds. */
function anyWord(run: ScenarioRun): (random: Random) => number {
  return (random) => {
    const { words } = run.machine.cpu;
    const { start, end } = run.kernel.kernelMemory;
    const somewhere = start + 4 * random.below((end - start) / 4);
    return random.pick([words[random.below(80)]! >>> 0, somewhere, (0xf000_0000 + somewhere) >>> 0, random.word()]);
  };
}

const TCB_FIELDS = [
  "state",
  "space",
  "priority",
  "readyNext",
  "sendQueueHead",
  "wakeupNext",
  "eip",
  "cs",
  "eflags",
  "ss",
];

function componentStrata(run: ScenarioRun): Stratum[] {
  const names = run.plan.components.map(({ name }) => name);
  const one = (name: string, target: (random: Random, component: string) => FaultTarget): Stratum => ({
    name,
    words: 1,
    target: (random) => target(random, random.pick(names)),
    plausible: anyWord(run),
  });
  const page = (random: Random): number => 0x0804_8000 + 0x1000 * random.below(8);
  return [
    one("registers of programs", (random, component) => ({ component, register: random.pick(REGISTERS) })),
    one("selectors of programs", (random, component) => ({ component, segment: random.pick(SEGMENT_NAMES) })),
    one("page-directory bases", (_random, component) => ({ component, control: "cr3" })),
    one("page-table entries of programs", (random, component) => ({ component, pte: page(random) })),
    one("page-directory entries of programs", (random, component) => ({ component, pde: page(random) })),
    one("message registers", (random, component) => ({ component, mr: random.below(64) })),
    one("tcb fields by name", (random, component) => ({
      kernel: "tcb",
      of: component,
      field: random.pick(TCB_FIELDS),
      offset: 0,
    })),
  ];
}

function cpuStrata(run: ScenarioRun): Stratum[] {
  const of = (name: string, registers: readonly CpuRegisterName[]): Stratum => ({
    name,
    words: registers.length,
    target: (random) => ({ cpu: random.pick(registers) }),
    plausible: anyWord(run),
  });
  const hidden = CPU_REGISTERS.filter((name) => /^[a-z]+\.(base|limit|attributes)$/.test(name) && name.length > 4);
  const control = CPU_REGISTERS.filter((name) => /^cr\d$/.test(name));
  const others = CPU_REGISTERS.filter((name) => !hidden.includes(name) && !control.includes(name));
  const tlb: Stratum = {
    name: "TLB entries",
    words: 1,
    target: (random) => {
      const name = random.pick(TLB_NAMES);
      return { tlb: name, set: random.below(TLB_SETS[name]), way: random.below(4), part: random.pick(TLB_PARTS) };
    },
    plausible: anyWord(run),
  };
  return [
    of("control registers", control),
    of("descriptor caches and table registers", hidden),
    of("registers of the CPU", others),
    tlb,
  ];
}

/** The bits that a target has. */
export function bitsOf(target: FaultTarget): number[] {
  const mask = targetBits(target);
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) !== 0);
}

/**
 * The tracker's sets against brute force (brute-force.ts): all of RAM, registers, TLB and devices at equal cycle, and each
 * thread's space, UTCB and registers at equal progress.
 */
import type { Kernel, KernelStructure } from "../../../kernel/index.ts";
import { CPU_REGISTERS, registerBits, SEGMENT_NAMES } from "../../../tools/faults/cpu-registers.ts";
import {
  EFLAGS_BITS,
  type Fault,
  REGISTERS,
  TLB_NAMES,
  TLB_PARTS,
  TLB_SETS,
  targetBits,
} from "../../../tools/faults/fault.ts";
import { type GoldenRun, recordGolden } from "../../../tools/faults/golden-run.ts";
import { imageFromScenario, loadImage } from "../../../tools/image/image.ts";
import { registerOf, TRACKED_REGISTERS, type Writer } from "../../../tools/propagate/corruption.ts";
import type { EqualCycleDifference } from "../../../tools/propagate/equal-cycle.ts";
import { type Propagation, propagate } from "../../../tools/propagate/propagation.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { SymbolTable } from "../../../tools/symbols/symbol-table.ts";
import { type FaultNames, randomFault } from "../faults/random-fault.ts";
import type { Random } from "../support/random.ts";
import { BruteForce, isThreads, type ThreadMoment } from "./brute-force.ts";

/** @param scenarioFile another scenario than that of the tests. */
export function exactnessGolden(timing?: "simple" | "p5", scenarioFile?: string): GoldenRun {
  if (scenarioFile !== undefined)
    return recordGolden(planBoot(loadImage(scenarioFile)), timing === undefined ? {} : { timing });
  const scenario = {
    name: "exactness",
    replicas: [{ implementation: "ttable" }, { implementation: "bytewise" }, { implementation: "bitslice" }],
    voter: { deadline: "10 ms" },
    workload: {
      mode: "ecb",
      key: "2b7e151628aed2a6abf7158809cf4f3c",
      data: { random: { seed: 9, bytes: 4 * 16 } },
    },
  };
  const plan = planBoot(imageFromScenario(JSON.stringify(scenario), "exactness"));
  return recordGolden(plan, timing === undefined ? {} : { timing });
}

/** Root and sigma0 by the kernel's numbers, then the components. */
const SERVERS = [48, 50];

/** What random faults strike. */
export const VICTIMS = [
  "register",
  "memory",
  "kernel memory",
  "page table",
  "message register",
  "processor",
  "TLB entry",
  "segment register",
  "stuck bit",
  "skip",
  "anything",
] as const;
export type Victim = (typeof VICTIMS)[number];

/** Random faults in everything that a run is made of. */
export class RandomFaults {
  private readonly structures: readonly KernelStructure[];
  private readonly kernel: Kernel;
  private readonly names: FaultNames;

  constructor(
    private readonly golden: GoldenRun,
    private readonly random: Random,
  ) {
    const run = new ScenarioRun(golden.plan, golden.timing === undefined ? {} : { timing: golden.timing });
    run.restore(golden.end, []);
    this.kernel = run.kernel;
    this.structures = run.kernel.structures();
    this.names = namesOf(golden);
  }

  next(victim: Victim = this.random.pick(VICTIMS)): Fault {
    const { golden, random } = this;
    const { name: component } = random.pick(golden.plan.components);
    const own = golden.result.shares.find(({ part }) => part === component)!.instructions;
    const trigger = { instruction: random.below(own) };
    const model = { flip: [random.below(32)] };
    switch (victim) {
      case "register": {
        const register = random.pick(REGISTERS);
        const bit = register === "eflags" ? random.pick(EFLAGS_BITS.slice(0, 5)) : random.below(32);
        return { target: { component, register }, model: { flip: [bit] }, trigger };
      }
      case "memory":
        return { target: { component, address: this.address() }, model, trigger };
      case "page table":
        return random.below(4) === 0
          ? { target: { component, pde: this.address() }, model, trigger }
          : { target: { component, pte: this.address() }, model, trigger };
      case "message register":
        return { target: { component, mr: random.below(12) }, model, trigger };
      case "processor": {
        const cpu = random.pick(CPU_REGISTERS);
        return { target: { cpu }, model: this.flip(registerBits(cpu)), trigger: this.anyCycle() };
      }
      case "TLB entry": {
        const tlb = random.pick(TLB_NAMES);
        const place = { tlb, set: random.below(TLB_SETS[tlb]), way: random.below(4), part: random.pick(TLB_PARTS) };
        return { target: place, model: this.flip(targetBits(place)), trigger: this.anyCycle() };
      }
      case "segment register": {
        const segment = random.pick(SEGMENT_NAMES);
        return { target: { component, segment }, model: this.flip(registerBits(segment)), trigger };
      }
      case "stuck bit": {
        const bits = [random.below(32)];
        const clocks = random.below(2) === 0 ? {} : { clocks: 1 + random.below(100_000) };
        const stuck = random.below(2) === 0 ? { stuckAt0: bits, ...clocks } : { stuckAt1: bits, ...clocks };
        return { target: { component, address: this.address() }, model: stuck, trigger };
      }
      case "skip":
        return { target: { component, register: "eip" }, model: { skip: 1 + random.below(3) }, trigger };
      case "anything":
        return randomFault(random, this.kernel, golden.result.cycles, this.names);
      default: {
        const { start, bytes, count } = random.pick(this.structures);
        const physical = start + bytes * random.below(count) + 4 * random.below(Math.max(1, bytes >>> 2));
        return { target: { physical }, model, trigger: this.anyCycle() };
      }
    }
  }

  private anyCycle(): { cycle: number } {
    return { cycle: this.random.below(this.golden.result.cycles) };
  }

  /** Of one of the bits of a mask. */
  private flip(mask: number): { flip: number[] } {
    const bits = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) !== 0);
    return { flip: [this.random.pick(bits)] };
  }

  /** Of code, data or stack of a component. */
  private address(): number {
    return 0x08048000 + 4 * this.random.below(0x1800);
  }
}

/** The first replica's functions and variables, and all components. */
function namesOf({ plan }: GoldenRun): FaultNames {
  const { name, elf } = plan.components.find((component) => component.name === "replica-1")!;
  const { symbols } = new SymbolTable(elf);
  const sized = (kind: string, least: number): string[] =>
    symbols.filter((symbol) => symbol.kind === kind && symbol.size >= least).map((symbol) => symbol.name);
  return {
    components: plan.components.map((component) => component.name),
    component: name,
    functions: sized("function", 1),
    variables: sized("object", 16),
  };
}

export interface ExactnessReport {
  readonly propagation: Propagation;
  /** Differences between a set and brute force; none if all is well. */
  readonly violations: readonly string[];
  readonly equalCycleChecks: number;
  readonly equalProgressChecks: number;
  /** Checks at equal progress at which something was wrong. */
  readonly wrongThreads: number;
  /** Corruptions without a cause. */
  readonly unknown: number;
}

/** The judge of one golden run: faults one after the other on the same two machines. */
export class Exactness {
  private readonly force: BruteForce;
  private readonly threads: readonly { readonly thread: number; readonly name: string }[];

  constructor(private readonly golden: GoldenRun) {
    this.force = new BruteForce(golden);
    this.threads = [
      ...SERVERS.map((thread) => ({ thread, name: `thread ${thread}` })),
      ...golden.plan.components.map(({ threadNumber, name }) => ({ thread: threadNumber, name })),
    ];
  }

  /** @param points moments at equal cycle, and of each thread at equal progress. */
  check(fault: Fault, points: number, random: Random): ExactnessReport {
    const { force, golden } = this;
    const violations: string[] = [];
    const injection = force.inject(fault);
    const left = injection === undefined ? 0 : golden.result.cycles - injection;
    // Half of them soon after the fault.
    const cycles = Array.from({ length: left > 0 ? points : 0 }, (_, i) =>
      Math.ceil(injection! + 1 + (i % 2 === 0 ? random.below(left) : random.below(Math.min(left, 50_000)))),
    ).sort((a, b) => a - b);
    const sampled = new Map<number, EqualCycleDifference>();
    const propagation = propagate(golden, fault, {
      sampleAt: cycles,
      onSample: (cycle, difference) => sampled.set(cycle, difference),
    });
    if (propagation.ended === "not-applied")
      return { propagation, violations, equalCycleChecks: 0, equalProgressChecks: 0, wrongThreads: 0, unknown: 0 };
    const equalCycleChecks = this.checkCycles(propagation, cycles, sampled, violations);
    const { checks, wrong } = this.checkThreads(propagation, points, random, violations);
    // What a stuck bit does has the fault itself as its cause, and no word.
    const isStuck = "stuckAt0" in fault.model || "stuckAt1" in fault.model;
    const unknown = propagation.history.filter(({ root, writer, sources }) => {
      if (root === "unknown" || sources.length > 0) return root === "unknown";
      if (root === "fault") return !isStuck && writer.kind !== "fault";
      // Right words give a wrong one without the fault only where the clock or a port is read: no program reads ports.
      return writer.kind === "instruction" && !isClockRead(this.force.good, writer);
    }).length;
    if (unknown > 0) violations.push(`${unknown} corruptions without a cause`);
    return { propagation, violations, equalCycleChecks, equalProgressChecks: checks, wrongThreads: wrong, unknown };
  }

  private checkCycles(
    { ended, endCycle }: Propagation,
    cycles: readonly number[],
    sampled: ReadonlyMap<number, EqualCycleDifference>,
    violations: string[],
  ): number {
    const judged = this.force.atCycles(cycles);
    for (const [i, expected] of judged.entries()) {
      const cycle = cycles[i]!;
      // Machines that are one again stay so: the tracker says that nothing differs.
      const none = ended === "reconverged" && cycle >= endCycle;
      const found = sampled.get(cycle) ?? (none ? { memory: [], state: [], devices: [] } : undefined);
      const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
      if (a !== b) violations.push(`cycle ${cycle}: ${a?.slice(0, 150)}, brute force ${b.slice(0, 150)}`);
    }
    return judged.length;
  }

  private checkThreads(propagation: Propagation, points: number, random: Random, violations: string[]) {
    const { force } = this;
    const pairs = this.threads.flatMap(({ thread }) => this.moments(propagation, thread, points, random));
    let checks = 0;
    let wrong = 0;
    const writers = writersOf(propagation);
    force.atMoments(pairs, (index, { memory, registers }) => {
      const { thread, count } = pairs[index]!.faulty;
      if (force.faulty.machine.cycles > propagation.endCycle && propagation.ended !== "reconverged") return;
      const mine = (place: number): boolean =>
        isThreads(force.good, place, thread) && isThreads(force.faulty, place, thread);
      const isForeign = (place: number): boolean => [...(writers.get(place) ?? [])].some((writer) => writer !== thread);
      const expected = [...memory.filter((place) => !isForeign(place)), ...registers];
      const words = new Set<number>();
      const names = new Set<string>();
      for (const { place, progress, endProgress } of propagation.history) {
        if (progress < 0 || progress > count || (endProgress ?? Number.POSITIVE_INFINITY) <= count) continue;
        const register = registerOf(place);
        if (register?.thread === thread) names.add(TRACKED_REGISTERS[register.index]!);
        else if (register === undefined && mine(place) && !isForeign(place)) words.add(place);
      }
      const found = [...[...words].sort((a, b) => a - b), ...TRACKED_REGISTERS.filter((name) => names.has(name))];
      checks++;
      if (expected.length > 0) wrong++;
      if (JSON.stringify(found) === JSON.stringify(expected)) return;
      const name = this.threads.find((other) => other.thread === thread)!.name;
      const only = (list: readonly unknown[], other: readonly unknown[]): string =>
        JSON.stringify(list.filter((item) => !other.includes(item))).slice(0, 150);
      violations.push(
        `${name} at ${count}: only tracked ${only(found, expected)}, only by brute force ${only(expected, found)}`,
      );
    });
    return { checks, wrong };
  }

  /** Random moments of a thread while it and its golden self are together. */
  private moments(
    { partings, shifts, ended }: Propagation,
    thread: number,
    points: number,
    random: Random,
  ): { golden: ThreadMoment; faulty: ThreadMoment }[] {
    const own = partings.filter((parting) => parting.thread === thread);
    const total = shifts.find((shift) => shift.thread === thread)?.instructions ?? 0;
    const stretches: { from: number; to: number; golden: number }[] = [];
    let from = 0;
    let goldenFrom = 0;
    for (const { progress, end } of own) {
      stretches.push({ from, to: progress, golden: goldenFrom });
      from = end?.progress ?? Number.POSITIVE_INFINITY;
      goldenFrom = end?.goldenProgress ?? 0;
    }
    // Machines that are one again go on to the end.
    const to = ended === "reconverged" ? total + 2_000 : total;
    stretches.push({ from, to, golden: goldenFrom });
    const possible = stretches.filter((stretch) => stretch.to > stretch.from);
    if (possible.length === 0) return [];
    return Array.from({ length: points }, () => {
      const stretch = random.pick(possible);
      const at = random.below(
        random.below(2) === 0 ? stretch.to - stretch.from : Math.min(stretch.to - stretch.from, 500),
      );
      return {
        golden: { thread, count: stretch.golden + at },
        faulty: { thread, count: stretch.from + at },
      };
    });
  }
}

/** RDTSC, in a program or in the kernel interface page. */
function isClockRead({ kernel, machine }: ScenarioRun, { thread, eip }: Writer): boolean {
  const physical = kernel.translate(thread, eip);
  return physical !== undefined && machine.memory.read16(physical) === 0x310f;
}

/** Threads that have written each word themselves: a word that another program writes has its place in that one's progress. */
function writersOf({ history }: Propagation): Map<number, Set<number>> {
  const found = new Map<number, Set<number>>();
  for (const { place, writer } of history) {
    if (place < 0 || !["instruction", "other-path", "omission"].includes(writer.kind)) continue;
    const writers = found.get(place);
    if (writers === undefined) found.set(place, new Set([writer.thread]));
    else writers.add(writer.thread);
  }
  return found;
}

/**
 * The tracker's sparse sets against brute force: all of RAM, registers, TLB and devices at equal cycle, and each thread's
 * space and registers at equal progress, by machines of their own that nothing but stops at the right moment.
 */
import { Word } from "../../../emulator/index.ts";
import type { Fault } from "../../../tools/faults/fault.ts";
import { EFLAGS_BITS, REGISTERS } from "../../../tools/faults/fault.ts";
import { type GoldenRun, recordGolden, snapshotBefore } from "../../../tools/faults/golden-run.ts";
import { imageFromScenario } from "../../../tools/image/image.ts";
import { registerPlace, TRACKED_REGISTERS } from "../../../tools/propagate/corruption.ts";
import { type Propagation, propagate } from "../../../tools/propagate/propagation.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import type { Random } from "../support/random.ts";

export function exactnessGolden(timing?: "simple" | "p5"): GoldenRun {
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

const COMPONENTS = ["replica-1", "replica-2", "replica-3", "voter", "client", "console"];

export function randomFault(golden: GoldenRun, random: Random): Fault {
  const component = random.pick(COMPONENTS);
  const own = golden.result.shares.find(({ part }) => part === component)!.instructions;
  const trigger = { instruction: random.below(own) };
  if (random.below(2) === 0) {
    const register = random.pick(REGISTERS);
    const bit = register === "eflags" ? random.pick(EFLAGS_BITS.slice(0, 5)) : random.below(32);
    return { target: { component, register }, model: { flip: [bit] }, trigger };
  }
  const address = 0x08048000 + 4 * random.below(0x1800);
  return { target: { component, address }, model: { flip: [random.below(32)] }, trigger };
}

export interface ExactnessReport {
  readonly propagation: Propagation;
  /** Differences between a sparse set and brute force; none if all is well. */
  readonly violations: readonly string[];
  readonly equalCycleChecks: number;
  readonly equalProgressChecks: number;
  /** Checks at equal progress at which something was wrong. */
  readonly wrongThreads: number;
}

export function checkExactness(golden: GoldenRun, fault: Fault, points: number, random: Random): ExactnessReport {
  const violations: string[] = [];
  let equalCycleChecks = 0;
  const propagation = propagate(golden, fault, {
    onSample: (good, faulty, { memory, state, devices }) => {
      if (equalCycleChecks >= points || random.below(3) > 0) return;
      equalCycleChecks++;
      const expected = allDifferences(good, faulty);
      const found = JSON.stringify([memory, state, devices]);
      if (found !== JSON.stringify(expected)) violations.push(`cycle ${faulty.machine.cycles}: ${found.slice(0, 200)}`);
    },
  });
  let equalProgressChecks = 0;
  let wrongThreads = 0;
  if (propagation.ended !== "not-applied") {
    for (let i = 0; i < points; i++) {
      const checked = checkProgress(golden, fault, propagation, random, violations);
      if (checked !== undefined) equalProgressChecks++;
      if (checked !== undefined && checked > 0) wrongThreads++;
    }
  }
  const unknown = propagation.history.filter(({ root }) => root === "unknown").length;
  if (unknown > 0) violations.push(`${unknown} corruptions without a cause`);
  return { propagation, violations, equalCycleChecks, equalProgressChecks, wrongThreads };
}

/** Every word of both machines, read one by one. */
function allDifferences(good: ScenarioRun, faulty: ScenarioRun): [number[], number[], string[]] {
  const memory: number[] = [];
  for (let address = 0; address < good.machine.memory.byteLength; address += 4)
    if (good.machine.memory.read32(address) !== faulty.machine.memory.read32(address)) memory.push(address);
  const state: number[] = [];
  for (let word = 0; word < 0x4000; word++)
    if (good.machine.cpu.words[word] !== faulty.machine.cpu.words[word]) state.push(word);
  const devices = good.machine.devices
    .filter(
      (device, i) => JSON.stringify(device.saveState()) !== JSON.stringify(faulty.machine.devices[i]!.saveState()),
    )
    .map(({ name }) => name);
  const alarms = (run: ScenarioRun) => JSON.stringify(run.machine.snapshot().alarms);
  return [memory, state, alarms(good) === alarms(faulty) ? devices : [...devices, "alarms"]];
}

/**
 * One random thread at one random count of its own instructions after the injection: how many of its places are wrong then,
 * undefined when it does not get there.
 */
function checkProgress(
  golden: GoldenRun,
  fault: Fault,
  propagation: Propagation,
  random: Random,
  violations: string[],
): number | undefined {
  const { target } = fault;
  const struck = golden.plan.components.find(
    (component) => "component" in target && component.name === target.component,
  );
  // Half of the looks go to the victim, where things are wrong more often.
  const thread =
    (random.below(2) === 0 ? struck : undefined)?.threadNumber ?? random.pick(golden.plan.components).threadNumber;
  const faulty = new ScenarioRun(golden.plan, golden.timing === undefined ? {} : { timing: golden.timing });
  faulty.restore(snapshotBefore(golden, fault).snapshot, [fault]);
  faulty.advanceToFault(Number.POSITIVE_INFINITY);
  const good = new ScenarioRun(golden.plan, golden.timing === undefined ? {} : { timing: golden.timing });
  good.restore(faulty.snapshot(), []);
  faulty.advance(faulty.machine.cycles);
  const parted = propagation.partings.find((parting) => parting.thread === thread)?.progress ?? Infinity;
  const name = golden.plan.components.find(({ threadNumber }) => threadNumber === thread)!.name;
  const left =
    golden.result.shares.find(({ part }) => part === name)!.instructions - good.kernel.thread(thread)!.userInstructions;
  const progress = random.below(Math.max(1, Math.min(left, parted)));
  if (!runToProgress(good, thread, progress) || !runToProgress(faulty, thread, progress)) return undefined;
  if (faulty.machine.cycles > propagation.endCycle) return undefined;

  // What other programs write into the space (root loads its pages) has its place in their progress, not in this one's.
  const foreign = new Set(
    propagation.history
      .filter(
        ({ writer }) => writer.thread !== thread && ["instruction", "other-path", "omission"].includes(writer.kind),
      )
      .map(({ place }) => place),
  );
  const expected = threadDifferences(good, faulty, thread).filter((place) => !foreign.has(place));
  const found: number[] = [];
  for (const corruption of propagation.history) {
    const { place, endProgress } = corruption;
    if (corruption.progress < 0 || corruption.progress > progress || (endProgress ?? Infinity) <= progress) continue;
    const mine = place < 0 ? (-place - 1) >> 4 === thread : isShared(good, faulty, place, thread);
    if (mine && !foreign.has(place) && !found.includes(place)) found.push(place);
  }
  found.sort((a, b) => a - b);
  if (JSON.stringify(found) !== JSON.stringify(expected))
    violations.push(
      `${name} at ${progress}: tracked ${JSON.stringify(found)}, brute force ${JSON.stringify(expected)}`,
    );
  return expected.length;
}

/** Stops before the thread's instruction number `progress` from here on. */
function runToProgress(run: ScenarioRun, thread: number, progress: number): boolean {
  let retired = 0;
  let reached = false;
  const { machine, kernel } = run;
  const isCurrent = () => machine.cpu.words[Word.Cpl] === 3 && (kernel.currentThread() ?? 0) >>> 14 === thread;
  let current = false;
  const detach = machine.observe({
    beforeInstruction: () => {
      current = isCurrent();
      if (!current || retired < progress) return;
      reached = true;
      machine.stop("there");
    },
    afterInstruction: () => {
      if (current) retired++;
      current = false;
    },
    exception: () => {
      current = false;
    },
    interrupt: (_vector, kind) => {
      if (kind !== "software") current = false;
    },
  });
  while (!reached && run.outcome === undefined && machine.cycles < 20_000_000) {
    const reason = machine.run({ cycle: machine.cycles + 1_000_000 });
    if (reason.kind !== "cycle" && reason.kind !== "stopped") break;
  }
  detach();
  return reached;
}

function isMine(run: ScenarioRun, place: number, thread: number): boolean {
  const owner = run.kernel.owner(place);
  if (owner.kind === "user") return owner.space === run.kernel.thread(thread)?.space;
  return owner.kind === "utcb" && owner.thread !== undefined && owner.thread >>> 14 === thread;
}

/** The thread's own in both machines: what only one of them has given it yet cannot be compared. */
function isShared(good: ScenarioRun, faulty: ScenarioRun, place: number, thread: number): boolean {
  return isMine(good, place, thread) && isMine(faulty, place, thread);
}

/** Places of a thread's space, UTCB and registers that differ, ascending. */
function threadDifferences(good: ScenarioRun, faulty: ScenarioRun, thread: number): number[] {
  const places: number[] = [];
  const [one, other] = [good.kernel.thread(thread)!.registers, faulty.kernel.thread(thread)!.registers];
  TRACKED_REGISTERS.forEach((name, index) => {
    if (one[name] !== other[name]) places.push(registerPlace(thread, index));
  });
  for (let page = 0; page < faulty.machine.memory.byteLength; page += 512) {
    if (!isShared(good, faulty, page, thread)) continue;
    for (let address = page; address < page + 512; address += 4)
      if (good.machine.memory.read32(address) !== faulty.machine.memory.read32(address)) places.push(address);
  }
  return places.sort((a, b) => a - b);
}

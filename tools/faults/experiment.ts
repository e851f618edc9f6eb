/** One experiment: a golden run, a fault, and what came of it on the axes of outcome.ts. */
import type { Snapshot } from "../../emulator/index.ts";
import type { Kernel, ThreadDescription } from "../../kernel/index.ts";
import { runWithoutPause } from "../run/run-loop.ts";
import type { InjectionReport, RunResult } from "../run/run-result.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import type { Fault } from "./fault.ts";
import { type GoldenRun, snapshotBefore } from "./golden-run.ts";
import { type ExperimentOutcome, type OutcomeAxes, withClass } from "./outcome.ts";

export interface Experiment {
  readonly outcome: ExperimentOutcome;
  /** The component that was struck; undefined if the word was nobody's, or the kernel's. */
  readonly victim: string | undefined;
  readonly result: RunResult;
}

/** What an observer of the run knows better than its end tells. */
export type ObservedAxes = Partial<Pick<OutcomeAxes, "activation" | "containment" | "breach" | "residue">>;

/** Runs experiments one after the other on one machine, each from the golden snapshot before its trigger. */
export class Experimenter {
  readonly golden: GoldenRun;
  /** Clock at which an experiment is given up as hung. */
  readonly cycleLimit: number;
  readonly #run: ScenarioRun;
  #victim: string | undefined;
  #fault: Fault | undefined;

  constructor(golden: GoldenRun, cycleLimit = defaultCycleLimit(golden)) {
    this.golden = golden;
    this.cycleLimit = cycleLimit;
    this.#run = new ScenarioRun(golden.plan, {
      ...(golden.timing === undefined ? {} : { timing: golden.timing }),
      onInjection: (report) => {
        this.#victim ??= victimOf(this.#run, this.#fault, report);
      },
    });
  }

  /** @throws InputError if the fault names something that is not in the plan. */
  run(fault: Fault): Experiment {
    this.#victim = "component" in fault.target ? fault.target.component : undefined;
    this.#fault = fault;
    this.#run.restore(snapshotBefore(this.golden, fault).snapshot, [fault]);
    runWithoutPause(this.#run, this.cycleLimit);
    return judge(this.golden, this.#run, this.#victim);
  }
}

/** Long enough for every round to wait for its deadline. */
export function defaultCycleLimit({ result, plan }: GoldenRun): number {
  const deadline = plan.scenario.voter.deadline * (result.coreHertz / 1e6);
  const rounds = (result.votes?.rounds ?? 0) + 2;
  return Math.ceil(3 * result.cycles + 2 * rounds * deadline);
}

/** The outcome of a run that has ended. */
export function judge(
  golden: GoldenRun,
  run: ScenarioRun,
  victim: string | undefined,
  observed: ObservedAxes = {},
): Experiment {
  const result = run.result();
  const applied = result.injections.some((injection) => injection.applied);
  const thread = victim === undefined ? undefined : threadOf(golden, run.kernel, victim);
  const service = serviceOf(result);
  const vote = voteOf(result, victim, service, thread);
  const residue =
    (observed.residue ?? hasResidue(golden, run, victim, result)) || processorHasResidue(golden, run, result);
  const effect = effectOf(golden, result, victim, thread, residue);
  const ending = { "power-off": "power-off", "cycle-limit": "time-limit", interrupted: "interrupted" } as const;
  const { kind } = result.outcome;
  const axes: OutcomeAxes = {
    activation: applied ? "unobserved" : "not-applied",
    replicaEffect: effect,
    vote,
    containment: effect === "wrong-value" ? "ipc-message" : "unobserved",
    recovery: "not-needed",
    ending: kind in ending ? ending[kind as keyof typeof ending] : "crash",
    service,
    breach: false,
    ...observed,
    residue,
  };
  return { outcome: withClass(applied ? axes : { ...axes, activation: "not-applied" }), victim, result };
}

function serviceOf({ workload }: RunResult): OutcomeAxes["service"] {
  if (workload.status === "done") return workload.outputRight === true ? "right" : "wrong";
  return workload.status === "running" || workload.status === "corrupt" ? "unfinished" : "refused";
}

function voteOf(
  { votes, culprits, outcome }: RunResult,
  victim: string | undefined,
  service: OutcomeAxes["service"],
  thread: ThreadDescription | undefined,
): OutcomeAxes["vote"] {
  if (victim === "voter" && isTrapped(thread)) return "voter-trap";
  if (victim === "voter" && outcome.kind === "cycle-limit") return "voter-hang";
  if (votes === undefined) return "unknown";
  if (votes.noMajority > 0) return "no-majority";
  if (culprits.length === 0) return service === "wrong" && isReplica(victim) ? "wrong-majority" : "unanimous";
  const named = culprits.some(({ replica }) => `replica-${replica}` === victim);
  const others = culprits.some(({ replica }) => `replica-${replica}` !== victim);
  if (service === "wrong" && others && !named) return "wrong-majority";
  // A fault in what all share can make any replica wrong; the one that the others outvoted rightly was.
  if (others && victim !== undefined) return "false-accusation";
  return "minority-named";
}

function effectOf(
  golden: GoldenRun,
  result: RunResult,
  victim: string | undefined,
  thread: ThreadDescription | undefined,
  residue: boolean,
): OutcomeAxes["replicaEffect"] {
  const named = result.culprits.filter(({ replica }) => `replica-${replica}` === victim);
  const rounds = (reason: string): readonly number[] =>
    named.find((culprit) => culprit.reason === reason)?.rounds ?? [];
  if (rounds("trapped").length > 0 || isTrapped(thread)) return "trap";
  const late = rounds("late");
  if (late.length > 0 && late.includes(result.votes?.rounds ?? -1)) return "hang";
  if (rounds("dissenting").length > 0 || isBelieved(golden, result, victim)) return "wrong-value";
  if (late.length > 0) return "late";
  if (victim !== undefined && result.outcome.kind === "cycle-limit") return "hang";
  const instructions = (run: RunResult) => run.shares.find(({ part }) => part === victim)?.instructions;
  // A replica reads no clock: it retires the same number of instructions unless it took another way.
  if (isReplica(victim) && instructions(result) !== instructions(golden.result)) return "control-flow";
  return residue ? "latent" : "none";
}

/**
 * Whether a wrong answer of the struck component was not outvoted: it became the service (a replica that is alone, a voter,
 * a client), or all replicas answered and no majority agreed.
 */
function isBelieved({ plan }: GoldenRun, result: RunResult, victim: string | undefined): boolean {
  if (victim === undefined) return false;
  if (serviceOf(result) === "wrong") return true;
  const replicas = plan.components.filter(({ name }) => isReplica(name)).length;
  return (
    isReplica(victim) &&
    (result.votes?.votes ?? []).some(({ verdict, replied }) => verdict === "none" && replied.length === replicas)
  );
}

function isReplica(component: string | undefined): boolean {
  return component?.startsWith("replica-") === true;
}

function isTrapped(thread: ThreadDescription | undefined): boolean {
  return (
    thread !== undefined &&
    (thread.protocol === "exception" || thread.protocol === "page-fault" || thread.haltReason !== "")
  );
}

function threadOf({ plan }: GoldenRun, kernel: Kernel, name: string): ThreadDescription | undefined {
  const component = plan.components.find((candidate) => candidate.name === name);
  return component === undefined ? undefined : kernel.thread(component.threadNumber);
}

/**
 * Whether wrong words are left at the end. With the golden run's clocks every word of memory is compared; when time has
 * shifted, the victim's own memory and registers, because others hold times that are merely different.
 */
function hasResidue(golden: GoldenRun, run: ScenarioRun, victim: string | undefined, result: RunResult): boolean {
  const end = run.snapshot().machine;
  // Clocks that are lost and made up for while the machine is idle leave other times behind, which are not wrong.
  const sameTime = result.cycles === golden.result.cycles && result.eventHash === golden.result.eventHash;
  const space = victim === undefined ? undefined : golden.endSpaces.get(victim);
  if (differingPages(golden.end.machine, end).some((page) => sameTime || isOf(golden, page, space))) return true;
  if (result.injections.some((injection) => injection.applied && isStillWrong(golden, run, injection))) return true;
  if (victim === undefined) return false;
  const before = golden.endRegisters.get(victim);
  const now = threadOf(golden, run.kernel, victim)?.registers as Readonly<Record<string, number>> | undefined;
  if (before === undefined || now === undefined) return before !== now;
  return Object.keys(before).some((name) => before[name] !== now[name]);
}

/** Faults whose word is in the processor, but no general register, EIP or flag of a thread. */
const IN_PROCESSOR = /^(cpu|tlb):|^[a-z][a-z0-9-]*:(es|cs|ss|ds|fs|gs|cr3):/;

/** Whether a fault that struck the processor itself has left it in another state than the golden run's, at the same clock. */
function processorHasResidue(golden: GoldenRun, run: ScenarioRun, { cycles, injections }: RunResult): boolean {
  if (cycles !== golden.result.cycles || !injections.some(({ fault }) => IN_PROCESSOR.test(fault))) return false;
  const { state } = run.snapshot().machine;
  return golden.end.machine.state.some((page, i) => page !== state[i] && Buffer.compare(page, state[i]!) !== 0);
}

function isOf({ endOwners }: GoldenRun, page: number, space: number | undefined): boolean {
  const owner = endOwners[page]!;
  return owner.kind === "user" && owner.space === space;
}

/** Pages of RAM that differ between two snapshots of machines of one size; shared pages cost nothing. */
export function differingPages(one: Snapshot, other: Snapshot): number[] {
  const pages: number[] = [];
  for (let page = 0; page < one.ram.length; page++) {
    const a = one.ram[page]!;
    const b = other.ram[page]!;
    if (a !== b && Buffer.compare(a, b) !== 0) pages.push(page);
  }
  return pages;
}

/** The component that has just been struck: the target's, or the one in whose space the word is. */
function victimOf(
  run: ScenarioRun,
  fault: Fault | undefined,
  { applied, location }: InjectionReport,
): string | undefined {
  if (fault === undefined) return undefined;
  const { target } = fault;
  if ("component" in target) return target.component;
  if (!applied) return undefined;
  const physical = physicalAddress(location);
  if (physical === undefined || !run.machine.memory.isRam(physical)) return undefined;
  const { space } = run.kernel.owner(physical);
  const owner = run.plan.components.find(({ threadNumber }) => run.kernel.thread(threadNumber)?.space === space);
  return space === undefined ? undefined : owner?.name;
}

function physicalAddress(location: string | undefined): number | undefined {
  const text = /^physical (0x[0-9a-f]+)$/.exec(location ?? "")?.[1];
  return text === undefined ? undefined : Number(text);
}

/** Whether bits that a fault has struck in memory are wrong still. */
function isStillWrong(golden: GoldenRun, run: ScenarioRun, { location, before, after }: InjectionReport): boolean {
  const physical = physicalAddress(location);
  if (physical === undefined) return false;
  for (let i = 0; i < 4; i++) {
    const page = golden.end.machine.ram[(physical + i) >>> 12];
    const right = page?.[(physical + i) & 0xfff] ?? 0;
    const struck = ((before! ^ after!) >>> (8 * i)) & 0xff;
    if (((run.machine.memory.read8(physical + i) ^ right) & struck) !== 0) return true;
  }
  return false;
}

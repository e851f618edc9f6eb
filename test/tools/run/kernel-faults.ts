/**
 * Random faults in what the kernel and the processor stand on: every named structure of the kernel, page tables, descriptor
 * tables, stacks, UTCBs, registers, TLB entries. Each run must come to an outcome: no exception of the host, no hang of it.
 */
import { sameState } from "../../../tools/campaign/convergence.ts";
import { defaultCycleLimit, judge } from "../../../tools/faults/experiment.ts";
import { type Fault, type FaultModel, type FaultTarget, formatFault } from "../../../tools/faults/fault.ts";
import type { GoldenRun } from "../../../tools/faults/golden-run.ts";
import type { OutcomeClass } from "../../../tools/faults/outcome.ts";
import { runWithoutPause } from "../../../tools/run/run-loop.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import type { Random } from "../support/random.ts";
import { bitsOf, type Stratum, strataOf } from "./kernel-strata.ts";

export interface KernelFaultReport {
  readonly stratum: string;
  readonly fault: string;
  readonly applied: boolean;
  readonly class: OutcomeClass;
  /** How the machine ended: `power-off`, `panic`, `triple-fault`, `converged` … */
  readonly ending: string;
  /** What must not happen: an exception of the host, in words. */
  readonly problem: string | undefined;
  /** Processor time of the host, milliseconds. */
  readonly milliseconds: number;
}

/** Words that are wrong in ways that single bits are not: bounds, small numbers, all ones. */
const STRANGE = [0, 1, 3, 4, 0x1000, 0x7fff_ffff, 0x8000_0000, 0xffff_f000, 0xffff_fffc, 0xffff_ffff];

export class KernelFaults {
  readonly golden: GoldenRun;
  readonly #run: ScenarioRun;
  readonly #strata: readonly (readonly Stratum[])[];
  readonly #limit: number;

  constructor(golden: GoldenRun) {
    this.golden = golden;
    this.#limit = defaultCycleLimit(golden);
    const { plan, timing } = golden;
    this.#run = new ScenarioRun(plan, timing === undefined ? {} : { timing });
    this.#strata = golden.snapshots.map(({ snapshot }) => {
      this.#run.restore(snapshot, []);
      return strataOf(this.#run);
    });
  }

  /** Names of the strata, each of which every `strata.length` faults hit once. */
  get strata(): readonly string[] {
    return [...new Set(this.#strata.flatMap((list) => list.map(({ name }) => name)))];
  }

  /** Fault number `index` of a series: the strata in turn, everything else at random. */
  choose(index: number, random: Random): { stratum: string; fault: Fault } {
    const names = this.strata;
    const name = names[index % names.length]!;
    // A structure that comes late (a mapped page, a started thread) is not there in the first snapshots.
    const moments = this.#strata.flatMap((list, moment) => (list.some((one) => one.name === name) ? [moment] : []));
    const moment = random.pick(moments);
    const stratum = this.#strata[moment]!.find((one) => one.name === name)!;
    const { snapshots, result } = this.golden;
    const { cycle } = snapshots[moment]!;
    const next = snapshots[moment + 1]?.cycle ?? result.cycles;
    const target = stratum.target(random);
    const fault = {
      target,
      model: modelFor(stratum, target, random),
      trigger: { cycle: cycle + random.below(next - cycle) },
    };
    return { stratum: name, fault };
  }

  run(stratum: string, fault: Fault): KernelFaultReport {
    const began = process.cpuUsage();
    let ending = "";
    let problem: string | undefined;
    let outcomeClass: OutcomeClass = "TOOL_ERROR";
    let applied = true;
    try {
      ending = this.#ending(fault);
      problem = this.#look();
      const { outcome, result } = judge(this.golden, this.#run, undefined);
      outcomeClass = outcome.class;
      applied = result.injections[0]!.applied;
    } catch (error) {
      problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const { user, system } = process.cpuUsage(began);
    const milliseconds = (user + system) / 1000;
    return { stratum, fault: formatFault(fault), applied, class: outcomeClass, ending, problem, milliseconds };
  }

  /** Runs to the end, or until every bit of the machine is the golden run's again. */
  #ending(fault: Fault): string {
    const run = this.#run;
    const { snapshots, end } = this.golden;
    const trigger = "cycle" in fault.trigger ? fault.trigger.cycle : 0;
    run.restore(snapshots.filter(({ cycle }) => cycle <= trigger).at(-1)!.snapshot, [fault]);
    for (const { snapshot, cycle } of snapshots.filter((one) => one.cycle > trigger)) {
      if (run.advance(cycle) !== undefined) break;
      if (run.faultsActive || run.machine.cycles !== cycle) continue;
      const now = run.snapshot();
      if (!sameState(now.machine, snapshot.machine)) continue;
      run.restore({ ...end, injections: now.injections });
      return "converged";
    }
    return runWithoutPause(run, this.#limit).kind;
  }

  /** Everything that tools ask of a machine that has ended; and that a panic is the guest's, not the model's. */
  #look(): string | undefined {
    const { kernel, machine, outcome } = this.#run;
    if (outcome?.kind === "panic" && !outcome.text.startsWith("kernel panic: ")) return outcome.text;
    kernel.check();
    kernel.accounts();
    kernel.structures();
    for (const { globalId, localId } of kernel.threads()) {
      kernel.registerLocation(globalId, "eip");
      kernel.translate(globalId, localId);
      kernel.virtualAddresses(globalId, 0x40_0000);
    }
    for (let physical = 0; physical < machine.memory.byteLength; physical += 64 * 1024 + 4) kernel.owner(physical);
    machine.stateDigest();
    return undefined;
  }
}

function modelFor(stratum: Stratum, target: FaultTarget, random: Random): FaultModel {
  const bits = bitsOf(target);
  const some = (): number[] => [...new Set(Array.from({ length: 1 + random.below(6) }, () => random.pick(bits)))];
  const mask = bits.reduce((word, bit) => word | (1 << bit), 0);
  const word = (value: number): number => (value & mask) >>> 0;
  const isEip = ("register" in target && target.register === "eip") || ("cpu" in target && target.cpu === "eip");
  if (isEip && random.below(3) === 0) return { skip: 1 + random.below(20) };
  const time = random.below(2) === 0 ? {} : { clocks: 1 + random.below(200_000) };
  switch (random.below(10)) {
    case 0:
      return { flip: some() };
    case 1:
      return { stuckAt0: some(), ...time };
    case 2:
      return { stuckAt1: some(), ...time };
    case 3:
      return { set: word(random.pick(STRANGE)) };
    case 4:
    case 5:
      // A word that is right somewhere else: a list that leads into another, or into itself.
      return { set: word(stratum.plausible(random)) };
    default:
      return { flip: [random.pick(bits)] };
  }
}

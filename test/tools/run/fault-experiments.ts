/**
 * Random single-bit faults in one of three replicas, each judged by an oracle of its own: the same fault in the same
 * replica alone (no vote). What the lone replica says is what it said in the vote: its replies depend on its requests and
 * on nothing else, and the fault strikes at the same instruction of its own. So the lone run tells in which rounds a
 * reply was wrong or missing, and the vote must say the same.
 */
import { loadSegments } from "../../../emulator/loader/elf.ts";
import { EFLAGS_BITS, type Fault, formatFault, REGISTERS } from "../../../tools/faults/fault.ts";
import { BLOCK_BYTES, BLOCKS_PER_ROUND } from "../../../tools/image/boot-config.ts";
import { imageFromScenario } from "../../../tools/image/image.ts";
import { IMPLEMENTATIONS } from "../../../tools/image/scenario.ts";
import { type BootPlan, planBoot } from "../../../tools/run/boot-plan.ts";
import { expectedOutput } from "../../../tools/run/expected-output.ts";
import { runWithoutPause } from "../../../tools/run/run-loop.ts";
import type { RunResult } from "../../../tools/run/run-result.ts";
import { type RunSnapshot, ScenarioRun } from "../../../tools/run/scenario-run.ts";
import type { Random } from "../support/random.ts";

const CYCLE_LIMIT = 5_000_000_000;
const BLOCKS = 4 * BLOCKS_PER_ROUND;
const SNAPSHOTS = 24;

function scenarioPlan(implementations: readonly string[]): BootPlan {
  const scenario = {
    name: "fault-experiments",
    replicas: implementations.map((implementation) => ({ implementation })),
    voter: { deadline: "50 ms" },
    workload: {
      mode: "ecb",
      key: "2b7e151628aed2a6abf7158809cf4f3c",
      data: { random: { seed: 9, bytes: BLOCKS * BLOCK_BYTES } },
    },
  };
  return planBoot(imageFromScenario(JSON.stringify(scenario), "fault experiments"));
}

/** A golden run with snapshots on the way, from which runs with a fault start. */
export class Experiment {
  readonly plan: BootPlan;
  readonly golden: RunResult;
  readonly #run: ScenarioRun;
  readonly #snapshots: { snapshot: RunSnapshot; instructions: ReadonlyMap<string, number> }[] = [];

  constructor(implementations: readonly string[]) {
    this.plan = scenarioPlan(implementations);
    const scout = new ScenarioRun(this.plan);
    runWithoutPause(scout, CYCLE_LIMIT);
    this.golden = scout.result();
    this.#run = new ScenarioRun(this.plan);
    for (let i = 0; i < SNAPSHOTS; i++) {
      this.#run.advance(Math.floor((this.golden.cycles * i) / SNAPSHOTS));
      const { shares } = this.#run.result();
      const instructions = new Map(shares.map((share) => [share.part, share.instructions]));
      this.#snapshots.push({ snapshot: this.#run.snapshot(), instructions });
    }
  }

  /** User instructions of a component in the golden run. */
  instructionsOf(component: string): number {
    return this.golden.shares.find(({ part }) => part === component)!.instructions;
  }

  withFault(fault: Fault): RunResult {
    const { target, trigger } = fault;
    if (!("component" in target) || !("instruction" in trigger)) throw new Error("a component's fault is needed");
    const early = this.#snapshots.filter(
      ({ instructions }) => instructions.get(target.component)! <= trigger.instruction,
    );
    this.#run.restore(early.at(-1)!.snapshot, [fault]);
    runWithoutPause(this.#run, CYCLE_LIMIT);
    return this.#run.result();
  }
}

/** A bit of a general register, EIP, EFLAGS, or of the program's memory, at an instruction of the replica's own. */
export function randomFault(experiment: Experiment, replica: number, random: Random): Fault {
  const component = `replica-${replica}`;
  const trigger = { instruction: random.below(experiment.instructionsOf(component)) };
  if (random.below(2) === 0) {
    const register = random.pick(REGISTERS);
    const bit = register === "eflags" ? random.pick(EFLAGS_BITS) : random.below(32);
    return { target: { component, register }, model: { flip: [bit] }, trigger };
  }
  const { elf } = experiment.plan.components.find(({ name }) => name === component)!;
  const segments = loadSegments(elf);
  let offset = random.below(segments.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) & ~3);
  for (const { virtualAddress, memoryBytes } of segments) {
    if (offset < memoryBytes) {
      const address = (virtualAddress + offset) & ~3;
      return { target: { component, address }, model: { flip: [random.below(32)] }, trigger };
    }
    offset -= memoryBytes;
  }
  throw new Error("the program has no memory");
}

export type Effect = "none" | "wrong-reply" | "silent" | "not-applied";

export interface Verdict {
  readonly fault: string;
  readonly effect: Effect;
  /** Rules that the voted run broke; none if all is well. */
  readonly violations: readonly string[];
}

export class FaultExperiments {
  readonly voted = new Experiment(IMPLEMENTATIONS);
  readonly #alone = IMPLEMENTATIONS.map((implementation) => new Experiment([implementation]));

  run(random: Random): Verdict {
    const replica = 1 + random.below(3);
    const fault = randomFault(this.voted, replica, random);
    const result = this.voted.withFault(fault);
    const lone = this.#alone[replica - 1]!;
    const alone = lone.withFault({ ...fault, target: { ...fault.target, component: "replica-1" } } as Fault);
    return { fault: formatFault(fault), ...judge(result, replica, alone, lone.plan) };
  }
}

function judge(result: RunResult, victim: number, alone: RunResult, plan: BootPlan): Omit<Verdict, "fault"> {
  const violations: string[] = [];
  const { outcome, workload, votes, culprits, injections } = result;
  if (outcome.kind !== "power-off" || outcome.code !== 0) violations.push(`outcome ${JSON.stringify(outcome)}`);
  if (workload.outputRight !== true) violations.push(`output not right (${workload.status})`);
  if (votes === undefined || votes.noMajority !== 0) violations.push("a round without a majority");
  const accused = culprits.filter(({ replica }) => replica !== victim);
  if (accused.length > 0) violations.push(`a correct replica is accused: ${JSON.stringify(accused)}`);

  const applied = injections[0]!.applied && alone.injections[0]!.applied;
  const named = culprits.filter(({ replica }) => replica === victim);
  if (alone.workload.status !== "done") {
    if (named.length === 0) violations.push("the silent replica is not named");
    return { effect: applied ? "silent" : "not-applied", violations };
  }
  const wrong = wrongRounds(alone, plan);
  const dissent = named.flatMap(({ reason, rounds }) => (reason === "dissenting" ? rounds : []));
  const missed = wrong.filter((round) => !dissent.includes(round));
  if (missed.length > 0) violations.push(`wrong replies of rounds ${missed.join()} are not named`);
  const invented = dissent.filter((round) => !wrong.includes(round));
  if (invented.length > 0) violations.push(`right replies of rounds ${invented.join()} are called wrong`);
  const effect = !applied ? "not-applied" : wrong.length > 0 ? "wrong-reply" : "none";
  return { effect, violations };
}

function wrongRounds(alone: RunResult, plan: BootPlan): number[] {
  const expected = expectedOutput(plan.workload);
  const { output } = alone.workload;
  const rounds = new Set<number>();
  expected.forEach((byte, i) => {
    if (byte !== output[i]) rounds.add(1 + Math.floor(i / (BLOCK_BYTES * BLOCKS_PER_ROUND)));
  });
  return [...rounds];
}

/** Experiment k of a campaign: its row depends on the golden run, the space and k alone. */
import { struckPoint } from "./draws.ts";
import type { ExperimentRunner } from "./experiment-runner.ts";
import type { FaultSpace, SpacePoint } from "./fault-space.ts";
import type { Work } from "./pool.ts";
import { type EquivalenceClass, Pilots, pointOfClass } from "./pruning.ts";
import type { Row } from "./row.ts";
import { drawnPoint, type Stratum, strataOf } from "./sample.ts";

/** The experiments of a campaign by number. */
export class Experiments {
  readonly #runner: ExperimentRunner;
  readonly #space: FaultSpace;
  readonly #work: Work;
  readonly #pilots: Pilots | undefined;
  readonly #strata: readonly Stratum[];
  readonly #struck: ReadonlyMap<number, number>;
  readonly #perhaps: ReadonlySet<number>;

  constructor(runner: ExperimentRunner, space: FaultSpace, work: Work) {
    this.#runner = runner;
    this.#space = space;
    this.#work = work;
    this.#pilots = work.kind === "complete" ? new Pilots(work.pilots) : undefined;
    this.#strata = work.kind === "sample" ? strataOf(space, work.sample) : [];
    this.#struck = new Map(work.kind === "sample" ? work.struck : []);
    this.#perhaps = new Set(work.kind === "sample" ? work.perhaps : []);
  }

  run(index: number): Row {
    const work = this.#work;
    if (work.kind === "complete") return this.#pilot(this.#pilots!.at(index), index);
    const point = drawnPoint(this.#strata, work.sample.seed, index);
    const struck = this.#struck.get(index) ?? -1;
    const known = struck < 0 ? undefined : this.#perhaps.has(index) ? "perhaps" : "read";
    return this.#runner.run(index, point, struckPoint(point, struck), known);
  }

  #pilot({ member, bit }: { readonly member: EquivalenceClass; readonly bit: number }, index: number): Row {
    // The last clock is nearest to the use: least to simulate.
    const point: SpacePoint = pointOfClass(member, this.#space, bit, member.lastCycle);
    const row = this.#runner.run(index, point, point, member.use);
    return { ...row, weight: member.lastCycle - member.firstCycle + 1 };
  }
}

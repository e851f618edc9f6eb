/** The rows of all draws from those of the experiments: draws of one class share an outcome. */
import { formatFault } from "../faults/fault.ts";
import { type OutcomeAxes, withClass } from "../faults/outcome.ts";
import type { BootPlan } from "../run/boot-plan.ts";
import { type Draws, OVERWRITTEN } from "./draws.ts";
import type { FaultSpace, SpacePoint } from "./fault-space.ts";
import { activationOf, containmentOf } from "./point-axes.ts";
import type { Row } from "./row.ts";
import { drawnPoint, strataOf } from "./sample.ts";
import type { SampleSpecification } from "./specification.ts";

/** What the golden run ended with: every run in which nothing wrong is read ends so. */
export interface GoldenEnd extends Pick<OutcomeAxes, "vote" | "ending" | "service"> {
  readonly cycles: number;
  readonly instructions: number;
}

/** What a row says of a point, whatever came of it. */
export function describePoint(index: number, { fault, region, address, bit, cycle }: SpacePoint) {
  const { component, name } = region;
  const where = address === undefined ? {} : { address };
  return { index, fault: formatFault(fault), component, place: name, ...where, bit, cycle };
}

/** The row of a draw that nobody reads. */
export function prunedRow(
  index: number,
  point: SpacePoint,
  use: "overwritten" | "unread",
  { space, plan, end }: { readonly space: FaultSpace; readonly plan: BootPlan; readonly end: GoldenEnd },
): Row {
  const { vote, ending, service, cycles, instructions } = end;
  const residue = use === "unread";
  const outcome = withClass({
    activation: activationOf(point, space.model, use),
    replicaEffect: residue ? "latent" : "none",
    vote,
    containment: containmentOf(point, plan),
    recovery: "not-needed",
    ending,
    service,
    breach: false,
    residue,
  });
  return {
    ...describePoint(index, point),
    outcome,
    injection: { pruned: use },
    cycles,
    instructions,
    stop: "pruned",
    simulated: 0,
  };
}

/** The row of a draw that another draw's experiment answers for. */
function likeRow(index: number, point: SpacePoint, row: Row): Row {
  const { outcome, injection, cycles, instructions, stop, error, detection } = row;
  return {
    ...describePoint(index, point),
    outcome,
    injection,
    like: row.index,
    ...(detection === undefined ? {} : { detection: row.cycle + detection - point.cycle }),
    cycles,
    instructions,
    stop,
    simulated: 0,
    ...(error === undefined ? {} : { error }),
  };
}

export interface DrawContext {
  readonly space: FaultSpace;
  readonly sample: SampleSpecification;
  readonly draws: Draws;
  readonly plan: BootPlan;
  readonly end: GoldenEnd;
}

/** Rows of all draws whose experiment has been run (or that need none), ascending. */
export function* drawRows(context: DrawContext, rows: ReadonlyMap<number, Row>): Iterable<Row> {
  const { space, sample, draws } = context;
  const strata = strataOf(space, sample);
  for (const [index, answer] of draws.answer.entries()) {
    const row = rows.get(answer);
    if (answer === index) {
      if (row !== undefined) yield row;
      continue;
    }
    if (answer >= 0 && row === undefined) continue;
    const point = drawnPoint(strata, sample.seed, index);
    if (row !== undefined) yield likeRow(index, point, row);
    else yield prunedRow(index, point, answer === OVERWRITTEN ? "overwritten" : "unread", context);
  }
}

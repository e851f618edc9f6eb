/** A propagation as plain data: what files, reports and `--json` are made from. */
import type { ExperimentOutcome } from "../faults/outcome.ts";
import type { InjectionReport } from "../run/run-result.ts";
import { type Corruption, type Place, registerOf } from "./corruption.ts";
import type { Describer, WriterText } from "./describe.ts";
import type { PlaceName } from "./owner-names.ts";
import type { EndOfTracking, EqualCycleSample, Propagation, ThreadShift } from "./propagation.ts";

/** Clocks since reset; undefined where the chain did not come to. */
export interface LatencyChain {
  readonly injected: number;
  /** The first word that the fault made wrong. */
  readonly firstWrongWord: number | undefined;
  /** The first wrong word of another program. */
  readonly leavesVictim: number | undefined;
  /** The voter's control flow parts. */
  readonly voteMismatch: number | undefined;
  /** The first verdict of the voter that names somebody. */
  readonly verdict: number | undefined;
  readonly end: number;
}

export interface OwnerSummary {
  readonly owner: string;
  /** Places that were wrong at some time, and at most at once. */
  readonly places: number;
  readonly peak: number;
  readonly atEnd: number;
  readonly firstCycle: number;
}

export interface PropagationSummary {
  readonly fault: string;
  readonly victim: string | undefined;
  readonly injection: InjectionReport | undefined;
  readonly activation: string;
  readonly activationCycle: number | undefined;
  readonly outcome: ExperimentOutcome;
  readonly latency: LatencyChain;
  readonly tracking: {
    readonly ended: EndOfTracking;
    readonly endCycle: number;
    /** Clock at which the machines stopped doing the same at the same time. */
    readonly lockstepEnd: number | undefined;
    readonly corruptions: number;
    /** Of them, by where their chain of causes begins. Unknown must be 0. */
    readonly byRoot: { readonly fault: number; readonly time: number; readonly unknown: number };
    readonly words: number;
    readonly registers: number;
    readonly peak: number;
    readonly atEnd: number;
    readonly owners: readonly OwnerSummary[];
  };
  readonly partings: readonly {
    readonly thread: string;
    readonly cycle: number;
    readonly endCycle: number | undefined;
    readonly golden: string;
    readonly faulty: string;
    readonly root: string;
  }[];
  readonly shifts: readonly ThreadShift[];
  readonly equalCycle: readonly EqualCycleSample[];
  /** From the fault to the voter, or to the last wrong word. */
  readonly chain: readonly ChainLink[];
}

export interface ChainLink {
  readonly corruption: number;
  readonly cycle: number;
  readonly owner: string;
  readonly symbol: string;
  readonly golden: number;
  readonly faulty: number;
  readonly writer: string;
}

export function summarise(propagation: Propagation, describer: Describer): PropagationSummary {
  const { experiment, history, names, set, partings, owners } = propagation;
  const { result, outcome, victim } = experiment;
  const applied = propagation.ended !== "not-applied";
  const byFault = (corruption: Corruption): boolean => corruption.root === "fault";
  const places = new Set(history.filter(byFault).map(({ place }) => place));
  const summaries = ownerSummaries(propagation);
  const roots = { fault: 0, time: 0, unknown: 0 };
  for (const { root } of history) roots[root]++;
  return {
    fault: result.injections[0]?.fault ?? "",
    victim,
    injection: result.injections[0],
    activation: applied ? describer.activation(propagation.activation) : "not applied",
    activationCycle: applied ? propagation.activation.cycle : undefined,
    outcome,
    latency: latencyOf(propagation),
    tracking: {
      ended: propagation.ended,
      endCycle: propagation.endCycle,
      lockstepEnd: propagation.lockstepEnd,
      corruptions: history.length,
      byRoot: roots,
      words: [...places].filter((place) => place >= 0).length,
      registers: [...places].filter((place) => place < 0).length,
      peak: peakOf(history.filter(byFault)),
      atEnd: [...set.current()].filter(byFault).length,
      owners: summaries,
    },
    partings: partings.map(({ thread, cycle, endCycle, goldenEip, faultyEip, corruption }) => ({
      thread: owners.threadName(thread),
      cycle,
      endCycle,
      golden: goldenEip === 0 ? "" : describer.instruction(thread, goldenEip).symbol,
      faulty: describer.instruction(thread, faultyEip).symbol,
      root: history[corruption]!.root,
    })),
    shifts: propagation.shifts,
    equalCycle: propagation.samples,
    chain: causeChain(propagation).map((id) => {
      const { cycle, golden, faulty } = history[id]!;
      const { owner, symbol } = names[id]!;
      const writer = describer.sentence(describer.writer(history[id]!));
      return { corruption: id, cycle, owner, symbol, golden, faulty, writer };
    }),
  };
}

/** The moments of a fault's way, as the record has them. */
export function latencyOf({ injectionCycle, history, names, experiment, partings, owners }: Propagation): LatencyChain {
  const { victim, result } = experiment;
  const first = (test: (corruption: Corruption, name: PlaceName) => boolean): number | undefined =>
    history.find((corruption, id) => corruption.root === "fault" && test(corruption, names[id]!))?.cycle;
  const voter = partings.find(
    ({ thread, corruption }) => owners.threadName(thread) === "voter" && history[corruption]!.root === "fault",
  );
  const verdict = result.votes?.votes.find(({ cycle }) => cycle >= injectionCycle)?.cycle;
  // What the voter does differently after its verdict is no mismatch of answers (a replica that traps is named at once).
  const mismatch = voter !== undefined && voter.cycle <= (verdict ?? voter.cycle) ? voter.cycle : undefined;
  return {
    injected: injectionCycle,
    firstWrongWord: first(({ writer }) => writer.kind !== "fault"),
    leavesVictim: first((_, { component }) => component !== undefined && component !== victim),
    voteMismatch: victim === "voter" ? undefined : mismatch,
    verdict,
    end: result.cycles,
  };
}

/** A moment at which a place became wrong (+1) or was no longer (-1), as the fault's doing. */
export interface Change {
  readonly cycle: number;
  /** The corruption that began or ended. */
  readonly id: number;
  readonly change: 1 | -1;
}

/** In order of time. A word that goes from wrong to wrong is one place all the while. */
export function changesOf(history: readonly Corruption[]): Change[] {
  const latest = new Map<Place, Corruption>();
  const changes: Change[] = [];
  const end = ({ id, endCycle }: Corruption): void => {
    if (endCycle !== undefined) changes.push({ cycle: endCycle, id, change: -1 });
  };
  for (const corruption of history) {
    if (corruption.root !== "fault") continue;
    const { place, cycle, id } = corruption;
    const before = latest.get(place);
    const goesOn = before !== undefined && !before.healed && before.endCycle === cycle;
    if (!goesOn) {
      if (before !== undefined) end(before);
      changes.push({ cycle, id, change: 1 });
    }
    latest.set(place, corruption);
  }
  for (const corruption of latest.values()) end(corruption);
  // At one clock the ends come first, unless that would end what has not begun.
  return changes.sort((a, b) => a.cycle - b.cycle || a.id - b.id || b.change - a.change);
}

function peakOf(history: readonly Corruption[]): number {
  let now = 0;
  let peak = 0;
  for (const { change } of changesOf(history)) {
    now += change;
    peak = Math.max(peak, now);
  }
  return peak;
}

function ownerSummaries({ history, names, set }: Propagation): OwnerSummary[] {
  const byOwner = new Map<string, Corruption[]>();
  for (const corruption of history) {
    if (corruption.root !== "fault") continue;
    const { owner } = names[corruption.id]!;
    const list = byOwner.get(owner);
    if (list === undefined) byOwner.set(owner, [corruption]);
    else list.push(corruption);
  }
  const left = new Map<string, number>();
  for (const { id, root } of set.current()) {
    if (root !== "fault") continue;
    const { owner } = names[id]!;
    left.set(owner, (left.get(owner) ?? 0) + 1);
  }
  return [...byOwner]
    .map(([owner, list]) => ({
      owner,
      places: new Set(list.map(({ place }) => place)).size,
      peak: peakOf(list),
      atEnd: left.get(owner) ?? 0,
      firstCycle: list[0]!.cycle,
    }))
    .sort((a, b) => a.firstCycle - b.firstCycle);
}

/** Ids from the fault to where it mattered: the voter's parting, else the first wrong word of another program, else the last. */
function causeChain({ history, names, partings, owners, experiment }: Propagation): number[] {
  const voter = partings.find(
    ({ thread, corruption }) => owners.threadName(thread) === "voter" && history[corruption]!.root === "fault",
  );
  const foreign = history.find(
    ({ id, root }) =>
      root === "fault" && names[id]!.component !== undefined && names[id]!.component !== experiment.victim,
  );
  const goal = voter?.corruption ?? foreign?.id ?? lastByFault(history);
  if (goal === undefined) return [];
  // Breadth first, backwards: the shortest chain.
  const towards = new Map<number, number>([[goal, -1]]);
  const queue = [goal];
  for (const id of queue) {
    if (history[id]!.writer.kind === "fault") {
      const chain: number[] = [];
      for (let at = id; at >= 0; at = towards.get(at)!) chain.push(at);
      return chain;
    }
    for (const source of history[id]!.sources) {
      if (towards.has(source) || history[source]!.root !== "fault") continue;
      towards.set(source, id);
      queue.push(source);
    }
  }
  return [];
}

function lastByFault(history: readonly Corruption[]): number | undefined {
  for (let id = history.length - 1; id >= 0; id--) if (history[id]!.root === "fault") return id;
  return undefined;
}

/** One wrong write, as it stands in corruptions.jsonl. */
export interface CorruptionRow {
  readonly id: number;
  readonly place: string;
  readonly owner: string;
  readonly component: string | null;
  readonly space: number | null;
  readonly virtual: string | null;
  readonly physical: string | null;
  readonly symbol: string;
  readonly firstCycle: number;
  readonly endCycle: number | null;
  readonly healed: boolean;
  readonly progress: number;
  readonly golden: string;
  readonly faulty: string;
  readonly root: string;
  readonly writer: WriterText;
  readonly sources: readonly number[];
}

export function corruptionRow(corruption: Corruption, name: PlaceName, describer: Describer): CorruptionRow {
  const { id, place, cycle, endCycle, healed, progress, golden, faulty, root, sources } = corruption;
  const register = registerOf(place);
  return {
    id,
    place:
      register === undefined
        ? hex(place)
        : name.component === undefined
          ? name.symbol
          : `${name.component}:${name.symbol}`,
    owner: name.owner,
    component: name.component ?? null,
    space: name.space ?? null,
    virtual: name.virtual === undefined ? null : hex(name.virtual),
    physical: name.physical === undefined ? null : hex(name.physical),
    symbol: name.symbol,
    firstCycle: cycle,
    endCycle: endCycle ?? null,
    healed,
    progress,
    golden: hex(golden),
    faulty: hex(faulty),
    root,
    writer: describer.writer(corruption),
    sources,
  };
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}

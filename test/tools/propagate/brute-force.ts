/**
 * Brute force: what differs between a golden and a faulty machine, word by word, at moments of one's choice. Two machines of
 * its own and an own count of instructions; nothing of the tracker's.
 */
import { PAGE_BYTES, Word } from "../../../emulator/index.ts";
import { Layout } from "../../../emulator/memory/layout.ts";
import type { Fault } from "../../../tools/faults/fault.ts";
import { type GoldenRun, snapshotBefore } from "../../../tools/faults/golden-run.ts";
import { type RunSnapshot, ScenarioRun } from "../../../tools/run/scenario-run.ts";

/** A moment of one thread: before its instruction number `count` since the injection. */
export interface ThreadMoment {
  readonly thread: number;
  readonly count: number;
}

/** A machine at a moment of a thread; undefined when the run ended before. */
type Stop = RunSnapshot | undefined;

const REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eflags", "eip"] as const;
/** No run of an exactness experiment is longer. */
const LONGEST_RUN = 20_000_000;
/** Words of the CPU state block. */
const STATE_WORDS = 0x4000;

export interface ThreadDifference {
  /** Physical addresses of differing words of the thread's space and UTCB, and names of its differing registers. */
  readonly memory: readonly number[];
  readonly registers: readonly string[];
}

export interface MachineDifference {
  readonly memory: readonly number[];
  readonly state: readonly number[];
  readonly devices: readonly string[];
}

export class BruteForce {
  readonly good: ScenarioRun;
  readonly faulty: ScenarioRun;
  private clean: RunSnapshot | undefined;
  private struck: RunSnapshot | undefined;

  constructor(private readonly golden: GoldenRun) {
    const options = golden.timing === undefined ? {} : { timing: golden.timing };
    this.good = new ScenarioRun(golden.plan, options);
    this.faulty = new ScenarioRun(golden.plan, options);
  }

  /** Brings both machines to the injection. Gives its clock; undefined when the run ends before. */
  inject(fault: Fault): number | undefined {
    const { good, faulty, golden } = this;
    faulty.restore(snapshotBefore(golden, fault).snapshot, [fault]);
    if (!faulty.advanceToFault(LONGEST_RUN)) return undefined;
    this.clean = faulty.snapshot();
    faulty.advance(faulty.machine.cycles);
    this.struck = faulty.snapshot();
    good.restore(this.clean, []);
    return good.machine.cycles;
  }

  /** Everything that differs at these clocks (ascending); the list is shorter when a run ends before. */
  atCycles(cycles: readonly number[]): MachineDifference[] {
    const { good, faulty } = this;
    good.restore(this.clean!, []);
    faulty.restore(this.struck!);
    const found: MachineDifference[] = [];
    for (const cycle of cycles) {
      if (good.advance(cycle) !== undefined || faulty.advance(cycle) !== undefined) break;
      found.push(differences(good, faulty));
    }
    return found;
  }

  /**
   * Calls `visit` for each pair of moments that both runs come to: with what differs there between a thread in the faulty and
   * in the golden machine, while `good` and `faulty` stand at these moments.
   */
  atMoments(
    pairs: readonly { golden: ThreadMoment; faulty: ThreadMoment }[],
    visit: (index: number, difference: ThreadDifference) => void,
  ): void {
    const { good, faulty } = this;
    good.restore(this.clean!, []);
    const goldenStops = stopsAt(
      good,
      pairs.map(({ golden }) => golden),
    );
    faulty.restore(this.struck!);
    const faultyStops = stopsAt(
      faulty,
      pairs.map((pair) => pair.faulty),
    );
    for (const [i, pair] of pairs.entries()) {
      const [one, other] = [goldenStops[i], faultyStops[i]];
      if (one === undefined || other === undefined) continue;
      good.restore(one);
      faulty.restore(other);
      const difference = threadDifference(good, faulty, pair.faulty.thread);
      if (difference !== undefined) visit(i, difference);
    }
  }
}

/** Runs on and takes a snapshot at each of the moments. */
function stopsAt(run: ScenarioRun, moments: readonly ThreadMoment[]): Stop[] {
  const { machine, kernel } = run;
  const stops = new Array<Stop>(moments.length).fill(undefined);
  const wanted = new Map<number, { count: number; index: number }[]>();
  for (const [index, { thread, count }] of moments.entries())
    wanted.set(thread, [...(wanted.get(thread) ?? []), { count, index }]);
  for (const list of wanted.values()) list.sort((a, b) => a.count - b.count);
  const retired = new Map<number, number>();
  let left = moments.length;
  let thread = 0;
  let due: number[] = [];
  const detach = machine.observe({
    beforeInstruction: () => {
      thread = machine.cpu.words[Word.Cpl] === 3 ? (kernel.currentThread() ?? 0) >>> 14 : 0;
      const list = wanted.get(thread);
      const count = retired.get(thread) ?? 0;
      if (list === undefined || list[0] === undefined || list[0].count > count) return;
      due = [];
      while (list[0] !== undefined && list[0].count <= count) due.push(list.shift()!.index);
      machine.stop("a moment");
    },
    afterInstruction: () => {
      if (thread !== 0) retired.set(thread, (retired.get(thread) ?? 0) + 1);
      thread = 0;
    },
    exception: () => {
      thread = 0;
    },
    interrupt: (_vector, kind) => {
      if (kind !== "software") thread = 0;
    },
  });
  while (left > 0 && run.outcome === undefined && machine.cycles < LONGEST_RUN) {
    const reason = machine.run({ cycle: LONGEST_RUN });
    if (reason.kind !== "stopped") break;
    const snapshot = run.snapshot();
    for (const index of due) stops[index] = snapshot;
    left -= due.length;
    due = [];
  }
  detach();
  return stops;
}

/** Physical addresses of the words of RAM that differ, ascending: all pages are looked at. */
function differingWords(good: ScenarioRun, faulty: ScenarioRun): number[] {
  const found: number[] = [];
  const { memory } = good.machine;
  for (let page = 0; page < memory.byteLength; page += PAGE_BYTES) {
    const [one, other] = [good, faulty].map(({ machine }) =>
      Buffer.from(machine.linear.bytes.buffer, Layout.GuestRam + page, PAGE_BYTES),
    );
    if (one!.equals(other!)) continue;
    for (let address = page; address < page + PAGE_BYTES; address += 4)
      if (memory.read32(address) !== faulty.machine.memory.read32(address)) found.push(address);
  }
  return found;
}

function differences(good: ScenarioRun, faulty: ScenarioRun): MachineDifference {
  const memory = differingWords(good, faulty);
  // Brings the state block into its one form, and gives the alarms.
  const alarms = [good, faulty].map(({ machine }) => JSON.stringify(machine.snapshot().alarms));
  const state: number[] = [];
  for (let word = 0; word < STATE_WORDS; word++)
    if (good.machine.cpu.words[word] !== faulty.machine.cpu.words[word]) state.push(word);
  const devices = good.machine.devices
    .filter(
      (device, i) => JSON.stringify(device.saveState()) !== JSON.stringify(faulty.machine.devices[i]!.saveState()),
    )
    .map(({ name }) => name);
  return { memory, state, devices: alarms[0] === alarms[1] ? devices : [...devices, "alarms"] };
}

function threadDifference(good: ScenarioRun, faulty: ScenarioRun, thread: number): ThreadDifference | undefined {
  const [one, other] = [good.kernel.thread(thread)?.registers, faulty.kernel.thread(thread)?.registers];
  if (one === undefined || other === undefined) return undefined;
  return {
    memory: differingWords(good, faulty).filter(
      (address) => isThreads(good, address, thread) && isThreads(faulty, address, thread),
    ),
    registers: REGISTERS.filter((name) => one[name] !== other[name]),
  };
}

/** A word of the thread's space or UTCB; of spaces that share it, the one that it was given to last. */
export function isThreads(run: ScenarioRun, place: number, thread: number): boolean {
  const owner = run.kernel.owner(place);
  if (owner.kind === "user") return owner.space === run.kernel.thread(thread)?.space;
  return owner.kind === "utcb" && owner.thread !== undefined && owner.thread >>> 14 === thread;
}

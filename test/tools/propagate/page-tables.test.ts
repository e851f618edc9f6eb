import { describe, expect, it } from "vitest";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { type GoldenRun, snapshotBefore } from "../../../tools/faults/golden-run.ts";
import { compareAtEqualCycle } from "../../../tools/propagate/equal-cycle.ts";
import { propagate } from "../../../tools/propagate/propagation.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { exactnessGolden } from "./exactness.ts";

/** The first page of the replica's variables, and a moment before its first request. */
const PAGE = "0x0804a000";
const WHEN = "instruction=2500";

describe("a bit of a page-table entry", () => {
  const golden = exactnessGolden();
  const spread = (fault: string) => propagate(golden, parseFault(`replica-2:${fault}@${WHEN}`));

  it("of the frame's number takes the replica into frames that are not its own: a breach, with the entry as its cause", () => {
    const { experiment, history, names, activation } = spread(`pte=${PAGE}:flip:12`);
    expect(experiment.outcome).toMatchObject({ class: "ISOLATION_BREACH", containment: "other-space", breach: true });
    expect(activation.kind).toBe("read");
    const stray = history.filter(
      ({ writer, place, root }, id) =>
        root === "fault" && place >= 0 && writer.thread === 62 && names[id]!.component !== "replica-2",
    );
    expect(stray.length).toBeGreaterThan(0);
    for (const { sources } of history.slice(1)) expect(sources.length).toBeGreaterThan(0);
  });

  it("has no effect while the TLB holds the entry", () => {
    const { injectionCycle, history, activation } = spread(`pte=${PAGE}:flip:12`);
    // The replica goes on in the meantime; what it reads is right until the entry is walked again.
    expect(activation.cycle! - injectionCycle).toBeGreaterThan(1_000);
    expect(Math.min(...history.slice(1).map(({ cycle }) => cycle))).toBeGreaterThanOrEqual(activation.cycle!);
  });

  it("that lies elsewhere in the table is never read, and stays wrong", () => {
    const { experiment, history } = spread("pte=0x08200000:flip:5");
    expect(experiment.outcome).toMatchObject({ class: "LATENT", activation: "never-read", breach: false });
    expect(history).toHaveLength(1);
  });

  it.each([
    "pte=0x0804a000:flip:0",
    "pte=0x0804a000:flip:1",
    "pte=0x08049000:flip:2",
    "pde=0x0804a000:flip:0",
    "pde=0x0804a000:flip:7",
  ])("%s: until the first walk that reads the entry, the machine is the golden one but for that bit", (fault) => {
    const line = `replica-2:${fault}@${WHEN}`;
    const { activation, injectionCycle } = spread(fault);
    const { walked, struck } = firstWalk(golden, line);
    expect(activation).toMatchObject({ kind: "read" });
    expect(activation.cycle).toBe(walked);
    expect(walked).toBeGreaterThan(injectionCycle);
    const [good, faulty] = [new ScenarioRun(golden.plan), new ScenarioRun(golden.plan)];
    good.restore(snapshotBefore(golden, parseFault(line)).snapshot, []);
    faulty.restore(snapshotBefore(golden, parseFault(line)).snapshot, [parseFault(line)]);
    // The walk itself takes clocks, and so does what led to it.
    for (const run of [good, faulty]) run.advance(walked - 200);
    expect(compareAtEqualCycle(good.snapshot().machine, faulty.snapshot().machine)).toEqual({
      memory: [struck],
      state: [],
      devices: [],
    });
  });
});

/** The clock of the first page walk after the injection that reads the struck entry, seen by an observer of a run of its own. */
function firstWalk(golden: GoldenRun, line: string): { walked: number; struck: number } {
  let struck = -1;
  let walked = -1;
  const run = new ScenarioRun(golden.plan, {
    onInjection: ({ location }) => {
      struck = Number(/physical (0x[0-9a-f]+)/.exec(location!)![1]);
    },
  });
  run.restore(snapshotBefore(golden, parseFault(line)).snapshot, [parseFault(line)]);
  // An access walks during its instruction, which counts from its beginning; a fetch before there is one.
  let began: number | undefined;
  run.machine.observe({
    beforeInstruction: () => {
      began = run.machine.cycles;
    },
    afterInstruction: () => {
      began = undefined;
    },
    portalLeave: () => {
      began = undefined;
    },
    walkRead: (physical) => {
      if (walked < 0 && physical === struck) walked = began ?? run.machine.cycles;
    },
  });
  run.advance(golden.result.cycles);
  return { walked, struck };
}

it("a fault in what only the CPU has is nobody's: what goes wrong later makes nobody its victim", () => {
  const golden = exactnessGolden();
  const cycle = Math.floor(golden.result.cycles / 2);
  const { experiment, names } = propagate(golden, parseFault(`cpu:ds.base:flip:4@cycle=${cycle}`));
  expect(names[0]).toMatchObject({ component: undefined, owner: "processor" });
  expect(names.some(({ component }) => component !== undefined)).toBe(true);
  expect(experiment.victim).toBeUndefined();
});

it("after a panic, what the kernel was about to give to threads that wait is not wrong: they never go on", () => {
  const golden = exactnessGolden("p5");
  for (const fault of ["tcb/console.state:flip:14,3,27@cycle=305116", "tcb/replica-1.readyNext:flip:3@cycle=177478"]) {
    const { experiment, history, activation } = propagate(golden, parseFault(`kernel:${fault}`));
    expect(experiment.result.outcome.kind).toBe("panic");
    expect(activation.kind).toBe("read");
    // The path that reads the word ends there.
    expect(history.map(({ writer }) => writer.kind)).toEqual(["fault"]);
  }
});

it("an account that the kernel's exit adds to has been read, and is the cause of its next value", () => {
  const golden = exactnessGolden("p5");
  const { activation, history } = propagate(golden, parseFault("kernel:accounts.pathCount+48:set:0x1@cycle=1484003"));
  expect(activation.kind).toBe("read");
  expect(history.map(({ root }) => root)).toEqual(["fault", "fault"]);
  expect(history[1]!.sources).toEqual([0]);
});

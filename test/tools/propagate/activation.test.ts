import { describe, expect, it } from "vitest";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { recordGolden } from "../../../tools/faults/golden-run.ts";
import { propagate } from "../../../tools/propagate/propagation.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { smallPlan } from "../faults/small-plan.ts";

const plan = smallPlan();
const golden = recordGolden(plan);
const activation = (line: string) => {
  const { activation: found, injectionCycle, experiment } = propagate(golden, parseFault(line));
  return { ...found, after: (found.cycle ?? 0) - injectionCycle, outcome: experiment.outcome };
};

/** The clock at which the kernel first reads a word after a fault's moment, and whether it wrote it before. */
function firstKernelUse(line: string): { kind: "read" | "overwritten"; cycle: number } | undefined {
  const run = new ScenarioRun(plan, { faults: [parseFault(line)] });
  run.advanceToFault(1e9);
  run.advance(run.machine.cycles);
  const word = Number(run.injections[0]!.location!.split(" ").at(-1));
  const covers = (at: number, bytes: number): boolean => at < word + 4 && at + bytes > word;
  let first: { kind: "read" | "overwritten"; cycle: number } | undefined;
  run.kernel.watch({
    load: (at, bytes) => {
      if (covers(at, bytes)) first ??= { kind: "read", cycle: run.machine.cycles };
    },
  });
  run.machine.observe({
    physicalWrite: (at, bytes) => {
      if (covers(at, bytes)) first ??= { kind: "overwritten", cycle: run.machine.cycles };
    },
  });
  while (first === undefined && run.outcome === undefined) run.advance(run.machine.cycles + 10_000);
  return first;
}

describe("the first use of struck bits", () => {
  it.each([
    "kernel:tcb/replica-2.timesliceLeft:flip:20@round=2",
    "kernel:ready-queue.readyBitmap+8:flip:3@round=2",
    "kernel:tcb/voter.deadline:flip:9@round=2",
    "replica-2:mr=5:flip:3@ipc=reply#2",
  ])("%s: by the kernel, in the order in which it reads and writes", (line) => {
    const found = activation(line);
    expect(found).toMatchObject({ ...firstKernelUse(line)!, eip: 0 });
  });

  it("a register in a trap frame is used when the program uses it, not when the kernel carries it", () => {
    const found = activation("replica-1:esp:flip:3@round=2");
    expect(found.thread).toBe(plan.components.find(({ name }) => name === "replica-1")!.threadNumber);
    expect(found).toMatchObject({ kind: "read" });
    expect(found.eip).toBeGreaterThan(0);
  });

  it("a register in a trap frame that the message's arrival sets is written over by the kernel", () => {
    // ABI 3: EBX holds message register 1 when an IPC returns.
    expect(activation("replica-1:ebx:flip:3@round=2")).toMatchObject({ kind: "overwritten", eip: 0 });
  });

  it("what is stuck is not over when it is written", () => {
    const once = activation("replica-2:aes_state+4:flip:3@ipc=receive#3");
    const stuck = activation("replica-2:aes_state+4:stuck1:3@ipc=receive#3");
    expect(once.kind).toBe("overwritten");
    expect(stuck.kind).toBe("read");
    expect(stuck.after).toBeGreaterThan(once.after);
  });

  it.each(["cpu:cr3:flip:14@round=2", "replica-2:ds:flip:3@instruction=30000", "tlb:data/3/0.tag:flip:13@round=2"])(
    "%s steers the machine at once",
    (line) => {
      expect(activation(line)).toMatchObject({ kind: "control", after: 0 });
    },
  );

  it("of a fault that was not applied: none", () => {
    const { outcome } = activation("replica-2:eax:flip:3@execute=mix_columns#99999");
    expect(outcome).toMatchObject({ activation: "not-applied", class: "TOOL_ERROR" });
  });
});

describe("struck state that is no word", () => {
  it("a TLB entry's frame: what the program writes through it is the fault's doing, in whosever memory it is", () => {
    const state = plan.components
      .find(({ name }) => name === "replica-2")!
      .elf.symbols.find(({ name }) => name === "aes_state")!;
    const line = `tlb:data=${state.value}.frame:flip:12@execute=replica-2:mix_columns#60`;
    const { history, names, experiment } = propagate(golden, parseFault(line));
    const wrong = history.filter(({ root }) => root === "fault");
    expect(wrong.length).toBeGreaterThan(20);
    const first = history.find(({ writer, place }) => writer.kind === "instruction" && place >= 0)!;
    expect(first.root).toBe("fault");
    // The other frame belongs to somebody else, who has not been asked.
    const owners = new Set(wrong.map(({ id }) => names[id]!.component));
    expect(experiment.outcome.breach).toBe([...owners].some((owner) => owner !== "replica-2" && owner !== undefined));
  });

  it.each([
    "cpu:ds.base:flip:12@execute=replica-2:mix_columns#60",
    "replica-3:cr3:flip:17@read=replica-2:aes_sbox/256#14",
    "client:cr3:flip:25@exception=14#38",
    "replica-2:ds:stuck1:3@instruction=30000",
  ])("%s: nothing is left unexplained", (line) => {
    const { history } = propagate(golden, parseFault(line));
    expect(history.filter(({ root }) => root === "unknown")).toEqual([]);
  });
});

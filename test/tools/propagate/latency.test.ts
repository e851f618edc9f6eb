/** The latency chain against a run of its own: the kernel's event log and the voter's vote log. */
import { describe, expect, it } from "vitest";
import { KernelEvent } from "../../../kernel/index.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { Propagator } from "../../../tools/propagate/propagation.ts";
import { latencyOf } from "../../../tools/propagate/record.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { exactnessGolden } from "./exactness.ts";

/** Clocks of the kernel's path from the transfer that it logs to the word that it writes. */
const LONGEST_PATH = 500;

describe("the latency chain", () => {
  const golden = exactnessGolden();
  const propagator = new Propagator(golden);
  const thread = (name: string) => golden.plan.components.find((component) => component.name === name)!.threadNumber;

  it.each([
    ["a wrong answer", "replica-2", "replica-2:aes_state+5:flip:2@instruction=9000"],
    ["a wrong key", "replica-2", "replica-2:aes_round_keys+16:flip:3@instruction=9000"],
    ["a trap", "replica-2", "replica-2:eax:flip:30@instruction=9000"],
    ["another way", "replica-1", "replica-1:eip:flip:4@instruction=20000"],
  ])("of %s: each moment is one that the logs have, in order", (_kind, victim, line) => {
    const fault = parseFault(line);
    const propagation = propagator.follow(fault);
    const { injected, firstWrongWord, leavesVictim, voteMismatch, verdict, end } = latencyOf(propagation);

    const transfers: number[] = [];
    const run = new ScenarioRun(golden.plan, { faults: [fault] });
    run.machine.eventLog.listener = (cycle, kind, from) => {
      if (kind === KernelEvent.IpcTransfer && from >>> 14 === thread(victim)) transfers.push(cycle);
    };
    while (run.outcome === undefined) run.advance(run.machine.cycles + 1_000_000);
    const { injections, votes, cycles } = run.result();

    expect(injected).toBe(injections[0]!.cycle);
    expect(end).toBe(cycles);
    expect(verdict).toBe(votes!.votes.find(({ cycle }) => cycle >= injected)!.cycle);
    expect(firstWrongWord).toBeGreaterThanOrEqual(injected);
    // What leaves the victim does so in a message of its own, or of the kernel in its name.
    const before = transfers.filter((cycle) => cycle <= leavesVictim! && cycle > leavesVictim! - LONGEST_PATH);
    expect(before.length).toBeGreaterThan(0);
    expect(leavesVictim).toBeGreaterThanOrEqual(firstWrongWord!);
    expect(voteMismatch).toBeGreaterThan(leavesVictim!);
    expect(verdict).toBeGreaterThanOrEqual(voteMismatch!);
  });

  it("of a fault without effect is its injection and the end", () => {
    const propagation = propagator.follow(parseFault("replica-2:aes_state+5:flip:2@instruction=100"));
    const { injected, end, ...rest } = latencyOf(propagation);
    expect(rest).toEqual({
      firstWrongWord: undefined,
      leavesVictim: undefined,
      voteMismatch: undefined,
      verdict: undefined,
    });
    expect(end).toBeGreaterThan(injected);
  });
});

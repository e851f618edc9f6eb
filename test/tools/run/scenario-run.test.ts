import { describe, expect, it } from "vitest";
import type { Fault } from "../../../tools/faults/fault.ts";
import { formatFault } from "../../../tools/faults/fault.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { bundledScenario, imageFromScenario, loadImage } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { runWithoutPause } from "../../../tools/run/run-loop.ts";
import type { RunResult } from "../../../tools/run/run-result.ts";
import { runScenario } from "../../../tools/run/run-scenario.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { inputError } from "../support/input-errors.ts";
import { Random } from "../support/random.ts";

const LIMIT = 2_000_000_000;
const bundled = loadImage(bundledScenario("aes-tmr"));
const plan = planBoot(bundled);

const runOnce = (faults: readonly Fault[], scenarioPlan = plan): RunResult =>
  runScenario(scenarioPlan, LIMIT, { faults });

/** Everything in a result that must not depend on how the run was made. */
const comparable = (result: RunResult) => ({
  ...result,
  workload: { ...result.workload, output: [...result.workload.output] },
});

describe("the bundled scenario", () => {
  it("without a fault: every round unanimous, nobody named, the output right", () => {
    const result = runOnce([]);
    expect(result.outcome).toEqual({ kind: "power-off", code: 0 });
    expect(result.workload).toMatchObject({ status: "done", outputRight: true });
    expect(result.votes).toMatchObject({ majority: 0, noMajority: 0, votes: [] });
    expect(result.votes!.unanimous).toBe(result.votes!.rounds);
    expect(result.culprits).toEqual([]);
  });

  it("with its own fault: the replica that it strikes is outvoted, the output right", () => {
    const result = runOnce(bundled.faults);
    const [target] = bundled.faults.map((fault) => ("component" in fault.target ? fault.target.component : ""));
    expect(result.outcome).toEqual({ kind: "power-off", code: 0 });
    expect(result.injections).toEqual([expect.objectContaining({ applied: true })]);
    expect(result.culprits.map(({ replica }) => `replica-${replica}`)).toEqual([target]);
    expect(result.votes!.noMajority).toBe(0);
    expect(result.workload.outputRight).toBe(true);
  });

  it("accounts for every clock", () => {
    const { shares, cycles, instructions } = runOnce([]);
    const sum = shares.reduce((total, share) => total + share.cycles, 0);
    expect(sum).toBeLessThanOrEqual(cycles);
    expect(sum).toBeGreaterThan(0.99 * cycles);
    expect(shares.reduce((total, share) => total + share.instructions, 0)).toBeLessThanOrEqual(instructions);
  });
});

describe("determinism", () => {
  const golden = comparable(runOnce(bundled.faults));

  it("the same result however the run is sliced", () => {
    const random = new Random(17);
    const run = new ScenarioRun(plan, { faults: bundled.faults });
    while (run.advance(run.machine.clock.now + 1 + random.below(100_000)) === undefined);
    expect(comparable(run.result())).toEqual(golden);
  });

  it("the same event-log hash on 20 runs", () => {
    const hashes = new Set(Array.from({ length: 20 }, () => runOnce(bundled.faults).eventHash));
    expect(hashes).toEqual(new Set([golden.eventHash]));
  });

  it("the same result from five snapshots, restored into the same and into another machine", () => {
    const random = new Random(18);
    const first = new ScenarioRun(plan, { faults: bundled.faults });
    const other = new ScenarioRun(plan);
    const moments = Array.from({ length: 5 }, () => random.below(golden.cycles)).sort((a, b) => a - b);
    for (const cycle of moments) {
      first.advance(cycle);
      const snapshot = first.snapshot();
      const state = first.machine.stateDigest();
      for (const run of [other, first]) {
        run.restore(snapshot);
        expect(run.machine.stateDigest()).toBe(state);
        runWithoutPause(run, LIMIT);
        expect(comparable(run.result())).toEqual(golden);
        run.restore(snapshot);
      }
    }
  });
});

describe("the same result from a snapshot", () => {
  const golden = comparable(runOnce(bundled.faults));
  const other = new ScenarioRun(plan);

  /** Runs on from the present state in another machine, and checks the end. */
  function goesOnTheSame(run: ScenarioRun): void {
    other.restore(run.snapshot());
    runWithoutPause(other, LIMIT);
    expect(comparable(other.result())).toEqual(golden);
  }

  it("inside a REP instruction", () => {
    const run = new ScenarioRun(plan, { faults: bundled.faults });
    const { machine } = run;
    let found = 0;
    // Clock by clock: inside a REP, time goes on and elements move while EIP and the count of instructions stand still.
    while (found < 3 && run.advance(machine.clock.now + 1) === undefined) {
      const [eip, retired, left] = [machine.cpu.eip, machine.instructions, machine.cpu.register(1)];
      run.advance(machine.clock.now + 1);
      const inside =
        machine.instructions === retired && machine.cpu.eip === eip && machine.cpu.register(1) === left - 1;
      if (!inside || machine.cpu.cpl !== 3) continue;
      found++;
      goesOnTheSame(run);
      run.advance(machine.clock.now + 100_000);
    }
    expect(found).toBe(3);
  });

  it("at kernel entry, before the gate's first instruction", () => {
    const run = new ScenarioRun(plan, { faults: bundled.faults });
    for (let found = 0; found < 3; ) {
      run.advance(run.machine.clock.now + 1);
      if (run.machine.cpu.cpl !== 0 || run.kernel.currentThread() === undefined) continue;
      found++;
      goesOnTheSame(run);
      run.advance(run.machine.clock.now + 200_000);
    }
  });

  it("at kernel exit, before the thread's next instruction", () => {
    const run = new ScenarioRun(plan, { faults: bundled.faults });
    for (let found = 0; found < 3; found++) {
      const detach = run.machine.observe({ portalLeave: () => run.machine.stop("kernel exit") });
      expect(run.machine.run({ cycle: run.machine.clock.now + 1_000_000 })).toMatchObject({ kind: "stopped" });
      detach();
      goesOnTheSame(run);
      run.advance(run.machine.clock.now + 50_000);
    }
  });
});

describe("a fault", () => {
  const aimed = (line: string) => runOnce([parseFault(line)]).injections[0]!;

  it("at a clock is applied at the first instruction boundary at or after it", () => {
    const report = aimed("replica-1:esi:flip:4@cycle=1000000");
    expect(report.applied).toBe(true);
    expect(report.cycle).toBeGreaterThanOrEqual(1_000_000);
    expect(report.cycle).toBeLessThan(1_000_100);
    expect((report.before! ^ report.after!) >>> 0).toBe(1 << 4);
  });

  it.each(["replica-1", "replica-2", "replica-3", "voter", "client", "console"])(
    "at an instruction of %s is applied after exactly that many of its own",
    (name) => {
      const component = plan.components.find((each) => each.name === name)!;
      for (const instruction of [0, 1, 2, 777]) {
        // The oracle counts what it sees retired in user mode while the thread has the CPU.
        let counted = 0;
        const seen: number[] = [];
        const run = new ScenarioRun(plan, {
          faults: [parseFault(`${name}:eax:flip:0@instruction=${instruction}`)],
          onInjection: (report) => seen.push(counted, report.instruction!),
        });
        let mine = false;
        run.machine.observe({
          beforeInstruction: () => {
            mine = run.machine.cpu.cpl === 3 && run.kernel.currentThread()! >>> 14 === component.threadNumber;
          },
          afterInstruction: () => {
            if (mine) counted++;
          },
        });
        while (seen.length === 0) run.advance(run.machine.clock.now + 50_000);
        expect([name, ...seen]).toEqual([name, instruction, instruction]);
      }
    },
    60_000,
  );

  it("in a register of a thread off the CPU changes the word in its trap frame", () => {
    const report = aimed("client:edi:flip:31@cycle=3000000");
    expect(report).toMatchObject({ applied: true, location: expect.stringMatching(/^trap frame at 0x/) });
  });

  it("in memory by symbol and by address is the same fault", () => {
    const symbol = plan.components[3]!.elf.symbols.find(({ name }) => name === "aes_round_keys")!;
    const [bySymbol, byAddress] = ["aes_round_keys+5", `0x${(symbol.value + 5).toString(16)}`].map((place) =>
      aimed(`replica-1:${place}:flip:1,30@instruction=9000`),
    );
    expect(bySymbol).toMatchObject({ applied: true, location: expect.stringMatching(/^physical 0x/) });
    expect({ ...byAddress, fault: "" }).toEqual({ ...bySymbol, fault: "" });
    expect((bySymbol!.before! ^ bySymbol!.after!) >>> 0).toBe((1 << 30) | 2);
  });

  it("by physical address changes that word", () => {
    const report = aimed("physical:0x200000:flip:9@instruction=5000");
    expect(report).toMatchObject({ applied: true, location: "physical 0x00200000" });
  });

  it.each([
    ["replica-1:0x00001000:flip:1@instruction=100", /0x00001000\) is not mapped at this time/],
    ["replica-1:0xfffffffe:flip:1@instruction=100", /not mapped/],
    ["physical:0xfee00000:flip:1@cycle=100000", /outside RAM/],
    ["replica-1:eax:flip:1@cycle=999999999999", /the run ended before its trigger/],
    ["replica-1:eax:flip:1@cycle=0", /thread 61 does not exist at this time/],
  ])("%s is reported as not applied", (line, reason) => {
    const result = runOnce([parseFault(line)]);
    expect(result.injections).toEqual([
      expect.objectContaining({ applied: false, reason: expect.stringMatching(reason) }),
    ]);
    expect(result.workload.outputRight).toBe(true);
  });

  it("that names what is not there is bad input", () => {
    const error = (line: string) => inputError(() => new ScenarioRun(plan, { faults: [parseFault(line)] })).message;
    expect(error("replica-4:eax:flip:1@cycle=1")).toMatch(
      /no component "replica-4"; use one of console, voter, client/,
    );
    expect(error("replica-1:nonsense:flip:1@cycle=1")).toMatch(/no symbol "nonsense"; it has for example .*aes_/);
  });
});

describe("the negative control", () => {
  const alone = (implementation: string) =>
    planBoot(
      imageFromScenario(
        JSON.stringify({
          name: "alone",
          replicas: [{ implementation }],
          workload: { mode: "ecb", key: "00".repeat(16), data: { random: { seed: 1, bytes: 896 } } },
        }),
        "negative control",
      ),
    );

  it.each(["bytewise", "ttable", "bitslice"])(
    "one replica (%s) is right without a fault, wrong with one in its keys",
    (name) => {
      const single = alone(name);
      expect(runOnce([], single).workload.outputRight).toBe(true);
      // Struck after the first round's instructions, in the middle of the data.
      const golden = runOnce([], single);
      const own = golden.shares.find(({ part }) => part === "replica-1")!.instructions;
      const fault = parseFault(`replica-1:aes_round_keys+32:flip:6@instruction=${Math.floor(own / 2)}`);
      const result = runOnce([fault], single);
      expect(result.injections[0]).toMatchObject({ applied: true, fault: formatFault(fault) });
      expect(result.workload).toMatchObject({ status: "done", outputRight: false });
      expect(result.culprits).toEqual([]);
    },
  );
});

import { describe, expect, it } from "vitest";
import { Word } from "../../../emulator/index.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { smallPlan, symbolOf, threadOf } from "./small-plan.ts";

const LIMIT = 20_000_000;
const plan = smallPlan();
const replica = threadOf(plan, "replica-2");

/** Runs to a clock or the end, instruction by instruction; `hold` puts the bits back at every boundary. */
function stepped(run: ScenarioRun, until: number, hold: (run: ScenarioRun) => void): void {
  const { machine } = run;
  hold(run);
  while (machine.cycles < until) {
    const { kind } = machine.run({ cycle: until, instructions: machine.instructions + 1 });
    // What is written at the last clock is free.
    if (machine.cycles < until) hold(run);
    if (kind !== "cycle" && kind !== "instructions") return;
  }
}

/** A run up to where a fault is about to strike, and what strikes there. */
function before(line: string): { snapshot: ReturnType<ScenarioRun["snapshot"]>; run: ScenarioRun } {
  const run = new ScenarioRun(plan, { faults: [parseFault(line)] });
  expect(run.advanceToFault(LIMIT)).toBe(true);
  return { snapshot: run.snapshot(), run };
}

function physicalOf(run: ScenarioRun, symbol: string, offset: number): number {
  return run.kernel.translate(replica, symbolOf(plan, "replica-2", symbol) + offset)!;
}

describe("stuck bits", () => {
  it.each([
    ["aes_state", 4, "stuck1:0,9", 0, 0x201, "instruction=30000"],
    ["aes_round_keys", 16, "stuck0:3", 8, 0, "instruction=9000"],
    ["aes_state", 0, "stuck0:0,1,2,3,4,5,6,7", 0xff, 0, "execute=mix_columns#60"],
  ] as const)(
    "of %s+%i, %s: as if someone put them back at every boundary",
    (symbol, offset, model, zeros, ones, when) => {
      for (const clocks of [0, 40_000]) {
        const { snapshot, run } = before(
          `replica-2:${symbol}+${offset}:${model}${clocks === 0 ? "" : `/${clocks}`}@${when}`,
        );
        const start = run.machine.cycles;
        const word = physicalOf(run, symbol, offset);
        run.advance(start + 120_000);
        const other = new ScenarioRun(plan);
        other.restore(snapshot, []);
        const hold = ({ machine: { memory } }: ScenarioRun): void => {
          const value = memory.read32(word);
          const wanted = (value & ~zeros) | ones;
          if (wanted !== value) memory.write32(word, wanted);
        };
        stepped(other, clocks === 0 ? start + 120_000 : start + clocks, hold);
        if (clocks !== 0) other.advance(start + 120_000);
        expect(other.machine.cycles).toBe(run.machine.cycles);
        expect(other.machine.stateDigest()).toBe(run.machine.stateDigest());
        const [report] = run.injections;
        expect(report).toMatchObject({ applied: true, location: `physical 0x${word.toString(16).padStart(8, "0")}` });
        expect(report!.after).toBe(((report!.before! & ~zeros) | ones) >>> 0);
        expect(report!.until).toBe(clocks === 0 ? undefined : start + clocks);
        expect(run.faultsActive).toBe(clocks === 0);
      }
    },
  );

  it.each([
    ["ebx", "stuck1:1", 0, 2, Word.Ebx],
    ["esi", "stuck0:2", 4, 0, Word.Esi],
  ] as const)(
    "of a component's %s: held at every boundary, wherever the register is then",
    (register, model, zeros, ones, at) => {
      const { snapshot, run } = before(`replica-2:${register}:${model}/60000@instruction=30000`);
      const start = run.machine.cycles;
      run.advance(start + 90_000);
      const other = new ScenarioRun(plan);
      other.restore(snapshot, []);
      const hold = ({ machine, kernel }: ScenarioRun): void => {
        // In the CPU from the kernel's exit to its next entry; the frame is in the TCB otherwise.
        const location = kernel.registerLocation(replica, register)!;
        if (location.where === "cpu") machine.cpu.words[at] = (machine.cpu.words[at]! & ~zeros) | ones;
        else {
          const value = machine.memory.read32(location.physical);
          if (((value & ~zeros) | ones) !== value) machine.memory.write32(location.physical, (value & ~zeros) | ones);
        }
      };
      stepped(other, start + 60_000, hold);
      other.advance(start + 90_000);
      expect(other.machine.stateDigest()).toBe(run.machine.stateDigest());
      const golden = new ScenarioRun(plan);
      golden.advance(start + 90_000);
      expect(golden.machine.stateDigest()).not.toBe(run.machine.stateDigest());
    },
  );

  it("of a page-table entry's dirty bit: every walk that sets it finds it clear again", () => {
    const page = symbolOf(plan, "replica-2", "aes_state") & ~0xfff;
    const { run } = before(`replica-2:pte=${page}:stuck0:6@instruction=30000`);
    const entry = run.kernel.thread(replica)!.pageDirectory;
    const table = run.machine.memory.read32(entry + 4 * (page >>> 22)) & ~0xfff;
    const address = table + 4 * ((page >>> 12) & 1023);
    let written = 0;
    run.machine.observe({
      walkWrite: (physical) => {
        if (physical === address) written++;
      },
    });
    const seen: number[] = [];
    for (let slice = 0; slice < 60; slice++) {
      run.advance(run.machine.cycles + 20_000);
      seen.push(run.machine.memory.read32(address) & 0x40);
    }
    expect(new Set(seen)).toEqual(new Set([0]));
    expect(written).toBeGreaterThan(1);
  });

  it("keep their value whoever writes: a debugger's poke, the loader's fill, the kernel model", () => {
    const { run } = before("replica-2:aes_state:stuck1:7@instruction=30000");
    run.advance(run.machine.cycles);
    const word = physicalOf(run, "aes_state", 0);
    const { memory } = run.machine;
    memory.write32(word, 0);
    expect(memory.read32(word)).toBe(0x80);
    memory.write8(word, 0x15);
    expect(memory.read32(word)).toBe(0x95);
    memory.fill(word - 8, 32, 0);
    expect(memory.read32(word)).toBe(0x80);
    memory.writeBytes(word - 2, Uint8Array.from([1, 2, 3, 4, 5, 6, 7]));
    expect(memory.read32(word) >>> 0).toBe(0x06050483);
    // A word beside it is free.
    memory.write32(word + 4, 0);
    expect(memory.read32(word + 4)).toBe(0);
  });

  it("when their time is up, the cells keep their last value and are free", () => {
    const { run } = before("replica-2:reply:stuck1:7/3000@instruction=30000");
    const start = run.machine.cycles;
    run.advance(start + 2_900);
    const word = physicalOf(run, "reply", 0);
    expect(run.stuck).toHaveLength(1);
    run.advance(start + 3_000);
    expect(run.stuck).toEqual([]);
    expect(run.machine.memory.read32(word) & 0x80).toBe(0x80);
    run.machine.memory.write32(word, 0);
    expect(run.machine.memory.read32(word)).toBe(0);
  });

  it("go into snapshots and out of them", () => {
    const { run } = before("replica-2:aes_state:stuck1:7/60000@instruction=30000");
    run.advance(run.machine.cycles + 20_000);
    const middle = run.snapshot();
    run.advance(LIMIT);
    const other = new ScenarioRun(plan);
    other.restore(middle);
    other.advance(LIMIT);
    expect(other.machine.stateDigest()).toBe(run.machine.stateDigest());
    expect(other.result().injections).toEqual(run.result().injections);
    // A run without the fault, restored from before it struck, is free of it.
    other.restore(before("replica-2:aes_state:stuck1:7@instruction=30000").snapshot, []);
    expect(other.faultsActive).toBe(false);
  });
});

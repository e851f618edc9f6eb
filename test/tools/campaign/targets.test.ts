import { beforeAll, describe, expect, it } from "vitest";
import { ExperimentRunner } from "../../../tools/campaign/experiment-runner.ts";
import { bitsAt, type FaultSpace, pointAt, positionsOf, spaceSize } from "../../../tools/campaign/fault-space.ts";
import { samplePosition } from "../../../tools/campaign/sample.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import type { GoldenRun } from "../../../tools/faults/golden-run.ts";
import { inputError } from "../support/input-errors.ts";
import { smallGolden, spaceOf, withoutStop } from "./truth.ts";

const SAMPLE = "sample: {size: 1}";
const FROM = 390_000;
const TO = 560_000;

let golden: GoldenRun;

beforeAll(() => {
  golden = smallGolden();
}, 60_000);

function draw(space: FaultSpace, index: number) {
  return pointAt(space, samplePosition(11, index, spaceSize(space)));
}

describe("targets of a campaign", () => {
  it.each([
    ["registers of the CPU", "[{cpu: all}]"],
    ["TLB entries", "[{tlb: all}]"],
    ["segment registers", "[{component: replica-2, segments: all}]"],
    ["the page-directory base", "[{component: replica-2, control: [cr3]}]"],
    ["message registers", "[{component: voter, messageRegisters: all}]"],
    ["page tables of a component", "[{component: replica-2, kernel: [page-directory, page-table]}]"],
    ["all page tables", "[{kernel: [page-directory, page-table]}]"],
    ["descriptor tables", "[{kernel: [idt, gdt, tss]}]"],
    ["stacks", "[{component: replica-2, sections: [.stack], kernel: [tcb]}, {kernel: [idle-stack]}]"],
    ["structures of the kernel", "[{kernel: [globals, ready-queue, space, mapping-node]}]"],
    ["physical memory", "[{physical: [{address: 0x100000, bytes: 0x2000}]}]"],
  ])(
    "can be %s: there at every clock that they claim, and ended early as they would have ended",
    (_, targets) => {
      const space = spaceOf(golden, targets, FROM, TO, SAMPLE);
      const early = new ExperimentRunner(golden, space);
      const whole = new ExperimentRunner(golden, space, { earlyStop: false });
      for (let index = 0; index < 25; index++) {
        const row = early.run(index, draw(space, index));
        expect(row.outcome.class, `${row.fault} ${JSON.stringify(row.injection)}`).not.toBe("TOOL_ERROR");
        if (row.stop === "converged" && index < 10)
          expect(withoutStop(row)).toEqual(withoutStop(whole.run(index, draw(space, index))));
      }
    },
    60_000,
  );

  it("are there from their first clock to their last", () => {
    const targets =
      "[{component: replica-2, segments: all, messageRegisters: [0]}, {component: client, segments: [gs]}]";
    const space = spaceOf(golden, targets, 0, golden.result.cycles, SAMPLE);
    // A component that runs now and then has its segment registers in the CPU now and then.
    expect(space.regions.filter(({ component }) => component === "client").length).toBeGreaterThan(2);
    const runner = new ExperimentRunner(golden, space);
    let before = 0n;
    for (const region of space.regions) {
      const cycles = BigInt(region.lastCycle - region.firstCycle + 1);
      for (const position of [before, before + cycles - 1n]) {
        const { injection } = runner.run(0, pointAt(space, position));
        expect("cycle" in injection, `${region.component} ${region.name}: ${JSON.stringify(injection)}`).toBe(true);
      }
      before += cycles * BigInt(positionsOf(region, space.model));
    }
  }, 60_000);

  it("are named in fault lines that can be read back", () => {
    const targets =
      "[{cpu: [cr0, ds.base]}, {tlb: [data]}, {kernel: [gdt]}, {component: voter, messageRegisters: [3], segments: [ds], registers: [eflags]}]";
    const space = spaceOf(golden, targets, FROM, TO, SAMPLE);
    const runner = new ExperimentRunner(golden, space);
    for (let index = 0; index < 40; index++) {
      const point = draw(space, index);
      expect(parseFault(runner.run(index, point).fault)).toEqual(point.fault);
    }
  });
});

describe("models of a campaign", () => {
  it.each([
    ["{flip: 3}", /:flip:\d+,\d+,\d+@/],
    ["{stuckAt0: 1}", /:stuck0:\d+@/],
    ["{stuckAt1: 2, clocks: 900}", /:stuck1:\d+,\d+\/900@/],
  ])("can be %s", (model, line) => {
    const targets = "[{component: replica-2, registers: [eax, eflags], symbols: [aes_state]}]";
    const space = spaceOf(golden, targets, FROM, TO, `${SAMPLE}\nmodel: ${model}`);
    const runner = new ExperimentRunner(golden, space);
    for (let index = 0; index < 8; index++) {
      const row = runner.run(index, draw(space, index));
      expect(row.fault).toMatch(line);
      expect(row.outcome.class).not.toBe("TOOL_ERROR");
    }
  });

  it("keep adjacent bits within one register or aligned word, and use every place there is", () => {
    const targets = "[{component: replica-2, registers: [eax, eflags], memory: [{address: 0x0804a102, bytes: 7}]}]";
    const text = `${SAMPLE}\nmodel: {flip: 3}`;
    const space = { ...spaceOf(golden, targets, 0, golden.result.cycles, text) };
    const [eax, eflags, memory] = space.regions;
    // EFLAGS has 3 adjacent bits from 6 on (ZF SF TF …) to 14, and from 18 to 21.
    expect(positionsOf(eax!, space.model)).toBe(30);
    expect(positionsOf(eflags!, space.model)).toBe(7 + 2);
    // Two bytes before the first aligned word, four in it, one behind it.
    expect(positionsOf(memory!, space.model)).toBe(14 + 30 + 6);
    let position = 0n;
    const seen = new Set<string>();
    for (const region of space.regions) {
      const cycles = BigInt(region.lastCycle - region.firstCycle + 1);
      for (let index = 0; index < positionsOf(region, space.model); index++) {
        const point = pointAt(space, position);
        expect(bitsAt(point, space.model)).toHaveLength(3);
        seen.add(JSON.stringify(point.fault));
        position += cycles;
      }
    }
    expect(position).toBe(spaceSize(space));
    expect(seen.size).toBe(30 + 9 + 50);
  });

  it("refuses what is nowhere", () => {
    const refused = (targets: string) => inputError(() => spaceOf(golden, targets, FROM, TO, SAMPLE)).message;
    expect(refused("[{kernel: [tbc]}]")).toMatch(
      /targets\[0\]\.kernel\[0\]: the kernel has no structure "tbc"; use one of .*\btcb\b/,
    );
    expect(refused("[{registers: all}]")).toMatch(/targets\[0\]\.registers: it belongs to a component; add component/);
    expect(refused("[{component: voter, tlb: all}]")).toMatch(
      /targets\[0\]\.tlb: it belongs to no component; give it a target of its own/,
    );
    expect(refused("[{component: voter}]")).toMatch(
      /targets\[0\]: a target names no bits; add one of registers, segments/,
    );
    expect(refused("[{physical: [{address: 0x7fffff, bytes: 2}]}]")).toMatch(/it reaches beyond the machine's memory/);
    expect(refused("[{physical: [{address: 0x1000, bytes: 16}, {address: 0x1008, bytes: 4}]}]")).toMatch(
      /name every bit once/,
    );
  });
});

/** What must hold for every program: bounds, independence of slicing, of observation and of how much is cached. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createMachine, enterFlatProtectedMode, initialiseX87, type Machine, Word } from "../../../emulator/index.ts";
import type { P5Configuration } from "../../../emulator/timing/configuration.ts";
import { pieceOf } from "../../oracles/random-program.ts";
import { CODE, DATA, STACK_TOP } from "../../oracles/stage.ts";
import { GuestMachine } from "../machine/guest-machine.ts";
import { x87PieceOf } from "./x87-piece.ts";

const MEMORY = 8 << 20;
const LIMIT = 5000;

const piece = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 0x7fff_ffff }).map((seed) => pieceOf(seed)) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 0x7fff_ffff }).map((seed) => x87PieceOf(seed)) },
);
const program = fc
  .array(piece, { minLength: 4, maxLength: 40 })
  .map((pieces) => Uint8Array.from([...pieces.flatMap((bytes) => [...bytes]), 0xf4]));

/** A machine about to run a program, flat and without descriptor tables: a fault ends it. */
function machineWith(code: Uint8Array, p5: Partial<P5Configuration> = {}): Machine {
  const machine = createMachine({ memoryBytes: MEMORY, timing: "p5", p5 });
  machine.memory.writeBytes(CODE, code);
  enterFlatProtectedMode(machine.cpu, CODE, STACK_TOP);
  initialiseX87(machine.cpu);
  machine.cpu.setRegister(3, DATA + 0x400);
  machine.cpu.setRegister(6, DATA + 0x900);
  machine.cpu.setRegister(7, DATA + 0x1400);
  machine.cpu.stateReplaced();
  return machine;
}

/** Runs to HLT, to a fault that ends the machine, or to the limit; the program twice, the second time with warm caches. */
function finish(
  machine: Machine,
  run: (machine: Machine, limit: number) => void = (m, instructions) => m.run({ instructions }),
): void {
  for (let pass = 1; pass <= 2; pass++) {
    run(machine, pass * LIMIT);
    if (machine.cpu.words[Word.Shutdown] !== 0) return;
    machine.cpu.words[Word.Halted] = 0;
    machine.cpu.words[Word.Eip] = CODE;
    machine.cpu.stateReplaced();
  }
}

/** Registers, flags, EIP and data memory: what a program computes. */
function architecture(machine: Machine): unknown {
  const { cpu, memory } = machine;
  const registers = Array.from({ length: 8 }, (_, i) => cpu.register(i));
  return {
    registers,
    eip: cpu.eip,
    flags: cpu.eflags,
    x87: Array.from(cpu.words.subarray(Word.X87Control, Word.X87Registers + 32)),
    data: Buffer.from(memory.readBytes(DATA, 0x2000)).toString("base64"),
  };
}

describe("random programs", () => {
  it("take at least half a clock for each instruction", () => {
    fc.assert(
      fc.property(program, (code) => {
        const machine = machineWith(code);
        finish(machine);
        expect(machine.cycles).toBeGreaterThanOrEqual(machine.instructions / 2);
      }),
      { numRuns: 60 },
    );
  });

  it("take the same clocks when they are repeated, from the start or from a snapshot", () => {
    fc.assert(
      fc.property(program, fc.integer({ min: 1, max: 300 }), (code, split) => {
        const machine = machineWith(code);
        machine.run({ instructions: split });
        const snapshot = machine.snapshot();
        finish(machine);
        const digest = machine.stateDigest();
        machine.restore(snapshot);
        finish(machine);
        expect(machine.stateDigest()).toBe(digest);
        const other = machineWith(code);
        other.restore(snapshot);
        finish(other);
        expect(other.stateDigest()).toBe(digest);
      }),
      { numRuns: 40 },
    );
  });

  it("end in the same state at the same clock however the run is sliced, and step by step", () => {
    const slices = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 3, maxLength: 20 });
    fc.assert(
      fc.property(program, slices, fc.boolean(), (code, lengths, byCycles) => {
        const whole = machineWith(code);
        finish(whole);
        const digest = whole.stateDigest();
        const stepped = machineWith(code);
        if (stepped.timing !== undefined) stepped.timing.stepwise = true;
        finish(stepped);
        expect(stepped.stateDigest()).toBe(digest);
        const sliced = machineWith(code);
        finish(sliced, (machine, instructions) => {
          for (let i = 0; machine.instructions < instructions; i++) {
            const length = lengths[i % lengths.length] as number;
            const reason = byCycles
              ? machine.run({ cycle: machine.cycles + length, instructions })
              : machine.run({ instructions: Math.min(instructions, machine.instructions + length) });
            if (reason.kind === "halted" || reason.kind === "shutdown") return;
          }
        });
        expect(sliced.stateDigest()).toBe(digest);
      }),
      { numRuns: 80 },
    );
  });

  it("compute the same with any cache switched off, with any bus, and without the model", () => {
    const parameters = fc.record({
      dataCache: fc.boolean(),
      codeCache: fc.boolean(),
      l2Bytes: fc.constantFrom(0, 65_536, 262_144),
      firstExecutionMarks: fc.boolean(),
      prefixShadowing: fc.boolean(),
      dramPageHit: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(program, parameters, (code, p5) => {
        const machine = machineWith(code);
        finish(machine);
        const other = machineWith(code, p5);
        finish(other);
        expect(architecture(other)).toEqual(architecture(machine));
        expect(other.instructions).toBe(machine.instructions);
      }),
      { numRuns: 40 },
    );
  });
});

describe("the torture guest with the P5 model", () => {
  const SPAN = 1_000_000;
  let digest: string;
  let hash: string;

  beforeAll(() => {
    const { machine } = new GuestMachine("torture", "p5");
    expect(machine.run({ cycle: SPAN })).toEqual({ kind: "cycle" });
    digest = machine.stateDigest();
    hash = machine.eventLog.hash;
  });

  it("ends in the same state in random slices", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 10, maxLength: 30 }), (lengths) => {
        const { machine } = new GuestMachine("torture", "p5");
        for (let i = 0; machine.cycles < SPAN; i++) {
          const length = lengths[i % lengths.length] as number;
          if (i % 2 === 0) machine.run({ cycle: Math.min(SPAN, machine.cycles + length) });
          else machine.run({ cycle: SPAN, instructions: machine.instructions + length });
        }
        expect(machine.eventLog.hash).toBe(hash);
        expect(machine.stateDigest()).toBe(digest);
      }),
      { numRuns: 4 },
    );
  });

  it("ends in the same state step by step, and observed", () => {
    const { machine } = new GuestMachine("torture", "p5");
    let seen = 0;
    machine.observe({
      afterInstruction: () => {
        seen++;
      },
      memoryRead: () => {
        seen++;
      },
    });
    machine.run({ cycle: SPAN });
    expect(seen).toBeGreaterThan(10_000);
    expect(machine.stateDigest()).toBe(digest);
  });
});

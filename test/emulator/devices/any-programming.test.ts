import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Word } from "../../../emulator/cpu/state.ts";
import { createMachine, type Machine } from "../../../emulator/machine.ts";

const PORTS = [
  0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff,
];

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constant("write" as const), fc.constantFrom(...PORTS), fc.integer({ min: 0, max: 255 })),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant("read" as const), fc.constantFrom(...PORTS), fc.constantFrom(1, 2, 4)) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant("wait" as const), fc.integer({ min: 1, max: 300_000 }), fc.constant(0)),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant("receive" as const), fc.integer({ min: 0, max: 255 }), fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("acknowledge" as const), fc.constant(0), fc.constant(0)) },
);

/** Lets time pass as HLT does. */
function wait(machine: Machine, cycles: number): void {
  const end = machine.cycles + cycles;
  machine.cpu.words[Word.Halted] = 1;
  machine.cpu.eflags = 0x202;
  // Interrupts would wake the CPU: hold them off while time passes.
  machine.cpu.words[Word.InterruptShadow] = 1;
  while (machine.cycles < end) {
    const reason = machine.run({ cycle: end });
    if (reason.kind === "halted") machine.charge(end - machine.cycles);
  }
}

function perform(machine: Machine, [kind, a, b]: [string, number, number]): number {
  if (kind === "write") machine.ports.write(a, 1, b);
  else if (kind === "read") return machine.ports.read(a, b);
  else if (kind === "wait") wait(machine, a);
  else if (kind === "receive") machine.uart.receive([a, a ^ 0xff]);
  else return machine.pic.acknowledge();
  return 0;
}

function make(): { machine: Machine; sent: number[] } {
  const machine = createMachine({ memoryBytes: 4096 });
  const sent: number[] = [];
  machine.uart.onByte = (byte) => sent.push(byte);
  return { machine, sent };
}

describe("devices programmed in any way", () => {
  it("never fail, give reads in range, and go on from a snapshot as if nothing had happened", () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 5, maxLength: 120 }), fc.nat(120), (actions, at) => {
        const one = make();
        const other = make();
        actions.forEach((each, i) => {
          if (i === at % actions.length) {
            other.machine.restore(one.machine.snapshot());
            other.sent.splice(0, other.sent.length, ...one.sent);
          }
          const result = perform(one.machine, each);
          const limit = each[0] === "read" ? 2 ** (8 * each[2]) : 256;
          expect(result).toBeLessThan(limit);
          expect(result).toBeGreaterThanOrEqual(0);
          if (i >= at % actions.length) expect(perform(other.machine, each)).toBe(result);
        });
        expect(other.sent).toEqual(one.sent);
        expect(other.machine.stateDigest()).toBe(one.machine.stateDigest());
      }),
      { numRuns: 300 },
    );
  });
});

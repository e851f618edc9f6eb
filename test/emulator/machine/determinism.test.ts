import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { Snapshot } from "../../../emulator/snapshot.ts";
import { GuestMachine, goldenOutput } from "./guest-machine.ts";

/** Cycles of the guest that the properties look at: start-up, paging, interrupts, REP strings, self-modifying code. */
const SPAN = 1_200_000;

describe("the torture guest", () => {
  it("prints what it prints in QEMU, and powers off with its code", () => {
    const guest = new GuestMachine("torture");
    expect(guest.run()).toEqual({ kind: "power-off", code: 42 });
    expect(guest.text).toBe(goldenOutput("torture"));
    expect(guest.output).toContain(".");
  });

  it("prints the same with the P5's pipeline and caches, at other clocks", () => {
    const simple = new GuestMachine("torture");
    simple.run();
    const guest = new GuestMachine("torture", "p5");
    expect(guest.run()).toEqual({ kind: "power-off", code: 42 });
    expect(guest.text).toBe(goldenOutput("torture"));
    expect(guest.machine.cycles).not.toBe(simple.machine.cycles);
  });
});

describe.each(["simple", "p5"] as const)("a run with %s timing", (timing) => {
  let digest: string;
  let hash: string;
  let output: string;
  /** A run of SPAN cycles, stopped at instruction boundaries only. */
  beforeAll(() => {
    const guest = new GuestMachine("torture", timing);
    expect(guest.run(SPAN)).toEqual({ kind: "cycle" });
    digest = guest.machine.stateDigest();
    hash = guest.machine.eventLog.hash;
    output = guest.output;
  });

  function expectSame(guest: GuestMachine): void {
    expect(guest.machine.eventLog.hash).toBe(hash);
    expect(guest.output).toBe(output);
    expect(guest.machine.stateDigest()).toBe(digest);
  }

  it("ends in the same state when it is repeated", () => {
    const guest = new GuestMachine("torture", timing);
    guest.run(SPAN);
    expectSame(guest);
  });

  it("ends in the same state however it is sliced, by cycles and by instructions", () => {
    const slice = fc.record({
      by: fc.constantFrom("cycles", "instructions"),
      length: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 20, max: 5000 })),
    });
    fc.assert(
      fc.property(fc.array(slice, { minLength: 20, maxLength: 60 }), (slices) => {
        const guest = new GuestMachine("torture", timing);
        const { machine } = guest;
        for (let i = 0; machine.cycles < SPAN; i++) {
          const { by, length } = slices[i % slices.length] as { by: string; length: number };
          const cycle = Math.min(SPAN, machine.cycles + (by === "cycles" ? length : SPAN));
          const reason =
            by === "cycles"
              ? machine.run({ cycle })
              : machine.run({ cycle, instructions: machine.instructions + length });
          expect(["cycle", "instructions"]).toContain(reason.kind);
        }
        expectSame(guest);
      }),
      { numRuns: 6 },
    );
  });

  it("ends in the same state step by step", () => {
    const guest = new GuestMachine("torture", timing);
    while (guest.machine.cycles < 150_000) expect(guest.machine.step()).toBeUndefined();
    guest.run(SPAN);
    expectSame(guest);
  });

  it("ends in the same state with observers attached, for the whole run or a part of it", () => {
    for (const [from, to] of [
      [0, SPAN],
      [300_000, 500_000],
    ] as const) {
      const guest = new GuestMachine("torture", timing);
      guest.run(from);
      const seen = { before: 0, after: 0, reads: 0, writes: 0, walks: 0, exceptions: 0, interrupts: 0, ports: 0 };
      const instructions = guest.machine.instructions;
      const detach = guest.machine.observe({
        beforeInstruction: () => seen.before++,
        afterInstruction: () => seen.after++,
        memoryRead: () => seen.reads++,
        memoryWrite: () => seen.writes++,
        walkRead: () => seen.walks++,
        exception: () => seen.exceptions++,
        interrupt: () => seen.interrupts++,
        portWrite: () => seen.ports++,
      });
      guest.run(to);
      detach();
      expect(seen.after).toBe(guest.machine.instructions - instructions);
      expect(seen.before).toBeGreaterThan(seen.after);
      for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
      guest.run(SPAN);
      expectSame(guest);
    }
  });

  it("ends in the same state from any snapshot, on the same machine and on another", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: SPAN }), { minLength: 1, maxLength: 4 }), (cycles) => {
        const guest = new GuestMachine("torture", timing);
        const snapshots: { snapshot: Snapshot; printed: string; digest: string }[] = [];
        for (const cycle of cycles.sort((a, b) => a - b)) {
          guest.run(cycle);
          const snapshot = guest.machine.snapshot();
          snapshots.push({ snapshot, printed: guest.output, digest: guest.machine.stateDigest() });
        }
        guest.run(SPAN);
        expectSame(guest);
        const other = new GuestMachine("torture", timing);
        other.run(77_777);
        for (const { snapshot, printed, digest: then } of snapshots.reverse())
          for (const machine of [guest, other]) {
            machine.machine.restore(snapshot);
            machine.output = printed;
            expect(machine.machine.stateDigest()).toBe(then);
            machine.run(SPAN);
            expectSame(machine);
          }
      }),
      { numRuns: 4 },
    );
  });

  it("starts again after a reset as if the machine were new", () => {
    const guest = new GuestMachine("torture", timing);
    guest.run(SPAN);
    guest.machine.reset();
    const fresh = new GuestMachine("torture", timing);
    fresh.machine.reset();
    expect(guest.machine.stateDigest()).toBe(fresh.machine.stateDigest());
    expect(guest.machine.cycles).toBe(0);
  });
});

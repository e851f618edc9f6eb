import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createMachine } from "../../emulator/index.ts";
import { attachKernel, bootKernel } from "../../kernel/index.ts";
import { elfProgram } from "./support/elf-image.ts";
import { ANY, NIL, period } from "./support/guest-script.ts";
import { idOf, Rig, SIGMA0 } from "./support/rig.ts";

/** A snapshot of the machine is a snapshot of the kernel: nothing of its state is anywhere else. */

function workload(timing: "simple" | "p5" = "simple"): Rig {
  const rig = new Rig({ memoryBytes: 12 << 20, checkEvery: 0, timing });
  rig.startPager();
  const [client, server] = [rig.script(), rig.script()];
  const calling = client.code.here;
  client.ipc(idOf(61), idOf(61), { tag: 5 });
  client.code.jump(calling);
  server.ipc(NIL, ANY);
  const serving = server.code.here;
  server.ipc(idOf(60), ANY, { tag: 4, timeouts: 0x0400_0000 });
  server.ipc(NIL, SIGMA0, { timeouts: period(700) });
  server.ipc(NIL, ANY);
  server.code.jump(serving);
  rig.createSpace(60, idOf(51));
  rig.spawnSpace(61, idOf(51), server);
  rig.start(60, client);
  return rig;
}

describe("snapshots", () => {
  it("the same run twice has the same event log and the same memory", () => {
    const [first, second] = [workload(), workload()];
    first.run(30);
    for (let i = 0; i < 30; i++) second.run(1);
    expect(second.machine.eventLog.hash).toBe(first.machine.eventLog.hash);
    expect(second.machine.stateDigest()).toBe(first.machine.stateDigest());
  });

  it.each([100_003, 700_001, 1_234_567, 2_000_000])(
    "from cycle %i the run goes on as if nothing had happened, also in another machine",
    (cycle) => {
      const rig = workload();
      rig.boot();
      rig.machine.run({ cycle });
      const snapshot = rig.machine.snapshot();
      rig.machine.run({ cycle: 3_000_000 });
      const wanted = [rig.machine.eventLog.hash, rig.machine.stateDigest(), rig.machine.instructions];
      rig.machine.restore(snapshot);
      rig.machine.run({ cycle: 3_000_000 });
      expect([rig.machine.eventLog.hash, rig.machine.stateDigest(), rig.machine.instructions]).toEqual(wanted);

      const other = createMachine({ memoryBytes: 12 << 20 });
      other.restore(snapshot);
      const kernel = attachKernel(other);
      other.run({ cycle: 3_000_000 });
      expect([other.eventLog.hash, other.stateDigest(), other.instructions]).toEqual(wanted);
      expect(kernel.check()).toEqual([]);
      expect(kernel.threads()).toEqual(rig.kernel.threads());
      expect(kernel.accounts()).toEqual(rig.kernel.accounts());
    },
  );

  it("a run in slices of a few instructions, some of which end inside a gate, is the same run", () => {
    const [whole, sliced] = [workload(), workload()];
    whole.boot().machine.run({ cycle: 1_200_000 });
    const { machine } = sliced.boot();
    let insideGate = 0;
    for (let slice = 1; machine.cycles < 1_200_000; slice = (slice * 7) % 61) {
      machine.run({ cycle: 1_200_000, instructions: machine.instructions + slice });
      // The CPU has pushed its frame, the kernel has not saved the rest: registers are told from where they are.
      const current = sliced.kernel.currentThread();
      if (machine.cpu.cpl === 0 && current !== undefined) {
        insideGate++;
        expect(sliced.kernel.registerLocation(current, "eip")?.where).toBe("memory");
        expect(sliced.kernel.registerLocation(current, "esi")?.where).toBe("cpu");
      }
    }
    expect(insideGate).toBeGreaterThan(0);
    expect(machine.eventLog.hash).toBe(whole.machine.eventLog.hash);
    expect(machine.stateDigest()).toBe(whole.machine.stateDigest());
  });

  it("with the P5 timing model too", () => {
    const rig = workload("p5");
    rig.boot();
    rig.machine.run({ cycle: 1_500_000 });
    const snapshot = rig.machine.snapshot();
    rig.machine.run({ cycle: 4_000_000 });
    const wanted = [rig.machine.eventLog.hash, rig.machine.stateDigest()];
    const other = createMachine({ memoryBytes: 12 << 20, timing: "p5" });
    other.restore(snapshot);
    const kernel = attachKernel(other);
    other.run({ cycle: 4_000_000 });
    expect([other.eventLog.hash, other.stateDigest()]).toEqual(wanted);
    expect(kernel.check()).toEqual([]);
  });

  it("a kernel can't be attached to memory that holds none", () => {
    expect(() => attachKernel(createMachine({ memoryBytes: 8 << 20 }))).toThrow(/holds no kernel/);
  });

  it("accounts add up to the clock, to the last cycle", () => {
    const rig = workload();
    rig.run(30);
    const { threads, deleted, kernelCycles, idleCycles } = rig.kernel.accounts();
    const user = threads.reduce((sum, { cycles }) => sum + cycles, deleted.cycles);
    expect(user + kernelCycles + idleCycles).toBe(rig.machine.cycles);
    expect(idleCycles).toBeGreaterThan(0);
  });
});

describe("boot", () => {
  const sigma0 = readFileSync(new URL("../../guests/prebuilt/sigma0.elf", import.meta.url));
  const root = elfProgram(0x40_0000, Uint8Array.of(0xeb, 0xfe), 0x1000);

  it.each([
    ["no room for the kernel", 2 << 20, { sigma0, root }, /too few/],
    ["more RAM than the kernel's window", 512 << 20, { sigma0, root }, /at most 256 MiB/],
    [
      "kernel memory that is no number of pages",
      16 << 20,
      { sigma0, root, kernelMemoryBytes: 5_000_000 },
      /multiple of 4096/,
    ],
    ["a root task in kernel memory", 8 << 20, { sigma0, root: elfProgram(0x70_0000, root, 0x1000) }, /kernel memory/],
    ["a root task on top of sigma0", 16 << 20, { sigma0, root: elfProgram(0x2_0000, root, 0x1000) }, /overlaps sigma0/],
    [
      "modules that do not fit",
      8 << 20,
      { sigma0, root, modules: [{ name: "big", data: new Uint8Array(6 << 20) }] },
      /module "big"/,
    ],
    [
      "more modules than descriptors",
      16 << 20,
      { sigma0, root, modules: Array.from({ length: 300 }, (_, i) => ({ name: `m${i}`, data: Uint8Array.of(1) })) },
      /too many/,
    ],
    ["a sigma0 that is no program", 16 << 20, { sigma0: Uint8Array.of(1, 2, 3), root }, /./],
  ])("refuses %s with a message", (_name, memoryBytes, options, message) => {
    expect(() => bootKernel(createMachine({ memoryBytes }), options)).toThrow(message);
  });

  it("leaves a consistent kernel with two threads, before anything has run", () => {
    const machine = createMachine({ memoryBytes: 16 << 20 });
    const kernel = bootKernel(machine, { sigma0, root });
    expect(kernel.check()).toEqual([]);
    expect(kernel.threads().map(({ globalId, priority, state, pager }) => [globalId, priority, state, pager])).toEqual([
      [0x000c_0001, 255, "ready", 0],
      [0x000c_8001, 255, "ready", 0x000c_0001],
    ]);
    expect(kernel.currentThread()).toBeUndefined();
    expect(kernel.kernelMemory).toEqual({ start: 12 << 20, end: 16 << 20 });
  });

  it("root starts at its entry with ESP 0 and every other register 0", () => {
    const machine = createMachine({ memoryBytes: 16 << 20 });
    const kernel = bootKernel(machine, { sigma0, root });
    machine.run({ cycle: 100_000 });
    expect(kernel.currentThread()).toBe(0x000c_8001);
    expect(kernel.thread(50)?.registers).toMatchObject({
      eip: 0x40_0000,
      esp: 0,
      eax: 0,
      ebx: 0,
      edi: 0,
      eflags: 0x202,
    });
  });
});

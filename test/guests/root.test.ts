/** The root task with boot modules that are wrong: a clear last word on the console and exit code 1, never anything worse. */
import { describe, expect, it } from "vitest";
import { Random } from "../tools/support/random.ts";
import { type BootedGuests, bootGuests, type GuestBoot, THREAD } from "./boot.ts";

/** guests/root/task.c */
const SECOND_THREAD_OFFSET = 256;

const BOOT: GuestBoot = {
  replicas: ["replica-ttable"],
  faulty: 0,
  workload: {
    operation: "encrypt",
    mode: "ecb",
    key: new Uint8Array(16),
    iv: new Uint8Array(16),
    input: new Uint8Array(224),
    iterations: 0,
  },
};

function bootWith(module: NonNullable<GuestBoot["module"]>): BootedGuests {
  return bootGuests({ ...BOOT, module });
}

function changed(data: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = Uint8Array.from(data);
  copy.set(bytes, at);
  return copy;
}

function lastWords(module: NonNullable<GuestBoot["module"]>): string {
  const guests = bootWith(module);
  expect(guests.machine.run({ cycle: 100_000_000 })).toEqual({ kind: "power-off", code: 1 });
  expect(guests.kernel.check()).toEqual([]);
  return guests.console();
}

const without = (absent: string) => (name: string, data: Uint8Array) => (name === absent ? undefined : data);
const withChange =
  (wanted: string, change: (data: Uint8Array) => Uint8Array) =>
  (name: string, data: Uint8Array): Uint8Array =>
    name === wanted ? change(data) : data;

describe("the root task", () => {
  it.each(["config", "workload", "vote-log", "voter.elf", "replica-ttable.elf"])("without module %s", (name) => {
    expect(lastWords(without(name))).toBe(`root: ${name}: no such module\n`);
  });

  it.each([
    ["another magic", 0, "not a version 1 configuration"],
    ["another version", 4, "not a version 1 configuration"],
    ["more tasks than there are", 8, "too many tasks"],
  ])("with a configuration of %s", (_, at, message) => {
    expect(lastWords(withChange("config", (data) => changed(data, at, 0xee)))).toBe(`root: config: ${message}\n`);
  });

  it.each([
    ["no ELF file", 0, [0], "not a 32-bit ELF file"],
    ["a 64-bit file", 4, [2], "not a 32-bit ELF file"],
    ["a shared object", 16, [3], "not an executable for this processor"],
    ["a file for another processor", 18, [40], "not an executable for this processor"],
    ["program headers outside the file", 28, [0, 0, 0, 0x7f], "broken program headers"],
    ["an entry point in data", 24, [0, 0, 0, 0], "the entry point is not in code"],
    ["a segment outside the file", 52 + 4, [0, 0, 0, 0x10], "a segment lies outside the file"],
    ["a segment in the kernel's half", 52 + 8, [0, 0, 0, 0xf0], "a segment lies outside the space for programs"],
    ["a segment on the null page", 52 + 8, [0, 0, 0, 0], "a segment lies outside the space for programs"],
    ["a huge segment", 52 + 20, [0, 0, 0, 1], "too large"],
    ["two segments on one page", 52 + 20, [0, 0x38, 0, 0], "two segments share a page"],
  ] as const)("with %s as a task", (_, at, bytes, message) => {
    expect(lastWords(withChange("voter.elf", (data) => changed(data, at, ...bytes)))).toBe(
      `root: voter.elf: ${message}\n`,
    );
  });

  it("with a file that ends early, at any length: root or the run ends, and the kernel is sound", () => {
    for (let length = 0; length < 600; length += 37) {
      const words = lastWords(withChange("client.elf", (data) => data.subarray(0, length)));
      expect(words, `${length} bytes`).toMatch(/^root: client(\.elf)?: /);
    }
  });

  it("with programs that have random bits flipped: whatever they do, the machine is never lost", () => {
    const random = new Random(86);
    for (let i = 0; i < 60; i++) {
      const victim = random.pick(["console.elf", "voter.elf", "client.elf", "replica-ttable.elf"]);
      const guests = bootWith(
        withChange(victim, (data) => {
          const copy = Uint8Array.from(data);
          // Headers and code; what follows is for debuggers.
          for (let flips = 0; flips < 8; flips++) copy[random.below(4096)]! ^= 1 << random.below(8);
          return copy;
        }),
      );
      const { kind } = guests.machine.run({ cycle: 30_000_000 });
      expect(["power-off", "cycle"], `run ${i}: ${victim}`).toContain(kind);
      expect(guests.kernel.check(), `run ${i}: ${victim}`).toEqual([]);
    }
  });

  it("gives no second thread unless the configuration says so: the attacker goes away with its lie", () => {
    const guests = bootGuests({ ...BOOT, replicas: ["attacker", "replica-ttable", "replica-bitslice"], faulty: 1 });
    expect(guests.machine.run({ cycle: 100_000_000 })).toEqual({ kind: "power-off", code: 0 });
    expect(guests.kernel.thread(THREAD.firstReplica + SECOND_THREAD_OFFSET)).toBeUndefined();
    expect(guests.console()).toContain("root: replica-1: page fault (write) at 0x000c8001 ip 0xdeadbeef: stopped\n");
  });
});

import { describe, expect, it } from "vitest";
import { createMachine, enterFlatProtectedMode, type Machine } from "../../../emulator/index.ts";
import { CheckpointStore } from "../../../tools/debug/time/checkpoint-store.ts";
import { comparePositions, type Position } from "../../../tools/debug/time/position.ts";
import { Timeline } from "../../../tools/debug/time/timeline.ts";

/**
 * loop: imul eax,eax,1103515245; add eax,12345; mov ebx,eax; shr ebx,16; and ebx,0xffff; mov [0x10000+ebx],eax;
 *       mov edi,0x30000; mov ecx,16; rep stosd; inc dword [0x40000]; jmp loop
 */
const PROGRAM = [
  ...[0x69, 0xc0, 0x6d, 0x4e, 0xc6, 0x41, 0x05, 0x39, 0x30, 0x00, 0x00, 0x89, 0xc3, 0xc1, 0xeb, 0x10],
  ...[0x81, 0xe3, 0xff, 0xff, 0x00, 0x00, 0x89, 0x83, 0x00, 0x00, 0x01, 0x00, 0xbf, 0x00, 0x00, 0x03, 0x00],
  ...[0xb9, 0x10, 0x00, 0x00, 0x00, 0xf3, 0xab, 0xff, 0x05, 0x00, 0x00, 0x04, 0x00, 0xeb, 0xd1],
];

function loopingMachine(): Machine {
  const machine = createMachine({ memoryBytes: 1 << 20 });
  machine.memory.writeBytes(0x1000, Uint8Array.from(PROGRAM));
  enterFlatProtectedMode(machine.cpu, 0x1000, 0x8000);
  return machine;
}

/** A generator with a seed, so that a failure can be repeated. */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * limit);
  };
}

describe("a machine's history", () => {
  it("gives the same state, bit for bit, at any earlier position, in any order", () => {
    const random = randomNumbers(5);
    const timeline = new Timeline(loopingMachine());
    const seen: { position: Position; digest: string }[] = [];
    for (let count = 0; count < 40; count++) {
      const limit = timeline.position.cycle + 1 + random(60_000);
      if (random(2) === 0) timeline.advance({ cycle: limit });
      else timeline.advance({ instructions: timeline.position.instructions + 1 + random(20_000) });
      if (random(3) === 0) {
        const address = 0x20000 + 4 * random(100);
        timeline.edit("test", () => timeline.machine.memory.write32(address, address));
      }
      seen.push({ position: timeline.position, digest: timeline.machine.stateDigest() });
    }
    for (let count = 0; count < 120; count++) {
      const { position, digest } = seen[random(seen.length)] as (typeof seen)[number];
      timeline.seek(position);
      expect(timeline.position).toEqual(position);
      expect(timeline.machine.stateDigest()).toBe(digest);
    }
  });

  it("reaches the boundary before an edit and the one after it", () => {
    const timeline = new Timeline(loopingMachine());
    timeline.advance({ instructions: 5000 });
    const before = timeline.position;
    timeline.edit("marks a word", () => timeline.machine.memory.write32(0x50000, 77));
    const after = timeline.position;
    timeline.advance({ instructions: 6000 });
    timeline.seek(before);
    expect(timeline.machine.memory.read32(0x50000)).toBe(0);
    timeline.seek(after);
    expect(timeline.machine.memory.read32(0x50000)).toBe(77);
    timeline.seek(before);
    timeline.advance({ instructions: 5001 });
    expect(timeline.machine.memory.read32(0x50000)).toBe(77);
  });

  it("forgets the future when the past is changed", () => {
    const timeline = new Timeline(loopingMachine());
    timeline.advance({ instructions: 10_000 });
    timeline.edit("late", () => timeline.machine.memory.write32(0x50000, 1));
    timeline.seekInstructions(3000);
    timeline.edit("early", () => timeline.machine.cpu.setRegister(0, 0x1234));
    expect(timeline.horizon).toEqual(timeline.position);
    timeline.advance({ instructions: 11_000 });
    expect(timeline.machine.memory.read32(0x50000)).toBe(0);
    expect(timeline.editList().map(({ description }) => description)).toEqual(["early"]);
  });

  it("makes changes again that were made after the machine had come to its end", () => {
    const machine = loopingMachine();
    // mov al, 7; out 0xf4, al: power off.
    machine.memory.writeBytes(0x1000, Uint8Array.of(0xb0, 0x07, 0xe6, 0xf4));
    const timeline = new Timeline(machine);
    expect(timeline.advance()).toMatchObject({ kind: "power-off" });
    timeline.edit("late", () => timeline.machine.memory.write32(0x50000, 5));
    const { position } = timeline;
    timeline.edit("later", () => timeline.machine.memory.write32(0x50000, 6));
    timeline.seekInstructions(0);
    timeline.seek(position);
    expect(timeline.machine.memory.read32(0x50000)).toBe(5);
  });

  it("finds the first boundary at a number of instructions and at a cycle", () => {
    const timeline = new Timeline(loopingMachine());
    timeline.advance({ instructions: 100_000 });
    timeline.seekInstructions(777);
    expect(timeline.position.instructions).toBe(777);
    const there = timeline.position;
    expect(timeline.seekCycle(there.cycle)).toBeUndefined();
    expect(comparePositions(timeline.position, there)).toBeLessThanOrEqual(0);
    expect(timeline.position.cycle).toBe(there.cycle);
  });
});

describe("the store of snapshots", () => {
  const page = (): Uint8Array => new Uint8Array(4096);
  const at = (cycle: number): Position => ({ instructions: cycle, cycle, edits: 0 });

  it("counts shared pages once", () => {
    const store = new CheckpointStore({ bytes: 1 << 30, count: 100 });
    const first = [page(), page(), page()];
    const state = [page()];
    store.add(at(0), { ram: first, state }, at(0));
    store.add(at(1), { ram: first, state }, at(1));
    expect(store.bytes).toBe(4 * 4096 + 4 * 8);
    store.add(at(2), { ram: [page(), ...first.slice(1)], state }, at(2));
    expect(store.bytes).toBe(5 * 4096 + 7 * 8);
  });

  it("holds its bounds over a long run, with gaps that grow with age", () => {
    const limits = { bytes: 3000 * 4096, count: 60 };
    const store = new CheckpointStore(limits);
    const random = randomNumbers(9);
    let ram = Array.from({ length: 64 }, page);
    const state = [page()];
    for (let cycle = 0; cycle < 200_000; cycle += 10) {
      ram = ram.slice();
      for (let count = 0; count < 3; count++) ram[random(64)] = page();
      store.add(at(cycle), { ram, state }, at(cycle));
      expect(store.count).toBeLessThanOrEqual(limits.count);
    }
    expect(store.bytes).toBeLessThanOrEqual(limits.bytes);
    const positions = store.positions().map(({ cycle }) => cycle);
    expect(positions[0]).toBe(0);
    for (const [index, cycle] of positions.entries()) {
      const next = positions[index + 1] ?? 200_000;
      // A gap is at most half as long as the way from its end to the present, plus a few steps.
      expect(next - cycle, `after ${cycle}`).toBeLessThanOrEqual((200_000 - next) / 2 + 100);
    }
  });
});

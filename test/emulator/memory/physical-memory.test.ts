import { beforeEach, describe, expect, it } from "vitest";
import { PageFlag } from "../../../emulator/memory/layout.ts";
import { createLinearMemory } from "../../../emulator/memory/linear-memory.ts";
import { PhysicalMemory } from "../../../emulator/memory/physical-memory.ts";
import { Watch } from "../../../emulator/observer.ts";

const BYTES = 0x10000;

describe("physical memory", () => {
  let memory: PhysicalMemory;
  let watch: Watch;
  beforeEach(() => {
    watch = new Watch();
    memory = new PhysicalMemory(createLinearMemory(BYTES), BYTES, watch);
  });

  it("is zero at first and little endian", () => {
    expect(memory.read32(0x100)).toBe(0);
    memory.write32(0x100, 0x81020304);
    expect([0, 1, 2, 3].map((i) => memory.read8(0x100 + i))).toEqual([4, 3, 2, 0x81]);
    expect(memory.read32(0x100)).toBe(0x81020304 | 0);
    expect(memory.read16(0x102)).toBe(0x8102);
  });

  it("reads and writes at any alignment", () => {
    memory.write32(0x101, 0x81020304);
    memory.write16(0x105, 0xbeef);
    expect(memory.read32(0x101)).toBe(0x81020304 | 0);
    expect(memory.read16(0x105)).toBe(0xbeef);
    expect(memory.read32(0x103)).toBe(0xbeef8102 | 0);
  });

  it("gives all ones outside RAM and drops writes there, also partly outside", () => {
    memory.write32(BYTES, 1);
    memory.write8(-1, 1);
    expect(memory.read32(BYTES)).toBe(-1);
    expect(memory.read8(0xfffffff0)).toBe(0xff);
    memory.write16(BYTES - 1, 0x1234);
    expect(memory.read16(BYTES - 1)).toBe(0xff34);
    memory.writeBytes(BYTES - 2, Uint8Array.of(1, 2, 3, 4));
    expect([...memory.readBytes(BYTES - 3, 5)]).toEqual([0, 1, 2, 0xff, 0xff]);
    memory.writeBytes(BYTES + 5, Uint8Array.of(1));
    memory.fill(BYTES - 1, 100, 7);
    expect(memory.read8(BYTES - 1)).toBe(7);
  });

  it("marks the pages that it changes, and only those", () => {
    memory.write8(0x1fff, 1);
    memory.writeBytes(0x3ff0, new Uint8Array(0x20));
    memory.fill(0x8000, 0x1001, 1);
    const dirty = Array.from({ length: BYTES / 4096 }, (_, page) => memory.pageFlags(page));
    expect(dirty).toEqual([0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]);
  });

  it("tells the code cache before bytes of a page with code change, page by page", () => {
    const told: [number, number, number][] = [];
    memory.attachCodeCache({
      invalidateCode: (physical, bytes) => told.push([physical, bytes, memory.read8(physical)]),
      invalidateAll: () => {},
    });
    memory.markCode(1);
    memory.markCode(2);
    memory.write32(0x0100, 9);
    memory.write32(0x1100, 9);
    memory.writeBytes(0x1ff0, new Uint8Array(0x20).fill(9));
    memory.fill(0x2ff8, 16, 9);
    expect(told).toEqual([
      [0x1100, 4, 0],
      [0x1ff0, 16, 0],
      [0x2000, 16, 0],
      [0x2ff8, 8, 0],
    ]);
  });

  it("tells holders of fast-store permissions when a page stops being plainly dirty", () => {
    let flushed = 0;
    memory.attachStoreMemos({ flushStoreMemos: () => flushed++ });
    memory.setPageFlags(1, PageFlag.Dirty);
    expect(flushed).toBe(0);
    memory.markCode(1);
    expect(flushed).toBe(1);
    memory.markCode(1);
    expect(flushed).toBe(1);
    memory.clearPageFlags(1, PageFlag.Dirty);
    expect(flushed).toBe(2);
  });

  it("tells observers of the embedder's writes", () => {
    const seen: [number, number][] = [];
    const detach = watch.attach({ physicalWrite: (physical, bytes) => seen.push([physical, bytes]) });
    memory.write32(0x10, 1);
    memory.write16(0x20, 1);
    memory.write8(0x30, 1);
    memory.fill(0x40, 100);
    detach();
    memory.write32(0x10, 1);
    expect(seen).toEqual([
      [0x10, 4],
      [0x20, 2],
      [0x30, 1],
      [0x40, 100],
    ]);
  });
});

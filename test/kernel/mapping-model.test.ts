import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMachine } from "../../emulator/index.ts";
import { KernelContext } from "../../kernel/context.ts";
import * as flexpage from "../../kernel/flexpage.ts";
import { bootKernel, type Kernel } from "../../kernel/index.ts";
import { hasPort } from "../../kernel/io-space.ts";
import { transferItem, unmapFlexpage } from "../../kernel/mapping.ts";
import { Globals, memoryMap } from "../../kernel/memory-map.ts";
import { Pte, readEntry } from "../../kernel/page-table.ts";
import { createSpace, initialiseSpace } from "../../kernel/space.ts";
import { elfProgram } from "./support/elf-image.ts";

/**
 * Random maps, grants and unmaps of pages and ports among six spaces, against a model with an ordinary tree; the kernel's
 * checker runs after every step.
 */

const MEMORY = 6 << 20;
const PAGE = 4096;
const SPACES = 5;
const PAGES = 6;

/** A mapping in the model; its parent is another one, or null for sigma0. */
interface Mapping {
  space: number;
  page: number;
  readonly frame: number;
  writable: boolean;
  readonly parent: Mapping | null;
  readonly children: Set<Mapping>;
}

class Model {
  readonly mappings = new Set<Mapping>();

  at(space: number, page: number): Mapping | undefined {
    return [...this.mappings].find((mapping) => mapping.space === space && mapping.page === page);
  }

  remove(mapping: Mapping): void {
    for (const child of [...mapping.children]) this.remove(child);
    mapping.parent?.children.delete(mapping);
    this.mappings.delete(mapping);
  }

  weaken(mapping: Mapping): void {
    mapping.writable = false;
    for (const child of mapping.children) this.weaken(child);
  }

  /** Space 0 is sigma0, which holds every frame at its own page. */
  map(from: number, page: number, to: number, at: number, rights: number, grant: boolean): void {
    const source = from === 0 ? null : this.at(from, page);
    if (source === undefined || rights === 0 || to === 0) return;
    const frame = source === null ? page : source.frame;
    const writable = (rights & 2) !== 0 && (source === null || source.writable);
    const existing = this.at(to, at);
    if (existing !== undefined && existing.frame === frame) {
      for (let above = source; above !== null; above = above.parent) {
        if (above !== existing) continue;
        if (grant && source !== null && source !== existing) this.remove(source);
        return;
      }
      if (!grant || source === null) {
        if (existing.parent === source) {
          existing.writable ||= writable;
          return;
        }
      }
    }
    if (existing !== undefined) this.remove(existing);
    if (grant && source !== null) {
      source.space = to;
      source.page = at;
      if (!writable) this.weaken(source);
      return;
    }
    const mapping: Mapping = { space: to, page: at, frame, writable, parent: source, children: new Set() };
    source?.children.add(mapping);
    this.mappings.add(mapping);
  }

  unmap(space: number, page: number, rights: number, flush: boolean): void {
    const derived =
      space === 0
        ? [...this.mappings].filter((mapping) => mapping.parent === null && mapping.frame === page)
        : [...(this.at(space, page)?.children ?? [])];
    const own = space === 0 ? undefined : this.at(space, page);
    if (rights === 7) {
      for (const mapping of derived) this.remove(mapping);
      if (flush && own !== undefined) this.remove(own);
    } else if ((rights & 2) !== 0) {
      for (const mapping of derived) this.weaken(mapping);
      if (flush && own !== undefined) this.weaken(own);
    }
  }
}

const machine = createMachine({ memoryBytes: MEMORY });
const sigma0 = readFileSync(new URL("../../guests/prebuilt/sigma0.elf", import.meta.url));
const kernel: Kernel = bootKernel(machine, { sigma0, root: elfProgram(0x20_0000, Uint8Array.of(0xeb, 0xfe), PAGE) });
const k = new KernelContext(machine, memoryMap(MEMORY, kernel.kernelMemory.end - kernel.kernelMemory.start));
const spaces = [k.global(Globals.sigma0Space), k.global(Globals.rootSpace)];
while (spaces.length < SPACES) {
  const space = createSpace(k);
  initialiseSpace(k, space, 0xbff0_00c0, 0xbf00_0110);
  spaces.push(space);
}
const clean = machine.snapshot();

/** sigma0's pages of the test lie at frames 0x100 up; everyone else's pages start at 0x8000. */
const FRAME_BASE = 0x100;
const PAGE_BASE = 0x8000;
const pageOf = (space: number, index: number): number => (space === 0 ? FRAME_BASE : PAGE_BASE) + index;
const address = (page: number, rights: number): number => (page * PAGE + 0xc0 + rights) >>> 0;

const space = fc.integer({ min: 0, max: SPACES - 1 });
const index = fc.integer({ min: 0, max: PAGES - 1 });
const rights = fc.constantFrom(0, 2, 4, 5, 6, 7, 7, 7);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constant("map" as const), space, index, space, index, rights) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("grant" as const), space, index, space, index, rights) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant("unmap" as const), space, index, fc.constant(0), fc.constant(0), rights),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant("flush" as const), space, index, fc.constant(0), fc.constant(0), rights),
  },
);

/** What the page tables say: frame and right to write of each page of each space but sigma0's. */
function pageTables(): (string | undefined)[] {
  return spaces.slice(1).flatMap((pointer, i) =>
    Array.from({ length: PAGES }, (_, page) => {
      const entry = readEntry(k, pointer, pageOf(i + 1, page) * PAGE);
      return (entry & Pte.Present) === 0 ? undefined : `${entry >>> 12}${(entry & Pte.Writable) !== 0 ? "w" : "r"}`;
    }),
  );
}

function modelTables(model: Model): (string | undefined)[] {
  return spaces.slice(1).flatMap((_, i) =>
    Array.from({ length: PAGES }, (_unused, page) => {
      const mapping = model.at(i + 1, pageOf(i + 1, page));
      return mapping === undefined ? undefined : `${mapping.frame}${mapping.writable ? "w" : "r"}`;
    }),
  );
}

describe("random maps, grants and unmaps", () => {
  it("of pages: page tables and rights are those of a model with a real tree", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        machine.restore(clean);
        const model = new Model();
        for (const [kind, from, at, to, there, access] of steps) {
          const source = pageOf(from, at);
          if (kind === "map" || kind === "grant") {
            const target = pageOf(to, there);
            const send = address(source, access);
            transferItem(
              k,
              spaces[from],
              spaces[to],
              target * PAGE,
              send,
              flexpage.COMPLETE_FLEXPAGE,
              kind === "grant",
            );
            model.map(from, source, to, target, access, kind === "grant");
          } else {
            unmapFlexpage(k, spaces[from], address(source, access), kind === "flush");
            model.unmap(from, source, access, kind === "flush");
          }
          expect(pageTables()).toEqual(modelTables(model));
        }
        expect(kernel.check()).toEqual([]);
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  it("of larger flexpages: the same as of each of their pages", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(space, space, fc.constantFrom(12, 13, 14), index, rights), { maxLength: 12 }),
        (steps) => {
          machine.restore(clean);
          const model = new Model();
          for (const [from, to, log2, at, access] of steps) {
            const pages = 2 ** (log2 - 12);
            const first = Math.floor(pageOf(from, at) / pages) * pages;
            const target = Math.floor(pageOf(to, 0) / pages) * pages;
            const send = (first * PAGE + (log2 << 4) + access) >>> 0;
            transferItem(k, spaces[from], spaces[to], target * PAGE, send, flexpage.COMPLETE_FLEXPAGE, false);
            for (let i = 0; i < pages; i++) model.map(from, first + i, to, target + i, access, false);
          }
          expect(pageTables()).toEqual(modelTables(model));
          expect(kernel.check()).toEqual([]);
        },
      ),
      { numRuns: 100, seed: 5 },
    );
  });

  it("of ports: whoever holds a port got it from one who holds it", () => {
    const port = fc.integer({ min: 0, max: 7 });
    const kind = fc.constantFrom("map", "map", "grant", "flush", "flush without all rights");
    const action = fc.tuple(kind, space, space, port, fc.integer({ min: 0, max: 3 }));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (steps) => {
        machine.restore(clean);
        const model = new Model();
        for (const [what, from, to, first, log2] of steps) {
          const maps = what === "map" || what === "grant";
          const grant = what === "grant";
          // Ports are held with all rights or not at all: revoking some revokes nothing.
          const revokesNothing = what === "flush without all rights";
          const raw = flexpage.ioFlexpage(first, log2, revokesNothing ? 5 : 7);
          const base = (first >> log2) << log2;
          if (maps) transferItem(k, spaces[from], spaces[to], 0, raw, flexpage.COMPLETE_FLEXPAGE, grant);
          else unmapFlexpage(k, spaces[from], raw, true);
          for (let i = base; i < base + 2 ** log2; i++) {
            if (revokesNothing) break;
            if (!maps) model.unmap(from, i, 7, true);
            // A port that is held already stays where it is in the tree.
            else if (model.at(to, i) === undefined) model.map(from, i, to, i, 7, grant);
          }
          for (let s = 1; s < SPACES; s++)
            for (let i = 0; i < 8; i++) expect(hasPort(k, spaces[s], i)).toBe(model.at(s, i) !== undefined);
        }
        expect(kernel.check()).toEqual([]);
      }),
      { numRuns: 100, seed: 6 },
    );
  });

  it("the kernel's own ports reach nobody, by no flexpage", () => {
    machine.restore(clean);
    for (const raw of [flexpage.ioFlexpage(0x20, 1, 7), flexpage.ioFlexpage(0x40, 2, 7), flexpage.ioFlexpage(0, 10, 7)])
      transferItem(k, spaces[0], spaces[1], 0, raw, flexpage.COMPLETE_FLEXPAGE, false);
    const held = Array.from({ length: 1024 }, (_, port) => port).filter((port) => !hasPort(k, spaces[1], port));
    expect(held).toEqual([0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0xa0, 0xa1]);
    expect(kernel.check()).toEqual([]);
  });

  it("when spaces or pages for them run out, the next one is refused and the rest stays sound", () => {
    machine.restore(clean);
    let created = 0;
    while (createSpace(k) !== 0) created++;
    expect(created).toBeGreaterThan(50);
    expect(createSpace(k)).toBe(0);
    expect(kernel.check()).toEqual([]);
  });

  it("when mapping memory runs out: what was mapped stays, the rest is left out, the kernel goes on", () => {
    machine.restore(clean);
    let mapped = 0;
    // 1024 frames into each of three spaces, at ever new places.
    for (let round = 0; round < 40; round++)
      for (let s = 1; s < SPACES; s++)
        transferItem(
          k,
          spaces[0],
          spaces[s],
          0x1000_0000 + round * 0x40_0000,
          (22 << 4) | 7,
          flexpage.COMPLETE_FLEXPAGE,
          false,
        );
    for (let round = 0; round < 40; round++)
      for (let page = 0; page < 1024; page++)
        if ((readEntry(k, spaces[1], 0x1000_0000 + round * 0x40_0000 + page * PAGE) & Pte.Present) !== 0) mapped++;
    expect(mapped).toBeGreaterThan(1000);
    expect(Math.min(k.global(Globals.freeNode), k.global(Globals.freePage))).toBe(0);
    expect(kernel.check()).toEqual([]);
    for (let s = 1; s < SPACES; s++) unmapFlexpage(k, spaces[s], 0x17, true);
    expect(kernel.check()).toEqual([]);
    expect(k.global(Globals.freeNode)).not.toBe(0);
  });
});

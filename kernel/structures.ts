import type { KernelContext } from "./context.ts";
import { BOOT_OFFSET } from "./entry.ts";
import type { KernelStructure, Owner } from "./kernel.ts";
import { KIP } from "./kip.ts";
import {
  GLOBALS,
  MAPPING_NODE,
  type MemoryMap,
  PAGE,
  POOL_PAGE,
  PORT_COUNT,
  PoolUse,
  SPACE,
  SPACE_COUNT,
  THREAD_COUNT,
} from "./memory-map.ts";
import { poolPageUse } from "./page-pool.ts";
import { hex } from "./panic.ts";
import { defineStruct, fieldAt, type Struct } from "./struct.ts";
import { TCB, Tcb } from "./tcb-layout.ts";
import { USER_BASE } from "./thread-id.ts";
import { TSS } from "./tss.ts";
import { UTCB, UTCB_BYTES } from "./utcb.ts";

/**
 * The kernel's structures, one by one: every byte of kernel memory lies in exactly one of them, unused ends of pages
 * included, and every word in exactly one field. `owner` names words by this list, fault injectors find them by it.
 */

/** A structure, or an array of them, in kernel memory outside the page pool. */
interface Region {
  readonly name: string;
  readonly start: number;
  readonly bytes: number;
  /** Of one element; absent for memory that nothing uses. */
  readonly struct?: Struct<string>;
}

// ---- what the hardware and page-sized structures look like ----

/** A gate is entered at the first byte of its slot; the machine starts at the slot after the last vector's. */
const PORTAL = defineStruct("portal page", { vectors: ["double", BOOT_OFFSET / 8], boot: "double" });
const IDLE_LOOP = defineStruct("idle loop", { code: "word" });
/** The frame of the return to the idle loop is built at the top; interrupts push theirs there again. */
const IDLE_STACK = defineStruct("idle stack", {
  stack: ["word", PAGE / 4 - 4],
  eip: "word",
  cs: "word",
  eflags: "word",
});
/** Intel SDM vol. 3, 3.4.5. */
const DESCRIPTOR = defineStruct("GDT", { baseAndLimit: "word", baseAccessAndLimit: "word" });
/** Intel SDM vol. 3, 6.11. */
const GATE = defineStruct("IDT", { selectorAndOffset: "word", offsetAndAccess: "word" });
const GS_WORD = defineStruct("%gs page", { localId: "word" });
const PAGE_ENTRIES = defineStruct("page table", { entries: ["word", PAGE / 4] });
const BITMAP_PAGE = defineStruct("I/O bitmap", { ports: ["word", PAGE / 4] });
const DENIED_BITMAP = defineStruct("I/O bitmap without ports", { ports: ["word", PORT_COUNT / 32] });

/** The fields of a structure from one to another, as a structure of their own. */
function part(struct: Struct<string>, first: string, last: string): Struct<string> {
  const from = struct.fields.findIndex(({ name }) => name === first);
  const to = struct.fields.findIndex(({ name }) => name === last);
  const fields = struct.fields.slice(from, to + 1);
  const start = fields[0].offset;
  const end = fields[fields.length - 1].offset + fields[fields.length - 1].bytes;
  return {
    name: struct.name,
    bytes: end - start,
    fields: fields.map((field) => ({ ...field, offset: field.offset - start })),
    at: Object.fromEntries(fields.map(({ name, offset }) => [name, offset - start])),
  };
}

const VARIABLES = part(GLOBALS, "magic", "rootSpace");
const ACCOUNTS = part(GLOBALS, "exitCycles", "pathCount");
const READY_QUEUE = part(GLOBALS, "readyBitmap", "readyHead");

function regionsOf(map: MemoryMap): Region[] {
  const heads = defineStruct("mapping tree heads", { frames: ["word", map.ramFrames], ports: ["word", PORT_COUNT] });
  const one = (name: string, start: number, struct: Struct<string>, count = 1): Region => ({
    name,
    start,
    bytes: count * struct.bytes,
    struct,
  });
  const used = [
    one("portal page", map.portal, PORTAL),
    one("idle loop", map.idleCode, IDLE_LOOP),
    one("idle stack", map.idleStackTop - IDLE_STACK.bytes, IDLE_STACK),
    one("GDT", map.gdt, DESCRIPTOR, 256),
    one("IDT", map.idt, GATE, 256),
    one("KIP", map.kip, KIP),
    one("%gs page", map.gsPage, GS_WORD),
    one("TSS", map.tss, TSS),
    one("I/O bitmap without ports", map.deniedBitmap, DENIED_BITMAP),
    one("end of the I/O bitmap", map.bitmapEnd, BITMAP_PAGE),
    one("shared page table of the private region", map.sharedPrivateTable, PAGE_ENTRIES),
    one("space", map.spaces, SPACE, SPACE_COUNT),
    one("tcb", map.tcbs, TCB, THREAD_COUNT),
    one("mapping tree heads", map.frames, heads),
    one("mapping node", map.nodes, MAPPING_NODE, map.nodeCount),
    one("pool page", map.poolPages, POOL_PAGE, map.poolCount),
    one("globals", map.globals, VARIABLES),
    one("accounts", map.globals + GLOBALS.at.exitCycles, ACCOUNTS),
    one("ready queue", map.globals + GLOBALS.at.readyBitmap, READY_QUEUE),
  ].sort((a, b) => a.start - b.start);
  return withGaps(used, map);
}

/** Fills what lies between the structures with regions that say after which one they come. */
function withGaps(used: readonly Region[], map: MemoryMap): Region[] {
  const regions: Region[] = [];
  let next = map.base;
  let last = "";
  const fill = (end: number): void => {
    if (end > next) regions.push({ name: `unused after the ${last}`, start: next, bytes: end - next });
    next = end;
  };
  for (const region of used) {
    if (region.start === map.globals) {
      fill(map.pool);
      next = map.globals;
    } else fill(region.start);
    regions.push(region);
    next = region.start + region.bytes;
    last = region.bytes === region.struct?.bytes ? region.name : `${region.name}s`;
  }
  fill(map.memoryBytes);
  return regions;
}

/** Regions of a memory map, worked out once: they follow from the map alone. */
const knownRegions = new WeakMap<MemoryMap, readonly Region[]>();

function regions(map: MemoryMap): readonly Region[] {
  let known = knownRegions.get(map);
  if (known === undefined) {
    known = regionsOf(map);
    knownRegions.set(map, known);
  }
  return known;
}

// ---- owners ----

function isPoolAddress(map: MemoryMap, physical: number): boolean {
  return physical >= map.pool && physical < map.globals;
}

/** Owner of a word of kernel memory. */
export function kernelOwner(k: KernelContext, physical: number): Owner {
  if (isPoolAddress(k.map, physical)) return poolOwner(k, physical);
  const { name, start, bytes, struct } = regionAt(k.map, physical);
  if (struct === undefined) return { kind: "kernel", name, field: `word[${(physical - start) >>> 2}]` };
  const index = Math.floor((physical - start) / struct.bytes);
  const field = fieldName(struct, (physical - start) % struct.bytes);
  const thread = struct === TCB ? k.load(k.tcbOfNumber(index) + Tcb.globalId) : 0;
  return {
    kind: "kernel",
    name: bytes > struct.bytes ? `${name} ${index}` : name,
    field,
    ...(thread === 0 ? {} : { thread }),
  };
}

function regionAt(map: MemoryMap, physical: number): Region {
  const all = regions(map);
  let low = 0;
  let high = all.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (all[middle].start <= physical) low = middle;
    else high = middle - 1;
  }
  return all[low];
}

/** `messageRegisters[3]`, `eip`; `padding[2]` in the unused end of a structure. */
function fieldName(struct: Struct<string>, offset: number): string {
  const field = fieldAt(struct, offset);
  if (field === undefined) {
    const { offset: start = 0, bytes = 0 } = struct.fields.at(-1) ?? {};
    return `padding[${(offset - start - bytes) >>> 2}]`;
  }
  const elementBytes = field.bytes / field.count;
  return field.count === 1 ? field.name : `${field.name}[${Math.floor((offset - field.offset) / elementBytes)}]`;
}

// ---- the page pool ----

/** What a part of the pool is: its owner without the field, and the struct that names its words. */
interface PoolPart {
  readonly owner: Owner;
  readonly struct: Struct<string> | undefined;
}

function poolOwner(k: KernelContext, physical: number): Owner {
  const { owner, struct } = poolPart(k, physical);
  if (struct === undefined) return owner;
  const offset = physical % struct.bytes;
  const virtual = owner.virtual === undefined ? {} : { virtual: owner.virtual + offset };
  return { ...owner, ...virtual, field: fieldName(struct, offset) };
}

/** @param utcbs threads by the physical addresses of their UTCBs, if they have been looked up */
function poolPart(k: KernelContext, physical: number, utcbs?: ReadonlyMap<number, number>): PoolPart {
  const page = physical - (physical % PAGE);
  const { use, space } = poolPageUse(k, page);
  const index = k.isSpace(space) ? k.spaceIndex(space) : -1;
  switch (use) {
    case PoolUse.Free:
      return { owner: { kind: "free", name: `free page of the kernel's pool at ${hex(page)}` }, struct: undefined };
    case PoolUse.PageDirectory:
      return pageTable(`page directory of space ${index}`, index, PAGE_ENTRIES);
    case PoolUse.PageTable:
      return pageTable(`page table of space ${index} at ${hex(page)}`, index, PAGE_ENTRIES);
    case PoolUse.Utcb:
      return utcbPart(k, physical - (physical % UTCB_BYTES), index, utcbs);
    case PoolUse.IoBitmap:
      return {
        owner: { kind: "kernel", name: `I/O bitmap of space ${index} at ${hex(page)}`, space: index },
        struct: BITMAP_PAGE,
      };
    default:
      // Only a fault makes one: the word that says what the page is for is broken.
      return {
        owner: { kind: "kernel", name: `pool page at ${hex(page)} of unknown use ${hex(use)}` },
        struct: PAGE_ENTRIES,
      };
  }
}

function pageTable(name: string, space: number, struct: Struct<string>): PoolPart {
  return { owner: { kind: "page-table", name, space }, struct };
}

function utcbPart(
  k: KernelContext,
  utcb: number,
  space: number,
  utcbs: ReadonlyMap<number, number> | undefined,
): PoolPart {
  if (utcbs !== undefined) {
    const number = utcbs.get(utcb);
    return number === undefined ? unusedUtcb(utcb, space) : usedUtcb(k, k.tcbOfNumber(number), number, space);
  }
  for (let number = USER_BASE; number < THREAD_COUNT; number++) {
    const tcb = k.tcbOfNumber(number);
    if (k.load(tcb + Tcb.utcbPhysical) === utcb) return usedUtcb(k, tcb, number, space);
  }
  return unusedUtcb(utcb, space);
}

function usedUtcb(k: KernelContext, tcb: number, number: number, space: number): PoolPart {
  const thread = k.load(tcb + Tcb.globalId);
  const virtual = k.load(tcb + Tcb.utcb);
  return { owner: { kind: "utcb", name: `utcb of thread ${number}`, thread, space, virtual }, struct: UTCB };
}

function unusedUtcb(utcb: number, space: number): PoolPart {
  return { owner: { kind: "utcb", name: `unused UTCB at ${hex(utcb)} of space ${space}`, space }, struct: UTCB };
}

// ---- the list ----

/** The structures outside the page pool: where they are follows from the memory map alone. */
function fixedStructures(map: MemoryMap): KernelStructure[] {
  return regions(map).map(describeRegion);
}

function describeRegion({ name, start, bytes, struct }: Region): KernelStructure {
  return describe("kernel", name, start, struct, bytes / (struct?.bytes ?? bytes), bytes);
}

/** One of the structures outside the page pool; undefined when none has the name. */
export function fixedStructure(map: MemoryMap, name: string): KernelStructure | undefined {
  const region = regions(map).find((candidate) => candidate.name === name);
  return region === undefined ? undefined : describeRegion(region);
}

/** Every structure of kernel memory as it is now, in the order of their addresses, without gap or overlap. */
export function kernelStructures(k: KernelContext): KernelStructure[] {
  const { map } = k;
  const structures = fixedStructures(map);
  // Looked up once for all, lowest number first, as an owner is found.
  const utcbs = new Map<number, number>();
  for (let number = THREAD_COUNT - 1; number >= USER_BASE; number--)
    utcbs.set(k.load(k.tcbOfNumber(number) + Tcb.utcbPhysical), number);
  for (let page = map.pool; page < map.globals; ) {
    const { owner, struct } = poolPart(k, page, utcbs);
    const bytes = struct?.bytes ?? PAGE;
    const { kind, name, space, thread } = owner;
    structures.push({
      ...describe(kind, name, page, struct, 1, bytes),
      ...(space === undefined ? {} : { space }),
      ...(thread === undefined ? {} : { thread }),
    });
    page += bytes;
  }
  return structures.sort((a, b) => a.start - b.start);
}

function describe(
  kind: Owner["kind"],
  name: string,
  start: number,
  struct: Struct<string> | undefined,
  count: number,
  bytes: number,
): KernelStructure {
  const fields = struct?.fields.map((field) => ({ name: field.name, offset: field.offset, bytes: field.bytes })) ?? [];
  return { kind, name, start, bytes: struct?.bytes ?? bytes, count, fields };
}

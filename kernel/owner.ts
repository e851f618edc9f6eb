import type { KernelContext } from "./context.ts";
import type { KernelStructure, Owner } from "./kernel.ts";
import { KIP } from "./kip.ts";
import { frameNodes } from "./mapping-database.ts";
import {
  GLOBALS,
  Globals,
  MAPPING_NODE,
  type MemoryMap,
  PAGE,
  POOL_PAGE,
  PoolUse,
  SPACE,
  SPACE_COUNT,
  Space,
  THREAD_COUNT,
} from "./memory-map.ts";
import { poolPageUse } from "./page-pool.ts";
import { Pte, readEntry } from "./page-table.ts";
import { hex } from "./panic.ts";
import { fieldAt, type Struct } from "./struct.ts";
import { TCB, TCB_BYTES, Tcb } from "./tcb-layout.ts";
import { USER_BASE } from "./thread-id.ts";
import { TSS } from "./tss.ts";
import { UTCB, UTCB_BYTES } from "./utcb.ts";

/** Whose word is it: the one owner of each word of RAM, by address. */

export function ownerOf(k: KernelContext, physical: number): Owner {
  const { map } = k;
  if (physical < 0 || physical >= map.memoryBytes) throw new RangeError(`${hex(physical)} is outside RAM`);
  if (physical < map.base) return userOwner(k, physical);
  if (physical >= map.pool && physical < map.globals) return poolOwner(k, physical);
  return kernelOwner(k, physical);
}

// ---- kernel structures ----

interface KernelRegion {
  readonly start: (map: MemoryMap) => number;
  readonly bytes: (map: MemoryMap) => number;
  readonly name: string;
  /** Structures of an array are named by index. */
  readonly struct?: Struct<string>;
}

const REGIONS: readonly KernelRegion[] = [
  { name: "portal page", start: (map) => map.portal, bytes: () => PAGE },
  { name: "idle loop and its stack", start: (map) => map.idleCode, bytes: () => PAGE },
  { name: "GDT", start: (map) => map.gdt, bytes: () => 2048 },
  { name: "IDT", start: (map) => map.idt, bytes: () => 2048 },
  { name: "KIP", start: (map) => map.kip, bytes: () => PAGE, struct: KIP },
  { name: "%gs page", start: (map) => map.gsPage, bytes: () => PAGE },
  { name: "TSS", start: (map) => map.tss, bytes: () => TSS.bytes, struct: TSS },
  { name: "page of the TSS", start: (map) => map.tssPage, bytes: () => PAGE },
  { name: "I/O bitmap without ports", start: (map) => map.deniedBitmap, bytes: () => 2 * PAGE },
  { name: "end of the I/O bitmap", start: (map) => map.bitmapEnd, bytes: () => PAGE },
  { name: "shared page table of the private region", start: (map) => map.sharedPrivateTable, bytes: () => PAGE },
  { name: "space", start: (map) => map.spaces, bytes: () => SPACE_COUNT * SPACE.bytes, struct: SPACE },
  { name: "tcb", start: (map) => map.tcbs, bytes: () => THREAD_COUNT * TCB_BYTES, struct: TCB },
  { name: "mapping tree heads", start: (map) => map.frames, bytes: (map) => map.nodes - map.frames },
  { name: "mapping node", start: (map) => map.nodes, bytes: (map) => map.poolPages - map.nodes, struct: MAPPING_NODE },
  { name: "pool page", start: (map) => map.poolPages, bytes: (map) => map.pool - map.poolPages, struct: POOL_PAGE },
  { name: "globals", start: (map) => map.globals, bytes: () => PAGE, struct: GLOBALS },
];

/** The regions of kernel memory outside the page pool. */
export function kernelStructures(map: MemoryMap): KernelStructure[] {
  return REGIONS.map(({ name, start, bytes, struct }) => ({
    name,
    start: start(map),
    bytes: struct?.bytes ?? bytes(map),
    count: struct === undefined ? 1 : Math.floor(bytes(map) / struct.bytes),
    fields: struct?.fields.map((field) => ({ name: field.name, offset: field.offset, bytes: field.bytes })) ?? [],
  }));
}

function kernelOwner(k: KernelContext, physical: number): Owner {
  for (const { name, start, bytes, struct } of REGIONS) {
    const offset = physical - start(k.map);
    if (offset < 0 || offset >= bytes(k.map)) continue;
    if (struct === undefined) return { kind: "kernel", name, field: `+${offset & ~3}` };
    const index = Math.floor(offset / struct.bytes);
    const field = fieldName(struct, offset % struct.bytes);
    const thread = struct === TCB ? k.load(k.tcbOfNumber(index) + Tcb.globalId) : 0;
    return {
      kind: "kernel",
      name: bytes(k.map) > struct.bytes ? `${name} ${index}` : name,
      field,
      ...(thread === 0 ? {} : { thread }),
    };
  }
  return { kind: "kernel", name: "unused kernel memory", field: `+${physical - k.map.base}` };
}

function fieldName(struct: Struct<string>, offset: number): string {
  const field = fieldAt(struct, offset);
  if (field === undefined) return `+${offset & ~3}`;
  const elementBytes = field.bytes / field.count;
  return field.count === 1 ? field.name : `${field.name}[${Math.floor((offset - field.offset) / elementBytes)}]`;
}

// ---- the page pool ----

function poolOwner(k: KernelContext, physical: number): Owner {
  const page = physical - (physical % PAGE);
  const { use, space } = poolPageUse(k, page);
  const index = k.isSpace(space) ? k.spaceIndex(space) : -1;
  const field = `+${(physical % PAGE) & ~3}`;
  switch (use) {
    case PoolUse.Free:
      return { kind: "free", name: `free page of the kernel's pool at ${hex(page)}` };
    case PoolUse.PageDirectory:
      return { kind: "page-table", name: `page directory of space ${index}`, field, space: index };
    case PoolUse.PageTable:
      return { kind: "page-table", name: `page table of space ${index} at ${hex(page)}`, field, space: index };
    case PoolUse.Utcb:
      return utcbOwner(k, physical, index);
    default:
      return { kind: "kernel", name: `I/O bitmap of space ${index}`, field, space: index };
  }
}

function utcbOwner(k: KernelContext, physical: number, space: number): Owner {
  const utcb = physical - (physical % UTCB_BYTES);
  const field = fieldName(UTCB, physical % UTCB_BYTES);
  for (let number = USER_BASE; number < THREAD_COUNT; number++) {
    const tcb = k.tcbOfNumber(number);
    if (k.load(tcb + Tcb.utcbPhysical) !== utcb) continue;
    const thread = k.load(tcb + Tcb.globalId);
    const virtual = k.load(tcb + Tcb.utcb) + (physical % UTCB_BYTES);
    return { kind: "utcb", name: `utcb of thread ${number}`, field, thread, space, virtual };
  }
  return { kind: "utcb", name: `unused UTCB at ${hex(utcb)} of space ${space}`, field, space };
}

// ---- user memory ----

/** A frame belongs to the space at the end of its mapping chain: the one that was given it last and gave it to nobody. */
function userOwner(k: KernelContext, physical: number): Owner {
  const frame = Math.floor(physical / PAGE);
  const nodes = frameNodes(k, frame).filter((node) => node > 0 && node < k.map.nodeCount);
  const sigma0 = k.global(Globals.sigma0Space);
  const usedBySigma0 =
    k.isSpace(sigma0) && k.load(sigma0 + Space.state) !== 0 && (readEntry(k, sigma0, frame * PAGE) & Pte.Present) !== 0;
  const field = (node: number, offset: number): number => k.load(k.map.nodes + node * MAPPING_NODE.bytes + offset);
  const spaces = nodes.map((node) => field(node, MAPPING_NODE.at.space)).filter((space) => k.isSpace(space));
  const indices = [...new Set(spaces.map((space) => k.spaceIndex(space)))];
  if (usedBySigma0) indices.unshift(k.spaceIndex(sigma0));
  if (indices.length === 0) return { kind: "free", name: `free frame ${hex(frame * PAGE)}` };
  const last = nodes.at(-1);
  const lastSpace = last === undefined ? sigma0 : field(last, MAPPING_NODE.at.space);
  const page = last === undefined ? frame : field(last, MAPPING_NODE.at.page);
  const space = k.isSpace(lastSpace) ? k.spaceIndex(lastSpace) : -1;
  return {
    kind: "user",
    name: `memory of space ${space}`,
    space,
    spaces: indices,
    virtual: page * PAGE + (physical % PAGE),
  };
}

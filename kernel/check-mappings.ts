import type { Violations } from "./checker.ts";
import type { KernelContext } from "./context.ts";
import * as flexpage from "./flexpage.ts";
import { frameCount, frameNodes, isPort } from "./mapping-database.ts";
import {
  Globals,
  MAPPING_NODE,
  MappingNode,
  PAGE,
  PoolUse,
  SPACE,
  SPACE_COUNT,
  Space,
  SpaceState,
  USER_AREA_END,
} from "./memory-map.ts";
import { isPoolPage, poolPageUse } from "./page-pool.ts";
import { Pte, TABLE_SPAN } from "./page-table.ts";
import { hex } from "./panic.ts";

/**
 * Checks page tables against mapping trees, in both directions: every user page that is present is in the tree of its
 * frame, every node has its page; so two spaces can write a frame only if one mapped it to the other.
 */
export function checkMappings(k: KernelContext, violations: Violations): void {
  const pages = new Map<string, number>();
  for (let index = 0; index < SPACE_COUNT; index++) {
    const space = k.map.spaces + index * SPACE.bytes;
    if (k.load(space + Space.state) !== SpaceState.Free) checkPageTables(k, violations, space, pages);
  }
  checkTrees(k, violations, pages);
}

function key(space: number, page: number): string {
  return `${space}:${page}`;
}

/** Walks the user part of a space; collects its mapped pages, by space and page, with their entries. */
function checkPageTables(k: KernelContext, violations: Violations, space: number, pages: Map<string, number>): void {
  const directory = k.load(space + Space.pageDirectory);
  if (!isPoolPage(k, directory)) return;
  for (let base = 0; base < USER_AREA_END; base += TABLE_SPAN) {
    const entry = k.load(directory + (base / TABLE_SPAN) * 4);
    if ((entry & Pte.Present) === 0) continue;
    const table = (entry & Pte.Frame) >>> 0;
    if (!isPoolPage(k, table) || (entry & Pte.PageSize) !== 0 || poolPageUse(k, table).space !== space) {
      violations.add(`space ${k.spaceIndex(space)} has ${hex(entry)} in the directory entry for ${hex(base)}`);
      continue;
    }
    for (let slot = 0; slot < 1024; slot++) {
      const pte = k.load(table + 4 * slot);
      if ((pte & Pte.Present) !== 0) checkPage(k, violations, space, base + slot * PAGE, pte, pages);
    }
  }
}

function checkPage(
  k: KernelContext,
  violations: Violations,
  space: number,
  virtual: number,
  pte: number,
  pages: Map<string, number>,
): void {
  const name = `page ${hex(virtual)} of space ${k.spaceIndex(space)}`;
  const frame = (pte & Pte.Frame) >>> 0;
  violations.require((pte & Pte.User) !== 0, () => `${name} is present but not the user's`);
  if ((pte & Pte.KernelOwned) !== 0) {
    checkKernelOwned(k, violations, space, virtual, pte, name);
    return;
  }
  violations.require(frame < k.map.base, () => `${name} shows kernel memory at ${hex(frame)}`);
  for (const area of [Space.kipArea, Space.utcbArea])
    violations.require(
      !flexpage.overlaps(k.load(space + area), virtual, PAGE),
      () => `${name} lies in a KIP or UTCB area`,
    );
  if (space === k.global(Globals.sigma0Space))
    violations.require(frame === virtual, () => `${name} of sigma0 shows ${hex(frame)}`);
  else pages.set(key(space, virtual / PAGE), pte);
}

/** The KIP, read-only, at the base of the KIP area; UTCB pages in the UTCB area. */
function checkKernelOwned(
  k: KernelContext,
  violations: Violations,
  space: number,
  virtual: number,
  pte: number,
  name: string,
): void {
  const frame = (pte & Pte.Frame) >>> 0;
  if (virtual === flexpage.base(k.load(space + Space.kipArea))) {
    violations.require(
      frame === k.map.kip && (pte & Pte.Writable) === 0,
      () => `${name}, the KIP, has entry ${hex(pte)}`,
    );
    return;
  }
  const inArea = flexpage.contains(k.load(space + Space.utcbArea), virtual, PAGE);
  const own =
    isPoolPage(k, frame) && poolPageUse(k, frame).use === PoolUse.Utcb && poolPageUse(k, frame).space === space;
  violations.require(inArea && own, () => `${name} has entry ${hex(pte)}, which is no UTCB page of the space`);
}

// ---- trees ----

function checkTrees(k: KernelContext, violations: Violations, pages: Map<string, number>): void {
  let used = 0;
  for (let frame = 0; frame < frameCount(k); frame++) {
    if (k.load(k.map.frames + 4 * frame) !== 0) used += checkTree(k, violations, frame, pages);
  }
  for (const [page, pte] of pages) violations.add(`page ${page} is present (${hex(pte)}) but in no mapping tree`);
  let free = 0;
  let next = k.global(Globals.freeNode);
  while (next > 0 && next < k.map.nodeCount && free <= k.map.nodeCount) {
    free++;
    next = k.load(k.map.nodes + next * MAPPING_NODE.bytes + MappingNode.next);
  }
  const said = k.global(Globals.freeNodeCount);
  violations.require(
    next === 0 && free === said && free + used === k.map.nodeCount - 1,
    () => `${used} mapping nodes are used, ${free} in the free list, ${said} by its count, of ${k.map.nodeCount - 1}`,
  );
}

/** Checks one tree; takes its pages out of `pages`. Returns the number of its nodes. */
function checkTree(k: KernelContext, violations: Violations, frame: number, pages: Map<string, number>): number {
  const nodes = frameNodes(k, frame);
  const name = isPort(k, frame) ? `port ${hex(frame - k.map.ramFrames)}` : `frame ${hex(frame * PAGE)}`;
  let previous = 0;
  let depthBefore = 0;
  /** For each depth, whether the mapping above may be written. */
  const writable: boolean[] = [true];
  for (const node of nodes) {
    if (node < 1 || node >= k.map.nodeCount) {
      violations.add(`the mapping list of ${name} holds node ${hex(node)}`);
      break;
    }
    const address = k.map.nodes + node * MAPPING_NODE.bytes;
    const depth = k.load(address + MappingNode.depth) & 0xffff;
    const before = previous;
    violations.require(
      k.load(address + MappingNode.previous) === before,
      () => `mapping node ${node} does not lead back`,
    );
    violations.require(
      k.load(address + MappingNode.frame) === frame,
      () => `mapping node ${node} is in the list of ${name}`,
    );
    violations.require(
      depth >= 1 && depth <= depthBefore + 1,
      () => `mapping node ${node} of ${name} has depth ${depth}`,
    );
    const space = k.load(address + MappingNode.space);
    const page = k.load(address + MappingNode.page);
    if (!isPort(k, frame))
      writable[depth] = checkNode(k, violations, frame, space, page, pages, writable[depth - 1] ?? true);
    else checkPortNode(k, violations, space, page, name);
    previous = node;
    depthBefore = depth;
  }
  const last = nodes.at(-1) ?? 0;
  const after =
    last < 1 || last >= k.map.nodeCount ? 0 : k.load(k.map.nodes + last * MAPPING_NODE.bytes + MappingNode.next);
  violations.require(after === 0, () => `the mapping list of ${name} does not end`);
  return nodes.length;
}

/** Returns whether the node's page is writable; it must not be when the one above it is not. */
function checkNode(
  k: KernelContext,
  violations: Violations,
  frame: number,
  space: number,
  page: number,
  pages: Map<string, number>,
  parentWritable: boolean,
): boolean {
  const pte = pages.get(key(space, page));
  if (pte === undefined || pte >>> 12 !== frame) {
    violations.add(
      `frame ${hex(frame * PAGE)} is mapped at page ${hex(page * PAGE)} of space ${space} by its tree alone`,
    );
    return parentWritable;
  }
  pages.delete(key(space, page));
  const writable = (pte & Pte.Writable) !== 0;
  violations.require(
    !writable || parentWritable,
    () => `page ${hex(page * PAGE)} of space ${k.spaceIndex(space)} is writable, what it was mapped from is not`,
  );
  return writable;
}

function checkPortNode(k: KernelContext, violations: Violations, space: number, port: number, name: string): void {
  const bitmap = k.isSpace(space) ? k.load(space + Space.ioBitmap + (port >= 32768 ? 4 : 0)) : 0;
  const permitted = isPoolPage(k, bitmap) && (k.loadByte(bitmap + ((port & 0x7fff) >>> 3)) & (1 << (port & 7))) === 0;
  violations.require(permitted, () => `${name} is mapped to ${hex(space)} by its tree alone`);
}

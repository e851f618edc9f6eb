import type { KernelContext } from "./context.ts";
import { Globals, MAPPING_NODE, MappingNode, PORT_COUNT } from "./memory-map.ts";
import { hex, panic } from "./panic.ts";

/**
 * The mapping database: for each page frame, and for each I/O port, the tree of its mappings.
 *
 *   frame 0x234 ──► space 2, page 0x401 (depth 1)        mapped by sigma0
 *                     ├─► space 4, page 0x8049 (depth 2)   mapped on by space 2
 *                     └─► space 5, page 0x8049 (depth 2)
 *
 * A tree is kept as a list in depth-first order with the depth in each node, so that all that derives from a mapping
 * follows it at once, up to the first node that is not deeper. sigma0 is the root of every tree and has no node.
 * Nodes are named by index; 0 is "none" (and, as a parent, sigma0).
 */

const DEPTH_MASK = 0xffff;
const STATUS_SHIFT = 16;

export function frameCount(k: KernelContext): number {
  return k.map.ramFrames + PORT_COUNT;
}

/** Frame index of an I/O port. */
export function portFrame(k: KernelContext, port: number): number {
  return k.map.ramFrames + port;
}

export function isPort(k: KernelContext, frame: number): boolean {
  return frame >= k.map.ramFrames;
}

function headAddress(k: KernelContext, frame: number): number {
  if (frame < 0 || frame >= frameCount(k)) panic(`${hex(frame)} is no frame`);
  return k.map.frames + 4 * frame;
}

/** Physical address of a node; checks the index. */
function nodeAddress(k: KernelContext, node: number): number {
  if (node < 1 || node >= k.map.nodeCount) panic(`mapping node ${hex(node)} does not exist`);
  return k.map.nodes + node * MAPPING_NODE.bytes;
}

function field(k: KernelContext, node: number, offset: number): number {
  return k.load(nodeAddress(k, node) + offset);
}

export function firstNode(k: KernelContext, frame: number): number {
  return k.load(headAddress(k, frame));
}

function nextNode(k: KernelContext, node: number): number {
  return field(k, node, MappingNode.next);
}

export function nodePage(k: KernelContext, node: number): number {
  return field(k, node, MappingNode.page);
}

export function nodeFrame(k: KernelContext, node: number): number {
  return field(k, node, MappingNode.frame);
}

export function nodeSpace(k: KernelContext, node: number): number {
  return k.space(field(k, node, MappingNode.space), `space of mapping node ${node}`);
}

/** Depth below sigma0; 0 for "node" 0, sigma0 itself. */
export function nodeDepth(k: KernelContext, node: number): number {
  return node === 0 ? 0 : field(k, node, MappingNode.depth) & DEPTH_MASK;
}

/** Reference bits (`Rights`) remembered in a node, from mappings that derived from it. */
export function nodeStatus(k: KernelContext, node: number): number {
  return field(k, node, MappingNode.depth) >>> STATUS_SHIFT;
}

export function setNodeStatus(k: KernelContext, node: number, status: number): void {
  const address = nodeAddress(k, node) + MappingNode.depth;
  k.store(address, (k.load(address) & DEPTH_MASK) | (status << STATUS_SHIFT));
}

export function initialiseNodes(k: KernelContext): void {
  const { nodeCount } = k.map;
  for (let node = 1; node < nodeCount; node++)
    k.store(nodeAddress(k, node) + MappingNode.next, node + 1 < nodeCount ? node + 1 : 0);
  k.setGlobal(Globals.freeNode, 1);
  k.setGlobal(Globals.freeNodeCount, nodeCount - 1);
}

/** The node by which `space` holds `frame` at `page`, or 0. */
export function findNode(k: KernelContext, frame: number, space: number, page: number): number {
  let node = firstNode(k, frame);
  for (let steps = 0; node !== 0; steps++) {
    if (steps > k.map.nodeCount) panic(`mapping list of frame ${hex(frame)} does not end`);
    const address = nodeAddress(k, node);
    if (k.load(address + MappingNode.page) === page && k.load(address + MappingNode.space) === space) return node;
    node = k.load(address + MappingNode.next);
  }
  return 0;
}

/** Whether `ancestor` (0 = sigma0) is `node` or above it in the tree. Both must be of the same frame. */
export function isAncestor(k: KernelContext, ancestor: number, node: number): boolean {
  if (ancestor === 0 || ancestor === node) return true;
  if (node === 0) return false; // sigma0 is above all and below none
  return parentsOf(k, node).includes(ancestor);
}

/** The nodes above a node, nearest first, without sigma0. */
export function parentsOf(k: KernelContext, node: number): number[] {
  const parents: number[] = [];
  let depth = nodeDepth(k, node);
  let previous = field(k, node, MappingNode.previous);
  for (let steps = 0; previous !== 0 && depth > 1; steps++) {
    if (steps > k.map.nodeCount) panic(`mapping list before node ${node} does not end`);
    if (nodeDepth(k, previous) < depth) {
      parents.push(previous);
      depth = nodeDepth(k, previous);
    }
    previous = field(k, previous, MappingNode.previous);
  }
  return parents;
}

/** Enters a mapping derived from `parent` (0 = sigma0). Returns its node, or 0 when there is no memory left. */
export function insertNode(k: KernelContext, frame: number, parent: number, space: number, page: number): number {
  const node = k.global(Globals.freeNode);
  if (node === 0) return 0;
  const address = nodeAddress(k, node);
  const depth = nodeDepth(k, parent) + 1;
  if (depth > DEPTH_MASK) return 0;
  if ((k.load(address + MappingNode.depth) & DEPTH_MASK) !== 0)
    panic(`mapping node ${node} of the free list is in use`);
  k.setGlobal(Globals.freeNode, k.load(address + MappingNode.next));
  k.setGlobal(Globals.freeNodeCount, k.global(Globals.freeNodeCount) - 1);
  const link = parent === 0 ? headAddress(k, frame) : nodeAddress(k, parent) + MappingNode.next;
  const next = k.load(link);
  k.store(address + MappingNode.next, next);
  k.store(address + MappingNode.previous, parent);
  k.store(address + MappingNode.frame, frame);
  k.store(address + MappingNode.page, page);
  k.store(address + MappingNode.space, space);
  k.store(address + MappingNode.depth, depth);
  if (next !== 0) k.store(nodeAddress(k, next) + MappingNode.previous, node);
  k.store(link, node);
  return node;
}

/** Gives a node to another space and page (grant); its place in the tree stays. */
export function moveNode(k: KernelContext, node: number, space: number, page: number): void {
  const address = nodeAddress(k, node);
  k.store(address + MappingNode.space, space);
  k.store(address + MappingNode.page, page);
}

/** Takes one node out of its list and frees it. What derives from it must go first, or it would seem to derive from a sibling. */
export function removeNode(k: KernelContext, node: number): void {
  const address = nodeAddress(k, node);
  const next = k.load(address + MappingNode.next);
  const previous = k.load(address + MappingNode.previous);
  const frame = k.load(address + MappingNode.frame);
  if (previous === 0) {
    if (k.load(headAddress(k, frame)) !== node) panic(`mapping node ${node} is not the first of frame ${hex(frame)}`);
    k.store(headAddress(k, frame), next);
  } else {
    const link = nodeAddress(k, previous) + MappingNode.next;
    if (k.load(link) !== node) panic(`mapping node ${previous} does not lead to node ${node}`);
    k.store(link, next);
  }
  if (next !== 0) k.store(nodeAddress(k, next) + MappingNode.previous, previous);
  k.store(address + MappingNode.depth, 0);
  k.store(address + MappingNode.next, k.global(Globals.freeNode));
  k.setGlobal(Globals.freeNode, node);
  k.setGlobal(Globals.freeNodeCount, k.global(Globals.freeNodeCount) + 1);
}

/** The first mapping derived from `node` (0: from sigma0), or 0; go on with `nextDerived`. */
export function firstDerived(k: KernelContext, frame: number, node: number): number {
  if (node === 0) return firstNode(k, frame);
  return nextDerived(k, node, nodeDepth(k, node));
}

/** The node after `node`, if it still derives from an ancestor of depth `depth`; else 0. */
export function nextDerived(k: KernelContext, node: number, depth: number): number {
  const next = nextNode(k, node);
  return next !== 0 && nodeDepth(k, next) > depth ? next : 0;
}

/** All nodes of a frame in depth-first order, each once however the list is broken. For the checker and for inspection. */
export function frameNodes(k: KernelContext, frame: number): number[] {
  const nodes = new Set<number>();
  let node = firstNode(k, frame);
  while (node !== 0 && !nodes.has(node)) {
    nodes.add(node);
    if (node < 1 || node >= k.map.nodeCount) break;
    node = nextNode(k, node);
  }
  return [...nodes];
}

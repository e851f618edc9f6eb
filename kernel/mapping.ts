import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { KernelEvent } from "./events.ts";
import * as flexpage from "./flexpage.ts";
import { Rights } from "./flexpage.ts";
import { clearPort, hasPort, setPort } from "./io-space.ts";
import {
  findNode,
  firstDerived,
  firstNode,
  insertNode,
  isAncestor,
  isPort,
  moveNode,
  nextDerived,
  nodeDepth,
  nodeFrame,
  nodePage,
  nodeSpace,
  nodeStatus,
  parentsOf,
  portFrame,
  removeNode,
  setNodeStatus,
} from "./mapping-database.ts";
import { Globals, PAGE, PORT_COUNT, Space, USER_AREA_END } from "./memory-map.ts";
import { changeEntry, clearEntry, nextPresent, Pte, readEntry, writeEntry } from "./page-table.ts";
import { hex, panic } from "./panic.ts";
import { isKernelPort } from "./pic.ts";

/**
 * Map, grant, unmap and flush of pages and ports (X.2 manual, chapters 4 and 5; ABI 8).
 *
 * Stricter than L4ka::Pistachio, on purpose: what is mapped never exceeds the mapper's own rights; a mapping without any
 * right maps nothing; the kernel's own memory and ports, and memory outside RAM, are never mapped; only 4 KiB pages are used.
 */

const PAGE_LOG2 = 12;

/** A page or port as its sender holds it. */
interface Source {
  /** Frame index (`portFrame` for a port); -1 when the sender holds nothing there. */
  frame: number;
  /** The sender's mapping node; 0 when the sender is sigma0, the root of every tree. */
  node: number;
  writable: boolean;
}

const source: Source = { frame: -1, node: 0, writable: false };

export function isSigma0(k: KernelContext, space: number): boolean {
  return space === k.global(Globals.sigma0Space);
}

/** Whether `[virtual, virtual + 4096)` belongs to the user: below the kernel's area, outside the KIP and UTCB areas. */
function isUserPage(k: KernelContext, space: number, virtual: number): boolean {
  return (
    virtual < USER_AREA_END &&
    !flexpage.overlaps(k.load(space + Space.kipArea), virtual, PAGE) &&
    !flexpage.overlaps(k.load(space + Space.utcbArea), virtual, PAGE)
  );
}

/** Finds what `space` holds at a virtual page and puts it into `source`. */
function lookUpPage(k: KernelContext, space: number, virtual: number): void {
  source.frame = -1;
  if (isSigma0(k, space)) {
    if (virtual >= k.map.base || !isUserPage(k, space, virtual)) return;
    source.frame = virtual / PAGE;
    source.node = 0;
    source.writable = true;
    return;
  }
  const entry = readEntry(k, space, virtual);
  // The areas are looked at last: most of a large flexpage is not mapped at all.
  if ((entry & Pte.Present) === 0 || (entry & Pte.KernelOwned) !== 0 || !isUserPage(k, space, virtual)) return;
  source.frame = entry >>> PAGE_LOG2;
  source.node = nodeOfPage(k, space, virtual, source.frame);
  source.writable = (entry & Pte.Writable) !== 0;
}

function nodeOfPage(k: KernelContext, space: number, virtual: number, frame: number): number {
  if (frame >= k.map.base / PAGE) panic(`space ${k.spaceIndex(space)} has frame ${hex(frame)} at ${hex(virtual)}`);
  const node = findNode(k, frame, space, virtual / PAGE);
  if (node === 0) panic(`page ${hex(virtual)} of space ${k.spaceIndex(space)} is in no mapping tree`);
  return node;
}

/** Removes a mapping and all that derives from it. Returns the reference bits. */
function flushNode(k: KernelContext, node: number): number {
  return revoke(k, nodeFrame(k, node), node, Rights.All) | removeWithEntry(k, node);
}

/** Removes what `space` holds at a virtual page, and all that derives from it. */
function evictPage(k: KernelContext, space: number, virtual: number): void {
  const entry = readEntry(k, space, virtual);
  if ((entry & Pte.Present) === 0) return;
  const node = nodeOfPage(k, space, virtual, entry >>> PAGE_LOG2);
  // sigma0 has no node to remember the reference bits in; its own page tables keep its own.
  const parent = parentsOf(k, node)[0];
  const status = flushNode(k, node);
  if (parent !== undefined) setNodeStatus(k, parent, nodeStatus(k, parent) | status);
}

function statusOfEntry(entry: number): number {
  const read = (entry & Pte.Accessed) !== 0 ? Rights.Read | Rights.Execute : 0;
  return (entry & Pte.Dirty) !== 0 ? read | Rights.Read | Rights.Write : read;
}

/** Frees a node and takes the page or port from its space. Returns the reference bits of the page. */
function removeWithEntry(k: KernelContext, node: number): number {
  const space = nodeSpace(k, node);
  const frame = nodeFrame(k, node);
  const page = nodePage(k, node);
  let status = nodeStatus(k, node);
  if (isPort(k, frame)) {
    clearPort(k, space, page);
  } else {
    const entry = clearEntry(k, space, page * PAGE);
    if ((entry & Pte.Present) === 0 || entry >>> PAGE_LOG2 !== frame)
      panic(`mapping node ${node} says frame ${hex(frame)}, the page table ${hex(entry)}`);
    status |= statusOfEntry(entry);
  }
  k.charge(Cost.mapPage);
  removeNode(k, node);
  return status;
}

/** Takes reference bits from a mapping's page-table entry, and its right to write if asked. */
function weaken(k: KernelContext, space: number, virtual: number, revokeWrite: boolean): number {
  k.charge(Cost.lookAtPage);
  const clear = Pte.Accessed | Pte.Dirty | (revokeWrite ? Pte.Writable : 0);
  return statusOfEntry(changeEntry(k, space, virtual, clear));
}

/**
 * Revokes rights from all mappings of `frame` derived from `node` (0: from sigma0), not from `node` itself, and resets
 * their reference bits. All rights: the mappings go. Write: they become read-only. Returns the reference bits found.
 */
function revoke(k: KernelContext, frame: number, node: number, access: number): number {
  const depth = nodeDepth(k, node);
  let status = 0;
  if (access === Rights.All) {
    for (let derived = firstDerived(k, frame, node); derived !== 0; derived = firstDerived(k, frame, node))
      status |= removeWithEntry(k, derived);
    return status;
  }
  let steps = 0;
  for (let derived = firstDerived(k, frame, node); derived !== 0; derived = nextDerived(k, derived, depth)) {
    if (steps++ > k.map.nodeCount) panic(`mapping list of frame ${hex(frame)} does not end`);
    status |= nodeStatus(k, derived);
    setNodeStatus(k, derived, 0);
    if (!isPort(k, frame))
      status |= weaken(k, nodeSpace(k, derived), nodePage(k, derived) * PAGE, (access & Rights.Write) !== 0);
  }
  return status;
}

/**
 * Maps or grants the memory of a send flexpage. Pages that the sender does not hold are left out silently; so is what
 * would touch a KIP or UTCB area, and the rest when page-table or mapping memory runs out.
 */
function transferPages(
  k: KernelContext,
  from: number,
  to: number,
  sendPage: number,
  sendBase: number,
  window: number,
  grant: boolean,
): void {
  const range = flexpage.mappingRange(sendPage, sendBase, window);
  if (range.log2 < PAGE_LOG2) return;
  const wantWrite = (flexpage.rights(sendPage) & Rights.Write) !== 0;
  const bytes = 2 ** range.log2;
  const sigma0 = isSigma0(k, from);
  const sourceEnd = sigma0 ? k.map.base : USER_AREA_END;
  const last = Math.min(bytes, sourceEnd - range.source, USER_AREA_END - range.destination);
  for (let offset = 0; offset < last; offset += PAGE) {
    // sigma0 holds every page; of others, only present ones are worth a look.
    if (!sigma0) offset = nextPresent(k, from, range.source + offset, range.source + last) - range.source;
    if (offset >= last) break;
    const virtual = range.source + offset;
    lookUpPage(k, from, virtual);
    if (source.frame < 0 || !isUserPage(k, to, range.destination + offset)) continue;
    if (!transferPage(k, to, range.destination + offset, wantWrite && source.writable, grant && source.node !== 0))
      return;
  }
  // The rest of a larger flexpage is granted to nobody (ABI 8.2).
  if (grant && !sigma0 && flexpage.log2Size(sendPage) > range.log2)
    unmapPages(k, from, flexpage.withRights(sendPage, Rights.All), true);
}

/** Maps or grants the page in `source`. Returns false when memory has run out. */
function transferPage(k: KernelContext, to: number, destination: number, writable: boolean, grant: boolean): boolean {
  const { frame, node } = source;
  k.charge(Cost.mapPage);
  if (isSigma0(k, to)) return true; // sigma0's memory is the identity and stays so.
  const bits = Pte.Present | Pte.User | (writable ? Pte.Writable : 0);
  const existing = readEntry(k, to, destination);
  if ((existing & Pte.Present) !== 0 && existing >>> PAGE_LOG2 === frame) {
    const held = nodeOfPage(k, to, destination, frame);
    // The receiver is the mapper or above it in the tree: it holds these rights already.
    if (isAncestor(k, held, node)) {
      if (grant && held !== node) setNodeStatus(k, held, nodeStatus(k, held) | flushNode(k, node));
      return true;
    }
    if (!grant && isChild(k, node, held)) {
      if (writable) changeEntry(k, to, destination, 0, Pte.Writable);
      return true;
    }
  }
  evictPage(k, to, destination);
  if (grant) return grantPage(k, node, to, destination, bits, frame);
  const inserted = insertNode(k, frame, node, to, destination / PAGE);
  if (inserted === 0) return false;
  if (!writeEntry(k, to, destination, (frame * PAGE) | bits)) {
    removeNode(k, inserted);
    return false;
  }
  k.record(KernelEvent.Map, frame, destination / PAGE);
  return true;
}

function isChild(k: KernelContext, parent: number, node: number): boolean {
  return parent === 0 ? nodeDepth(k, node) === 1 : parentsOf(k, node)[0] === parent;
}

/** Moves the sender's mapping to the receiver; what derived from it stays derived from it. */
function grantPage(
  k: KernelContext,
  node: number,
  to: number,
  destination: number,
  bits: number,
  frame: number,
): boolean {
  const from = nodeSpace(k, node);
  const virtual = nodePage(k, node) * PAGE;
  if (!writeEntry(k, to, destination, (frame * PAGE) | bits)) return false;
  setNodeStatus(k, node, nodeStatus(k, node) | statusOfEntry(clearEntry(k, from, virtual)));
  moveNode(k, node, to, destination / PAGE);
  // What derives from a page that is granted read-only must not stay writable.
  if ((bits & Pte.Writable) === 0) setNodeStatus(k, node, nodeStatus(k, node) | revoke(k, frame, node, Rights.Write));
  k.record(KernelEvent.Map, frame, destination / PAGE);
  return true;
}

/** Maps or grants the ports of an I/O flexpage that the sender holds and the window admits; ports keep their numbers. */
function transferPorts(
  k: KernelContext,
  from: number,
  to: number,
  sendPage: number,
  window: number,
  grant: boolean,
): void {
  const all = flexpage.isComplete(window);
  const first = Math.max(flexpage.base(sendPage), all ? 0 : flexpage.base(window));
  const end = Math.min(
    flexpage.base(sendPage) + flexpage.size(sendPage),
    all ? PORT_COUNT : flexpage.base(window) + flexpage.size(window),
  );
  for (let port = first; port < end; port++) {
    if (isKernelPort(port) || (!isSigma0(k, from) && !hasPort(k, from, port))) continue;
    if (isSigma0(k, to) || hasPort(k, to, port)) continue;
    k.charge(Cost.mapPage);
    const frame = portFrame(k, port);
    const parent = isSigma0(k, from) ? 0 : findNode(k, frame, from, port);
    if (parent === 0 && !isSigma0(k, from))
      panic(`port ${hex(port)} of space ${k.spaceIndex(from)} is in no mapping tree`);
    if (grant && parent !== 0) {
      if (!setPort(k, to, port)) return;
      moveNode(k, parent, to, port);
      clearPort(k, from, port);
    } else {
      const node = insertNode(k, frame, parent, to, port);
      if (node === 0) return;
      if (!setPort(k, to, port)) {
        removeNode(k, node);
        return;
      }
    }
    k.record(KernelEvent.Map, 0x8000_0000 + port, port);
  }
}

/**
 * Does one map or grant item.
 * @param sendBase word 0 of the item without its low 10 bits
 * @param sendPage the send flexpage
 * @param window the receive window (its rights do not matter), not nil
 */
export function transferItem(
  k: KernelContext,
  from: number,
  to: number,
  sendBase: number,
  sendPage: number,
  window: number,
  grant: boolean,
): void {
  if (flexpage.isNil(sendPage) || flexpage.isNil(window) || flexpage.rights(sendPage) === 0) return;
  if (flexpage.isIo(sendPage)) {
    if (flexpage.isIo(window) || flexpage.isComplete(window)) transferPorts(k, from, to, sendPage, window, grant);
    return;
  }
  if (!flexpage.isIo(window)) transferPages(k, from, to, sendPage, sendBase, window, grant);
}

/** One flexpage of an Unmap: revokes, and returns the reference bits found (X.2 manual, section 4.3; ABI 8.3). */
export function unmapFlexpage(k: KernelContext, space: number, raw: number, flush: boolean): number {
  if (flexpage.isNil(raw)) return 0;
  return flexpage.isIo(raw) ? unmapPorts(k, space, raw, flush) : unmapPages(k, space, raw, flush);
}

function unmapPages(k: KernelContext, space: number, raw: number, flush: boolean): number {
  const log2 = Math.max(flexpage.log2Size(raw), PAGE_LOG2);
  const start = flexpage.alignDown(flexpage.base(raw), log2);
  const end = Math.min(start + 2 ** log2, isSigma0(k, space) ? k.map.base : USER_AREA_END);
  const access = flexpage.rights(raw);
  let status = 0;
  for (let virtual = nextHeld(k, space, start, end); virtual < end; virtual = nextHeld(k, space, virtual + PAGE, end)) {
    lookUpPage(k, space, virtual);
    if (source.frame >= 0) status |= unmapPage(k, space, virtual, access, flush);
  }
  return status;
}

/** The first page from `virtual` on that a space holds, or `end`; for sigma0, that it has used or mapped to anyone. */
function nextHeld(k: KernelContext, space: number, virtual: number, end: number): number {
  if (!isSigma0(k, space)) return nextPresent(k, space, virtual, end);
  for (let next = virtual; next < end; next += PAGE)
    if (firstNode(k, next / PAGE) !== 0 || (readEntry(k, space, next) & Pte.Present) !== 0) return next;
  return end;
}

function unmapPage(k: KernelContext, space: number, virtual: number, access: number, flush: boolean): number {
  const { frame, node } = source;
  k.charge(Cost.lookAtPage);
  let status = revoke(k, frame, node, access);
  if (!flush) {
    if (node !== 0) setNodeStatus(k, node, nodeStatus(k, node) | status);
    return status;
  }
  if (node === 0) {
    // sigma0's own page: it comes back, identical, at its next access.
    return status | statusOfEntry(access === Rights.All ? clearEntry(k, space, virtual) : 0);
  }
  if (access === Rights.All) return status | removeWithEntry(k, node);
  status |= nodeStatus(k, node) | weaken(k, space, virtual, (access & Rights.Write) !== 0);
  setNodeStatus(k, node, 0);
  return status;
}

/** Ports have no reference bits, and are held with all rights or not at all. */
function unmapPorts(k: KernelContext, space: number, raw: number, flush: boolean): number {
  if (flexpage.rights(raw) !== Rights.All) return 0;
  const sigma0 = isSigma0(k, space);
  const first = flexpage.base(raw);
  for (let port = first; port < Math.min(first + flexpage.size(raw), PORT_COUNT); port++) {
    const frame = portFrame(k, port);
    if (!sigma0 && firstNode(k, frame) === 0) continue;
    const node = sigma0 ? 0 : findNode(k, frame, space, port);
    if (node === 0 && !sigma0) continue;
    revoke(k, frame, node, Rights.All);
    if (flush && node !== 0) removeWithEntry(k, node);
    else if (flush && hasPort(k, space, port)) clearPort(k, space, port);
  }
  return 0;
}

/** Takes all memory and ports from a space that is about to be deleted, and all that others got from it. */
export function flushSpace(k: KernelContext, space: number): void {
  unmapPages(k, space, flexpage.COMPLETE_FLEXPAGE | Rights.All, true);
  if (k.load(space + Space.ioBitmap) !== 0) unmapPorts(k, space, flexpage.ioFlexpage(0, 16, Rights.All), true);
}

import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { IpcError } from "./error-code.ts";
import { PAGE, USER_AREA_END } from "./memory-map.ts";
import { allowedEntry, Pte } from "./page-table.ts";
import { panic } from "./panic.ts";
import { Tcb } from "./tcb-layout.ts";
import { BUFFER_REGISTERS, bufferRegister } from "./utcb.ts";

/**
 * String items (X.2 manual, section 5.2; ABI 7.2, 7.5): bytes copied from the sender's memory into the buffers that the
 * receiver's BR1 … describe, substring by substring on both sides. Where the copy stands is kept in the sender's TCB,
 * since a page fault on either side may stop it for as long as a pager takes.
 *
 *   descriptor: C:1@0, type 0hh:3@1, j:5@4 (substrings - 1), c:1@9 (a descriptor of the same string follows), length:22@10
 */

/** What came of a step; anything above 0 is an `IpcError` with the bytes copied in bits 4-31. */
export const enum Step {
  Done = 0,
  /** A page of the sender's is missing: address in Tcb.faultAddress. */
  SenderFault = -1,
  ReceiverFault = -2,
}

const COPY_GRAIN = 4;

function isString(descriptor: number): boolean {
  return (descriptor & 8) === 0;
}

function substrings(descriptor: number): number {
  return ((descriptor >>> 4) & 0x1f) + 1;
}

function isCompound(descriptor: number): boolean {
  return (descriptor & 0x200) !== 0;
}

function hasMore(descriptor: number): boolean {
  return (descriptor & 1) !== 0;
}

function lengthOf(descriptor: number): number {
  return descriptor >>> 10;
}

/** The words around a copy: message registers of both sides and the receiver's UTCB. */
export interface Sides {
  readonly sender: number;
  readonly senderSpace: number;
  readonly receiverSpace: number;
  /** Physical addresses of MR0. */
  readonly from: number;
  readonly to: number;
  /** Physical address of the receiver's UTCB, 0 when it can take no strings. */
  readonly buffers: number;
  /** Message registers used, MR0 included. */
  readonly end: number;
}

function overflow(k: KernelContext, sender: number): number {
  return IpcError.MessageOverflow | (k.load(sender + Tcb.bytesCopied) << 4);
}

/** Begins the string item at `index`; the receiver has its first word already. */
export function beginString(k: KernelContext, sides: Sides, index: number): number {
  const { sender } = sides;
  const buffer = k.load(sender + Tcb.nextBuffer);
  if (buffer === 0 || sides.buffers === 0) return overflow(k, sender);
  k.store(sender + Tcb.sourceDescriptor, index);
  k.store(sender + Tcb.sourceSubstring, 0);
  k.store(sender + Tcb.sourceOffset, 0);
  k.store(sender + Tcb.bufferDescriptor, buffer);
  k.store(sender + Tcb.bufferSubstring, 0);
  k.store(sender + Tcb.bufferOffset, 0);
  k.charge(Cost.messageStart);
  return Step.Done;
}

/** Copies until the string ends, a page is missing, or the buffers do not suffice. */
export function copyString(k: KernelContext, sides: Sides): number {
  const { sender } = sides;
  // Its progress is in the sender's TCB, which a broken page table may lay under the copy itself.
  for (let last = -1; ; ) {
    const descriptor = k.load(sender + Tcb.sourceDescriptor);
    const word = k.load(sides.from + 4 * descriptor);
    const count = substrings(word);
    const substring = k.load(sender + Tcb.sourceSubstring);
    const offset = k.load(sender + Tcb.sourceOffset);
    const position = (32 * descriptor + substring) * 2 ** 32 + offset;
    if (position <= last) panic(`the copy of a string of thread ${k.threadNumber(sender)} goes back`);
    last = position;
    if (!isString(word) || descriptor + count >= sides.end || substring >= count) return overflow(k, sender);
    const left = lengthOf(word) - offset;
    if (left <= 0) {
      if (substring + 1 < count) {
        k.store(sender + Tcb.sourceSubstring, substring + 1);
      } else if (isCompound(word)) {
        if (descriptor + 1 + count >= sides.end) return overflow(k, sender);
        k.store(sender + Tcb.sourceDescriptor, descriptor + 1 + count);
        k.store(sender + Tcb.sourceSubstring, 0);
        copyWord(k, sides, descriptor + 1 + count);
      } else {
        return endString(k, sides, descriptor + 1 + count);
      }
      k.store(sender + Tcb.sourceOffset, 0);
      continue;
    }
    copyWord(k, sides, descriptor + 1 + substring);
    const source = k.load(sides.from + 4 * (descriptor + 1 + substring)) + offset;
    const step = copyPiece(k, sides, source, left);
    if (step !== Step.Done) return step;
  }
}

function copyWord(k: KernelContext, sides: Sides, index: number): void {
  k.store(sides.to + 4 * index, k.load(sides.from + 4 * index));
}

/** The receive descriptor at a buffer register; 0xffffffff, which is no string, when it does not fit the registers. */
function bufferAt(k: KernelContext, sides: Sides, register: number): number {
  if (register < 1 || register >= BUFFER_REGISTERS) return 0xffff_ffff;
  const word = k.load(sides.buffers + bufferRegister(register));
  return register + substrings(word) >= BUFFER_REGISTERS ? 0xffff_ffff : word;
}

/** Copies as much of `left` bytes from `source` as pages and the present buffer allow. */
function copyPiece(k: KernelContext, sides: Sides, source: number, left: number): number {
  const { sender } = sides;
  for (let buffers = 0; ; buffers++) {
    if (buffers > BUFFER_REGISTERS) panic(`the buffers for a string of thread ${k.threadNumber(sender)} do not end`);
    const register = k.load(sender + Tcb.bufferDescriptor);
    const word = bufferAt(k, sides, register);
    const count = substrings(word);
    const substring = k.load(sender + Tcb.bufferSubstring);
    const offset = k.load(sender + Tcb.bufferOffset);
    if (!isString(word) || substring >= count) return overflow(k, sender);
    const room = lengthOf(word) - offset;
    if (room > 0) {
      const destination = k.load(sides.buffers + bufferRegister(register + 1 + substring)) + offset;
      return copyBytes(k, sides, source, destination, Math.min(left, room));
    }
    k.store(sender + Tcb.bufferOffset, 0);
    if (substring + 1 < count) {
      k.store(sender + Tcb.bufferSubstring, substring + 1);
    } else if (isCompound(word)) {
      k.store(sender + Tcb.bufferDescriptor, register + 1 + count);
      k.store(sender + Tcb.bufferSubstring, 0);
    } else {
      return overflow(k, sender);
    }
  }
}

/** Copies up to the next page boundary of either side. */
function copyBytes(k: KernelContext, sides: Sides, source: number, destination: number, wanted: number): number {
  const { sender } = sides;
  const bytes = Math.min(wanted, PAGE - (source % PAGE), PAGE - (destination % PAGE));
  if (source + bytes > USER_AREA_END || destination + bytes > USER_AREA_END) return overflow(k, sender);
  const from = resolve(k, sides.senderSpace, source, false);
  if (from < 0) {
    k.store(sender + Tcb.faultAddress, source);
    return Step.SenderFault;
  }
  const to = resolve(k, sides.receiverSpace, destination, true);
  if (to < 0) {
    k.store(sender + Tcb.faultAddress, destination);
    return Step.ReceiverFault;
  }
  let done = 0;
  if ((from | to) % COPY_GRAIN === 0)
    for (; done + COPY_GRAIN <= bytes; done += COPY_GRAIN) k.store(to + done, k.load(from + done));
  for (; done < bytes; done++) k.memory.write8(to + done, k.loadByte(from + done));
  k.charge(Math.ceil(bytes / COPY_GRAIN) * Cost.messageWord);
  for (const field of [Tcb.sourceOffset, Tcb.bufferOffset, Tcb.bytesCopied])
    k.store(sender + field, k.load(sender + field) + bytes);
  return Step.Done;
}

/** Physical address of a user byte that may be read (written), with the page marked as used; -1 when a fault has to come first. */
function resolve(k: KernelContext, space: number, virtual: number, write: boolean): number {
  const address = allowedEntry(k, space, virtual, Pte.Present | Pte.User | (write ? Pte.Writable : 0));
  if (address === 0) return -1;
  const entry = k.load(address);
  const used = (entry | Pte.Accessed | (write ? Pte.Dirty : 0)) >>> 0;
  if (used !== entry) k.store(address, used);
  return ((entry & Pte.Frame) >>> 0) + (virtual % PAGE);
}

/** The string is copied: its receive string is done too, however much room it had left. */
function endString(k: KernelContext, sides: Sides, nextItem: number): number {
  const { sender } = sides;
  const first = k.load(sides.buffers + bufferRegister(k.load(sender + Tcb.nextBuffer)));
  let register = k.load(sender + Tcb.bufferDescriptor);
  let word = bufferAt(k, sides, register);
  while (isString(word) && isCompound(word)) {
    register += 1 + substrings(word);
    word = bufferAt(k, sides, register);
  }
  k.store(sender + Tcb.nextBuffer, hasMore(first) && isString(word) ? register + 1 + substrings(word) : 0);
  k.store(sender + Tcb.sourceDescriptor, 0);
  k.store(sender + Tcb.itemIndex, nextItem);
  return Step.Done;
}

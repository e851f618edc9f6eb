import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { IpcError } from "./error-code.ts";
import * as flexpage from "./flexpage.ts";
import { transferItem } from "./mapping.ts";
import { panic } from "./panic.ts";
import { beginString, copyString, type Sides, Step } from "./string-transfer.ts";
import { usesUtcb } from "./tcb.ts";
import { KERNEL_MESSAGE_WORDS, Protocol, Tcb } from "./tcb-layout.ts";
import { bufferRegister, MESSAGE_REGISTERS, Utcb } from "./utcb.ts";

/** Messages: the tag, untyped words, typed items, and their way from one thread to another (X.2 manual, chapter 5; ABI 7). */

/** Bits of the message tag, MR0 (ABI 7.1). */
export const enum TagFlag {
  Propagated = 1 << 12,
  Redirected = 1 << 13,
  CrossProcessor = 1 << 14,
  Error = 1 << 15,
}

export function untypedWords(tag: number): number {
  return tag & 0x3f;
}

export function typedWords(tag: number): number {
  return (tag >>> 6) & 0x3f;
}

export function tagOf(label: number, untyped: number, typed = 0): number {
  return ((label << 16) | (typed << 6) | untyped) >>> 0;
}

/** Whether a message fits the message registers. */
export function fits(tag: number): boolean {
  return untypedWords(tag) + typedWords(tag) < MESSAGE_REGISTERS;
}

const enum ItemType {
  Map = 4,
  Grant = 5,
}

/** Physical address of the MR0 that a thread's IPC reads and writes: in its UTCB, or in its TCB for kernel-made messages. */
export function messageRegisters(k: KernelContext, tcb: number): number {
  return usesUtcb(k, tcb) ? k.utcbOf(tcb) + Utcb.messageRegisters : tcb + Tcb.kernelMessage;
}

/** The window in which a receiver accepts mappings (BR0, or what its protocol implies); nil for none. */
function receiveWindow(k: KernelContext, receiver: number): number {
  switch (k.load(receiver + Tcb.protocol)) {
    case Protocol.None:
      return (k.load(k.utcbOf(receiver) + bufferRegister(0)) & ~0xf) >>> 0;
    case Protocol.PageFault:
    case Protocol.IoFault:
      return flexpage.COMPLETE_FLEXPAGE;
    default:
      return flexpage.NIL_FLEXPAGE;
  }
}

/**
 * Copies tag and untyped words to the receiver and puts the sender's cursor before the first typed item. `tag` has been
 * checked to fit.
 */
export function beginTransfer(k: KernelContext, sender: number, receiver: number, tag: number): void {
  // An acknowledged interrupt thread reads nothing (ABI 9.3).
  if (k.load(receiver + Tcb.protocol) === Protocol.Interrupt) return;
  const from = messageRegisters(k, sender);
  const to = messageRegisters(k, receiver);
  k.store(to, tag);
  const words = Math.min(untypedWords(tag), roomOf(k, receiver) - 1);
  for (let i = 1; i <= words; i++) k.store(to + 4 * i, k.load(from + 4 * i));
  if (words > 2) k.charge(Cost.messageStart + words * Cost.messageWord);
  if (typedWords(tag) === 0) return;
  k.store(sender + Tcb.itemIndex, 1 + untypedWords(tag));
  k.store(sender + Tcb.sourceDescriptor, 0);
  k.store(sender + Tcb.nextBuffer, acceptsStrings(k, receiver) ? 1 : 0);
  k.store(sender + Tcb.bytesCopied, 0);
  k.store(sender + Tcb.transferTimed, 0);
}

/** A kernel-made IPC takes back at most the words that it sent; the rest of an answer has nowhere to go. */
function roomOf(k: KernelContext, receiver: number): number {
  return usesUtcb(k, receiver) ? MESSAGE_REGISTERS : KERNEL_MESSAGE_WORDS;
}

/** BR0's lowest bit (ABI 7.4); nobody but a user's own IPC takes strings. */
function acceptsStrings(k: KernelContext, receiver: number): boolean {
  return (
    k.load(receiver + Tcb.protocol) === Protocol.None && (k.load(k.utcbOf(receiver) + bufferRegister(0)) & 1) !== 0
  );
}

/**
 * Does the typed items from the sender's cursor on. Returns a `Step`: done, a page fault of either side that has to be
 * answered first, or an `IpcError` with the number of bytes copied in bits 4-31. What was done before stays done.
 */
export function transferItems(k: KernelContext, sender: number, receiver: number, tag: number): number {
  if (typedWords(tag) === 0 || k.load(receiver + Tcb.protocol) === Protocol.Interrupt) return Step.Done;
  const sides: Sides = {
    sender,
    senderSpace: k.spaceOf(sender),
    receiverSpace: k.spaceOf(receiver),
    from: messageRegisters(k, sender),
    to: messageRegisters(k, receiver),
    buffers: usesUtcb(k, receiver) ? k.utcbOf(receiver) : 0,
    end: 1 + untypedWords(tag) + typedWords(tag),
  };
  for (let items = 0; ; items++) {
    // Each round ends an item or begins a string.
    if (items > 2 * MESSAGE_REGISTERS) panic(`the message of thread ${k.threadNumber(sender)} does not end`);
    const index = k.load(sender + Tcb.itemIndex);
    if (k.load(sender + Tcb.sourceDescriptor) === 0 && index >= sides.end) return Step.Done;
    const step =
      k.load(sender + Tcb.sourceDescriptor) === 0 ? nextItem(k, sides, receiver, index) : copyString(k, sides);
    if (step !== Step.Done) return step;
  }
}

/** Does a map or grant item, or begins a string. */
function nextItem(k: KernelContext, sides: Sides, receiver: number, index: number): number {
  const { sender, from, to, end } = sides;
  const room = roomOf(k, receiver);
  const error = IpcError.MessageOverflow | (k.load(sender + Tcb.bytesCopied) << 4);
  k.charge(Cost.typedItem);
  const first = k.load(from + 4 * index);
  const type = (first >>> 1) & 7;
  if (index < room) k.store(to + 4 * index, first);
  if (type < ItemType.Map) return beginString(k, sides, index);
  if (type > ItemType.Grant || index + 2 > end) return error;
  const window = receiveWindow(k, receiver);
  if (flexpage.isNil(window)) return error;
  const sendPage = k.load(from + 4 * index + 4);
  if (index + 1 < room) k.store(to + 4 * index + 4, sendPage);
  const sendBase = (first & 0xffff_fc00) >>> 0;
  transferItem(k, sides.senderSpace, sides.receiverSpace, sendBase, sendPage, window, type === ItemType.Grant);
  k.store(sender + Tcb.itemIndex, index + 2);
  return Step.Done;
}

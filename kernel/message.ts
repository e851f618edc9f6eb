import type { KernelContext } from "./context.ts";
import { Cost } from "./costs.ts";
import { IpcError } from "./error-code.ts";
import * as flexpage from "./flexpage.ts";
import { transferItem } from "./mapping.ts";
import { transferString } from "./string-transfer.ts";
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
 * Copies the sender's message to the receiver and does its typed items. `tag` has been checked to fit.
 * Returns 0 or an `IpcError` with the offset in bits 4-31; what was done before an error stays done.
 */
export function transferMessage(k: KernelContext, sender: number, receiver: number, tag: number): number {
  // An acknowledged interrupt thread reads nothing (ABI 9.3).
  if (k.load(receiver + Tcb.protocol) === Protocol.Interrupt) return 0;
  const from = messageRegisters(k, sender);
  const to = messageRegisters(k, receiver);
  const untyped = untypedWords(tag);
  // A kernel-made IPC takes back at most the words that it sent; the rest of an answer has nowhere to go.
  const room = usesUtcb(k, receiver) ? MESSAGE_REGISTERS : KERNEL_MESSAGE_WORDS;
  k.store(to, tag);
  const words = Math.min(untyped, room - 1);
  for (let i = 1; i <= words; i++) k.store(to + 4 * i, k.load(from + 4 * i));
  if (words > 2) k.charge(Cost.messageStart + words * Cost.messageWord);
  return typedWords(tag) === 0 ? 0 : transferItems(k, sender, receiver, from, to, tag, room);
}

function transferItems(
  k: KernelContext,
  sender: number,
  receiver: number,
  from: number,
  to: number,
  tag: number,
  room: number,
): number {
  const end = 1 + untypedWords(tag) + typedWords(tag);
  let index = 1 + untypedWords(tag);
  while (index < end) {
    k.charge(Cost.typedItem);
    const first = k.load(from + 4 * index);
    const type = (first >>> 1) & 7;
    if (index < room) k.store(to + 4 * index, first);
    if (type < ItemType.Map) return transferString();
    if (type > ItemType.Grant || index + 2 > end) return IpcError.MessageOverflow;
    const window = receiveWindow(k, receiver);
    if (flexpage.isNil(window)) return IpcError.MessageOverflow;
    const sendPage = k.load(from + 4 * index + 4);
    if (index + 1 < room) k.store(to + 4 * index + 4, sendPage);
    const sendBase = (first & 0xffff_fc00) >>> 0;
    transferItem(k, k.spaceOf(sender), k.spaceOf(receiver), sendBase, sendPage, window, type === ItemType.Grant);
    index += 2;
  }
  return 0;
}

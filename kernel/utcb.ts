import { defineStruct } from "./struct.ts";

/** The user thread control block (ABI 4): 512 bytes, written by the user and by the kernel. */

export const UTCB_BYTES = 512;
export const MESSAGE_REGISTERS = 64;
export const BUFFER_REGISTERS = 33;

export const UTCB = defineStruct(
  "utcb",
  {
    unused: ["padding", 16],
    /** BR32 first, BR0 last. */
    bufferRegisters: ["word", BUFFER_REGISTERS],
    myGlobalId: "thread-id",
    processorNumber: "word",
    userDefinedHandle: "word",
    pager: "thread-id",
    exceptionHandler: "thread-id",
    /** Byte 0: preempt flags (`PreemptFlag`); byte 1: coprocessor flags. */
    flags: "word",
    errorCode: "word",
    /** Send in bits 16-31, receive in bits 0-15. */
    transferTimeouts: "time",
    intendedReceiver: "thread-id",
    /** In: virtual sender. Out: actual sender. */
    virtualSender: "thread-id",
    threadWord1: "word",
    threadWord0: "word",
    reserved: ["padding", 3],
    messageRegisters: ["word", MESSAGE_REGISTERS],
  },
  UTCB_BYTES,
);
export const Utcb = UTCB.at;

export const enum PreemptFlag {
  Signal = 1 << 5,
  Delay = 1 << 6,
  Pending = 1 << 7,
}

/** Byte offset of BRn from the UTCB's base: buffer registers grow downwards. */
export function bufferRegister(n: number): number {
  return Utcb.bufferRegisters + 4 * (BUFFER_REGISTERS - 1 - n);
}

/** Byte offset of MRn from the UTCB's base. */
export function messageRegister(n: number): number {
  return Utcb.messageRegisters + 4 * n;
}

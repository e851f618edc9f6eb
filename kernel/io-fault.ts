import type { KernelContext } from "./context.ts";
import { KernelEvent } from "./events.ts";
import { ioFlexpage } from "./flexpage.ts";
import { decodePortAccess, hasPort, setPort } from "./io-space.ts";
import { isSigma0 } from "./mapping.ts";
import { PORT_COUNT } from "./memory-map.ts";
import { tagOf } from "./message.ts";
import { userByte } from "./page-table.ts";
import { isKernelPort } from "./pic.ts";
import { utcbWord } from "./tcb.ts";
import { Protocol, Tcb } from "./tcb-layout.ts";
import { Utcb } from "./utcb.ts";

/**
 * The I/O page-fault protocol (ABI 9.7): a port that the thread's space does not hold is asked for at its pager, with an
 * I/O flexpage in MR1 and the instruction pointer in MR2.
 */

const IO_FAULT_LABEL = 0xff80;
/** Ports are held for reading and writing. */
const READ_WRITE = 6;

/**
 * Looks whether a #GP came from a port access that the bitmap denies. Returns the pager to ask, with the message in the
 * TCB; -1 when the kernel has dealt with it; undefined when it was something else.
 */
export function ioFault(k: KernelContext, thread: number): number | undefined {
  const space = k.spaceOf(thread);
  const ip = k.load(thread + Tcb.eip);
  const fetch = (i: number): number => userByte(k, space, ip + i);
  const access = decodePortAccess(fetch, k.load(thread + Tcb.edx));
  if (access === undefined) return undefined;
  const denied = firstDenied(k, space, access.port, access.bytes);
  if (denied < 0) return undefined;
  k.record(KernelEvent.PageFault, k.load(thread + Tcb.globalId), denied);
  if (isSigma0(k, space)) {
    // All ports but the kernel's are sigma0's; without memory for its bitmap it gets an exception.
    for (let port = access.port; port < access.port + access.bytes; port++)
      if (isKernelPort(port) || !setPort(k, space, port)) return undefined;
    return -1;
  }
  const aligned = access.port % access.bytes === 0;
  const log2 = aligned ? Math.log2(access.bytes) : 0;
  const message = thread + Tcb.kernelMessage;
  k.store(message, tagOf(IO_FAULT_LABEL, 2));
  k.store(message + 4, ioFlexpage(aligned ? access.port : denied, log2, READ_WRITE));
  k.store(message + 8, ip);
  k.store(thread + Tcb.protocol, Protocol.IoFault);
  return utcbWord(k, thread, Utcb.pager);
}

/** The first port of an access that the space does not hold, or -1. An access beyond the last port can't be granted. */
function firstDenied(k: KernelContext, space: number, port: number, bytes: number): number {
  if (port + bytes > PORT_COUNT) return -1;
  for (let i = port; i < port + bytes; i++) if (!hasPort(k, space, i)) return i;
  return -1;
}

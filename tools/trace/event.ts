/**
 * What a trace is made of. Numbers are plain (cycles are core clocks since reset, addresses and values unsigned); the
 * formats decide how to write them.
 */

export const EVENT_KINDS = [
  "instruction",
  "message",
  "map",
  "unmap",
  "exception",
  "interrupt",
  "switch",
  "thread",
  "fault",
  "end",
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

interface EventBase {
  readonly kind: EventKind;
  readonly cycle: number;
  /** Name of the thread that did it, "kernel" for the kernel's own. */
  readonly thread: string;
  /** Name of its address space. */
  readonly space: string;
}

export interface RegisterChange {
  readonly name: string;
  readonly old: number;
  readonly new: number;
}

export interface MemoryChange {
  /** Virtual address. */
  readonly address: number;
  readonly bytes: number;
  readonly old: number;
  readonly new: number;
}

/** An instruction that retired, or (`interrupted`) the part of a repeated one that an interrupt left done. */
export interface InstructionEvent extends EventBase {
  readonly kind: "instruction";
  /** "U", "V", or "" when the timing model has no pipes. */
  readonly pipe: "U" | "V" | "";
  readonly eip: number;
  /** "aes_encrypt_round+16" or "". */
  readonly symbol: string;
  readonly code: Uint8Array;
  readonly text: string;
  readonly registers: readonly RegisterChange[];
  readonly memory: readonly MemoryChange[];
  readonly interrupted: boolean;
}

/** The kernel moved a message. */
export interface MessageEvent extends EventBase {
  readonly kind: "message";
  readonly to: string;
  /** "message", or what the kernel made it for, such as "page-fault". */
  readonly purpose: string;
  readonly label: number;
  readonly words: readonly number[];
  readonly typedWords: number;
}

export interface MapEvent extends EventBase {
  readonly kind: "map";
  /** Physical address of the frame; undefined for an I/O port. */
  readonly frame: number | undefined;
  readonly port: number | undefined;
  /** Where in the receiver's space. */
  readonly address: number;
}

export interface UnmapEvent extends EventBase {
  readonly kind: "unmap";
  readonly flexpage: number;
}

export interface ExceptionEvent extends EventBase {
  readonly kind: "exception";
  readonly vector: number;
  readonly errorCode: number;
  readonly eip: number;
  readonly symbol: string;
  /** The address that faulted, for a page fault. */
  readonly address: number | undefined;
}

export interface InterruptEvent extends EventBase {
  readonly kind: "interrupt";
  readonly vector: number;
  readonly source: "external" | "nmi" | "software";
  readonly eip: number;
}

/** `thread` has the CPU from now on; "kernel": the machine idles. */
export interface SwitchEvent extends EventBase {
  readonly kind: "switch";
}

export interface ThreadEvent extends EventBase {
  readonly kind: "thread";
  readonly what: "created" | "deleted" | "halted" | "ipc-error";
  /** Reason or error code. */
  readonly detail: number;
}

/** A change from outside: an injected fault. */
export interface FaultEvent extends EventBase {
  readonly kind: "fault";
  readonly description: string;
}

/** The last event of a trace that ran to the machine's end. */
export interface EndEvent extends EventBase {
  readonly kind: "end";
  readonly reason: string;
}

export type TraceEvent =
  | InstructionEvent
  | MessageEvent
  | MapEvent
  | UnmapEvent
  | ExceptionEvent
  | InterruptEvent
  | SwitchEvent
  | ThreadEvent
  | FaultEvent
  | EndEvent;

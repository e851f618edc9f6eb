import { Counter, Word } from "./cpu/state.ts";

/** Kinds of events; numbers are part of the hash and never change. Kinds from 64 up belong to the embedder (the kernel model). */
export const enum EventKind {
  Exception = 1,
  ExternalInterrupt = 2,
  Nmi = 3,
  SoftwareInterrupt = 4,
  PortWrite = 5,
  PageDirectory = 6,
  PortalEntry = 7,
  Shutdown = 8,
  Embedder = 64,
}

export type EventListener = (cycle: number, kind: number, a: number, b: number) => void;

/**
 * The running 64-bit hash over (cycle, kind, a, b) of what the machine did. Two runs that did the same at the same
 * clocks have the same hash; it is kept in the state block and so is part of every snapshot.
 */
export class EventLog {
  /** Receives every event when set; must not change the machine. */
  listener: EventListener | undefined;
  private listeners: readonly EventListener[] = [];
  private readonly words: Int32Array;
  private readonly counters: Float64Array;

  constructor(words: Int32Array, counters: Float64Array) {
    this.words = words;
    this.counters = counters;
  }

  /** Adds an event at the current cycle; `a` and `b` are taken as 32-bit numbers. */
  record(kind: number, a: number, b: number): void {
    const cycle = this.counters[Counter.Cycles];
    let low = this.words[Word.EventHash];
    let high = this.words[Word.EventHash + 1];
    low = mix(low, cycle | 0, high);
    high = mix(high, (cycle / 4294967296) ^ (kind << 16), low);
    low = mix(low, a, high);
    high = mix(high, b, low);
    this.words[Word.EventHash] = low;
    this.words[Word.EventHash + 1] = high;
    if (this.listener !== undefined) this.listener(cycle, kind, a >>> 0, b >>> 0);
    if (this.listeners.length > 0) for (const listener of this.listeners) listener(cycle, kind, a >>> 0, b >>> 0);
  }

  /** Adds a receiver beside `listener`; returns the function that removes it. */
  listen(listener: EventListener): () => void {
    this.listeners = [...this.listeners, listener];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== listener);
    };
  }

  /** The hash as 16 hexadecimal digits. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.words[Word.EventHash + 1]) + hex(this.words[Word.EventHash]);
  }
}

/** One round of a multiply-and-rotate hash (constants of MurmurHash3, public domain). */
function mix(hash: number, value: number, other: number): number {
  let v = Math.imul(value ^ other, 0xcc9e2d51);
  v = (v << 15) | (v >>> 17);
  let h = hash ^ Math.imul(v, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

/**
 * Records of what a machine does, as runs of int32 words in a queue: user instructions, words that the kernel writes, and
 * the moments at which threads leave user mode and go on. Memory is named by physical address, in aligned words.
 */

/** Offsets of a record's words. */
export const enum Record {
  /** Words in all. */
  Length = 0,
  Kind = 1,
  /** Thread number; for kernel writes the thread whose word it is, 0 for the kernel's own. */
  Thread = 2,
  /** Core clock at its beginning: low 32 bits, then the rest. */
  CycleLow = 3,
  CycleHigh = 4,
  /** User instructions that the thread has retired since the injection. */
  Progress = 5,

  /** Instructions: linear address; masks of general registers: read, << 8 written. */
  Eip = 6,
  RegistersUsed = 7,
  /** EFLAGS bits: read in the low half, written in the high half. */
  FlagsUsed = 8,
  /** Physical address and bytes of the code. */
  CodePhysical = 9,
  CodeBytes = 10,
  /** EAX … EDI and EFLAGS before it; for `Left` and `Resumed` at that moment. */
  Registers = 11,
  Eflags = 19,
  /** Triples: access kind | byte mask << 4, physical address of the aligned word, its value afterwards. */
  Accesses = 20,

  /** Kernel writes: aligned word and its value afterwards; vector of the kernel's entry and the thread that entered. */
  WordPhysical = 6,
  WordValue = 7,
  PathVector = 8,
  PathThread = 9,
  /** Thread numbers of the message that is being moved, 0 for none. */
  Sender = 10,
  Receiver = 11,
  KernelWords = 12,

  /** `Left`: 1 when by INT. */
  ByCall = 7,
  MomentWords = 20,
}

export const enum RecordKind {
  Instruction = 0,
  /** An instruction that entered the kernel by INT. */
  Entry = 1,
  KernelWrite = 2,
  /** An instruction that raised an exception and did not retire. */
  Faulted = 3,
  /** A thread has left user mode, and its instructions were not recorded. */
  Left = 4,
  /** A thread goes on in user mode. */
  Resumed = 5,
}

/** In place of a vector: the CPU's own entry to the kernel, whatever for. */
export const ENTRY = -2;

export const enum AccessKind {
  Read = 0,
  Write = 1,
  /** A page-directory or page-table entry read by a walk. */
  Walk = 2,
  /** An entry that a walk marked as accessed or written. */
  Mark = 3,
}

/** Whether an access changes memory. */
export function changes(kindAndBytes: number): boolean {
  return (kindAndBytes & 1) !== 0;
}

/** A first-in, first-out queue of records. */
export class RecordQueue {
  words: Int32Array;
  /** Where the oldest record begins, and where the newest ends. */
  head = 0;
  tail = 0;

  constructor(capacity = 1 << 10) {
    this.words = new Int32Array(capacity);
  }

  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  get size(): number {
    return this.tail - this.head;
  }

  /** Room for `count` words at the tail; the caller writes them and moves `tail`. */
  reserve(count: number): number {
    if (this.tail + count > this.words.length) {
      const used = this.tail - this.head;
      const grown = used + count > this.words.length / 2 ? new Int32Array(this.words.length * 2 + count) : this.words;
      grown.set(this.words.subarray(this.head, this.tail));
      this.words = grown;
      this.head = 0;
      this.tail = used;
    }
    return this.tail;
  }

  /** Appends a copy of the record at `offset` of `source`. */
  push(source: Int32Array, offset: number): void {
    const length = source[offset]!;
    const at = this.reserve(length);
    const { words } = this;
    for (let i = 0; i < length; i++) words[at + i] = source[offset + i]!;
    this.tail = at + length;
  }

  /** Forgets the oldest record. */
  drop(): void {
    this.head += this.words[this.head + Record.Length]!;
    if (this.head === this.tail) this.clear();
  }

  clear(): void {
    this.head = 0;
    this.tail = 0;
  }
}

export function cycleOf(words: Int32Array, at: number): number {
  return words[at + Record.CycleHigh]! * 4294967296 + (words[at + Record.CycleLow]! >>> 0);
}

export function isStep(kind: number): boolean {
  return kind === RecordKind.Instruction || kind === RecordKind.Entry;
}

/** Calls `visit` with each word that a record writes. */
export function forWrites(
  words: Int32Array,
  at: number,
  visit: (physical: number, value: number, cycle: number, eip: number, byWalk: boolean) => void,
): void {
  const cycle = cycleOf(words, at);
  const kind = words[at + Record.Kind]!;
  if (kind === RecordKind.KernelWrite) {
    visit(words[at + Record.WordPhysical]!, words[at + Record.WordValue]!, cycle, 0, false);
  }
  if (!isStep(kind)) return;
  const end = at + words[at + Record.Length]!;
  const eip = words[at + Record.Eip]!;
  for (let access = at + Record.Accesses; access < end; access += 3)
    if (changes(words[access]!)) {
      const byWalk = (words[access]! & 15) === AccessKind.Mark;
      visit(words[access + 1]!, words[access + 2]!, cycle, eip, byWalk);
    }
}

/**
 * What a machine does, as a log of records: one for each user instruction that retires (with the registers before it and
 * every word that it read or wrote) and one for each word that the CPU's microcode or the kernel writes in between.
 *
 * A record is a run of int32 words in a queue, see `Record`. Memory is named by physical address, in aligned words.
 */

import { InstructionWord, MicroWord } from "../../emulator/cpu/decode-records.ts";
import { EventKind, type Machine, type Observer, Word } from "../../emulator/index.ts";
import { KernelEvent } from "../../kernel/events.ts";
import type { Kernel } from "../../kernel/index.ts";
import { SYSTEM_CALL_VECTOR } from "../../kernel/kip.ts";
import { USER_AREA_END } from "../../kernel/memory-map.ts";

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

  /** Instructions: linear address; masks of general registers: read, << 8 written. */
  Eip = 5,
  RegistersUsed = 6,
  /** EFLAGS bits: read in the low half, written in the high half. */
  FlagsUsed = 7,
  /** Physical address and bytes of the code. */
  CodePhysical = 8,
  CodeBytes = 9,
  /** EAX … EDI and EFLAGS before it. */
  Registers = 10,
  Eflags = 18,
  /** Triples: access kind | byte mask << 4, physical address of the aligned word, its value afterwards. */
  Accesses = 19,

  /** Kernel writes: aligned word and its value afterwards; vector of the kernel's entry and the thread that entered. */
  WordPhysical = 5,
  WordValue = 6,
  PathVector = 7,
  PathThread = 8,
  /** Thread numbers of the message that is being moved, 0 for none. */
  Sender = 9,
  Receiver = 10,
  KernelWords = 11,
}

export const enum RecordKind {
  Instruction = 0,
  /** An instruction that entered the kernel by INT. */
  Entry = 1,
  KernelWrite = 2,
  /** An instruction that raised an exception and did not retire. */
  Faulted = 3,
}

/** In place of a vector: the CPU's own entry to the kernel, whatever for. */
export const ENTRY = -2;

export const enum AccessKind {
  Read = 0,
  Write = 1,
  /** A page-directory or page-table entry read by a walk. */
  Walk = 2,
}

/** A whole word read by a walk. */
const WALKED = AccessKind.Walk | (15 << 4);

/** A first-in, first-out queue of records. */
export class RecordQueue {
  words: Int32Array;
  /** Where the oldest record begins, and where the newest ends. */
  head = 0;
  tail = 0;

  constructor(capacity = 1 << 12) {
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
    const length = source[offset] ?? 0;
    const at = this.reserve(length);
    this.words.set(source.subarray(offset, offset + length), at);
    this.tail += length;
  }

  /** Forgets the oldest record. */
  drop(): void {
    this.head += this.words[this.head + Record.Length] ?? 0;
    if (this.head === this.tail) this.clear();
  }

  clear(): void {
    this.head = 0;
    this.tail = 0;
  }
}

export function cycleOf(words: Int32Array, at: number): number {
  return (words[at + Record.CycleHigh] ?? 0) * 4294967296 + ((words[at + Record.CycleLow] ?? 0) >>> 0);
}

/** An instruction that a thread has begun and not ended. */
interface Begun {
  readonly thread: number;
  eip: number;
  cycle: number;
  entered: boolean;
  open: boolean;
  readonly registers: Int32Array;
  eflags: number;
  /** Triples (`Record.Accesses`), `count` words of them. */
  accesses: Int32Array;
  count: number;
}

/** Watches a machine and fills a queue. */
export class StepLog {
  readonly queue = new RecordQueue(1 << 16);
  private readonly begun = new Map<number, Begun>();
  private current: Begun | undefined;
  private pathVector = 0;
  private pathThread = 0;
  private sender = 0;
  private receiver = 0;
  private utcbs: Map<number, number> | undefined;
  /** Entries that the walk of a fetch has read, before the instruction is known. */
  private readonly walked = new Int32Array(8);
  private walks = 0;
  /** When the first of them was read, and at which level: by the time that its fault is told of, the CPU is at level 0. */
  private walkCycle = 0;
  private walkedByUser = false;
  private readonly detach: () => void;

  constructor(
    private readonly machine: Machine,
    private readonly kernel: Kernel,
  ) {
    // In the midst of an entry, the thread that enters has been told of already.
    this.enter(ENTRY);
    const detachObserver = machine.observe(this.observer());
    machine.eventLog.listener = (_cycle, kind, a, b) => this.event(kind, a, b);
    this.detach = () => {
      detachObserver();
      machine.eventLog.listener = undefined;
    };
  }

  /** Ends the watch. */
  stop(): void {
    this.detach();
  }

  private observer(): Partial<Observer> {
    return {
      beforeInstruction: (linear) => this.before(linear),
      afterInstruction: () => this.after(),
      memoryRead: (_linear, physical, bytes) => this.access(AccessKind.Read, physical, bytes),
      walkRead: (physical) => this.access(AccessKind.Walk, physical, 4),
      walkWrite: (physical) => this.kernelWrite(physical, 4),
      memoryWrite: (linear, physical, bytes) => {
        if (linear < USER_AREA_END && this.current !== undefined) this.access(AccessKind.Write, physical, bytes);
        else {
          // The CPU pushes the frame of its entry before it tells of it.
          this.enter(ENTRY);
          this.kernelWrite(physical, bytes);
        }
      },
      physicalWrite: (physical, bytes) => this.kernelWrite(physical, bytes),
      interrupt: (vector, kind) => {
        this.enter(vector);
        if (kind === "software" && this.current !== undefined) this.current.entered = true;
        else this.current = undefined;
      },
      exception: (vector, _errorCode, eip) => {
        this.enter(vector);
        this.faulted(eip);
        this.current = undefined;
      },
      portalLeave: () => {
        // Only system calls give a thread its UTCB.
        if (this.pathVector === SYSTEM_CALL_VECTOR) this.utcbs = undefined;
        this.sender = 0;
        this.receiver = 0;
        this.walks = 0;
      },
    };
  }

  private enter(vector: number): void {
    this.pathVector = vector;
    this.pathThread = (this.kernel.currentThread() ?? 0) >>> 14;
  }

  private event(kind: number, a: number, b: number): void {
    if (kind < EventKind.Embedder) return;
    if (kind === KernelEvent.IpcTransfer) {
      this.sender = a >>> 14;
      this.receiver = b >>> 14;
    }
  }

  /** An instruction does not retire; without one the fetch has faulted, of which only the walk is known. */
  private faulted(eip: number): void {
    if (this.current !== undefined) {
      this.record(this.current, RecordKind.Faulted);
      return;
    }
    if (this.walks === 0 || !this.walkedByUser) return;
    this.begin(eip);
    this.current!.cycle = this.walkCycle;
    this.record(this.current!, RecordKind.Faulted);
  }

  private before(linear: number): void {
    const { words } = this.machine.cpu;
    if (words[Word.Cpl] === 3) this.begin(linear);
    else {
      this.current = undefined;
      this.walks = 0;
    }
  }

  private begin(linear: number): void {
    const { cpu } = this.machine;
    const { words } = cpu;
    const thread = (this.kernel.currentThread() ?? 0) >>> 14;
    let begun = this.begun.get(thread);
    if (begun === undefined) {
      begun = {
        thread,
        eip: 0,
        cycle: 0,
        entered: false,
        open: false,
        registers: new Int32Array(8),
        eflags: 0,
        accesses: new Int32Array(96),
        count: 0,
      };
      this.begun.set(thread, begun);
    }
    this.current = begun;
    // A repeated instruction goes on where an interrupt or a slice's end has left it: it is still the same one.
    if (begun.open && begun.eip === linear && begun.count > 0) return;
    begun.open = true;
    begun.eip = linear;
    begun.cycle = cpu.cycles;
    begun.entered = false;
    begun.registers.set(words.subarray(0, 8));
    begun.eflags = cpu.eflags;
    begun.count = 0;
    // The walk of its fetch came before it.
    for (let i = 0; i < this.walks; i++)
      addAccess(begun, WALKED, this.walked[i]!, this.machine.memory.read32(this.walked[i]!));
    this.walks = 0;
  }

  private after(): void {
    const begun = this.current;
    this.current = undefined;
    if (begun === undefined) return;
    begun.open = false;
    this.record(begun, begun.entered ? RecordKind.Entry : RecordKind.Instruction);
    begun.count = 0;
  }

  private record(begun: Begun, kind: RecordKind): void {
    const { words } = this.machine.cpu;
    const micro = words[Word.CurrentMicro]!;
    // Without one the fetch itself has faulted.
    const instruction = micro === 0 ? 0 : words[micro + MicroWord.Instruction]!;
    const known = instruction === 0 ? 0 : -1;
    const { queue } = this;
    const { accesses, count } = begun;
    const length = Record.Accesses + count;
    const at = queue.reserve(length);
    const record = queue.words;
    record[at + Record.Length] = length;
    record[at + Record.Kind] = kind;
    record[at + Record.Thread] = begun.thread;
    record[at + Record.CycleLow] = begun.cycle | 0;
    record[at + Record.CycleHigh] = Math.floor(begun.cycle / 4294967296);
    record[at + Record.Eip] = begun.eip;
    record[at + Record.RegistersUsed] =
      known &
      (words[instruction + InstructionWord.RegistersRead]! |
        words[instruction + InstructionWord.AddressRegisters]! |
        (words[instruction + InstructionWord.RegistersWritten]! << 8));
    record[at + Record.FlagsUsed] = known & words[instruction + InstructionWord.FlagsUsed]!;
    record[at + Record.CodePhysical] = known & words[instruction + InstructionWord.Physical]!;
    record[at + Record.CodeBytes] = known & words[instruction + InstructionWord.Length]!;
    record.set(begun.registers, at + Record.Registers);
    record[at + Record.Eflags] = begun.eflags;
    for (let i = 0; i < count; i++) record[at + Record.Accesses + i] = accesses[i]!;
    queue.tail += length;
  }

  private access(kind: AccessKind, physical: number, bytes: number): void {
    const begun = this.current;
    if (begun === undefined) {
      if (kind === AccessKind.Walk) this.walkedForFetch(physical & ~3);
      return;
    }
    const { memory } = this.machine;
    if (!memory.isRam(physical)) return;
    const word = physical & ~3;
    const mask = ((1 << bytes) - 1) << (physical & 3);
    addAccess(begun, kind | ((mask & 15) << 4), word, memory.read32(word));
    if (mask > 15) addAccess(begun, kind | ((mask >> 4) << 4), word + 4, memory.read32(word + 4));
  }

  private walkedForFetch(word: number): void {
    const { cpu } = this.machine;
    if (this.walks === 0) {
      this.walkCycle = cpu.cycles;
      this.walkedByUser = cpu.words[Word.Cpl] === 3;
    }
    if (this.walks < this.walked.length) this.walked[this.walks++] = word;
  }

  private kernelWrite(physical: number, bytes: number): void {
    const { memory, cpu } = this.machine;
    const { cycles } = cpu;
    for (let word = physical & ~3; word < physical + bytes; word += 4) {
      if (!memory.isRam(word)) return;
      const at = this.queue.reserve(Record.KernelWords);
      const record = this.queue.words;
      record[at + Record.Length] = Record.KernelWords;
      record[at + Record.Kind] = RecordKind.KernelWrite;
      record[at + Record.Thread] = this.threadOfUtcb(word);
      record[at + Record.CycleLow] = cycles | 0;
      record[at + Record.CycleHigh] = Math.floor(cycles / 4294967296);
      record[at + Record.WordPhysical] = word;
      record[at + Record.WordValue] = memory.read32(word);
      record[at + Record.PathVector] = this.pathVector;
      record[at + Record.PathThread] = this.pathThread;
      record[at + Record.Sender] = this.sender;
      record[at + Record.Receiver] = this.receiver;
      this.queue.tail += Record.KernelWords;
    }
  }

  /** The thread in whose UTCB a word is; the receiver of a message for words of user memory; 0 for the kernel's. */
  private threadOfUtcb(physical: number): number {
    if (physical < this.kernel.kernelMemory.start) return this.receiver;
    this.utcbs ??= new Map(
      this.kernel.threads().flatMap(({ utcb, threadNo }) => (utcb === 0 ? [] : [[utcb >>> 9, threadNo] as const])),
    );
    return this.utcbs.get(physical >>> 9) ?? 0;
  }
}

function addAccess(begun: Begun, kindAndBytes: number, word: number, value: number): void {
  if (begun.count + 3 > begun.accesses.length) {
    const grown = new Int32Array(begun.accesses.length * 2);
    grown.set(begun.accesses);
    begun.accesses = grown;
  }
  const { accesses } = begun;
  accesses[begun.count] = kindAndBytes;
  accesses[begun.count + 1] = word;
  accesses[begun.count + 2] = value;
  begun.count += 3;
}

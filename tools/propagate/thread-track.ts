/** One thread in both machines: what of its steps is not yet compared, and where the two stand. */
import { cycleOf, Record, RecordKind, RecordQueue } from "./records.ts";

/** A moment at which a thread's control flow leaves the golden one, and when it came back. */
export interface Parting {
  readonly thread: number;
  readonly cycle: number;
  readonly progress: number;
  readonly goldenEip: number;
  readonly faultyEip: number;
  /** Id of the corruption of EIP. */
  readonly corruption: number;
  /** Clock of the kernel call at which both are one again. */
  endCycle: number | undefined;
  /** User instructions that each had retired after that call. */
  end: { readonly progress: number; readonly goldenProgress: number } | undefined;
}

/** The step before, as the cause of what is found wrong at the next one. */
export interface PreviousStep {
  entered: boolean;
  eip: number;
  cycle: number;
  registersWritten: number;
  /** EFLAGS bits. */
  flagsWritten: number;
  sources: readonly number[];
  /** Whether it read the clock or a port. */
  byInput: boolean;
}

/** Kernel calls since a thread parted: words from the queue's head to the first one with a signature. */
type Calls = Map<string, number>;

const INT_BYTES = 2;

/** Words of records that are kept of a thread that has parted; more, and it is given up. */
const LARGEST_BACKLOG = 1 << 22;

/** Registers of a thread at a count of its instructions. */
export class Moment {
  progress = -1;
  /** As a record, so that it compares like one. */
  readonly words = new Int32Array(Record.MomentWords);

  take(words: Int32Array, at: number): void {
    for (let i = 0; i < Record.MomentWords; i++) this.words[i] = words[at + i]!;
    this.progress = words[at + Record.Progress]!;
  }

  /** Of `Left`. */
  get byCall(): boolean {
    return this.words[Record.ByCall] !== 0;
  }

  /** Whether a record of another moment has the same general registers, EFLAGS and EIP. */
  equals(words: Int32Array, at: number): boolean {
    for (let i = 0; i <= 8; i++)
      if (this.words[Record.Registers + i] !== words[at + Record.Registers + i]) return false;
    return this.words[Record.Eip] === words[at + Record.Eip];
  }
}

export class ThreadTrack {
  /** Records of the golden thread that wait for the faulty one. */
  readonly golden = new RecordQueue();
  /** Kernel writes into the thread's words since its last instruction; everything, while it has parted. */
  readonly faulty = new RecordQueue();
  /** Registers of the golden thread when it last went on: EAX … EDI, EFLAGS, EIP, at its count of instructions. */
  readonly goldenResumed = new Moment();
  /** Registers with which the thread last left user mode, while its instructions were not recorded. */
  readonly left = new Moment();
  /** Wrong words from which the kernel has made registers of the thread, by register. */
  readonly registerSources = new Map<number, readonly number[]>();
  /** Sources of words that messages wrote, as they were when the message went. */
  readonly messageSources = new Map<number, readonly number[]>();
  /** User instructions retired since the injection. */
  progress = 0;
  goldenProgress = 0;

  /** Count of the golden thread's instructions at a count of its own. */
  goldenAt(progress: number): number {
    return progress + this.goldenProgress - this.progress;
  }

  /** Clocks by which it is later than its golden self (negative: earlier): at the last compared step, and the furthest. */
  shift = 0;
  largestShift = 0;
  parting: Parting | undefined;
  /** Id of the corruption of EIP with which it parted last. */
  lastParting: number | undefined;
  /** Count of its instructions at which something wrong last had to do with it. */
  quietFrom = 0;
  /** Wrong words that the instruction read at which the thread is stopped by an exception. */
  faultSources: readonly number[] = [];
  /** Counts of its instructions, not yet compared, that read the clock or a port. */
  readonly inputs = new Set<number>();
  /** Parted, and too long ago to be brought together again. */
  lost = false;
  /** Bit n: register n is wrong. */
  wrongRegisters = 0;
  readonly previous: PreviousStep = {
    entered: false,
    eip: 0,
    cycle: 0,
    registersWritten: 0,
    flagsWritten: 0,
    sources: [],
    byInput: false,
  };
  private readonly faultyCalls: Calls = new Map();
  private readonly goldenCalls: Calls = new Map();
  private faultyScanned = 0;
  private goldenScanned = 0;

  constructor(readonly thread: number) {}

  get parted(): boolean {
    return this.parting !== undefined;
  }

  /** It has left user mode unrecorded. */
  haveLeft(words: Int32Array, at: number): void {
    const { previous } = this;
    previous.entered = words[at + Record.ByCall] !== 0;
    // The frame holds the address behind INT n.
    previous.eip = (words[at + Record.Eip]! - (previous.entered ? INT_BYTES : 0)) >>> 0;
    previous.cycle = cycleOf(words, at);
    previous.registersWritten = 0;
    previous.flagsWritten = 0;
    previous.sources = [];
    previous.byInput = false;
  }

  /** It has executed an instruction that read these wrong words. */
  haveDone(words: Int32Array, at: number, sources: readonly number[], cycle: number): void {
    const { previous } = this;
    previous.entered = words[at + Record.Kind] === RecordKind.Entry;
    previous.eip = words[at + Record.Eip]! >>> 0;
    previous.cycle = cycle;
    previous.registersWritten = (words[at + Record.RegistersUsed]! >>> 8) & 0xff;
    previous.flagsWritten = words[at + Record.FlagsUsed]! >>> 16;
    previous.sources = sources;
    previous.byInput = this.inputs.delete(words[at + Record.Progress]!);
    if (previous.entered) this.registerSources.clear();
  }

  part(parting: Parting): void {
    this.parting = parting;
    this.lastParting = parting.corruption;
    this.faultyCalls.clear();
    this.goldenCalls.clear();
    this.faultyScanned = 0;
    this.goldenScanned = 0;
  }

  /**
   * Looks for a kernel call that both threads have made since they parted, alike in place, stack and what they ask for.
   * Gives the offsets of its records in the queues.
   */
  meetingPoint(): { faulty: number; golden: number } | undefined {
    if (this.lost) return undefined;
    if (this.faulty.size + this.golden.size > LARGEST_BACKLOG) {
      this.lost = true;
      return undefined;
    }
    const found = this.scan(this.faulty, this.faultyCalls, this.faultyScanned, this.goldenCalls);
    this.faultyScanned = this.faulty.size;
    if (found !== undefined) return { faulty: this.faulty.head + found[0], golden: this.golden.head + found[1] };
    const other = this.scan(this.golden, this.goldenCalls, this.goldenScanned, this.faultyCalls);
    this.goldenScanned = this.golden.size;
    return other && { faulty: this.faulty.head + other[1], golden: this.golden.head + other[0] };
  }

  private scan(queue: RecordQueue, own: Calls, scanned: number, others: Calls): [number, number] | undefined {
    let found: [number, number] | undefined;
    for (let at = queue.head + scanned; at < queue.tail && queue.words[at]! > 0; at += queue.words[at]!) {
      const kind = queue.words[at + Record.Kind]!;
      if (kind !== RecordKind.Entry && kind !== RecordKind.Left) continue;
      const offset = at - queue.head;
      const signature = signatureOf(queue.words, at);
      if (!own.has(signature)) own.set(signature, offset);
      const partner = others.get(signature);
      if (found === undefined && partner !== undefined) found = [offset, partner];
    }
    return found;
  }
}

/** Place, stack and request of a kernel call: EIP, ESP, EAX (to), EDX (from), ESI (tag). */
function signatureOf(words: Int32Array, at: number): string {
  const register = (index: number): number => words[at + Record.Registers + index] ?? 0;
  // With what it leaves user mode, a thread has gone past INT n.
  const eip = words[at + Record.Eip]! - (words[at + Record.Kind] === RecordKind.Left ? INT_BYTES : 0);
  return `${eip} ${register(4)} ${register(0)} ${register(2)} ${register(6)}`;
}

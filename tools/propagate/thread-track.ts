/** One thread in both machines: what of its steps is not yet compared, and where the two stand. */
import { AccessKind, cycleOf, Record, RecordKind, RecordQueue } from "./step-log.ts";

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
}

interface Boundary {
  /** Words from the queue's head to the record. */
  readonly offset: number;
  readonly signature: string;
}

/** Words of records that are kept of a thread that has parted; more, and it is given up. */
const LARGEST_BACKLOG = 1 << 24;

export class ThreadTrack {
  /** Records of the golden thread that wait for the faulty one. */
  readonly golden = new RecordQueue();
  /** Kernel writes into the thread's words since its last instruction; everything, while it has parted. */
  readonly faulty = new RecordQueue();
  /** Records that came while the golden thread was behind, after a meeting. */
  readonly waiting = new RecordQueue();
  /** Sources of words that messages wrote, as they were when the message went. */
  readonly messageSources = new Map<number, readonly number[]>();
  /** User instructions retired since the injection. */
  progress = 0;
  goldenProgress = 0;
  /** Clocks by which it is later than its golden self (negative: earlier): at the last compared step, and the furthest. */
  shift = 0;
  largestShift = 0;
  parting: Parting | undefined;
  /** Wrong words that the instruction read at which the thread is stopped by an exception. */
  faultSources: readonly number[] = [];
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
  };
  private faultyBoundaries: Boundary[] = [];
  private goldenBoundaries: Boundary[] = [];
  private faultyScanned = 0;
  private goldenScanned = 0;

  constructor(readonly thread: number) {}

  get parted(): boolean {
    return this.parting !== undefined;
  }

  /** Offset in `golden` of the first record that is no kernel write; -1 if there is none yet. */
  nextGoldenStep(): number {
    const { golden } = this;
    for (let at = golden.head; at < golden.tail; at += golden.words[at]!)
      if (golden.words[at + Record.Kind] !== RecordKind.KernelWrite) return at;
    return -1;
  }

  part(parting: Parting): void {
    this.parting = parting;
    this.faultyBoundaries = [];
    this.goldenBoundaries = [];
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
    const found = this.scan(this.faulty, this.faultyBoundaries, this.faultyScanned, this.goldenBoundaries);
    this.faultyScanned = this.faulty.size;
    if (found !== undefined) return { faulty: this.faulty.head + found[0], golden: this.golden.head + found[1] };
    const other = this.scan(this.golden, this.goldenBoundaries, this.goldenScanned, this.faultyBoundaries);
    this.goldenScanned = this.golden.size;
    return other && { faulty: this.faulty.head + other[1], golden: this.golden.head + other[0] };
  }

  private scan(
    queue: RecordQueue,
    own: Boundary[],
    scanned: number,
    others: readonly Boundary[],
  ): [number, number] | undefined {
    let found: [number, number] | undefined;
    for (let at = queue.head + scanned; at < queue.tail; at += queue.words[at]!) {
      if (queue.words[at + Record.Kind] !== RecordKind.Entry) continue;
      const boundary = { offset: at - queue.head, signature: signatureOf(queue.words, at) };
      own.push(boundary);
      if (found !== undefined) continue;
      const partner = others.find(({ signature }) => signature === boundary.signature);
      if (partner !== undefined) found = [boundary.offset, partner.offset];
    }
    return found;
  }
}

/** Place, stack and request of a kernel call: EIP, ESP, EAX (to), EDX (from), ESI (tag). */
function signatureOf(words: Int32Array, at: number): string {
  const register = (index: number): number => words[at + Record.Registers + index] ?? 0;
  return `${words[at + Record.Eip]} ${register(4)} ${register(0)} ${register(2)} ${register(6)}`;
}

/** Calls `visit` with each word that a record writes. */
export function forWrites(
  words: Int32Array,
  at: number,
  visit: (physical: number, value: number, cycle: number, eip: number) => void,
): void {
  const cycle = cycleOf(words, at);
  if (words[at + Record.Kind] === RecordKind.KernelWrite) {
    visit(words[at + Record.WordPhysical]!, words[at + Record.WordValue]!, cycle, 0);
    return;
  }
  const end = at + words[at + Record.Length]!;
  const eip = words[at + Record.Eip]!;
  for (let access = at + Record.Accesses; access < end; access += 3)
    if ((words[access]! & 15) === AccessKind.Write) visit(words[access + 1]!, words[access + 2]!, cycle, eip);
}

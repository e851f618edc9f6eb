/**
 * Runs two threads side by side until they part: two replicas of one run, or one thread of a golden and of a faulty run.
 *
 * Each side is a machine of its own. Threads of different programs are compared by the messages that they send; threads of
 * one program, after that, instruction by instruction from the last message that was still the same (or from the fault),
 * which shows where the difference began. Equal progress counts, not equal time: a thread that is merely late has not parted.
 */
import { Word } from "../../emulator/index.ts";
import type { Debuggee } from "./debuggee.ts";
import { KERNEL_THREAD } from "./guest-view.ts";
import { type IpcMessage, readMessage } from "./ipc-log.ts";
import type { Position } from "./time/position.ts";

/** `KernelEvent.IpcTransfer`. */
const IPC_TRANSFER = 64;
/** Label of the message by which a replica tells the voter its own number: different by design. */
const ANNOUNCEMENT = 0x404;
/** Instructions that are compared at a time. */
const CHUNK = 20_000;
/** Words that describe one instruction: EIP, eight registers, EFLAGS, number of writes, hash of writes. */
const RECORD_WORDS = 12;

export interface ComparedSide {
  readonly debuggee: Debuggee;
  /** Thread number. */
  readonly thread: number;
  readonly name: string;
}

export interface SentMessage extends Pick<IpcMessage, "label" | "words"> {
  readonly to: number;
  readonly cycle: number;
  /** Machine instructions when it was sent. */
  readonly instructions: number;
}

/** An instruction at which the sides differ; the machines of both sides stand before it. */
export interface PartingInstruction {
  /** Instructions of the thread that were still the same, counted from where the comparison began. */
  readonly same: number;
  readonly eips: readonly [number, number];
  /** "eip", names of registers, "writes". */
  readonly differs: readonly string[];
}

export interface PartingMessage {
  /** Messages that were the same before it. */
  readonly same: number;
  /** Undefined where a side sent no further message. */
  readonly messages: readonly [SentMessage | undefined, SentMessage | undefined];
  /** Indices from 1 (MR1) of the words that differ. */
  readonly words: readonly number[];
}

export interface CompareOptions {
  /** Registers count too: for two runs of one thread. Two replicas may hold their own ids in some. */
  readonly registers: boolean;
  readonly shouldStop?: () => boolean;
  /** Called between slices. */
  readonly breathe?: () => Promise<void>;
}

const NAMES = ["eip", "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eflags"];

/** Hands out the messages that a thread sends, one by one, running its machine as far as needed. */
class MessageSource {
  private readonly waiting: SentMessage[] = [];
  private ended = false;
  private readonly detach: () => void;

  constructor(
    private readonly side: ComparedSide,
    private readonly options: CompareOptions,
  ) {
    const { view } = side.debuggee;
    const { machine, kernel } = view;
    this.detach = view.onEvent((cycle, kind, a, b) => {
      if (kind !== IPC_TRANSFER || a >>> 14 !== side.thread) return;
      const { kind: purpose, label, words } = readMessage(kernel, (physical) => machine.memory.read32(physical), a);
      if (purpose !== "message" || label === ANNOUNCEMENT) return;
      this.waiting.push({ to: b >>> 14, cycle, instructions: machine.instructions, label, words });
    });
  }

  async next(): Promise<SentMessage | undefined> {
    const { control } = this.side.debuggee;
    while (this.waiting.length === 0 && !this.ended) {
      if (this.options.shouldStop?.() === true) return undefined;
      const untilCycle = this.side.debuggee.timeline.position.cycle + 100_000;
      control.resume({ direction: "forward", mode: "continue", thread: KERNEL_THREAD, untilCycle });
      for (;;) {
        const report = control.slice();
        if (report !== undefined) {
          this.ended = report.cause.kind === "history-end";
          break;
        }
        await this.options.breathe?.();
      }
    }
    return this.waiting.shift();
  }

  close(): void {
    this.detach();
  }
}

/** The first messages that differ; undefined when all were the same to the end. */
export async function findPartingMessage(
  sides: readonly [ComparedSide, ComparedSide],
  options: CompareOptions,
): Promise<{ parting: PartingMessage | undefined; last: readonly [SentMessage | undefined, SentMessage | undefined] }> {
  const sources = sides.map((side) => new MessageSource(side, options));
  const [first, second] = sources as [MessageSource, MessageSource];
  let last: [SentMessage | undefined, SentMessage | undefined] = [undefined, undefined];
  try {
    for (let same = 0; ; same++) {
      const messages: [SentMessage | undefined, SentMessage | undefined] = [await first.next(), await second.next()];
      const [one, other] = messages;
      if (one === undefined && other === undefined) return { parting: undefined, last };
      const words = differingWords(one, other);
      const differs = words.length > 0 || one?.label !== other?.label || one?.words.length !== other?.words.length;
      if (differs || one?.to !== other?.to) return { parting: { same, messages, words }, last };
      last = messages;
    }
  } finally {
    for (const source of sources) source.close();
  }
}

function differingWords(one: SentMessage | undefined, other: SentMessage | undefined): number[] {
  const count = Math.max(one?.words.length ?? 0, other?.words.length ?? 0);
  return Array.from({ length: count }, (_, index) => index + 1).filter(
    (index) => one?.words[index - 1] !== other?.words[index - 1],
  );
}

/** What a thread did, in fixed-size records, up to a number of its instructions or to the machine's end. */
class Recording {
  readonly records = new Int32Array(CHUNK * RECORD_WORDS);
  /** Instructions, cycle and edits before each. */
  private readonly positions = new Float64Array(CHUNK * 3);
  count = 0;
  private running = false;
  private writes = 0;
  private hash = 0;
  private readonly detach: () => void;

  constructor(private readonly side: ComparedSide) {
    const { machine } = side.debuggee.view;
    this.detach = machine.observe({
      beforeInstruction: (linear) => this.before(linear),
      afterInstruction: () => this.after(),
      memoryWrite: (linear, _physical, bytes, value) => {
        if (this.running) this.write(linear, bytes, value);
      },
    });
  }

  get full(): boolean {
    return this.count === CHUNK;
  }

  /** The boundary before the instruction of a record. */
  position(index: number): Position {
    const [instructions = 0, cycle = 0, edits = 0] = this.positions.subarray(index * 3, index * 3 + 3);
    return { instructions, cycle, edits };
  }

  close(): void {
    this.detach();
  }

  private before(linear: number): void {
    const { view } = this.side.debuggee;
    this.running = view.userThread() === this.side.thread;
    if (!this.running) return;
    const { cpu } = view.machine;
    // A repeated instruction that the end of a slice has cut goes on.
    if (cpu.words[Word.RepeatInProgress] !== 0) return;
    const { instructions, cycle, edits } = this.side.debuggee.timeline.position;
    this.positions.set([instructions, cycle, edits], this.count * 3);
    const at = this.count * RECORD_WORDS;
    this.records[at] = linear;
    for (let index = 0; index < 8; index++) this.records[at + 1 + index] = cpu.words[index] ?? 0;
    this.records[at + 9] = cpu.eflags;
    this.writes = 0;
    this.hash = 0;
  }

  private write(linear: number, bytes: number, value: number): void {
    this.writes++;
    this.hash = Math.imul(this.hash ^ linear, 0x01000193) ^ Math.imul(value + bytes, 0x5bd1e995);
    this.hash = (this.hash << 7) | (this.hash >>> 25);
  }

  private after(): void {
    if (!this.running) return;
    this.running = false;
    const at = this.count * RECORD_WORDS;
    this.records[at + 10] = this.writes;
    this.records[at + 11] = this.hash;
    this.count++;
    if (this.full) this.side.debuggee.view.machine.stop("chunk is full");
  }
}

/** Records the next chunk of a side's thread, no further than `untilInstructions` of the machine. */
async function recordChunk(side: ComparedSide, untilInstructions: number, options: CompareOptions): Promise<Recording> {
  const { timeline } = side.debuggee;
  const recording = new Recording(side);
  try {
    while (!recording.full && options.shouldStop?.() !== true) {
      const { cycle, instructions } = timeline.position;
      if (instructions >= untilInstructions) break;
      const reason = timeline.advance({ cycle: cycle + 200_000, instructions: untilInstructions });
      if (reason.kind !== "cycle" && reason.kind !== "instructions" && reason.kind !== "stopped") break;
      await options.breathe?.();
    }
  } finally {
    recording.close();
  }
  return recording;
}

/**
 * The first instruction at which two threads of one program differ, both machines being where their threads have done
 * the same so far. Looks no further than the given counts of machine instructions. Afterwards both machines stand
 * before the instruction.
 */
export async function findPartingInstruction(
  sides: readonly [ComparedSide, ComparedSide],
  until: readonly [number, number],
  options: CompareOptions,
): Promise<PartingInstruction | undefined> {
  for (let same = 0; ; ) {
    const recordings = await Promise.all(sides.map((side, index) => recordChunk(side, until[index] ?? 0, options)));
    const [one, other] = recordings as [Recording, Recording];
    const count = Math.min(one.count, other.count);
    for (let index = 0; index < count; index++) {
      const differs = differences(one.records, other.records, index * RECORD_WORDS, options.registers);
      if (differs.length === 0) continue;
      for (const [number, { debuggee }] of sides.entries()) {
        debuggee.timeline.seek((recordings[number] as Recording).position(index));
      }
      const eips = [one, other].map(({ records }) => (records[index * RECORD_WORDS] ?? 0) >>> 0);
      return { same: same + index, eips: [eips[0] ?? 0, eips[1] ?? 0], differs };
    }
    same += count;
    if (one.count < CHUNK || other.count < CHUNK) return undefined;
  }
}

function differences(one: Int32Array, other: Int32Array, at: number, registers: boolean): string[] {
  const names = NAMES.filter((_name, index) => one[at + index] !== other[at + index] && (registers || index === 0));
  if (one[at + 10] !== other[at + 10] || one[at + 11] !== other[at + 11]) names.push("writes");
  return names;
}

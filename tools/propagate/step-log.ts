/**
 * Watches a machine and fills a queue with records (records.ts). The kernel's writes and the moments at which threads leave
 * user mode and go on are always recorded, at nearly no cost; instructions only of the threads that are wanted, because
 * watching them keeps the machine from running whole blocks.
 */

import { BlockWord, InstructionWord, MicroWord } from "../../emulator/cpu/decode-records.ts";
import { Counter, EventKind, type Machine, type Observer, Word } from "../../emulator/index.ts";
import { KernelEvent } from "../../kernel/events.ts";
import type { Kernel } from "../../kernel/index.ts";
import { KERNEL_WINDOW, USER_AREA_END } from "../../kernel/memory-map.ts";
import { TCB_BYTES, Tcb } from "../../kernel/tcb-layout.ts";
import { addAccess, type Begun, newBegun, recordInstruction } from "./begun.ts";
import { type ControlBlocks, controlBlockOffset, controlBlocksOf } from "./control-blocks.ts";
import type { LogOwner, LogState } from "./log-owner.ts";
import { AccessKind, ENTRY, Record, RecordKind, RecordQueue } from "./records.ts";

/** All bytes of a word. */
const WHOLE = 15 << 4;
/** Instructions recorded before they are handed on. */
const BATCH = 256;
/** EIP, CS, EFLAGS: what an interrupt of the idle loop pushes. */
const IDLE_FRAME_WORDS = 3;
/** What the kernel saves first: the vector, and the general registers but ESP (kernel/entry.ts). */
const SAVED_WORDS = 8;
/** With error code, ESP and SS. */
const LARGEST_FRAME = 24;

export class StepLog {
  queue = new RecordQueue(1 << 14);
  /** Record the instructions of every thread. */
  everything = false;
  /** Thread in user mode, 0 for none. */
  running = 0;
  /** Count of the machine's instructions at which it went on. */
  resumedAt = 0;
  private readonly wanted = new Set<number>();
  private progress = new Map<number, number>();
  private readonly begun = new Map<number, Begun>();
  private current: Begun | undefined;
  private mine: Begun | undefined;
  private steps = 0;
  private kept: RecordQueue = this.queue;
  /** The thread that has left user mode and whose entry is not recorded yet. */
  private left = 0;
  private leftByCall = 0;
  /** Words that the kernel's entry has still to save. */
  private saves = 0;
  private pathVector = ENTRY;
  private pathThread = 0;
  private sender = 0;
  private receiver = 0;
  private utcbs: Map<number, number> | undefined;
  /** Entries that the walk of a fetch has read or marked, before the instruction is known: kinds and addresses. */
  private readonly walked = new Int32Array(16);
  private walks = 0;
  /** When the first of them was read, and at which level: by the time that its fault is told of, the CPU is at level 0. */
  private walkCycle = 0;
  private walkedByUser = false;
  readonly blocks: ControlBlocks;
  /** The one thread whose instructions are recorded, and nothing else; 0 for none such. */
  private only = 0;
  private muted = false;
  private detachMoments: (() => void) | undefined;
  private detachSteps: (() => void) | undefined;

  constructor(
    private readonly machine: Machine,
    private readonly kernel: Kernel,
    private readonly owner: LogOwner,
  ) {
    const thread = (kernel.currentThread() ?? 0) >>> 14;
    this.pathThread = thread;
    if (machine.cpu.words[Word.Cpl] === 3) this.running = thread;
    else this.left = thread;
    this.resumedAt = machine.instructions;
    this.blocks = controlBlocksOf(kernel);
    this.attachMoments();
  }

  private attachMoments(): void {
    const { eventLog } = this.machine;
    const detach = this.machine.observe(this.moments());
    eventLog.listener = (_cycle, kind, a, b) => this.event(kind, a, b);
    this.detachMoments = () => {
      detach();
      eventLog.listener = undefined;
    };
  }

  /** Ends the watch. */
  detachAll(): void {
    this.detachSteps?.();
    this.detachSteps = undefined;
    this.detachMoments?.();
    this.detachMoments = undefined;
  }

  /** Watches again, after its machine has been taken to where a state was saved. */
  attachAgain(state: LogState): void {
    if (this.only !== 0) this.queue = this.kept;
    this.only = 0;
    this.progress = new Map(state.progress);
    this.running = state.running;
    this.resumedAt = state.resumedAt;
    this.restart();
    for (const one of state.begun) {
      const begun = this.begunOf(one.thread);
      begun.registers.set(one.registers);
      const { eip, cycle, progress, entered, eflags, count } = one;
      Object.assign(begun, {
        eip,
        cycle,
        progress,
        entered,
        eflags,
        count,
        open: true,
        accesses: one.accesses.slice(),
      });
    }
  }

  /** Watches again, for the instructions of one thread only, which stands before its instruction number `progress`. */
  recordOnly(thread: number, progress: number, into: RecordQueue): void {
    this.only = thread;
    this.kept = this.queue;
    this.queue = into;
    this.progress = new Map([[thread, progress]]);
    this.running = thread;
    this.resumedAt = this.machine.instructions;
    this.restart();
  }

  private restart(): void {
    this.muted = false;
    this.left = 0;
    this.current = undefined;
    this.utcbs = undefined;
    for (const begun of this.begun.values()) begun.open = false;
    this.attachMoments();
    this.attachSteps();
  }

  /** From now on, whether instructions of a thread are recorded. Between runs, or while the kernel or another thread runs. */
  want(thread: number, on: boolean): void {
    if (on) this.wanted.add(thread);
    else this.wanted.delete(thread);
    this.attachSteps();
  }

  wants(thread: number): boolean {
    if (this.only !== 0) return thread === this.only;
    return this.everything || this.wanted.has(thread);
  }

  /** Instructions of a thread that have been recorded. */
  recorded(thread: number): number {
    return this.begun.get(thread)?.recorded ?? 0;
  }

  /** User instructions that a thread has retired since the injection. */
  position(thread: number): number {
    const before = this.progress.get(thread) ?? 0;
    return thread === this.running ? before + this.machine.instructions - this.resumedAt : before;
  }

  /** Instructions recorded of the thread that was recorded last. */
  get recordedLast(): number {
    return this.mine?.recorded ?? 0;
  }

  /** The machine's count of instructions before the one that it executes. */
  retired(): number {
    const { words, counters } = this.machine.cpu;
    const count = counters[Counter.Instructions]!;
    const micro = words[Word.CurrentMicro]!;
    if (micro === 0) return count;
    const block = words[Word.ChargedBlock]!;
    if (block === 0) return count - 1;
    const instruction = words[micro + MicroWord.Instruction]!;
    return count - words[block + BlockWord.Count]! + words[instruction + InstructionWord.Number]!;
  }

  /** Hears of nothing more until `attachAgain`. */
  mute(): void {
    this.muted = true;
  }

  saveState(): LogState {
    const begun = [...this.begun.values()]
      .filter(({ open }) => open)
      .map((one) => ({ ...one, registers: one.registers.slice(), accesses: one.accesses.slice() }));
    return { progress: new Map(this.progress), running: this.running, resumedAt: this.resumedAt, begun };
  }

  private attachSteps(): void {
    const on = this.running !== 0 && this.wants(this.running);
    this.mine = on ? this.begunOf(this.running) : undefined;
    if (on === (this.detachSteps !== undefined)) return;
    if (on) this.detachSteps = this.machine.observe(this.instructions());
    else {
      this.detachSteps?.();
      this.detachSteps = undefined;
      this.current = undefined;
      this.walks = 0;
    }
  }

  private moments(): Partial<Observer> {
    return {
      physicalWrite: (physical, bytes) => {
        if (this.muted) return;
        const vector = this.pathVector;
        if (this.saves > 0) {
          this.saves--;
          this.pathVector = ENTRY;
        }
        this.kernelWrite(physical, bytes);
        this.pathVector = vector;
        this.owner.take();
      },
      interrupt: (vector, kind) => {
        if (this.muted) return;
        this.enter(vector, kind === "software");
        if (kind === "software" && this.current !== undefined) this.current.entered = true;
        else this.current = undefined;
      },
      exception: (vector, _errorCode, eip) => {
        if (this.muted) return;
        this.enter(vector, false);
        this.faulted(eip);
        this.current = undefined;
      },
      portalEnter: () => {
        if (!this.muted) this.entered();
      },
      portalLeave: () => {
        if (!this.muted) this.resumed();
      },
      clockRead: () => this.input(this.machine.cycles),
      portRead: (_port, _bytes, value) => this.input(value),
      ...(this.owner.touches === undefined
        ? {}
        : {
            watchedAccess: (physical: number, bytes: number) => {
              if (this.muted || this.running === 0 || this.mine !== undefined) return;
              this.owner.touches!(this.running, physical, bytes);
            },
          }),
    };
  }

  private input(value: number): void {
    if (this.muted || this.running === 0 || this.only !== 0) return;
    const progress = (this.progress.get(this.running) ?? 0) + this.retired() - this.resumedAt;
    this.owner.inputs?.(this.running, progress, value);
  }

  private instructions(): Partial<Observer> {
    return {
      beforeInstruction: (linear) => {
        if (this.steps >= BATCH) {
          this.steps = 0;
          if (this.owner.batch === undefined) this.owner.take();
          else this.owner.batch();
          if (this.mine === undefined) return;
        }
        if (this.machine.cpu.words[Word.Cpl] === 3) this.begin(linear);
        else {
          this.current = undefined;
          this.walks = 0;
        }
      },
      afterInstruction: () => this.after(),
      memoryRead: (_linear, physical, bytes) => this.access(AccessKind.Read, physical, bytes),
      walkRead: (physical) => this.access(AccessKind.Walk, physical, 4),
      walkWrite: (physical) => this.access(AccessKind.Mark, physical, 4),
      memoryWrite: (linear, physical, bytes) => {
        if (linear < USER_AREA_END && this.current !== undefined) this.access(AccessKind.Write, physical, bytes);
      },
    };
  }

  // ---- moments ----

  /** The running thread leaves user mode. */
  private enter(vector: number, byCall: boolean): void {
    this.pathVector = vector;
    this.pathThread = this.running === 0 ? this.left : this.running;
    if (this.running === 0) return;
    this.progress.set(this.running, this.position(this.running));
    this.left = this.running;
    this.leftByCall = byCall ? 1 : 0;
    this.running = 0;
  }

  /** The CPU has pushed its frame and comes to the kernel. */
  private entered(): void {
    const { cpu, memory } = this.machine;
    const frame = ((cpu.words[Word.Esp]! >>> 0) - KERNEL_WINDOW) >>> 0;
    if (memory.isRam(frame)) {
      const vector = this.pathVector;
      this.pathVector = ENTRY;
      const tcbEnd = this.blocks.start + (this.left + 1) * TCB_BYTES;
      const isThreads = this.left !== 0 && tcbEnd > frame && tcbEnd - frame <= LARGEST_FRAME;
      this.kernelWrite(frame, isThreads ? tcbEnd - frame : 4 * IDLE_FRAME_WORDS);
      this.pathVector = vector;
    }
    if (this.left !== 0 && !this.wants(this.left)) this.recordLeft(this.left);
    this.saves = this.left === 0 ? 0 : SAVED_WORDS;
    this.left = 0;
    this.owner.entering?.(cpu.cycles);
    this.owner.take();
  }

  private resumed(): void {
    const { cpu } = this.machine;
    this.sender = 0;
    this.receiver = 0;
    this.saves = 0;
    this.walks = 0;
    this.current = undefined;
    if (cpu.words[Word.Cpl] === 3) {
      this.running = (this.kernel.currentThread() ?? 0) >>> 14;
      // The call of the portal counts as an instruction when it is over.
      this.resumedAt = cpu.instructions + 1;
      this.moment(RecordKind.Resumed, this.running, 0);
      if (this.only === 0) this.owner.resumed?.(this.running, this.progress.get(this.running) ?? 0);
    }
    this.owner.take();
    this.attachSteps();
  }

  /** What the CPU has pushed is what the thread left with. */
  private recordLeft(thread: number): void {
    if (this.only !== 0) return;
    this.moment(RecordKind.Left, thread, this.leftByCall);
    const { memory } = this.machine;
    const record = this.queue.words;
    const at = this.queue.tail - Record.MomentWords;
    const frame = this.blocks.start + thread * TCB_BYTES;
    record[at + Record.Eip] = memory.read32(frame + Tcb.eip);
    record[at + Record.Registers + 4] = memory.read32(frame + Tcb.esp);
    record[at + Record.Eflags] = memory.read32(frame + Tcb.eflags);
  }

  private moment(kind: RecordKind, thread: number, byCall: number): void {
    if (this.only !== 0) return;
    const { cpu } = this.machine;
    const { words, cycles } = cpu;
    const at = this.queue.reserve(Record.MomentWords);
    const record = this.queue.words;
    record[at + Record.Length] = Record.MomentWords;
    record[at + Record.Kind] = kind;
    record[at + Record.Thread] = thread;
    record[at + Record.CycleLow] = cycles | 0;
    record[at + Record.CycleHigh] = Math.floor(cycles / 4294967296);
    record[at + Record.Progress] = this.progress.get(thread) ?? 0;
    record[at + Record.Eip] = words[Word.Eip]!;
    record[at + Record.ByCall] = byCall;
    for (let i = 0; i < 8; i++) record[at + Record.Registers + i] = words[i]!;
    record[at + Record.Eflags] = cpu.eflags;
    this.queue.tail += Record.MomentWords;
  }

  private event(kind: number, a: number, b: number): void {
    if (kind < EventKind.Embedder) return;
    if (kind === KernelEvent.IpcTransfer) {
      this.sender = a >>> 14;
      this.receiver = b >>> 14;
    }
  }

  // ---- instructions ----

  /** An instruction does not retire; without one the fetch has faulted, of which only the walk is known. */
  private faulted(eip: number): void {
    if (this.current !== undefined) {
      // It stays open: a repeated instruction goes on where it has faulted.
      recordInstruction(this.queue, this.machine.cpu.words, this.current, RecordKind.Faulted);
      return;
    }
    if (this.walks === 0 || this.mine === undefined || !this.walkedByUser) return;
    this.begin(eip);
    this.mine.cycle = this.walkCycle;
    recordInstruction(this.queue, this.machine.cpu.words, this.mine, RecordKind.Faulted);
    this.mine.open = false;
  }

  private begunOf(thread: number): Begun {
    let begun = this.begun.get(thread);
    if (begun === undefined) {
      begun = newBegun(thread);
      this.begun.set(thread, begun);
    }
    return begun;
  }

  private begin(linear: number): void {
    const { cpu } = this.machine;
    const { words, counters } = cpu;
    const begun = this.mine!;
    this.current = begun;
    // A repeated instruction goes on where an interrupt or a slice's end has left it: it is still the same one.
    if (begun.open && begun.eip === linear && begun.count > 0) return;
    begun.open = true;
    begun.eip = linear;
    begun.cycle = counters[Counter.Cycles]!;
    begun.progress = this.position(begun.thread);
    begun.entered = false;
    const { registers } = begun;
    for (let i = 0; i < 8; i++) registers[i] = words[i]!;
    begun.eflags = cpu.eflags;
    begun.count = 0;
    // The walk of its fetch came before it.
    for (let i = 0; i < this.walks; i += 2) {
      const word = this.walked[i + 1]!;
      addAccess(begun, this.walked[i]! | WHOLE, word, this.machine.memory.read32(word));
    }
    this.walks = 0;
  }

  private after(): void {
    const begun = this.current;
    this.current = undefined;
    if (begun === undefined) return;
    begun.open = false;
    const kind = begun.entered ? RecordKind.Entry : RecordKind.Instruction;
    recordInstruction(this.queue, this.machine.cpu.words, begun, kind);
    begun.count = 0;
    begun.recorded++;
    this.steps++;
  }

  private access(kind: AccessKind, physical: number, bytes: number): void {
    const begun = this.current;
    if (begun === undefined) {
      if (kind >= AccessKind.Walk) this.walkedForFetch(kind, physical & ~3);
      return;
    }
    const { memory } = this.machine;
    if (!memory.isRam(physical)) return;
    const word = physical & ~3;
    const mask = ((1 << bytes) - 1) << (physical & 3);
    addAccess(begun, kind | ((mask & 15) << 4), word, memory.read32(word));
    if (mask > 15) addAccess(begun, kind | ((mask >> 4) << 4), word + 4, memory.read32(word + 4));
  }

  private walkedForFetch(kind: AccessKind, word: number): void {
    const { cpu, memory } = this.machine;
    if (this.walks === 0) {
      this.walkCycle = cpu.cycles;
      this.walkedByUser = cpu.words[Word.Cpl] === 3;
    }
    if (this.walks === this.walked.length || !memory.isRam(word)) return;
    this.walked[this.walks++] = kind;
    this.walked[this.walks++] = word;
  }

  private kernelWrite(physical: number, bytes: number): void {
    if (this.only !== 0) return;
    const { memory, cpu } = this.machine;
    const { cycles } = cpu;
    for (let word = physical & ~3; word < physical + bytes; word += 4) {
      if (!memory.isRam(word)) return;
      if (controlBlockOffset(word, this.blocks) === Tcb.utcbPhysical) this.utcbs = undefined;
      const thread = this.threadOfUtcb(word);
      const at = this.queue.reserve(Record.KernelWords);
      const record = this.queue.words;
      record[at + Record.Length] = Record.KernelWords;
      record[at + Record.Kind] = RecordKind.KernelWrite;
      record[at + Record.Thread] = thread;
      record[at + Record.CycleLow] = cycles | 0;
      record[at + Record.CycleHigh] = Math.floor(cycles / 4294967296);
      record[at + Record.Progress] = this.position(thread);
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

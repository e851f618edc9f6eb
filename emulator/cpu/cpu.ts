import type { PortBus } from "../devices/port-bus.ts";
import type { EventLog } from "../event-log.ts";
import type { LinearMemory } from "../memory/linear-memory.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { LinearAccess } from "../mmu/linear-access.ts";
import type { Watch } from "../observer.ts";
import { Cause } from "../timing/cycle-causes.ts";
import { readEflags, writeEflags } from "./flags.ts";
import { Counter, Word } from "./state.ts";
import type { TimingModel } from "./timing-model.ts";

/**
 * The CPU: views of its state block, its path to memory and ports, and the few things that every part of it needs.
 *
 * All architectural state is in `words` and `counters`. Rules between the interpreter and the system functions:
 * - `Word.Eip` holds the current instruction while it executes; a system function that transfers control sets Word.Eip
 *   (and CS, CPL) itself; functions that need the address of the next instruction are given it.
 * - `counters[Counter.Cycles]` is exact whenever a system function, a memory access or a port access is called, and these may
 *   add to it (page walks, gates): so it must be read again afterwards, never kept in a local variable across.
 * - A boundary at which the run loop must look again (interrupt flag set, HLT, interrupt line, earlier alarm, TF, stop)
 *   is requested by `requestAttention()`, which lowers Counter.LimitCycle; the interpreter returns at the first
 *   instruction boundary with Cycles >= Deadline.
 */
export class Cpu {
  readonly linear: LinearMemory;
  /** The linear memory as words: state words at the beginning, indexed by `Word`. */
  readonly words: Int32Array;
  /** State counters, indexed by `Counter`. */
  readonly counters: Float64Array;
  /** The whole linear memory in other widths; `words32` is `words`. */
  readonly bytes: Uint8Array;
  readonly words16: Uint16Array;
  readonly words32: Int32Array;
  readonly memory: PhysicalMemory;
  readonly access: LinearAccess;
  readonly ports: PortBus;
  readonly watch: Watch;
  readonly eventLog: EventLog;
  /** Asks the interrupt controller for the vector to deliver (the INTA cycles). */
  acknowledgeInterrupt: () => number = () => 0xff;
  /** FERR#: told of every change of the x87 unit's pending unmasked exceptions. */
  floatingPointError: (pending: boolean) => void = () => {};
  /** Set by every delivery through a gate; cleared and read by the run loop around one instruction. */
  gateEntered = false;
  /** A portal handler is running: no table row carries the clocks of what it does. */
  inPortal = false;
  /** Called by the interpreter when it fetches at CPL 0 from a page flagged PageFlag.Portal, with the physical address. */
  enterPortal: (physical: number) => void = () => {};

  /** Undefined: clocks are the instruction table's. To be set before the first instruction is decoded. */
  timing: TimingModel | undefined = undefined;

  constructor(linear: LinearMemory, memory: PhysicalMemory, ports: PortBus, watch: Watch, eventLog: EventLog) {
    this.linear = linear;
    this.words = linear.words32;
    this.counters = linear.stateCounters;
    this.bytes = linear.bytes;
    this.words16 = linear.words16;
    this.words32 = linear.words32;
    this.memory = memory;
    this.ports = ports;
    this.watch = watch;
    this.eventLog = eventLog;
    this.access = new LinearAccess(linear, memory, watch);
  }

  /** Core clocks since reset. */
  get cycles(): number {
    return this.counters[Counter.Cycles];
  }

  /** Instructions retired since reset. */
  get instructions(): number {
    return this.counters[Counter.Instructions];
  }

  /** Adds clocks to the cycle counter, for a cause that a timing model tells apart. */
  charge(cycles: number, cause: Cause = Cause.Issue): void {
    this.counters[Counter.Cycles] += cycles;
    if (cause !== Cause.Issue && this.timing !== undefined) this.timing.causes[cause] += cycles;
  }

  /** Makes the interpreter return to the run loop at the next instruction boundary. */
  requestAttention(): void {
    this.counters[Counter.LimitCycle] = 0;
  }

  get eip(): number {
    return this.words[Word.Eip] >>> 0;
  }

  set eip(value: number) {
    this.words[Word.Eip] = value;
  }

  /** EFLAGS in full. Setting applies no privilege rule. */
  get eflags(): number {
    return readEflags(this.words);
  }

  set eflags(value: number) {
    writeEflags(this.words, value);
    this.requestAttention();
  }

  /** General register by its ModR/M number, unsigned. */
  register(index: number): number {
    return this.words[index & 7] >>> 0;
  }

  setRegister(index: number, value: number): void {
    this.words[index & 7] = value;
  }

  get cpl(): number {
    return this.words[Word.Cpl];
  }

  /** The only way to change the current privilege level: the translation memos depend on it. */
  setCpl(cpl: number): void {
    this.words[Word.Cpl] = cpl;
    this.access.setUserMode(cpl === 3);
  }

  /** Must be called after state words were changed other than by the CPU itself (restore, embedder): rebuilds what derives from them. */
  stateReplaced(): void {
    this.access.stateReplaced();
    this.requestAttention();
  }
}

import type { Cpu, Machine, PhysicalMemory } from "../emulator/index.ts";
import type { KernelEvent } from "./events.ts";
import {
  GLOBALS_MAGIC,
  Globals,
  type MemoryMap,
  SPACE,
  SPACE_COUNT,
  Space,
  SpaceState,
  THREAD_COUNT,
} from "./memory-map.ts";
import { hex, panic } from "./panic.ts";
import { TCB_BYTES, Tcb, ThreadState } from "./tcb-layout.ts";

/**
 * What every part of the kernel is given: the machine, and where its own structures are. Holds no kernel state.
 *
 * Words are read and written as unsigned 32-bit numbers at physical addresses. Pointers between structures are physical
 * addresses; each is checked to lie in its array when it is followed, because any word of memory may have been struck by
 * a fault.
 */
export class KernelContext {
  readonly machine: Machine;
  readonly memory: PhysicalMemory;
  readonly cpu: Cpu;
  readonly map: MemoryMap;

  constructor(machine: Machine, map: MemoryMap) {
    this.machine = machine;
    this.memory = machine.memory;
    this.cpu = machine.cpu;
    this.map = map;
  }

  load(physical: number): number {
    return this.memory.read32(physical) >>> 0;
  }

  loadByte(physical: number): number {
    return this.memory.read8(physical);
  }

  store(physical: number, value: number): void {
    this.memory.write32(physical, value);
  }

  /** A 64-bit unsigned number; exact below 2^53. */
  loadDouble(physical: number): number {
    return this.load(physical) + this.load(physical + 4) * 4294967296;
  }

  storeDouble(physical: number, value: number): void {
    this.store(physical, value >>> 0);
    this.store(physical + 4, Math.floor(value / 4294967296) >>> 0);
  }

  addDouble(physical: number, value: number): void {
    if (value !== 0) this.storeDouble(physical, this.loadDouble(physical) + value);
  }

  global(offset: number): number {
    return this.load(this.map.globals + offset);
  }

  setGlobal(offset: number, value: number): void {
    this.store(this.map.globals + offset, value);
  }

  /** TCB of the thread on the CPU, 0 while idle. */
  get current(): number {
    const thread = this.global(Globals.current);
    return thread === 0 ? 0 : this.tcb(thread, "globals.current");
  }

  charge(cycles: number): void {
    this.machine.charge(cycles);
  }

  record(kind: KernelEvent, a: number, b: number): void {
    this.machine.eventLog.record(kind, a, b);
  }

  // ---- pointers ----

  isTcb(pointer: number): boolean {
    const offset = pointer - this.map.tcbs;
    return offset >= 0 && offset < THREAD_COUNT * TCB_BYTES && offset % TCB_BYTES === 0;
  }

  /** A pointer to a thread control block, checked; `source` names the word it was read from. */
  tcb(pointer: number, source: string): number {
    if (!this.isTcb(pointer)) panic(`${source} is ${hex(pointer)}, which is no thread control block`);
    return pointer;
  }

  /** Like `tcb`, or 0. */
  tcbOrNone(pointer: number, source: string): number {
    return pointer === 0 ? 0 : this.tcb(pointer, source);
  }

  tcbOfNumber(threadNo: number): number {
    return this.map.tcbs + threadNo * TCB_BYTES;
  }

  threadNumber(tcb: number): number {
    return (tcb - this.map.tcbs) / TCB_BYTES;
  }

  isSpace(pointer: number): boolean {
    const offset = pointer - this.map.spaces;
    return offset >= 0 && offset < SPACE_COUNT * SPACE.bytes && offset % SPACE.bytes === 0;
  }

  space(pointer: number, source: string): number {
    if (!this.isSpace(pointer) || this.load(pointer + Space.state) === SpaceState.Free)
      panic(`${source} is ${hex(pointer)}, which is no address space`);
    return pointer;
  }

  /** Space of a thread, 0 for interrupt threads. */
  spaceOf(tcb: number): number {
    const space = this.load(tcb + Tcb.space);
    return space === 0 ? 0 : this.space(space, `space of thread ${this.threadNumber(tcb)}`);
  }

  spaceIndex(space: number): number {
    return (space - this.map.spaces) / SPACE.bytes;
  }

  /** Physical address of a thread's UTCB (its base), checked to lie in the page pool. */
  utcbOf(tcb: number): number {
    const utcb = this.load(tcb + Tcb.utcbPhysical);
    if (utcb < this.map.pool || utcb >= this.map.globals || (utcb & 511) !== 0)
      panic(`UTCB of thread ${this.threadNumber(tcb)} is at ${hex(utcb)}, outside the page pool`);
    return utcb;
  }

  /** Virtual address of MR0 in the thread's UTCB: its local id (ABI 2.1). 0 for a thread without UTCB. */
  localId(tcb: number): number {
    const utcb = this.load(tcb + Tcb.utcb);
    return utcb === 0 || this.load(tcb + Tcb.utcbPhysical) === 0 ? 0 : utcb + 0x100;
  }

  state(tcb: number): ThreadState {
    const state = this.load(tcb + Tcb.state);
    if (state > ThreadState.Transferring) panic(`state of thread ${this.threadNumber(tcb)} is ${hex(state)}`);
    return state;
  }

  get userIopl3(): boolean {
    return (this.global(Globals.options) & 1) !== 0;
  }

  /** Whether RAM holds a kernel at all. */
  get present(): boolean {
    return this.global(Globals.magic) === GLOBALS_MAGIC;
  }
}

/** The same kernel with someone who sees what it reads. Used in place of the plain context while there is a watcher. */
export class WatchedContext extends KernelContext {
  private readonly seen: (physical: number, bytes: number) => void;

  constructor(k: KernelContext, seen: (physical: number, bytes: number) => void) {
    super(k.machine, k.map);
    this.seen = seen;
  }

  override load(physical: number): number {
    this.seen(physical, 4);
    return super.load(physical);
  }

  override loadByte(physical: number): number {
    this.seen(physical, 1);
    return super.loadByte(physical);
  }
}

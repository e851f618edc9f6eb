/**
 * The def/use trace of the golden run: when each followed bit is read, written over, saved and restored. Followed are
 * bytes of physical memory, and the registers of components' threads: general registers by byte, EFLAGS by flag, EIP as a
 * whole. While a thread does not run, its registers are words of its thread control block (kernel/entry.ts).
 *
 * The machine is stepped, so the clock before each step is an instruction boundary: a flip at or before it comes before
 * all that the step does.
 */
import { InstructionWord, MicroWord } from "../../emulator/cpu/decode-records.ts";
import { Flag, type Observer, Word } from "../../emulator/index.ts";
import { TCB_BYTES, Tcb } from "../../kernel/tcb-layout.ts";
import { EFLAGS_BITS, REGISTERS } from "../faults/fault.ts";
import type { GoldenRun } from "../faults/golden-run.ts";
import { ScenarioRun } from "../run/scenario-run.ts";
import type { LastUses } from "./last-uses.ts";
import { registerUse } from "./register-use.ts";

export const enum UseKind {
  Read = 0,
  Written = 1,
  /** A register goes into the thread control block; the CPU's copy is dead. */
  Saved = 2,
  /** A register comes back; a copy stays in the thread control block until the next save. */
  Restored = 3,
  /** Perhaps read: it cannot be told, or is not looked at closely. */
  Perhaps = 4,
}

/** Uses of one followed unit, in their order. */
export interface Uses {
  /** 8 × the clock at or before which a flip comes before the use + its `UseKind`: long runs have millions of them. */
  readonly events: number[];
  /** By number of the event: the clock after which a flip comes after the use, where that is another one. */
  readonly until: Map<number, number>;
  /** The longest time between the two. */
  widest: number;
}

const KINDS = 8;

export function noUses(): Uses {
  return { events: [], until: new Map(), widest: 0 };
}

/** A flip at or before this clock comes before use `i`. */
export function sureClock({ events }: Uses, i: number): number {
  return Math.floor(events[i]! / KINDS);
}

/** A flip after this clock comes after use `i`; not before `sureClock`. */
export function unsureClock(uses: Uses, i: number): number {
  return uses.until.get(i) ?? sureClock(uses, i);
}

export function kindOf({ events }: Uses, i: number): UseKind {
  return events[i]! % KINDS;
}

/** What is to be followed. */
export interface Followed {
  /** By page of RAM: its 4096 bytes. */
  readonly memory: ReadonlyMap<number, readonly (Uses | undefined)[]>;
  /** By thread number: its units (`registerUnit`). */
  readonly threads: ReadonlyMap<number, readonly (Uses | undefined)[]>;
  /** Notes the last use of every word of RAM. */
  readonly lastUses?: LastUses;
}

const PAGE = 4096;
const EIP_UNIT = 32;
const FLAG_UNITS = 33;
export const REGISTER_UNITS = FLAG_UNITS + EFLAGS_BITS.length;

/** Unit of a bit of a register: a byte of a general register, EIP, or a flag. `index` counts the bits that exist. */
export function registerUnit(register: (typeof REGISTERS)[number], index: number): number {
  if (register === "eip") return EIP_UNIT;
  if (register === "eflags") return FLAG_UNITS + index;
  return 4 * REGISTERS.indexOf(register) + (index >> 3);
}

/** Longest instruction. */
const INSTRUCTION_BYTES = 15;
const CR0_ALIGNMENT_MASK = 0x40000;
const ESP_BYTES = 15 << (4 * Word.Esp);
const GENERAL_BYTES = -1 & ~ESP_BYTES;
/** Saved by the kernel's entry one by one, all but ESP, which the CPU pushes. */
const SAVED_WORDS: ReadonlyMap<number, number> = new Map([
  [Tcb.eax, Word.Eax],
  [Tcb.ecx, Word.Ecx],
  [Tcb.edx, Word.Edx],
  [Tcb.ebx, Word.Ebx],
  [Tcb.ebp, Word.Ebp],
  [Tcb.esi, Word.Esi],
  [Tcb.edi, Word.Edi],
]);
const ALL_FLAGS = -1;

export function traceUses(golden: GoldenRun, followed: Followed): void {
  const options = golden.timing === undefined ? {} : { timing: golden.timing };
  new UseTracer(new ScenarioRun(golden.plan, options), followed).run(golden.result.cycles);
}

/** Where the registers of a followed thread are while it does not run. */
interface ControlBlock {
  readonly start: number;
  readonly thread: number;
  readonly units: readonly (Uses | undefined)[];
}

class UseTracer {
  readonly #run: ScenarioRun;
  readonly #followed: Followed;
  readonly #words: Int32Array;
  readonly #blocks: readonly ControlBlock[];
  readonly #firstBlock: number;
  readonly #lastBlock: number;
  /** Clock before the step. */
  #boundary = 0;
  /** Units of the thread that runs in user mode in this step, if it is followed. */
  #units: readonly (Uses | undefined)[] | undefined;
  #thread = 0;
  #inUserMode = false;
  /** An instruction has begun in this step and not ended. */
  #begun = false;
  /** The kernel's path: what it still has to save, and whether it is loading the next thread. */
  #unsaved = 0;
  #saving = 0;
  #leaving = false;
  // A REP instruction can also stop between two elements, at a clock somewhere between their accesses.
  #firstCount = 0;
  #count = 0;
  #accessClock = 0;
  #earlierElement = 0;
  /** Bytes of instructions that have run once, by linear address and space. */
  readonly #lengths = new Map<number, number>();
  /** Frames of pages of code, until the next path of the kernel. */
  readonly #frames = new Map<number, number | undefined>();

  constructor(run: ScenarioRun, followed: Followed) {
    this.#run = run;
    this.#followed = followed;
    this.#words = run.machine.cpu.words;
    const array = run.kernel.structure("tcb")!;
    this.#blocks = [...followed.threads].map(([thread, units]) => ({
      start: array.start + thread * array.bytes,
      thread,
      units,
    }));
    this.#firstBlock = array.start;
    this.#lastBlock = followed.threads.size === 0 ? 0 : array.start + array.count * array.bytes;
  }

  /** @param cycles clock at which the golden run ends. */
  run(cycles: number): void {
    const { machine, kernel } = this.#run;
    const detach = machine.observe(this.#observer());
    const unwatch = kernel.watch({
      enter: () => {
        this.#thread = (kernel.currentThread() ?? 0) >>> 14;
        this.#unsaved = this.#thread === 0 ? 0 : GENERAL_BYTES;
        this.#saving = this.#thread;
        this.#leaving = false;
      },
      load: (physical, bytes) => this.#kernelLoad(physical, bytes),
      leave: () => {
        this.#leaving = true;
      },
    });
    let ended = false;
    while (!ended && machine.cycles < cycles) {
      this.#boundary = machine.cycles;
      this.#inUserMode = machine.cpu.cpl === 3;
      this.#units = this.#inUserMode ? this.#followed.threads.get(this.#thread) : undefined;
      this.#begun = false;
      this.#firstCount = this.#words[Word.Ecx]!;
      this.#count = this.#firstCount;
      this.#accessClock = this.#boundary;
      ended = machine.step() !== undefined;
      if (this.#begun) this.#stoppedBetweenElements();
    }
    detach();
    unwatch();
    if (machine.cycles !== cycles) throw new Error("the golden run did not end as before");
    // Nobody in the machine reads its results, nor how threads ended, but whoever judges the run does.
    for (const { start, bytes } of this.#run.resultMemory) this.#memory(start, bytes, UseKind.Perhaps, cycles, cycles);
    for (const { threadNumber } of this.#run.plan.components)
      this.#noteBytes(this.#firstBlock + threadNumber * TCB_BYTES, TCB_BYTES, UseKind.Perhaps, cycles, cycles);
  }

  /** An alarm was due in the midst of a REP instruction: it goes on with the next step. */
  #stoppedBetweenElements(): void {
    const record = this.#record();
    if (record !== 0 && this.#units !== undefined) this.#executed(this.#units, record, false);
  }

  #observer(): Partial<Observer> {
    const { machine, kernel } = this.#run;
    const words = this.#words;
    return {
      beforeInstruction: (linear) => {
        this.#begun = true;
        // A run can also stop between the page walk of the fetch and the instruction.
        this.#boundary = machine.cycles;
        this.#accessClock = this.#boundary;
        this.#fetch(linear);
        if (this.#units === undefined) return;
        // RF never outlives a boundary at which an instruction begins (machine.ts).
        this.#flags(this.#units, Flag.Rf, UseKind.Written);
        this.#everyInstruction(this.#units);
      },
      afterInstruction: (linear) => {
        this.#begun = false;
        const record = this.#record();
        this.#lengths.set(this.#codeKey(linear), words[record + InstructionWord.Length]!);
        if (this.#units !== undefined) this.#executed(this.#units, record, true);
      },
      memoryRead: (_, physical, bytes) => this.#access(physical, bytes, UseKind.Read),
      memoryWrite: (_, physical, bytes) => this.#access(physical, bytes, UseKind.Written),
      walkRead: (physical) => this.#memory(physical, 4, UseKind.Read),
      walkWrite: (physical) => this.#memory(physical, 4, UseKind.Written),
      physicalWrite: (physical, bytes) => this.#kernelStore(physical, bytes),
      exception: () => {
        this.#begun = false;
        if (this.#units === undefined) return;
        this.#flags(this.#units, Flag.Rf, UseKind.Written);
        const record = this.#record();
        if (record !== 0) this.#executed(this.#units, record, false);
        this.#everyInstruction(this.#units);
        this.#gate(this.#units, true);
      },
      interrupt: (_, kind) => {
        if (this.#units === undefined) return;
        if (kind === "external") {
          this.#everyInstruction(this.#units);
          this.#flags(this.#units, Flag.If, UseKind.Read);
        }
        this.#gate(this.#units, false);
      },
      portalLeave: () => {
        this.#thread = (kernel.currentThread() ?? 0) >>> 14;
        this.#leaving = false;
        this.#unsaved = 0;
        this.#frames.clear();
      },
      shutdown: () => machine.stop("shutdown"),
    };
  }

  /** Record of the instruction that runs; 0 when its fetch has failed. */
  #record(): number {
    const micro = this.#words[Word.CurrentMicro]!;
    return micro === 0 ? 0 : this.#words[micro + MicroWord.Instruction]!;
  }

  // ---- memory ----

  #memory(physical: number, bytes: number, kind: UseKind, sure = this.#boundary, unsure = this.#boundary): void {
    this.#followed.lastUses?.note(physical, bytes, Math.max(unsure, this.#run.machine.cycles));
    this.#noteBytes(physical, bytes, kind, sure, unsure);
  }

  #noteBytes(physical: number, bytes: number, kind: UseKind, sure: number, unsure: number): void {
    const { memory } = this.#followed;
    for (let at = physical; at < physical + bytes; ) {
      const page = memory.get(Math.floor(at / PAGE));
      const end = Math.min(physical + bytes, (Math.floor(at / PAGE) + 1) * PAGE);
      if (page !== undefined) for (let byte = at; byte < end; byte++) note(page[byte % PAGE], kind, sure, unsure);
      at = end;
    }
  }

  /** A data access by an instruction or by microcode. */
  #access(physical: number, bytes: number, kind: UseKind): void {
    const words = this.#words;
    if (this.#units === undefined && !this.#inUserMode) this.#returnFrame(physical, bytes, kind);
    const { now } = this.#run.machine.clock;
    if (words[Word.Ecx] !== this.#count) {
      this.#count = words[Word.Ecx]!;
      this.#earlierElement = this.#accessClock;
    }
    this.#accessClock = now;
    if (this.#count === this.#firstCount || !this.#isRepeated()) this.#memory(physical, bytes, kind);
    else this.#memory(physical, bytes, kind, this.#earlierElement, now);
  }

  #isRepeated(): boolean {
    const record = this.#record();
    return record !== 0 && registerUse(this.#words, record, this.#firstCount).repeats;
  }

  /** The bytes of the instruction, and those of the one behind it, with which it may pair. */
  #fetch(linear: number): void {
    if (this.#followed.memory.size === 0 && this.#followed.lastUses === undefined) return;
    const known = this.#lengths.get(this.#codeKey(linear));
    const length = known ?? INSTRUCTION_BYTES;
    const next = this.#lengths.get(this.#codeKey(linear + length)) ?? INSTRUCTION_BYTES;
    this.#fetchBytes(linear, length, known === undefined ? UseKind.Perhaps : UseKind.Read);
    this.#fetchBytes(linear + length, next, UseKind.Perhaps);
  }

  #fetchBytes(linear: number, bytes: number, kind: UseKind): void {
    const room = PAGE - (linear % PAGE);
    this.#fetchPage(linear, Math.min(bytes, room), kind);
    if (bytes > room) this.#fetchPage(linear + room, bytes - room, kind);
  }

  #fetchPage(linear: number, bytes: number, kind: UseKind): void {
    const page = Math.floor(linear / PAGE);
    if (!this.#frames.has(page))
      this.#frames.set(page, this.#run.kernel.translate(this.#run.kernel.currentThread() ?? 0, page * PAGE));
    const frame = this.#frames.get(page);
    if (frame !== undefined) this.#memory(frame + (linear % PAGE), bytes, kind);
  }

  /** Programs of several spaces share addresses. */
  #codeKey(linear: number): number {
    return (this.#words[Word.Cr3]! >>> 12) * 2 ** 32 + linear;
  }

  // ---- registers ----

  /** EIP, TF and what guards memory accesses steer every instruction. */
  #everyInstruction(units: readonly (Uses | undefined)[]): void {
    note(units[EIP_UNIT], UseKind.Read, this.#boundary, this.#boundary);
    this.#flags(units, Flag.Tf, UseKind.Read);
    if ((this.#words[Word.Cr0]! & CR0_ALIGNMENT_MASK) !== 0) this.#flags(units, Flag.Ac, UseKind.Read);
  }

  #executed(units: readonly (Uses | undefined)[], record: number, retired: boolean): void {
    const use = registerUse(this.#words, record, this.#firstCount);
    // Stopped between two elements, which one it was does not matter: the registers are read at every one.
    const unsure = use.repeats ? this.#run.machine.clock.now : this.#boundary;
    this.#general(units, use.surelyRead, UseKind.Read, unsure);
    this.#general(units, use.read & ~use.surelyRead, UseKind.Perhaps, unsure);
    this.#flags(units, use.flagsRead, use.repeats ? UseKind.Perhaps : UseKind.Read, unsure);
    if (use.repeats) note(units[EIP_UNIT], UseKind.Read, this.#boundary, unsure);
    if (use.repeats) this.#flags(units, Flag.Tf, UseKind.Read, unsure);
    if (!retired) return;
    if (!use.repeats) {
      this.#general(units, use.written, UseKind.Written);
      this.#flags(units, use.flagsWritten, UseKind.Written);
    }
  }

  #general(units: readonly (Uses | undefined)[], bytes: number, kind: UseKind, unsure = this.#boundary): void {
    for (let rest = bytes; rest !== 0; rest &= rest - 1)
      note(units[31 - Math.clz32(rest & -rest)], kind, this.#boundary, unsure);
  }

  #flags(units: readonly (Uses | undefined)[], flags: number, kind: UseKind, unsure = this.#boundary): void {
    if (flags === 0) return;
    for (let i = 0; i < EFLAGS_BITS.length; i++)
      if ((flags & (1 << EFLAGS_BITS[i]!)) !== 0) note(units[FLAG_UNITS + i], kind, this.#boundary, unsure);
  }

  /** The CPU goes through a gate: it pushes ESP, EFLAGS and EIP onto the thread's kernel stack. A fault's image has RF set. */
  #gate(units: readonly (Uses | undefined)[], fault: boolean): void {
    this.#general(units, ESP_BYTES, UseKind.Saved);
    if (fault) this.#flags(units, Flag.Rf, UseKind.Written);
    this.#flags(units, fault ? ALL_FLAGS & ~Flag.Rf : ALL_FLAGS, UseKind.Saved);
    note(units[EIP_UNIT], UseKind.Read, this.#boundary, this.#boundary);
  }

  /** IRET pops the frame: ESP and EFLAGS as they are, EIP after a check. */
  #returnFrame(physical: number, bytes: number, kind: UseKind): void {
    const block = this.#blockAt(physical);
    if (block === undefined || kind !== UseKind.Read) return;
    const offset = physical - block.start;
    if (offset === Tcb.eip) note(block.units[EIP_UNIT], UseKind.Read, this.#boundary, this.#boundary);
    else if (offset === Tcb.esp && bytes === 4) this.#general(block.units, ESP_BYTES, UseKind.Restored);
    else if (offset === Tcb.eflags && bytes === 4) this.#flags(block.units, ALL_FLAGS, UseKind.Restored);
  }

  #blockAt(physical: number): ControlBlock | undefined {
    if (physical < this.#firstBlock || physical >= this.#lastBlock) return undefined;
    return this.#blocks.find(({ start }) => physical >= start && physical < start + Tcb.ss + 4);
  }

  #kernelLoad(physical: number, bytes: number): void {
    this.#memory(physical, bytes, UseKind.Read);
    const block = this.#blockAt(physical);
    if (block === undefined) return;
    const saved = SAVED_WORDS.get(physical - block.start);
    const kind = this.#leaving && saved !== undefined && bytes === 4 ? UseKind.Restored : UseKind.Read;
    this.#blockUse(block, physical, bytes, kind);
  }

  #kernelStore(physical: number, bytes: number): void {
    this.#memory(physical, bytes, UseKind.Written);
    if (physical + bytes <= this.#firstBlock || physical >= this.#lastBlock) return;
    for (const block of this.#blocks) {
      if (physical + bytes <= block.start || physical >= block.start + Tcb.ss + 4) continue;
      const saved = SAVED_WORDS.get(physical - block.start);
      const word = saved === undefined ? 0 : 15 << (4 * saved);
      const isSave = block.thread === this.#saving && bytes === 4 && (this.#unsaved & word) !== 0;
      this.#blockUse(block, physical, bytes, isSave ? UseKind.Saved : UseKind.Written);
      if (isSave) this.#unsaved &= ~word;
    }
  }

  /** A use of bytes of a thread control block that are registers. */
  #blockUse({ start, units }: ControlBlock, physical: number, bytes: number, kind: UseKind): void {
    const from = physical - start;
    const to = from + bytes;
    const touches = (offset: number) => from < offset + 4 && offset < to;
    for (const [offset, register] of [...SAVED_WORDS, [Tcb.esp, Word.Esp] as const]) {
      if (!touches(offset)) continue;
      for (let byte = 0; byte < 4; byte++)
        if (offset + byte >= from && offset + byte < to) this.#general(units, 1 << (4 * register + byte), kind);
    }
    const covers = (offset: number) => from <= offset && to >= offset + 4;
    const whole = (offset: number) => (covers(offset) ? kind : UseKind.Perhaps);
    if (touches(Tcb.eip)) note(units[EIP_UNIT], whole(Tcb.eip), this.#boundary, this.#boundary);
    if (touches(Tcb.eflags)) this.#flags(units, ALL_FLAGS, whole(Tcb.eflags));
  }
}

/** Of several uses at one boundary the first decides; saves and restores are kept, they tell where copies are. */
function note(uses: Uses | undefined, kind: UseKind, sure: number, unsure: number): void {
  if (uses === undefined) return;
  const { events, until } = uses;
  const last = events.length - 1;
  const isCopy = kind === UseKind.Saved || kind === UseKind.Restored;
  if (!isCopy && last >= 0 && sureClock(uses, last) === sure && unsureClock(uses, last) >= unsure) {
    const before = kindOf(uses, last);
    if (before === UseKind.Perhaps && kind === UseKind.Read) events[last] = KINDS * sure + kind;
    if (before !== UseKind.Saved && before !== UseKind.Restored) return;
  }
  if (unsure !== sure) {
    until.set(events.length, unsure);
    uses.widest = Math.max(uses.widest, unsure - sure);
  }
  events.push(KINDS * sure + kind);
}

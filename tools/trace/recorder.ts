/**
 * Turns a running machine into trace events. What it reports depends on the guest alone: not on how the run was sliced, from
 * which snapshot it began, or whether somebody went back and forth before.
 *
 * Old values of memory come from a shadow of RAM, which every write updates.
 */
import { EventKind as MachineEvent, type Observer, Word } from "../../emulator/index.ts";
import type { GuestView } from "../debug/guest-view.ts";
import { readMessage } from "../debug/ipc-log.ts";
import { nameOfId } from "../debug/thread-state.ts";
import type { Disassembler } from "../symbols/disassembler.ts";
import type { ExceptionEvent, MemoryChange, RegisterChange, TraceEvent } from "./event.ts";
import { keeps, mayKeep, type TraceFilter } from "./filter.ts";
import { InstructionTexts } from "./instruction-texts.ts";

/** Kinds of the kernel's events in the machine's log (kernel/events.ts). */
const IPC_TRANSFER = 64;
const MAP = 66;
const HALT = 70;
const THREAD_CREATED = 71;
const THREAD_DELETED = 72;
const IPC_ERROR = 73;
const UNMAP = 74;
/** From here up the first value of a map event is a port. */
const PORTS = 0x80000000;

const PAGE_FAULT = 14;
const REGISTER_NAMES = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

interface Actor {
  readonly thread: string;
  readonly space: string;
  readonly process: number;
}

const KERNEL: Actor = { thread: "kernel", space: "kernel", process: 1 };

/** An instruction between its beginning and its end. */
interface Begun {
  readonly cycle: number;
  readonly eip: number;
  readonly actor: Actor;
  /** False: too early or of no interest; nothing is collected. */
  readonly wanted: boolean;
  readonly registers: Int32Array;
  eflags: number;
  readonly memory: MemoryChange[];
}

export class Recorder {
  private readonly shadow: Uint8Array;
  private readonly texts: InstructionTexts;
  private readonly actors = new Map<number, Actor>();
  private readonly detachers: (() => void)[] = [];
  private begun: Begun | undefined;
  private readonly registers = new Int32Array(8);
  private pipe: "U" | "V" | "" = "";
  /** Set while the repeated instruction runs in whose middle the trace began. */
  private inMiddle: boolean;
  /** Who had the CPU when the kernel was last left. */
  private onCpu: Actor;

  constructor(
    private readonly view: GuestView,
    disassembler: Disassembler,
    private readonly filter: TraceFilter,
    private readonly sink: (event: TraceEvent) => void,
  ) {
    const { machine } = view;
    this.texts = new InstructionTexts(view, disassembler);
    this.shadow = machine.memory.readBytes(0, machine.memory.byteLength).slice();
    this.inMiddle = machine.cpu.words[Word.RepeatInProgress] !== 0;
    this.onCpu = this.dispatched();
    this.detachers.push(machine.observe(this.observer()));
    this.detachers.push(view.onEvent((cycle, kind, a, b) => this.kernelEvent(cycle, kind, a, b)));
    machine.timing?.listen({
      instruction: (_linear, _issue, pipe) => {
        this.pipe = pipe === 0 ? "U" : "V";
      },
    });
  }

  /** Ends the recording; an instruction that has begun is not reported. */
  stop(): void {
    for (const detach of this.detachers.splice(0)) detach();
    this.view.machine.timing?.listen(undefined);
  }

  /** An injected fault, told by whoever injects. */
  fault(cycle: number, description: string): void {
    this.emit({ kind: "fault", cycle, ...nameOnly(KERNEL), description });
  }

  end(cycle: number, reason: string): void {
    this.emit({ kind: "end", cycle, ...nameOnly(KERNEL), reason });
  }

  private emit(event: TraceEvent): void {
    const process = event.kind === "instruction" ? this.processOf(event.thread) : 1;
    if (keeps(this.filter, event, (address) => this.view.symbolAt(process, address))) this.sink(event);
  }

  private processOf(thread: string): number {
    for (const actor of this.actors.values()) if (actor.thread === thread) return actor.process;
    return KERNEL.process;
  }

  private observer(): Partial<Observer> {
    const instructions = this.filter.kinds?.has("instruction") !== false;
    return {
      ...(instructions && {
        beforeInstruction: (linear: number) => this.before(linear),
        afterInstruction: () => this.after(false),
        memoryWrite: (linear: number, physical: number, bytes: number, value: number) =>
          this.write(linear, physical, bytes, value),
        walkWrite: (physical: number) => this.refresh(physical, 4),
        physicalWrite: (physical: number, bytes: number) => this.refresh(physical, bytes),
      }),
      portalLeave: () => this.switched(),
      exception: (vector, errorCode, eip) => this.exception(vector, errorCode, eip),
      interrupt: (vector, source, eip) => this.interrupt(vector, source, eip),
    };
  }

  /** Who is on the CPU. Names are looked up once: a thread number keeps its meaning for a run. */
  private actor(): Actor {
    const thread = this.view.userThread();
    if (thread === 0) return KERNEL;
    return this.actorOf(thread);
  }

  /** Whom the kernel has given the CPU, also when the CPU is at the kernel's door already. */
  private dispatched(): Actor {
    const current = this.view.kernel.currentThread();
    return current === undefined ? KERNEL : this.actorOf(current >>> 14);
  }

  private actorOf(thread: number): Actor {
    const known = this.actors.get(thread);
    if (known !== undefined) return known;
    const found = this.view.thread(thread);
    if (found === undefined) return KERNEL;
    const { process, name } = found;
    const actor = { thread: name, space: this.view.program(process)?.name ?? name, process };
    this.actors.set(thread, actor);
    return actor;
  }

  // ---- instructions ----

  private before(linear: number): void {
    const { cpu } = this.view.machine;
    // A repeated instruction that a slice of the run ended in goes on: still the same one.
    if (cpu.words[Word.RepeatInProgress] !== 0 && (this.begun?.eip === linear || this.inMiddle)) return;
    this.inMiddle = false;
    const { cycles } = cpu;
    const actor = this.actor();
    const wanted = mayKeep(this.filter, "instruction", cycles, actor.thread, actor.space);
    if (wanted) for (let index = 0; index < 8; index++) this.registers[index] = cpu.words[index] ?? 0;
    const eflags = wanted ? cpu.eflags : 0;
    this.begun = { cycle: cycles, eip: linear, actor, wanted, registers: this.registers, eflags, memory: [] };
    this.pipe = "";
  }

  private after(interrupted: boolean): void {
    const { begun } = this;
    this.begun = undefined;
    if (begun === undefined || !begun.wanted) {
      this.inMiddle = false;
      return;
    }
    const { cpu } = this.view.machine;
    const registers: RegisterChange[] = [];
    for (const [index, name] of REGISTER_NAMES.entries()) {
      const old = begun.registers[index] ?? 0;
      const now = cpu.words[index] ?? 0;
      if (old !== now) registers.push({ name, old: old >>> 0, new: now >>> 0 });
    }
    const eflags = cpu.eflags;
    if (eflags !== begun.eflags) registers.push({ name: "eflags", old: begun.eflags >>> 0, new: eflags >>> 0 });
    const { code, text, symbol } = this.texts.at(begun.actor.process, begun.eip);
    this.emit({
      kind: "instruction",
      cycle: begun.cycle,
      ...nameOnly(begun.actor),
      pipe: this.pipe,
      eip: begun.eip,
      symbol,
      code,
      text,
      registers,
      memory: begun.memory,
      interrupted,
    });
  }

  private write(linear: number, physical: number, bytes: number, value: number): void {
    const { begun, shadow } = this;
    if (begun?.wanted === true) {
      let old = 0;
      for (let index = bytes - 1; index >= 0; index--) old = old * 256 + (shadow[physical + index] ?? 0);
      begun.memory.push({ address: linear, bytes, old, new: value });
    }
    this.refresh(physical, bytes);
  }

  private refresh(physical: number, bytes: number): void {
    const { memory } = this.view.machine;
    for (let index = physical; index < physical + bytes && index < this.shadow.length; index++) {
      this.shadow[index] = memory.read8(index);
    }
  }

  // ---- the rest ----

  private exception(vector: number, errorCode: number, eip: number): void {
    this.leave();
    const actor = this.dispatched();
    const { words, cycles } = this.view.machine.cpu;
    const address = vector === PAGE_FAULT ? (words[Word.Cr2] ?? 0) >>> 0 : undefined;
    const symbol = this.view.symbolAt(actor.process, eip) ?? "";
    const event: ExceptionEvent = {
      kind: "exception",
      cycle: cycles,
      ...nameOnly(actor),
      vector,
      errorCode,
      eip,
      symbol,
      address,
    };
    this.emit(event);
  }

  private interrupt(vector: number, source: "external" | "nmi" | "software", eip: number): void {
    // A software interrupt is part of its instruction, which is still to end.
    if (source !== "software") this.leave();
    this.emit({
      kind: "interrupt",
      cycle: this.view.machine.cycles,
      ...nameOnly(this.dispatched()),
      vector,
      source,
      eip,
    });
  }

  /** What was begun does not retire now: reported if it is a repeated instruction that has done some of its work. */
  private leave(): void {
    if (this.begun !== undefined && this.begun.memory.length > 0) this.after(true);
    this.begun = undefined;
    this.inMiddle = false;
  }

  /** At each return from the kernel: who has the CPU now, if it is another one (the kernel: it idles). */
  private switched(): void {
    const actor = this.actor();
    if (actor === this.onCpu) return;
    this.onCpu = actor;
    this.emit({ kind: "switch", cycle: this.view.machine.cycles, ...nameOnly(actor) });
  }

  private kernelEvent(cycle: number, kind: number, a: number, b: number): void {
    if (kind < MachineEvent.Embedder) return;
    const { view } = this;
    const { machine, kernel } = view;
    const actor = this.dispatched();
    const named = (id: number): { thread: string; space: string } => {
      const found = this.actorOf(id >>> 14);
      return found === KERNEL ? { thread: nameOfId(view, id), space: nameOfId(view, id) } : nameOnly(found);
    };
    switch (kind) {
      case IPC_TRANSFER: {
        const { kind: purpose, ...message } = readMessage(kernel, (physical) => machine.memory.read32(physical), a);
        this.emit({ kind: "message", cycle, ...named(a), to: nameOfId(view, b), purpose, ...message });
        return;
      }
      case MAP: {
        const isPort = a >= PORTS;
        const frame = isPort ? undefined : (a * 4096) >>> 0;
        const port = isPort ? a - PORTS : undefined;
        this.emit({ kind: "map", cycle, ...nameOnly(actor), frame, port, address: isPort ? 0 : (b * 4096) >>> 0 });
        return;
      }
      case UNMAP:
        this.emit({ kind: "unmap", cycle, ...named(a), flexpage: b });
        return;
      case HALT:
        this.thread("halted", cycle, named(a), b);
        return;
      case THREAD_CREATED:
        this.thread("created", cycle, named(a), b);
        return;
      case THREAD_DELETED:
        this.thread("deleted", cycle, named(a), b);
        this.actors.delete(a >>> 14);
        return;
      case IPC_ERROR:
        this.thread("ipc-error", cycle, named(a), b);
    }
  }

  private thread(
    what: "created" | "deleted" | "halted" | "ipc-error",
    cycle: number,
    who: { thread: string; space: string },
    detail: number,
  ): void {
    this.emit({ kind: "thread", cycle, ...who, what, detail });
  }
}

function nameOnly({ thread, space }: Actor): { thread: string; space: string } {
  return { thread, space };
}

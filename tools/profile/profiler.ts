/**
 * Attributes every clock of a run to a place (space, thread, chain of calls) and a cause.
 *
 * The P5 model tells of each instruction; what lies between two of them is the kernel's, from the gate to IRET, or idle. Calls are
 * found by addresses: code that begins at a function's first byte was called, code in the middle of one was returned to. A function that
 * calls itself stays one frame. Nothing that the guest can see changes.
 */
import type { Machine } from "../../emulator/index.ts";
import { type ElfFile, parseProgram } from "../../emulator/loader/elf.ts";
import { Cause } from "../../emulator/timing/cycle-causes.ts";
import { EventCost } from "../../emulator/timing/event-costs.ts";
import type { P5Timing } from "../../emulator/timing/p5-timing.ts";
import type { Kernel } from "../../kernel/index.ts";
import type { BootPlan } from "../run/boot-plan.ts";
import { SymbolTable } from "../symbols/symbol-table.ts";
import { ProfileNode } from "./profile-tree.ts";

/** Thread numbers are the upper 18 bits of a global thread id (L4 X.2 ia32). */
const THREAD_NUMBER_SHIFT = 14;
/** Threads of the two servers that the kernel starts (ABI: UserBase and UserBase + 2). */
const SIGMA0_THREAD = 48;
const ROOT_THREAD = 50;
/** An interrupt taken in the idle loop: gate without change of level, and acknowledge cycles. */
const IDLE_GATE = EventCost.GateSameLevel + EventCost.ExternalInterrupt + EventCost.InterruptAcknowledge;

interface Program {
  readonly name: string;
  readonly symbols: SymbolTable;
}

interface ProfiledThread {
  readonly node: ProfileNode;
  readonly program: Program | undefined;
  /** The function that it is in. */
  place: ProfileNode;
}

export class Profiler {
  readonly root = new ProfileNode("run", "run");
  private readonly machine: Machine;
  private readonly kernel: Kernel;
  private readonly timing: P5Timing;
  private readonly programs = new Map<number, Program>();
  private readonly threads = new Map<number, ProfiledThread>();
  private readonly idle: ProfileNode;
  private current: ProfiledThread | undefined = undefined;
  /** Clock up to which everything is attributed, and the model's causes then. */
  private mark: number;
  private causes: Float64Array;
  /** In the kernel, its path once it is known. */
  private path = "boot";
  private readonly detach: (() => void)[] = [];

  /** Begins with the run's next instruction. The machine must count clocks by the P5 model. */
  constructor(machine: Machine, kernel: Kernel, plan: BootPlan) {
    const { timing } = machine;
    if (timing === undefined) throw new Error("profiling needs the P5 timing model");
    this.machine = machine;
    this.kernel = kernel;
    this.timing = timing;
    const program = (name: string, elf: ElfFile): Program => ({ name, symbols: new SymbolTable(elf) });
    this.programs.set(SIGMA0_THREAD, program("sigma0", parseProgram(plan.sigma0)));
    this.programs.set(ROOT_THREAD, program("root", parseProgram(plan.root)));
    for (const { threadNumber, name, elf } of plan.components) this.programs.set(threadNumber, program(name, elf));
    this.idle = this.root.child("space", "idle");
    // The clocks of the boot itself belong to the profile of a run from its beginning.
    this.mark = machine.instructions === 0 ? 0 : machine.cycles;
    this.causes = Float64Array.from(timing.pipeline.causes);
    const running = machine.cpu.cpl === 3 ? kernel.currentThread() : undefined;
    if (running !== undefined) this.current = this.threadOf(running >>> THREAD_NUMBER_SHIFT);
    timing.listen({ instruction: (linear) => this.instruction(linear) });
    this.detach.push(
      machine.observe({ interrupt: () => this.interrupted(), portalLeave: () => this.kernelLeft() }),
      kernel.watch({
        leave: (path) => {
          this.path = path;
        },
      }),
    );
  }

  /** Ends the profiling; the clocks since the last event go where the CPU is. */
  finish(): ProfileNode {
    const rest = this.machine.cycles - this.mark;
    if (this.current === undefined) this.idle.idle += rest;
    else this.current.place.clocks[Cause.Issue] += rest;
    this.timing.listen(undefined);
    for (const detach of this.detach) detach();
    return this.root;
  }

  private instruction(linear: number): void {
    const now = this.machine.cycles;
    if (this.current === undefined) {
      this.idle.idle += now - this.mark;
      this.take(now);
      return;
    }
    // Gone through a gate: its clocks belong to the kernel's path.
    if (this.machine.cpu.cpl !== 3) return;
    const thread = this.current;
    let { place } = thread;
    if (linear < place.start || linear >= place.end) place = this.move(thread, linear);
    const { causes } = this.timing.pipeline;
    let issue = now - this.mark;
    for (let cause = 1; cause < Cause.Count; cause++) {
      const clocks = causes[cause] - this.causes[cause];
      if (clocks === 0) continue;
      place.clocks[cause] += clocks;
      issue -= clocks;
      this.causes[cause] = causes[cause];
    }
    place.clocks[Cause.Issue] += issue;
    place.instructions++;
    this.mark = now;
  }

  /** An external interrupt ends idle time; in user mode it begins a kernel path like any other gate. */
  private interrupted(): void {
    if (this.current !== undefined) return;
    const begin = Math.max(this.mark, this.machine.cycles - IDLE_GATE);
    this.idle.idle += begin - this.mark;
    this.take(begin);
  }

  /** The kernel has returned: its path is charged to the place that it began in. */
  private kernelLeft(): void {
    const { cycles } = this.machine;
    const place = this.current?.place ?? this.idle;
    place.kernelPaths.set(this.path, (place.kernelPaths.get(this.path) ?? 0) + cycles - this.mark);
    this.take(cycles);
    const id = this.kernel.currentThread();
    this.current = id === undefined ? undefined : this.threadOf(id >>> THREAD_NUMBER_SHIFT);
  }

  private take(cycle: number): void {
    this.mark = cycle;
    this.causes.set(this.timing.pipeline.causes);
  }

  private threadOf(number: number): ProfiledThread {
    const known = this.threads.get(number);
    if (known !== undefined) return known;
    const space = this.kernel.thread(number)?.space;
    const program = this.programs.get(number) ?? this.programInSpace(space);
    const spaceNode = this.root.child("space", program?.name ?? `space ${space ?? "?"}`);
    const own = this.programs.get(number)?.name;
    const node = spaceNode.child("thread", own === undefined ? `thread ${number}` : `${own} (thread ${number})`);
    const thread = { node, program, place: node };
    this.threads.set(number, thread);
    return thread;
  }

  private programInSpace(space: number | undefined): Program | undefined {
    for (const [number, program] of this.programs) {
      if (space !== undefined && this.kernel.thread(number)?.space === space) return program;
    }
    return undefined;
  }

  /** The place of an instruction outside of the function that its thread was in. */
  private move(thread: ProfiledThread, linear: number): ProfileNode {
    const found = thread.program?.symbols.at(linear);
    const start = found?.symbol.value ?? (linear & ~0xfff) >>> 0;
    const end = found === undefined ? start + 0x1000 : Math.max(start + found.symbol.size, linear + 1);
    const name = found?.symbol.name ?? `0x${start.toString(16)}`;
    let place: ProfileNode | undefined = thread.place;
    if (linear !== start || place === thread.node) {
      while (place !== undefined && place !== thread.node && (linear < place.start || linear >= place.end))
        place = place.parent;
      if (place === thread.node || place === undefined) place = thread.node.child("function", name, start, end);
    } else place = place.child("function", name, start, end);
    thread.place = place;
    return place;
  }
}

/** What a person at a debugger's prompt has before them: the debuggee, the chosen thread, what was shown last. */
import { setImmediate } from "node:timers/promises";
import { SegmentFlag } from "../../emulator/loader/elf.ts";
import { backtrace, type Frame } from "../symbols/backtrace.ts";
import type { Disassembler } from "../symbols/disassembler.ts";
import { DWARF_ESP } from "../symbols/dwarf-frame.ts";
import type { ResumeRequest, StopReport } from "./debug-target.ts";
import type { Debuggee } from "./debuggee.ts";
import { type Expression, ExpressionError, parseExpression } from "./expression.ts";
import type { GuestThread, GuestView } from "./guest-view.ts";
import { expressionContext } from "./watcher.ts";

/** In DWARF's numbering (System V ABI, Intel386 supplement, table 2.14). */
const DWARF_REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip"];

/** A mistake in a command line: shown as it is, nothing has changed. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

export class CommandSession {
  /** Id of the chosen thread. */
  thread: number;
  /** Values of the registers when they were last shown, by thread: for marking what changed. */
  readonly shownRegisters = new Map<number, ReadonlyMap<string, number>>();
  /** Where `disas` and `x` without an address go on. */
  nextListing: number | undefined;
  nextMemory: { address: number; format: string } | undefined;
  /** Set by Ctrl-C; looked at between slices. */
  interruptRequested = false;
  /** Receives what the guest prints while it runs. */
  onConsole: (text: string) => void = () => {};

  constructor(
    readonly debuggee: Debuggee,
    readonly disassembler: Disassembler,
  ) {
    this.thread = debuggee.view.current().id;
  }

  get view(): GuestView {
    return this.debuggee.view;
  }

  /** The chosen thread, or the one on the CPU when that one is gone. */
  get chosen(): GuestThread {
    const known = this.view.thread(this.thread);
    if (known !== undefined) return known;
    const current = this.view.current();
    this.thread = current.id;
    return current;
  }

  /** A thread by name or number. @throws CommandError */
  findThread(name: string): GuestThread {
    const thread = this.view.threadByName(name);
    if (thread !== undefined) return thread;
    const names = this.view.threads().map((known) => known.name);
    throw new CommandError(`there is no thread "${name}"; there are ${names.join(", ")}`);
  }

  /** Value of an expression for the chosen thread. @throws CommandError */
  evaluate(text: string): number {
    const { id, process } = this.chosen;
    try {
      return this.parse(text).evaluate(expressionContext(this.view, id, process));
    } catch (error) {
      if (error instanceof ExpressionError) throw new CommandError(error.message);
      throw error;
    }
  }

  /** @throws CommandError */
  parse(text: string): Expression {
    try {
      return parseExpression(text);
    } catch (error) {
      if (error instanceof ExpressionError) throw new CommandError(error.message);
      throw error;
    }
  }

  /** The chosen thread's calls, innermost first. */
  frames(): readonly Frame[] {
    const { view } = this;
    const { id, process } = this.chosen;
    const program = view.program(process);
    const code = program?.elf.segments.filter(({ flags }) => (flags & SegmentFlag.Execute) !== 0) ?? [];
    return backtrace(
      DWARF_REGISTERS.map((name) => view.register(id, name)),
      program?.frames,
      (address) => view.readWord(process, address),
      (address) =>
        code.some((part) => address >= part.virtualAddress && address < part.virtualAddress + part.memoryBytes),
    );
  }

  /** Where the chosen thread's function will return to; undefined when that is not known. */
  callerFrame(): { address: number; stackPointer: number } | undefined {
    const caller = this.frames()[1];
    const stackPointer = caller?.registers[DWARF_ESP];
    return caller === undefined || stackPointer === undefined ? undefined : { address: caller.address, stackPointer };
  }

  /** Runs until the debuggee stops or Ctrl-C; follows the thread that stopped. */
  async resume(request: ResumeRequest): Promise<StopReport> {
    const { control } = this.debuggee;
    this.interruptRequested = false;
    control.resume(request);
    for (;;) {
      const report = control.slice() ?? (this.interruptRequested ? control.interrupt() : undefined);
      this.passConsole(report?.cause.kind === "history-end");
      if (report !== undefined) {
        this.follow(report);
        return report;
      }
      await setImmediate();
    }
  }

  /** As `resume`, for where nobody can interrupt (`monitor`). */
  resumeNow(request: ResumeRequest): StopReport {
    const { control } = this.debuggee;
    control.resume(request);
    for (;;) {
      const report = control.slice();
      if (report !== undefined) {
        this.follow(report);
        return report;
      }
    }
  }

  private passConsole(all: boolean): void {
    const text = this.debuggee.takeConsoleOutput(all);
    if (text !== "") this.onConsole(text);
  }

  private follow(report: StopReport): void {
    this.thread = report.thread;
    this.nextListing = undefined;
  }
}

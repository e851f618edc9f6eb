/** What a debugger command is. The same commands serve the prompt, scripts, and gdb's `monitor`. */
import type { CommandSession } from "../session.ts";

interface CommandTexts {
  /** The first is the full name, the others are short forms. */
  readonly names: readonly string[];
  /** "break PLACE [if CONDITION]" */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  /** Heading in `help`. */
  readonly group: "Running" | "History" | "Breakpoints" | "Looking" | "Guests" | "Faults" | "Debugger";
}

/** Looks or changes, but does not let the machine run freely: also a `monitor` command. */
export interface QueryCommand extends CommandTexts {
  readonly kind: "query";
  /** The answer, without a last line end. @throws CommandError */
  run(session: CommandSession, words: string): string;
}

/** Lets the machine run: at the prompt only, since gdb must know whenever its target runs. */
export interface RunCommand extends CommandTexts {
  readonly kind: "run";
  run(session: CommandSession, words: string): Promise<string>;
}

export type Command = QueryCommand | RunCommand;

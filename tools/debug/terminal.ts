/**
 * The debugger's prompt: lines from a person (history, completion, Ctrl-C stops the machine) or from a file or a pipe
 * (each line echoed with its prompt, so that the output reads like a session).
 */
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { completions, executeLine } from "./commands/registry.ts";
import { CommandError, type CommandSession } from "./session.ts";

export interface TerminalOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** A person sits there: prompt and line editing. */
  readonly interactive: boolean;
  /** Lines of earlier sessions, the newest first. */
  readonly history?: string[];
  /** Called with the new history, the newest first. */
  readonly onHistory?: (history: string[]) => void;
}

/** Commands that an empty line repeats. */
const REPEATABLE =
  /^\s*(s|si|step|stepi|n|ni|next|nexti|back|bk|rs|reverse-step|x|disas|d|u|c|continue|rc|reverse-continue)\b/;
const PROMPT = "(quorum86) ";

/**
 * Reads and executes lines until `quit` or the end of input. Returns how many lines were mistaken, which for a script is
 * what its caller wants to know.
 */
export async function runTerminal(session: CommandSession, options: TerminalOptions): Promise<{ mistakes: number }> {
  const { output, interactive } = options;
  const lines = createInterface({
    input: options.input,
    output: interactive ? output : undefined,
    terminal: interactive,
    prompt: PROMPT,
    ...(options.history !== undefined && { history: options.history }),
    historySize: 1000,
    completer: (line: string) => completions(session, line),
  });
  lines.on("history", (history) => options.onHistory?.(history));
  lines.on("SIGINT", () => {
    if (session.debuggee.control.running) session.interruptRequested = true;
    else output.write('\n("quit" leaves)\n');
    if (!session.debuggee.control.running) lines.prompt();
  });
  session.onConsole = (text) => output.write(text.replace(/\r/g, ""));
  let mistakes = 0;
  let last = "";
  if (interactive) lines.prompt();
  for await (const typed of lines) {
    const line =
      typed.trim() === "" && REPEATABLE.test(last) && interactive ? repeated(last) : typed.replace(/(^|\s)#.*$/, "");
    if (!interactive && line.trim() !== "") output.write(`${PROMPT}${line.trim()}\n`);
    if (/^\s*(quit|q|exit)\s*$/.test(line)) break;
    if (line.trim() !== "") {
      last = line;
      mistakes += await execute(session, line, output);
    }
    if (interactive) lines.prompt();
  }
  lines.close();
  return { mistakes };
}

/** A listing repeated without its address goes on where it ended. */
function repeated(line: string): string {
  return /^\s*(x|disas|d|u)\b/.test(line) ? (/^\s*(x(?:\/\w*)?|disas|d|u)/.exec(line)?.[1] ?? line) : line;
}

async function execute(session: CommandSession, line: string, output: Writable): Promise<number> {
  try {
    const answer = await executeLine(session, line);
    if (answer !== "") output.write(`${answer}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    output.write(`${error.message}\n`);
    return 1;
  }
}

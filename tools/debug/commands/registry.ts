/** All commands, and how a line finds its one. */
import { CommandError, type CommandSession } from "../session.ts";
import { HistoryError } from "../time/timeline.ts";
import { BREAKPOINTS } from "./breakpoints.ts";
import type { Command, QueryCommand } from "./command.ts";
import { GUESTS } from "./guests.ts";
import { HISTORY } from "./history.ts";
import { LOOKING } from "./looking.ts";
import { OWNERS } from "./owners.ts";
import { RUNNING } from "./running.ts";

const HELP: QueryCommand = {
  kind: "query",
  names: ["help", "h", "?"],
  usage: "help [COMMAND]",
  summary: "this list, or one command",
  group: "Debugger",
  run: (_session, words) => (words === "" ? helpList(COMMANDS) : helpOne(words)),
};

const COMMANDS: readonly Command[] = [...RUNNING, ...HISTORY, ...BREAKPOINTS, ...LOOKING, ...OWNERS, ...GUESTS, HELP];

function helpList(commands: readonly Command[]): string {
  const groups = [...new Set(commands.map(({ group }) => group))];
  const width = Math.max(...commands.map(({ names }) => nameColumn(names).length));
  return groups
    .map((group) => {
      const rows = commands
        .filter((command) => command.group === group)
        .map(({ names, summary }) => `  ${nameColumn(names).padEnd(width)}  ${summary}`);
      return [group, ...rows].join("\n");
    })
    .join("\n");
}

function nameColumn(names: readonly string[]): string {
  return names.slice(0, 2).join(", ");
}

function helpOne(name: string): string {
  const { usage, summary, names } = findCommand(name);
  const others = names.length > 1 ? `\nalso: ${names.slice(1).join(", ")}` : "";
  return `${usage}\n  ${summary}${others}`;
}

/** By full name, short form, or a beginning that only one command has. @throws CommandError */
export function findCommand(name: string): Command {
  const exact = COMMANDS.find(({ names }) => names.includes(name));
  if (exact !== undefined) return exact;
  const similar = COMMANDS.filter(({ names }) => names.some((known) => known.startsWith(name)));
  const [only, another] = similar;
  if (only !== undefined && another === undefined) return only;
  const hint = similar.length > 1 ? ` (${similar.map(({ names }) => names[0]).join(", ")}?)` : '; "help" lists them';
  throw new CommandError(`there is no command "${name}"${hint}`);
}

/** Name and the rest of a line; `x/8xw esp` and `p/x …` may be written without a space. */
function splitLine(line: string): { name: string; words: string } {
  const match = /^\s*([A-Za-z?][\w-]*|\?)\s*(.*?)\s*$/s.exec(line);
  return { name: match?.[1] ?? line.trim(), words: match?.[2] ?? "" };
}

/** Answers a line of gdb's `monitor`: whatever it was, with text. */
export function monitorAnswer(session: CommandSession, line: string): string {
  try {
    const { name, words } = splitLine(line);
    if (name === "" || name === "help") {
      return words === "" ? `${helpList(COMMANDS.filter(({ kind }) => kind === "query"))}\n` : `${helpOne(words)}\n`;
    }
    const command = findCommand(name);
    if (command.kind === "run") throw new CommandError(`use gdb's own command instead of "monitor ${name}"`);
    const answer = command.run(session, words);
    const stale = ["goto", "inject", "set"].includes(command.names[0] ?? "");
    return stale ? `${answer}\n(gdb: "maintenance flush register-cache" shows it the new state)\n` : `${answer}\n`;
  } catch (error) {
    if (error instanceof CommandError || error instanceof HistoryError) return `${error.message}\n`;
    throw error;
  }
}

/** Executes one line at the prompt. @throws CommandError */
export async function executeLine(session: CommandSession, line: string): Promise<string> {
  const { name, words } = splitLine(line);
  const command = findCommand(name);
  try {
    return command.kind === "query" ? command.run(session, words) : await command.run(session, words);
  } catch (error) {
    if (error instanceof HistoryError) throw new CommandError(error.message);
    throw error;
  }
}

/** What a line may be completed to: commands, then threads and symbols of the chosen thread's program. */
export function completions(session: CommandSession, line: string): [string[], string] {
  const match = /^\s*(\S*)$/.exec(line);
  if (match !== null) {
    const names = COMMANDS.map(({ names: [name = ""] }) => name).filter((name) => name.startsWith(match[1] ?? ""));
    return [names.map((name) => `${name} `), match[1] ?? ""];
  }
  const word = /[\w./-]*$/.exec(line)?.[0] ?? "";
  const program = session.view.program(session.chosen.process);
  const words = [
    ...session.view.threads().map(({ name }) => name),
    ...(program?.symbols.symbols.map(({ name }) => name) ?? []),
    ...COMMANDS.flatMap(({ names }) => (line.startsWith("help ") ? [...names] : [])),
  ];
  return [[...new Set(words.filter((known) => known.startsWith(word)))].sort(), word];
}

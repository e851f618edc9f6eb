/** The command line: what there is to run, how it is read, and how errors leave. Commands load when they are used. */
import { readFileSync } from "node:fs";
import yargs, { type ArgumentsCamelCase, type Argv } from "yargs";
import { InputError } from "../input-error.ts";
import { EXIT_CODES, ExitCode } from "./exit-codes.ts";
import { STANDARD_STREAM } from "./options.ts";
import { coloursFor } from "./terminal.ts";

/** A file in commands/: its options, and the work, which returns the exit code. */
interface Command<T> {
  options(argv: Argv): Argv<T>;
  run(argv: ArgumentsCamelCase<T>): Promise<number>;
}

const EXAMPLES = `Examples
  quorum86 boot
      the bundled image: three replicas, one fault, one vote
  quorum86 boot --fault replica-1:eax:flip:7@instruction=9000
      the same with another fault
  quorum86 encrypt --key 000102030405060708090a0b0c0d0e0f --mode ecb a.txt a.bin
      a file of yours, through three replicas
  quorum86 COMMAND --help
      options and examples of a command`;

/** A mistake in the command line itself. */
class UsageError extends Error {}

/** Runs one command; returns the exit code of the process. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  surviveClosedPipes();
  const wantsJson = words.includes("--json");
  let exitCode: number = ExitCode.Right;

  const lazy = <T>(words: string | string[], describe: string, load: () => Promise<Command<T>>) => ({
    command: words,
    describe,
    builder: async (argv: Argv) => (await load()).options(argv),
    handler: async (argv: ArgumentsCamelCase<T>) => {
      exitCode = await (await load()).run(argv);
    },
  });

  // The parser takes a lone "-" in a named place for an option without a name.
  const parser = yargs(words.map((word) => (word === "-" ? STANDARD_STREAM : word)))
    .scriptName("quorum86")
    .usage("AES replicas on an L4 kernel in a simulated Pentium PC: a vote, and faults\n\nquorum86 COMMAND")
    .command(lazy("boot [image]", "boot an image or a scenario", () => import("./commands/boot.ts")))
    .command(lazy("encrypt <in> <out>", "encrypt a file through the replicas", () => import("./commands/encrypt.ts")))
    .command(lazy("decrypt <in> <out>", "decrypt a file through the replicas", () => import("./commands/decrypt.ts")))
    .command(lazy("inject [image]", "follow one fault to its end", () => import("./commands/inject.ts")))
    .command(
      lazy("propagate [image]", "a fault's way, word by word, to files", () => import("./commands/propagate.ts")),
    )
    .command(lazy("faults [image]", "what a fault can strike, by name", () => import("./commands/faults.ts")))
    .command(lazy("debug [image]", "step replicas forwards and backwards", () => import("./commands/debug.ts")))
    .command(lazy("profile [image]", "where the clocks of a boot go", () => import("./commands/profile.ts")))
    .command(lazy("clocks [file]", "count the clocks of machine code on a P5", () => import("./commands/clocks.ts")))
    .command(
      lazy("trace [words..]", "what happened, event by event; diff of two traces", () => import("./commands/trace.ts")),
    )
    .command(lazy("campaign <action> [place..]", "many faults, counted", () => import("./commands/campaign.ts")))
    .command(lazy("image <action> [file]", "pack, list and unpack images", () => import("./commands/image.ts")))
    .epilogue(`${EXAMPLES}\n\n${EXIT_CODES}`)
    .demandCommand(1, "a command is needed")
    .strict()
    .version(packageVersion())
    .wrap(Math.min(100, process.stdout.columns ?? 80))
    .parserConfiguration({
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "duplicate-arguments-array": true,
    })
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new UsageError(plainer(message));
    });
  try {
    await parser.parseAsync();
    return exitCode;
  } catch (error) {
    // Some of the parser's own complaints come as errors of its own.
    const misuse = error instanceof Error && error.name === "YError";
    return report(misuse ? new UsageError(plainer(error.message)) : error, words, wantsJson);
  }
}

/** The parser's words in ours. */
function plainer(message: string): string {
  if (message.startsWith("Not enough non-option arguments")) return "an argument is missing";
  if (message.startsWith("Not enough arguments following: ")) return `--${message.slice(32)} needs a value`;
  const [, name] = /^Unknown arguments?: (.*)/.exec(message) ?? [];
  return name === undefined ? message.replace(/\s*\n\s*/g, " ") : `there is no command or option "${name}"`;
}

function report(error: unknown, words: readonly string[], json: boolean): number {
  const colours = coloursFor(process.stderr);
  if (!(error instanceof InputError) && !(error instanceof UsageError)) {
    const trace = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${colours.red("quorum86:")} this is a bug in quorum86, please report it:\n${trace}\n`);
    return ExitCode.Bug;
  }
  const detail = error instanceof InputError ? error.detail : { problem: error.message };
  if (json) process.stdout.write(`${JSON.stringify({ error: detail })}\n`);
  let text = error.message;
  if (error instanceof UsageError) {
    const command = words.find((word) => /^[a-z]+$/.test(word));
    text += `; "quorum86 ${command === undefined ? "" : `${command} `}--help" shows what is possible`;
  }
  process.stderr.write(`${colours.red("quorum86:")} ${text}\n`);
  return ExitCode.BadInput;
}

/** `quorum86 … | head` ends when the reader does, without a word. */
function surviveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(ExitCode.Right);
      throw error;
    });
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

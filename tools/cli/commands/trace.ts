/** `quorum86 trace [IMAGE]`: what happened, event by event; `quorum86 trace diff A B`: where two traces part. */
import type { ArgumentsCamelCase, Argv } from "yargs";
import { Debuggee } from "../../debug/debuggee.ts";
import { bundledScenario, loadImage } from "../../image/image.ts";
import { InputError } from "../../input-error.ts";
import { planBoot } from "../../run/boot-plan.ts";
import { Disassembler } from "../../symbols/disassembler.ts";
import { compareTraces } from "../../trace/diff.ts";
import { type FilterTexts, parseFilter } from "../../trace/filter-options.ts";
import { createFormat, FORMATS } from "../../trace/formats.ts";
import { recordTrace } from "../../trace/trace-run.ts";
import { TraceWriter } from "../../trace/writer.ts";
import { EXIT_CODES, ExitCode } from "../exit-codes.ts";
import { FAULT_HELP, type FaultArguments, givenFaults, withFaultOptions } from "../fault-options.ts";
import { Interrupt } from "../interrupt.ts";
import { numberOption, single, type Text, timingOption } from "../options.ts";

interface TraceArguments extends FaultArguments {
  words: string[];
  output: Text;
  format: string | undefined;
  thread: Text;
  space: Text;
  symbol: Text;
  address: Text;
  cycles: Text;
  kind: Text;
  limit: Text;
  timing: string | undefined;
  ignore: Text;
}

const EXAMPLES = `Examples
  quorum86 trace --kind message,exception
      the bundled image's messages and exceptions, as text
  quorum86 trace --thread replica-2 --symbol aes_encrypt_round -o rounds.txt
      one function of one replica, instruction by instruction
  quorum86 trace --format chrome -o run.json
      threads, messages and faults for ui.perfetto.dev (without --kind: all but instructions)
  quorum86 trace --fault none --format jsonl -o golden.jsonl
  quorum86 trace --format jsonl -o faulty.jsonl
  quorum86 trace diff golden.jsonl faulty.jsonl
      where a fault first shows

Kinds
  instruction message map unmap exception interrupt switch thread fault end`;

const OWN_EXIT_CODES = "  trace diff: 0 when the traces are equal, 1 when they are not.";

export function options(argv: Argv): Argv<TraceArguments> {
  const text = { type: "string", requiresArg: true } as const;
  return withFaultOptions(argv)
    .positional("words", {
      type: "string",
      array: true,
      describe: "a packed image (.tar) or a scenario (.yaml); the bundled aes-tmr if left out. Or: diff A B",
    })
    .option("output", { ...text, alias: "o", describe: "file to write instead of standard output" })
    .option("format", { choices: FORMATS, requiresArg: true, default: "text", describe: "how to write events" })
    .option("limit", { ...text, describe: "end after that many events" })
    .option("kind", { ...text, describe: "kinds of events, with commas between" })
    .option("thread", { ...text, describe: "only that thread's events; may be repeated" })
    .option("space", { ...text, describe: "only events in that thread's address space; may be repeated" })
    .option("symbol", { ...text, describe: "only in that function or writing that object; may be repeated" })
    .option("address", { ...text, describe: "only at these addresses, START or START-END; may be repeated" })
    .option("cycles", { ...text, describe: "only from that cycle to that one: FROM-TO, FROM- or -TO" })
    .option("timing", {
      choices: ["simple", "p5"],
      requiresArg: true,
      describe: "timing model, instead of the scenario's",
    })
    .option("ignore", { ...text, describe: "diff of JSON Lines: keys that may differ, with commas between" })
    .group(["fault", "fault-file", "timing"], "Experiment:")
    .group(["kind", "thread", "space", "symbol", "address", "cycles"], "Filter:")
    .group(["output", "format", "limit", "ignore"], "Output:")
    .epilogue(`${EXAMPLES}\n\n${FAULT_HELP}\n\n${EXIT_CODES}\n${OWN_EXIT_CODES}`) as unknown as Argv<TraceArguments>;
}

export async function run(argv: ArgumentsCamelCase<TraceArguments>): Promise<number> {
  const [first, ...rest] = argv.words ?? [];
  if (first === "diff") return await difference(rest, single(argv.ignore, "ignore"));
  if (rest.length > 0) {
    throw new InputError({ problem: `"${rest[0]}" is one argument too many`, mend: "give one image, or diff A B" });
  }
  return await record(first, argv);
}

async function record(file: string | undefined, argv: ArgumentsCamelCase<TraceArguments>): Promise<number> {
  const image = loadImage(file ?? bundledScenario("aes-tmr"));
  const format = FORMATS.find((name) => name === argv.format) ?? "text";
  const debuggee = new Debuggee(planBoot(image), {
    faults: givenFaults(argv) ?? image.faults,
    // A trace goes one way: nothing to come back to.
    checkpoints: { bytes: 0, count: 1 },
    ...timingOption(argv.timing),
  });
  const filter = parseFilter(argv as FilterTexts, debuggee, format);
  const limit = numberOption(argv.limit, "limit", 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY;
  const writer = new TraceWriter(single(argv.output, "output"));
  const writing = createFormat(format, debuggee.view.machine.clock.hertz);
  const interrupt = new Interrupt();
  let events = 0;
  writer.write(writing.begin());
  await recordTrace(debuggee, await Disassembler.load(), {
    filter,
    sink: (event) => {
      if (events >= limit) return;
      events++;
      writer.write(writing.event(event));
    },
    shouldStop: () => interrupt.requested || writer.closed || events >= limit,
  });
  writer.write(writing.end());
  writer.close();
  interrupt.release();
  return interrupt.requested ? ExitCode.Interrupted : ExitCode.Right;
}

async function difference(files: readonly string[], ignore: string | undefined): Promise<number> {
  const [first, second, ...rest] = files;
  if (first === undefined || second === undefined || rest.length > 0) {
    throw new InputError({ problem: `trace diff takes two traces, not ${files.length}`, mend: "write trace diff A B" });
  }
  const ignored = ignore === undefined ? [] : ignore.split(",");
  const { difference: found, lines } = await compareTraces(first, second, ignored);
  if (found === undefined) {
    process.stdout.write(`equal: ${lines} events\n`);
    return ExitCode.Right;
  }
  const fields = found.fields.length === 0 ? "" : `, in ${found.fields.join(", ")}`;
  process.stdout.write(
    [
      `they part at event ${found.line}${fields}`,
      ...found.context.map((line) => `  ${line}`),
      `< ${found.first ?? "(the trace ends)"}`,
      `> ${found.second ?? "(the trace ends)"}`,
      ...found.values.map((value) => `  ${value}`),
      "",
    ].join("\n"),
  );
  return ExitCode.Wrong;
}

/** `quorum86 propagate [IMAGE] --fault SPEC -o DIR`: the full record of one fault's way, as files. */
import type { ArgumentsCamelCase, Argv } from "yargs";
import { InputError } from "../../input-error.ts";
import { writeRecord } from "../../propagate/files.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { FAULT_HELP, type FaultArguments } from "../fault-options.ts";
import { injectReport } from "../inject-report.ts";
import { single, type Text } from "../options.ts";
import { coloursFor } from "../terminal.ts";
import { exitCodeOf, experiment, injectOptions } from "./inject.ts";

interface PropagateArguments extends FaultArguments {
  image: string | undefined;
  timing: string | undefined;
  json: boolean;
  quiet: boolean;
  output: Text;
  parquet: boolean;
}

const EXAMPLES = `Examples
  quorum86 propagate -o fault
      the bundled image with its own fault; then open fault/report.html
  quorum86 propagate my.yaml --fault replica-2:eax:flip:3@instruction=90000 -o fault
      a scenario of yours, and a fault`;

const FILES = `Files in DIR
  report.html        to look at, in any browser; nothing else is needed
  summary.json       what inject --json prints
  corruptions.jsonl  a line for each wrong write: place, owner, values, writer, sources
  words.jsonl        a line for each word that was ever wrong
  edges.jsonl        a line for each cause and effect, by the corruptions' ids
  series.jsonl       wrong words by owner over time, a line for each change
  *.parquet          the same four tables, typed, for DuckDB, pandas, R`;

export function options(argv: Argv): Argv<PropagateArguments> {
  return injectOptions(argv)
    .option("output", { alias: "o", type: "string", requiresArg: true, describe: "directory to write to" })
    .option("parquet", { type: "boolean", default: true, describe: "tables as Parquet too (--no-parquet: not)" })
    .epilogue(`${EXAMPLES}\n\n${FILES}\n\n${FAULT_HELP}\n\n${EXIT_CODES}`) as unknown as Argv<PropagateArguments>;
}

export async function run(argv: ArgumentsCamelCase<PropagateArguments>): Promise<number> {
  const directory = single(argv.output, "output");
  if (directory === undefined) {
    throw new InputError({ file: "--output", problem: "there is no directory to write to", mend: "add -o DIR" });
  }
  const { propagation, describer, summary, golden } = await experiment(argv, argv.quiet || argv.json);
  const { result } = propagation.experiment;
  const { name } = golden.plan.scenario;
  const files = await writeRecord(directory, propagation, summary, describer, name, argv.parquet);
  if (argv.json) process.stdout.write(`${JSON.stringify({ files, summary })}\n`);
  else if (!argv.quiet) {
    process.stdout.write(injectReport(summary, result, coloursFor(process.stdout)));
    process.stdout.write(`\n  written    ${files.join("\n             ")}\n`);
  }
  return exitCodeOf(propagation, result);
}

/** `quorum86 campaign run|resume|status|report|merge`. */
import type { ArgumentsCamelCase, Argv } from "yargs";
import {
  type CampaignOptions,
  type CampaignStatus,
  campaignStatus,
  loadCampaign,
  resumeCampaign,
  startCampaign,
} from "../../campaign/campaign.ts";
import { mergeCampaigns } from "../../campaign/merge.ts";
import { reportCampaign } from "../../campaign/report.ts";
import { reportHtml } from "../../campaign/report-html.ts";
import { reportCsv, reportText } from "../../campaign/report-text.ts";
import { writeRowsParquet } from "../../campaign/rows-parquet.ts";
import { reopenDirectory, type Share } from "../../campaign/store.ts";
import { CLASSES } from "../../faults/outcome.ts";
import { writeWhole } from "../../files.ts";
import { InputError, printable } from "../../input-error.ts";
import { grouped, plural } from "../../report/format.ts";
import { planBoot } from "../../run/boot-plan.ts";
import { ScenarioRun } from "../../run/scenario-run.ts";
import { EXIT_CODES, ExitCode } from "../exit-codes.ts";
import { Interrupt } from "../interrupt.ts";
import { numberOption, single, type Text } from "../options.ts";
import { Progress } from "../progress.ts";
import { coloursFor } from "../terminal.ts";

interface CampaignArguments {
  action: string;
  place: string[];
  out: Text;
  workers: Text;
  shard: Text;
  csv: Text;
  html: Text;
  parquet: Text;
  json: boolean;
  quiet: boolean;
}

const ACTIONS = ["run", "resume", "status", "report", "merge"] as const;

const EXAMPLES = `Examples
  quorum86 campaign run bundled:first --out first
      one that comes with quorum86: 1,000 draws from registers and memory of a replica
  quorum86 campaign run my.yaml --out my-campaign
      thousands of experiments, on all cores
  quorum86 campaign resume my-campaign
      go on after Ctrl-C, a crash or a power cut
  quorum86 campaign run my.yaml --out part-2 --shard 2/8
  quorum86 campaign merge part-1 part-2 part-3 ... --out my-campaign
      on several machines, a part on each
  quorum86 campaign status my-campaign
      how far it is (also while it runs)
  quorum86 campaign report my-campaign --html report.html --csv table.csv
      failures extrapolated to the whole fault space, with intervals

A specification (tools/campaign/README.md has every key)
  name: first
  image: bundled:aes-tmr
  targets:
    - component: replica-2
      registers: all
      sections: [.text, .rodata, .bss]
  sample: {size: 1000, seed: 86}`;

export function options(argv: Argv): Argv<CampaignArguments> {
  return argv
    .positional("action", { choices: ACTIONS, describe: "what to do" })
    .positional("place", { type: "string", array: true, describe: "specification (run), or directory of a campaign" })
    .option("out", { type: "string", requiresArg: true, describe: "directory of the campaign" })
    .option("workers", { type: "string", requiresArg: true, describe: "worker threads (default: one a core)" })
    .option("shard", { type: "string", requiresArg: true, describe: "run: only part I of N, such as 2/8" })
    .option("csv", { type: "string", requiresArg: true, describe: "report: write the table as CSV to a file" })
    .option("html", { type: "string", requiresArg: true, describe: "report: write a page to a file" })
    .option("parquet", { type: "string", requiresArg: true, describe: "report: write the rows to a Parquet file" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on standard output" })
    .option("quiet", { type: "boolean", default: false, describe: "no progress, no summary" })
    .epilogue(`${EXAMPLES}\n\n${EXIT_CODES}`) as unknown as Argv<CampaignArguments>;
}

export async function run(argv: ArgumentsCamelCase<CampaignArguments>): Promise<number> {
  const out = single(argv.out, "out");
  const places = argv.place ?? [];
  if (argv.action === "merge") {
    const target = needed(out, "merge", "no directory is given", "add --out DIR");
    needed(places[0], "merge", "no campaigns are given", "name their directories");
    printStatus(mergeCampaigns(places, target), target, argv.json);
    return ExitCode.Right;
  }
  if (places.length > 1) {
    const problem = `${argv.action} takes one ${argv.action === "run" ? "specification" : "directory"}`;
    throw new InputError({ file: places[1]!, problem, mend: "leave this out" });
  }
  if (argv.action === "run") {
    const file = needed(places[0], "run", "no specification is given", "name one: campaign run SPEC.yaml --out DIR");
    const directory = needed(out, "run", "no directory is given", "add --out DIR");
    const share = shareOf(single(argv.shard, "shard"));
    const part = share === undefined ? {} : { share };
    return experiments(argv, directory, (options) => startCampaign(file, directory, { ...options, ...part }));
  }
  const directory = needed(places[0] ?? out, argv.action, "no campaign is given", "name its directory");
  if (argv.action === "resume") return experiments(argv, directory, (options) => resumeCampaign(directory, options));
  if (argv.action === "status") printStatus(campaignStatus(directory), directory, argv.json);
  else await printReport(directory, argv);
  return ExitCode.Right;
}

function shareOf(text: string | undefined): Share | undefined {
  if (text === undefined) return undefined;
  const [, part, of] = /^(\d{1,5})\/(\d{1,5})$/.exec(text)?.map(Number) ?? [];
  if (part !== undefined && of !== undefined && part >= 1 && part <= of) return { part, of };
  const problem = `"${printable(text)}" is no part of a campaign`;
  throw new InputError({ file: "--shard", problem, mend: "write I/N with I from 1 to N, such as 2/8" });
}

function needed(value: string | undefined, action: string, problem: string, mend: string): string {
  if (value !== undefined) return value;
  throw new InputError({ file: `campaign ${action}`, problem, mend });
}

async function experiments(
  argv: CampaignArguments,
  directory: string,
  start: (options: CampaignOptions) => Promise<CampaignStatus>,
): Promise<number> {
  const workers = numberOption(argv.workers, "workers", 1, 1024);
  const progress = new Progress("campaign", !argv.quiet && !argv.json);
  const abort = new AbortController();
  const interrupt = new Interrupt(() => abort.abort());
  let began = 0;
  let first = 0;
  try {
    const status = await start({
      ...(workers === undefined ? {} : { workers }),
      signal: abort.signal,
      onStep: (step) => progress.update(undefined, step),
      onRow: (done, asked) => {
        if (began === 0) {
          began = performance.now();
          first = done;
        }
        const seconds = (performance.now() - began) / 1000;
        const rate = seconds > 0.5 ? (done - first) / seconds : 0;
        const left = rate > 0 && done < asked ? `, ${timeLeft(asked - done, rate)} left` : "";
        const speed = rate > 0 ? `, ${rate.toFixed(rate < 10 ? 1 : 0)} a second${left}` : "";
        progress.update(undefined, `${grouped(done)} of ${grouped(asked)} experiments${speed}`);
      },
    });
    progress.end();
    if (!argv.quiet) printStatus(status, directory, argv.json);
    return status.done < status.asked ? ExitCode.Interrupted : ExitCode.Right;
  } finally {
    progress.end();
    interrupt.release();
  }
}

function timeLeft(experiments: number, rate: number): string {
  const seconds = Math.ceil(experiments / rate);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}

function printStatus(status: CampaignStatus, directory: string, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ directory, ...status })}\n`);
    return;
  }
  const { name, asked, done, complete, classes, draws, share } = status;
  const colours = coloursFor(process.stdout);
  const state = complete ? colours.green("complete") : colours.yellow("not complete");
  const sample = draws === undefined ? "" : ` for ${plural(draws, "draw")}`;
  const part = share === undefined ? "" : `, part ${share.part} of ${share.of}`;
  process.stdout.write(
    `${colours.bold(name)}  ${state}: ${grouped(done)} of ${plural(asked, "experiment")}${sample}${part}\n`,
  );
  for (const each of CLASSES) {
    const line = `  ${each.padEnd(17)}${grouped(classes[each]).padStart(12)}\n`;
    process.stdout.write(classes[each] === 0 ? colours.dim(line) : line);
  }
  if (complete && share !== undefined) {
    process.stdout.write(colours.dim("when all parts are there: quorum86 campaign merge DIR... --out DIR\n"));
    return;
  }
  const next = complete ? "report" : "resume";
  process.stdout.write(colours.dim(`quorum86 campaign ${next} ${directory}\n`));
}

async function printReport(directory: string, argv: CampaignArguments): Promise<void> {
  const csv = single(argv.csv, "csv");
  const html = single(argv.html, "html");
  const parquet = single(argv.parquet, "parquet");
  const record = loadCampaign(directory);
  const report = reportCampaign(record);
  const encoder = new TextEncoder();
  if (csv !== undefined) writeWhole(csv, encoder.encode(reportCsv(report)));
  if (html !== undefined) {
    const booted = new ScenarioRun(planBoot(reopenDirectory(directory).image));
    writeWhole(html, encoder.encode(reportHtml(report, booted)));
  }
  if (parquet !== undefined) await writeRowsParquet(parquet, record.rows);
  if (argv.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(`${reportText(report, coloursFor(process.stdout))}\n`);
}

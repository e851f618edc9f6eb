/** `quorum86 profile [image]`: where the clocks of a boot go. */
import type { ArgumentsCamelCase, Argv } from "yargs";
import { writeWhole } from "../../files.ts";
import { bundledScenario, loadImage } from "../../image/image.ts";
import { foldedStacks, profileText, speedscope, summarise } from "../../profile/profile-report.ts";
import { Profiler } from "../../profile/profiler.ts";
import { grouped } from "../../report/format.ts";
import { planBoot } from "../../run/boot-plan.ts";
import { runToEnd } from "../../run/run-loop.ts";
import { ScenarioRun } from "../../run/scenario-run.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { FAULT_HELP, type FaultArguments, givenFaults, withFaultOptions } from "../fault-options.ts";
import { Interrupt } from "../interrupt.ts";
import { numberOption, single, type Text } from "../options.ts";
import { Progress } from "../progress.ts";
import { coloursFor } from "../terminal.ts";
import { exitCodeOf } from "./boot.ts";

interface ProfileArguments extends FaultArguments {
  image: string | undefined;
  cycles: Text;
  top: Text;
  folded: Text;
  speedscope: Text;
  json: boolean;
  quiet: boolean;
}

const EXAMPLES = `Examples
  quorum86 profile
      the bundled image: spaces, functions, kernel paths, causes of lost clocks
  quorum86 profile --fault none --folded boot.folded
      for a flame graph: space outermost, thread, functions, cause innermost
  quorum86 profile my.yaml --speedscope boot.json
      for https://www.speedscope.app

  Clocks are those of the P5 model.`;

export function options(argv: Argv): Argv<ProfileArguments> {
  return withFaultOptions(argv)
    .positional("image", {
      type: "string",
      describe: "a packed image (.tar) or a scenario (.yaml); the bundled aes-tmr if left out",
    })
    .option("cycles", { type: "string", requiresArg: true, describe: "stop at that clock of the machine" })
    .group(["fault", "fault-file", "cycles"], "Experiment:")
    .option("top", { type: "string", requiresArg: true, describe: "functions in the table (default 20)" })
    .option("folded", {
      type: "string",
      requiresArg: true,
      describe: "write folded stacks (flamegraph.pl, inferno) to a file",
    })
    .option("speedscope", { type: "string", requiresArg: true, describe: "write a profile for speedscope to a file" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object, nothing else" })
    .option("quiet", { type: "boolean", default: false, describe: "no progress" })
    .group(["top", "folded", "speedscope", "json", "quiet"], "Output:")
    .epilogue(`${EXAMPLES}\n\n${FAULT_HELP}\n\n${EXIT_CODES}`) as unknown as Argv<ProfileArguments>;
}

export async function run(argv: ArgumentsCamelCase<ProfileArguments>): Promise<number> {
  const image = loadImage(argv.image ?? bundledScenario("aes-tmr"));
  const faults = givenFaults(argv) ?? image.faults;
  const cycleLimit = numberOption(argv.cycles, "cycles", 1, Number.MAX_SAFE_INTEGER);
  const top = numberOption(argv.top, "top", 0, 10_000) ?? 20;
  const plan = planBoot(image);
  const machineRun = new ScenarioRun(plan, { faults, timing: "p5" });
  const profiler = new Profiler(machineRun.machine, machineRun.kernel, plan);
  const progress = new Progress(plan.scenario.name, !argv.quiet && !argv.json);
  const interrupt = new Interrupt();
  await runToEnd(machineRun, {
    ...(cycleLimit === undefined ? {} : { cycleLimit }),
    shouldStop: () => interrupt.requested,
    onSlice: () => progress.update(undefined, `${grouped(machineRun.machine.clock.now)} cycles`),
  });
  interrupt.release();
  progress.end();
  const root = profiler.finish();
  const folded = single(argv.folded, "folded");
  const scope = single(argv.speedscope, "speedscope");
  const encoder = new TextEncoder();
  if (folded !== undefined) writeWhole(folded, encoder.encode(foldedStacks(root)));
  if (scope !== undefined) writeWhole(scope, encoder.encode(speedscope(root, plan.scenario.name)));
  const summary = summarise(root);
  if (argv.json) process.stdout.write(`${JSON.stringify({ scenario: plan.scenario.name, ...summary })}\n`);
  else process.stdout.write(`${profileText(summary, top, coloursFor(process.stdout).bold)}\n`);
  return exitCodeOf(machineRun.result());
}

/** `quorum86 inject [IMAGE] --fault SPEC`: one experiment, followed word by word. */
import type { ArgumentsCamelCase, Argv } from "yargs";
import { recordGolden } from "../../faults/golden-run.ts";
import { bundledScenario, loadImage } from "../../image/image.ts";
import { InputError } from "../../input-error.ts";
import { Describer } from "../../propagate/describe.ts";
import { type Propagation, propagate } from "../../propagate/propagation.ts";
import { summarise } from "../../propagate/record.ts";
import { grouped } from "../../report/format.ts";
import { planBoot } from "../../run/boot-plan.ts";
import type { RunResult } from "../../run/run-result.ts";
import { Disassembler } from "../../symbols/disassembler.ts";
import { EXIT_CODES, ExitCode } from "../exit-codes.ts";
import { FAULT_HELP, type FaultArguments, givenFaults, withFaultOptions } from "../fault-options.ts";
import { injectReport } from "../inject-report.ts";
import { timingOption } from "../options.ts";
import { Progress } from "../progress.ts";
import { coloursFor } from "../terminal.ts";

interface InjectArguments extends FaultArguments {
  image: string | undefined;
  timing: string | undefined;
  json: boolean;
  quiet: boolean;
}

const EXAMPLES = `Examples
  quorum86 inject
      the bundled image with its own fault
  quorum86 inject --fault replica-2:eax:flip:3@instruction=90000
      what becomes of this one
  quorum86 inject --fault replica-2:skip@execute=mix_columns#100
      an instruction that is not executed, the hundredth time that it would be
  quorum86 inject --fault replica-2:aes_state:stuck1:3/20000@ipc=receive#2
      a bit that is stuck at 1 for 20,000 clocks, from the second request on
  quorum86 inject --fault kernel:tcb/replica-2.timesliceLeft:flip:20@round=3
      a word of the kernel's, when the third round begins
  quorum86 inject my.yaml --fault physical:0x19354:flip:2@cycle=750000 --json
      everything, for programs`;

export function options(argv: Argv): Argv<InjectArguments> {
  return injectOptions(argv).epilogue(
    `${EXAMPLES}\n\n${FAULT_HELP}\n\n${EXIT_CODES}`,
  ) as unknown as Argv<InjectArguments>;
}

export function injectOptions(argv: Argv): Argv {
  return withFaultOptions(argv)
    .positional("image", {
      type: "string",
      describe: "a packed image (.tar) or a scenario (.yaml); the bundled aes-tmr if left out",
    })
    .option("timing", {
      choices: ["simple", "p5"],
      requiresArg: true,
      describe: "timing model, instead of the scenario's",
    })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object, nothing else" })
    .option("quiet", { type: "boolean", default: false, describe: "no summary, no progress" });
}

export async function run(argv: ArgumentsCamelCase<InjectArguments>): Promise<number> {
  const { propagation, summary } = await experiment(argv, argv.quiet || argv.json);
  const { result } = propagation.experiment;
  if (argv.json) {
    const { workload, ...rest } = result;
    const output = { ...workload, output: undefined, outputHex: Buffer.from(workload.output).toString("hex") };
    process.stdout.write(`${JSON.stringify({ ...summary, result: { ...rest, workload: output } })}\n`);
  } else if (!argv.quiet) process.stdout.write(`${injectReport(summary, result, coloursFor(process.stdout))}`);
  return exitCodeOf(propagation, result);
}

/** Golden run, fault, and what came of it. */
export async function experiment(
  argv: Pick<InjectArguments, "image" | "fault" | "faultFile" | "timing">,
  quiet: boolean,
) {
  const image = loadImage(argv.image ?? bundledScenario("aes-tmr"));
  const faults = givenFaults(argv) ?? image.faults;
  const [fault] = faults;
  if (fault === undefined || faults.length > 1) {
    const problem =
      fault === undefined ? "there is no fault" : `${faults.length} faults, but one is followed at a time`;
    throw new InputError({
      file: "--fault",
      problem,
      mend: "give one, such as replica-2:eax:flip:3@instruction=90000",
    });
  }
  const progress = new Progress(image.scenario.name, !quiet);
  const golden = recordGolden(planBoot(image), timingOption(argv.timing));
  const propagation = propagate(golden, fault, {
    onSlice: (cycle) => {
      progress.update(Math.min(1, cycle / golden.result.cycles), `${grouped(cycle)} cycles`);
      return false;
    },
  });
  progress.end();
  const disassembler = await Disassembler.load();
  const describer = new Describer(propagation.owners, disassembler);
  return { image, golden, propagation, describer, summary: summarise(propagation, describer) };
}

/** 0: the service was right; 1: it was not; 2: the fault was not applied; 3: the machine died. */
export function exitCodeOf({ experiment: { outcome } }: Propagation, _result: RunResult): number {
  if (outcome.class === "TOOL_ERROR") return ExitCode.BadInput;
  if (outcome.ending === "crash") return ExitCode.GuestDied;
  return outcome.service === "right" && outcome.class !== "ISOLATION_BREACH" ? ExitCode.Right : ExitCode.Wrong;
}

/** `quorum86 boot [IMAGE]`. */
import type { ArgumentsCamelCase, Argv } from "yargs";
import { KERNEL_COSTS } from "../../../kernel/index.ts";
import { formatFault } from "../../faults/fault.ts";
import { bundledScenario, loadImage } from "../../image/image.ts";
import { grouped } from "../../report/format.ts";
import { planBoot } from "../../run/boot-plan.ts";
import { runToEnd } from "../../run/run-loop.ts";
import type { RunResult } from "../../run/run-result.ts";
import { ScenarioRun } from "../../run/scenario-run.ts";
import { accountTable } from "../account-report.ts";
import { bootHeader, bootSummary } from "../boot-report.ts";
import { EXIT_CODES, ExitCode } from "../exit-codes.ts";
import { FAULT_HELP, givenFaults } from "../fault-options.ts";
import { Interrupt } from "../interrupt.ts";
import { kernelCostTable } from "../kernel-costs.ts";
import { createLogger } from "../logging.ts";
import {
  logLevel,
  numberOption,
  type SharedArguments,
  sharedOptions,
  single,
  type Text,
  timingOption,
} from "../options.ts";
import { Progress } from "../progress.ts";
import { rule } from "../run-report.ts";
import { openSerial } from "../serial-output.ts";
import { coloursFor } from "../terminal.ts";

interface BootArguments extends SharedArguments {
  image: string | undefined;
  kernelCosts: boolean;
  cycles: Text;
  serial: Text;
}

const EXAMPLES = `Examples
  quorum86 boot
      the bundled image with its own fault
  quorum86 boot my.yaml --fault replica-1:eip:flip:4@instruction=5000
      a scenario of yours, with this fault instead of its own
  quorum86 boot --fault voter:eflags:flip:6@execute=count_votes#2 --fault cpu:cr0:flip:16@cycle=900000
      two faults: at the second count of votes, and at a clock
  quorum86 boot aes.tar --json --serial console.txt
      for programs`;

export function options(argv: Argv): Argv<BootArguments> {
  return sharedOptions(argv)
    .positional("image", {
      type: "string",
      describe: "a packed image (.tar) or a scenario (.yaml); the bundled aes-tmr if left out",
    })
    .option("cycles", { type: "string", requiresArg: true, describe: "stop at that clock of the machine" })
    .option("serial", { type: "string", requiresArg: true, describe: "serial line to a file instead of the terminal" })
    .option("kernel-costs", {
      type: "boolean",
      default: false,
      describe: "print what each kernel path costs and why, and boot nothing",
    })
    .group(["cycles"], "Experiment:")
    .group(["serial", "kernel-costs"], "Output:")
    .epilogue(`${EXAMPLES}\n\n${FAULT_HELP}\n\n${EXIT_CODES}`) as unknown as Argv<BootArguments>;
}

export async function run(argv: ArgumentsCamelCase<BootArguments>): Promise<number> {
  if (argv.kernelCosts) {
    process.stdout.write(argv.json ? `${JSON.stringify(KERNEL_COSTS)}\n` : `${kernelCostTable()}\n`);
    return ExitCode.Right;
  }
  const log = createLogger(logLevel(argv.logLevel as string));
  const image = loadImage(argv.image ?? bundledScenario("aes-tmr"));
  const faults = givenFaults(argv) ?? image.faults;
  const cycleLimit = numberOption(argv.cycles, "cycles", 1, Number.MAX_SAFE_INTEGER);
  const plan = planBoot(image);
  const serial = openSerial(single(argv.serial, "serial"), argv.json, argv.quiet);
  const machineRun = new ScenarioRun(plan, {
    faults,
    ...timingOption(argv.timing),
    onSerial: serial.byte,
    onInjection: (report) => log.info(report, "fault injected"),
  });
  const colours = coloursFor(process.stdout);
  const talk = !argv.json && !argv.quiet;
  if (talk) {
    const lines = bootHeader(image, machineRun, faults.map(formatFault), colours);
    process.stdout.write(`${lines}\n${serial.onTerminal ? `${rule("serial line", colours)}\n` : ""}`);
  }
  const progress = new Progress(plan.scenario.name, !argv.quiet && !serial.onTerminal);
  const interrupt = new Interrupt();
  const started = performance.now();
  await runToEnd(machineRun, {
    ...(cycleLimit === undefined ? {} : { cycleLimit }),
    shouldStop: () => interrupt.requested,
    onSlice: () => progress.update(undefined, `${grouped(machineRun.machine.clock.now)} cycles`),
  });
  const hostSeconds = (performance.now() - started) / 1000;
  interrupt.release();
  progress.end();
  serial.close();
  const result = machineRun.result();
  log.info({ outcome: result.outcome, eventHash: result.eventHash }, "run ended");
  if (argv.json) process.stdout.write(`${JSON.stringify(toJson(result, hostSeconds))}\n`);
  else if (talk) {
    if (serial.onTerminal) process.stdout.write(`${serial.atLineStart() ? "" : "\n"}${rule("", colours)}\n`);
    process.stdout.write(`${bootSummary(result, plan, hostSeconds, colours)}\n`);
    if (argv.stats) process.stdout.write(`\n${accountTable(machineRun, colours)}\n`);
  }
  return exitCodeOf(result);
}

/** 0 right, 1 wrong or without a majority, 3 dead, 130 interrupted. */
export function exitCodeOf(result: RunResult): number {
  switch (result.outcome.kind) {
    case "interrupted":
      return ExitCode.Interrupted;
    case "cycle-limit":
      return ExitCode.Right;
    case "power-off":
      return result.workload.outputRight === true ? ExitCode.Right : ExitCode.Wrong;
    default:
      return ExitCode.GuestDied;
  }
}

function toJson(result: RunResult, hostSeconds: number): Record<string, unknown> {
  const { output, ...workload } = result.workload;
  return { ...result, workload: { ...workload, outputHex: Buffer.from(output).toString("hex") }, hostSeconds };
}

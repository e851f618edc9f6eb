/** `quorum86 debug [IMAGE]`: the debugger, at a prompt, from a script, or for gdb. */
import { createReadStream } from "node:fs";
import { setImmediate } from "node:timers/promises";
import type { ArgumentsCamelCase, Argv } from "yargs";
import { monitorAnswer } from "../../debug/commands/registry.ts";
import type { ComparedSide } from "../../debug/compare.ts";
import { compareReplicas, compareWithGolden } from "../../debug/compare-report.ts";
import { Debuggee } from "../../debug/debuggee.ts";
import { parseListenAddress, startGdbServer } from "../../debug/gdb/server.ts";
import { MachineTarget } from "../../debug/machine-target.ts";
import { readHistory, writeHistory } from "../../debug/prompt-history.ts";
import { CommandSession } from "../../debug/session.ts";
import { runTerminal } from "../../debug/terminal.ts";
import { readInput } from "../../files.ts";
import { bundledScenario, loadImage } from "../../image/image.ts";
import { InputError } from "../../input-error.ts";
import { grouped } from "../../report/format.ts";
import { planBoot } from "../../run/boot-plan.ts";
import { Disassembler } from "../../symbols/disassembler.ts";
import { EXIT_CODES, ExitCode } from "../exit-codes.ts";
import { FAULT_HELP, type FaultArguments, givenFaults, withFaultOptions } from "../fault-options.ts";
import { Interrupt } from "../interrupt.ts";
import { numberOption, single, type Text, timingOption } from "../options.ts";

interface DebugArguments extends FaultArguments {
  image: string | undefined;
  gdb: Text;
  timing: string | undefined;
  compare: string[] | undefined;
  script: Text;
  from: Text;
  memory: Text;
}

const EXAMPLES = `Examples
  quorum86 debug
      the bundled image at a prompt; "help" lists the commands
  echo 'break replica-2:aes_encrypt_round
        continue' | quorum86 debug
      the same from a pipe
  quorum86 debug --gdb 1234
      for gdb: target remote 127.0.0.1:1234
  quorum86 debug --compare replica-1 replica-2
      where two replicas part: the instruction, the words, the message
  quorum86 debug --compare golden replica-2 --fault replica-2:eax:flip:3@instruction=9000
      where a fault shows first
  quorum86 debug --script steps.txt --fault replica-2:eax:flip:3@instruction=9000
      commands from a file, with a fault of your own`;

const OWN_EXIT_CODES = `  --compare: 1 when the two part. A script or a pipe: 2 when a command was wrong.`;

export function options(argv: Argv): Argv<DebugArguments> {
  return withFaultOptions(argv)
    .positional("image", {
      type: "string",
      describe: "a packed image (.tar) or a scenario (.yaml); the bundled aes-tmr if left out",
    })
    .option("gdb", {
      type: "string",
      requiresArg: true,
      describe: "wait for gdb on [HOST:]PORT; without HOST on the loopback interface only",
    })
    .option("compare", {
      type: "string",
      nargs: 2,
      requiresArg: true,
      describe: "run two threads side by side until they part, or golden and one thread of the run with faults",
    })
    .option("script", { type: "string", requiresArg: true, describe: "commands from a file instead of the prompt" })
    .option("timing", {
      choices: ["simple", "p5"],
      requiresArg: true,
      describe: "timing model, instead of the scenario's",
    })
    .option("from", {
      type: "string",
      requiresArg: true,
      describe: "where to begin: reset, started (all programs are there), or a cycle",
      default: "started",
    })
    .option("memory", {
      type: "string",
      requiresArg: true,
      describe: "MiB that the snapshots for going back may take",
      default: "256",
    })
    .group(["fault", "fault-file", "timing", "from"], "Experiment:")
    .group(["gdb", "compare", "script", "memory"], "Debugger:")
    .epilogue(`${EXAMPLES}\n\n${FAULT_HELP}\n\n${EXIT_CODES}\n${OWN_EXIT_CODES}`) as unknown as Argv<DebugArguments>;
}

export async function run(argv: ArgumentsCamelCase<DebugArguments>): Promise<number> {
  if (argv.compare !== undefined) return await compare(argv, argv.compare);
  const image = loadImage(argv.image ?? bundledScenario("aes-tmr"));
  const gdb = single(argv.gdb, "gdb");
  const script = single(argv.script, "script");
  const memory = numberOption(argv.memory, "memory", 16, 65536) ?? 256;
  const debuggee = new Debuggee(planBoot(image), {
    faults: givenFaults(argv) ?? image.faults,
    checkpoints: { bytes: memory << 20, count: 400 },
    ...timingOption(argv.timing),
  });
  begin(debuggee, single(argv.from, "from") ?? "started");
  const session = new CommandSession(debuggee, await Disassembler.load());
  if (gdb !== undefined) return await serve(session, gdb);
  return await converse(session, script);
}

async function compare(argv: ArgumentsCamelCase<DebugArguments>, names: readonly string[]): Promise<number> {
  const image = loadImage(argv.image ?? bundledScenario("aes-tmr"));
  const plan = planBoot(image);
  const faults = givenFaults(argv) ?? image.faults;
  const golden = names[0] === "golden";
  const side = (index: 0 | 1): ComparedSide => {
    const name = golden ? (names[1] ?? "") : (names[index] ?? "");
    const component = plan.components.find((known) => known.name === name);
    if (component === undefined) {
      const known = plan.components.map((other) => other.name).join(", ");
      throw new InputError({
        file: "--compare",
        problem: `there is no component "${name}"`,
        mend: `use two of ${known}`,
      });
    }
    const faulty = !golden || index === 1;
    const debuggee = new Debuggee(plan, { faults: faulty ? faults : [], ...timingOption(argv.timing) });
    const label = golden ? (index === 0 ? `golden ${name}` : `faulty ${name}`) : name;
    return { debuggee, thread: component.threadNumber, name: label };
  };
  const sides = [side(0), side(1)] as const;
  const interrupt = new Interrupt();
  const options = { shouldStop: () => interrupt.requested, breathe: () => setImmediate() };
  const disassembler = await Disassembler.load();
  const { text, parted } = golden
    ? await compareWithGolden(sides, disassembler, options)
    : await compareReplicas(sides, disassembler, options);
  interrupt.release();
  process.stdout.write(`${text}\n`);
  if (interrupt.requested) return ExitCode.Interrupted;
  return parted ? ExitCode.Wrong : ExitCode.Right;
}

function begin(debuggee: Debuggee, from: string): void {
  if (from === "reset") return;
  if (from === "started") debuggee.runUntilStarted();
  else {
    const cycle = numberOption(from, "from", 0, Number.MAX_SAFE_INTEGER) ?? 0;
    const session = { direction: "forward", mode: "continue", thread: 1, untilCycle: cycle } as const;
    debuggee.control.resume(session);
    while (debuggee.control.slice() === undefined);
  }
}

async function converse(session: CommandSession, script: string | undefined): Promise<number> {
  const interactive = script === undefined && process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (script !== undefined) readInput(script);
  const { position } = session.debuggee.timeline;
  if (interactive) {
    const names = session.view.threads().map(({ name }) => name);
    process.stdout.write(
      `${session.debuggee.plan.scenario.name} at cycle ${grouped(position.cycle)}: ${names.join(", ")}\n`,
    );
    process.stdout.write('"help" lists the commands, Tab completes, Ctrl-C stops the machine, "quit" leaves\n');
  }
  const { mistakes } = await runTerminal(session, {
    input: script === undefined ? process.stdin : createReadStream(script),
    output: process.stdout,
    interactive,
    ...(interactive && { history: readHistory(), onHistory: writeHistory }),
  });
  return mistakes > 0 && !interactive ? ExitCode.BadInput : ExitCode.Right;
}

async function serve(session: CommandSession, listen: string): Promise<number> {
  const address = parseListenAddress(listen);
  if (address === undefined) {
    const problem = `"${listen}" is no [HOST:]PORT`;
    throw new InputError({ file: "--gdb", problem, mend: "write for example --gdb 1234" });
  }
  const target = new MachineTarget(session.debuggee, (line, thread) => {
    session.thread = thread;
    return monitorAnswer(session, line);
  });
  // gdb 13 does not survive that all its threads vanish.
  session.debuggee.timeline.beginHere();
  const interrupt = new Interrupt();
  let killed = false;
  const server = await startGdbServer(target, {
    ...address,
    onConnection: (peer) => process.stderr.write(`gdb at ${peer}\n`),
    onEnd: (how) => {
      process.stderr.write(`gdb ${how}\n`);
      killed ||= how === "killed";
    },
    onError: (error) => process.stderr.write(`quorum86: ${error instanceof Error ? error.stack : String(error)}\n`),
  }).catch((error: NodeJS.ErrnoException) => {
    throw new InputError({ file: "--gdb", problem: `${error.message}`, mend: "choose another port" });
  });
  process.stdout.write(`waiting for gdb; there:  target remote ${server.host}:${server.port}\n`);
  while (!interrupt.requested && !killed) await new Promise((resolve) => setTimeout(resolve, 100));
  interrupt.release();
  await server.close();
  return killed ? ExitCode.Right : ExitCode.Interrupted;
}

/** What `encrypt` and `decrypt` share: options, the run, the report. */
import { createReadStream, fstatSync, statSync } from "node:fs";
import type { ArgumentsCamelCase, Argv } from "yargs";
import { AtomicFile, fileError } from "../files.ts";
import type { Operation } from "../image/boot-config.ts";
import { IMPLEMENTATIONS, MOST_REPLICAS } from "../image/scenario.ts";
import { InputError } from "../input-error.ts";
import { grouped, plural } from "../report/format.ts";
import { cryptImage, type Implementation } from "../run/crypt-image.ts";
import { type CryptResult, cryptStream, type FileMode } from "../run/crypt-stream.ts";
import { EXIT_CODES, ExitCode } from "./exit-codes.ts";
import { FAULT_HELP, givenFaults } from "./fault-options.ts";
import { Interrupt } from "./interrupt.ts";
import { createLogger } from "./logging.ts";
import {
  hexOption,
  logLevel,
  numberOption,
  type SharedArguments,
  STANDARD_STREAM,
  sharedOptions,
  single,
  type Text,
  timingOption,
} from "./options.ts";
import { Progress } from "./progress.ts";
import {
  culpritLines,
  injectionLines,
  outcomeLine,
  row,
  STATUS_TEXT,
  shareTable,
  timeLines,
  voteLine,
} from "./run-report.ts";
import { type Colours, coloursFor } from "./terminal.ts";

export interface CryptArguments extends SharedArguments {
  in: string;
  out: string;
  key: Text;
  iv: Text;
  mode: string;
  replicas: Text;
  implementation: Text;
}

function examples(operation: Operation): string {
  const key = "000102030405060708090a0b0c0d0e0f";
  return `Examples
  quorum86 ${operation} --key ${key} --mode ecb IN OUT
  quorum86 ${operation} --key ${key} --iv ${"00".repeat(16)} IN OUT
  quorum86 ${operation} --key ${key} --mode ecb IN OUT \\
      --fault replica-1:aes_round_keys+16:flip:3@instruction=9000
      a bit of replica 1 flips, and the other two outvote it
  quorum86 ${operation} --key ${key} --mode ecb IN OUT \\
      --fault replica-1:aes_round_keys+16:flip:3@instruction=9000 --replicas 1
      the same with nobody to outvote it: the output is wrong

  The bytes are those of "openssl enc -aes-128-ctr -K KEY -iv IV" (-d to decrypt).`;
}

export function cryptOptions(argv: Argv, operation: Operation): Argv<CryptArguments> {
  return sharedOptions(argv)
    .positional("in", { type: "string", describe: "file to read; - for standard input" })
    .positional("out", { type: "string", describe: "file to write, whole or not at all; - for standard output" })
    .option("key", {
      type: "string",
      requiresArg: true,
      demandOption: true,
      describe: "16, 24 or 32 bytes in hexadecimal",
    })
    .option("mode", {
      choices: ["ecb", "ctr", "cbc"],
      default: "ctr",
      requiresArg: true,
      describe: "ecb and cbc pad by PKCS#7, ctr does not pad",
    })
    .option("iv", {
      type: "string",
      requiresArg: true,
      describe: "16 bytes in hexadecimal: cbc's vector, ctr's first counter",
    })
    .option("replicas", {
      type: "string",
      default: "3",
      requiresArg: true,
      describe: `how many, 1 to ${MOST_REPLICAS}; 1 has no vote`,
    })
    .option("implementation", {
      type: "string",
      default: IMPLEMENTATIONS.join(","),
      requiresArg: true,
      describe: "one or several, dealt out to the replicas in turn",
    })
    .group(["key", "mode", "iv"], "Cipher:")
    .group(["replicas", "implementation"], "Experiment:")
    .epilogue(`${examples(operation)}

${FAULT_HELP}

${EXIT_CODES}`) as unknown as Argv<CryptArguments>;
}

export async function runCrypt(argv: ArgumentsCamelCase<CryptArguments>, operation: Operation): Promise<number> {
  const log = createLogger(logLevel(argv.logLevel as string));
  const cipher = readCipher(argv);
  const replicas = numberOption(argv.replicas, "replicas", 1, MOST_REPLICAS)!;
  const image = cryptImage(replicas, readImplementations(single(argv.implementation, "implementation")!));
  const faults = givenFaults(argv) ?? [];
  if (argv.json && argv.out === STANDARD_STREAM) {
    throw new InputError({
      file: "--json",
      problem: "standard output is taken by the data",
      mend: "give OUT a file name",
    });
  }
  const interrupt = new Interrupt(() => process.stdin.destroy());
  const total = inputSize(argv.in);
  const progress = new Progress(operation, !argv.quiet && !argv.json);
  const output = openOutput(argv.out);
  const started = performance.now();
  try {
    const result = await cryptStream(
      {
        image,
        operation,
        ...cipher,
        faults,
        ...timingOption(argv.timing),
        shouldStop: () => interrupt.requested,
        onProgress: (bytes) => progress.update(total === undefined ? undefined : bytes / total, plural(bytes, "byte")),
        onInjection: (report) => log.info(report, "fault injected"),
      },
      openInput(argv.in),
      output.write,
    );
    progress.end();
    if (result.ending === "ok") await output.commit();
    else output.discard();
    const seconds = (performance.now() - started) / 1000;
    if (argv.json) process.stdout.write(`${JSON.stringify({ operation, ...result, hostSeconds: seconds })}\n`);
    else if (!argv.quiet)
      process.stderr.write(`${describe(result, operation, seconds, argv, coloursFor(process.stderr))}\n`);
    return exitCodeOf(result);
  } catch (error) {
    progress.end();
    output.discard();
    if (interrupt.requested) return ExitCode.Interrupted;
    if (error instanceof InputError && error.detail.file === undefined)
      throw error.within({ file: nameOf(argv.in, "standard input") });
    throw error;
  } finally {
    interrupt.release();
  }
}

function exitCodeOf(result: CryptResult): number {
  if (result.ending === "interrupted") return ExitCode.Interrupted;
  const died = result.outcome !== undefined && result.outcome.kind !== "power-off";
  if (died) return ExitCode.GuestDied;
  return result.ending === "ok" && result.outputRight ? ExitCode.Right : ExitCode.Wrong;
}

function readCipher(argv: ArgumentsCamelCase<CryptArguments>): { mode: FileMode; key: Uint8Array; iv: Uint8Array } {
  const mode = argv.mode as FileMode;
  const key = hexOption(argv.key, "key", [16, 24, 32])!;
  const iv = hexOption(argv.iv, "iv", [16]);
  if (mode === "ecb" && iv !== undefined) {
    throw new InputError({ file: "--iv", problem: "mode ecb has no initial vector", mend: "leave --iv out" });
  }
  if (mode !== "ecb" && iv === undefined) {
    throw new InputError({ file: "--iv", problem: `mode ${mode} needs it`, mend: "give 16 bytes, two digits each" });
  }
  return { mode, key, iv: iv ?? new Uint8Array(16) };
}

function readImplementations(text: string): Implementation[] {
  return text.split(",").map((name) => {
    const known = IMPLEMENTATIONS.find((implementation) => implementation === name);
    if (known !== undefined) return known;
    const mend = `use ${IMPLEMENTATIONS.join(", ")}, or several with commas between`;
    throw new InputError({ file: "--implementation", problem: `"${name}" does not exist`, mend });
  });
}

function nameOf(file: string, stream: string): string {
  return file === STANDARD_STREAM ? stream : file;
}

/** Bytes to come, when that can be known. */
function inputSize(file: string): number | undefined {
  try {
    const status = file === STANDARD_STREAM ? fstatSync(0) : statSync(file);
    return status.isFile() && status.size > 0 ? status.size : undefined;
  } catch {
    return undefined;
  }
}

async function* openInput(file: string): AsyncGenerator<Uint8Array> {
  const stream = file === STANDARD_STREAM ? process.stdin : createReadStream(file, { highWaterMark: 1 << 18 });
  try {
    for await (const piece of stream) yield piece as Uint8Array;
  } catch (error) {
    throw fileError(error, nameOf(file, "standard input"));
  }
}

interface Output {
  readonly write: (bytes: Uint8Array) => void;
  commit(): Promise<void>;
  discard(): void;
}

function openOutput(file: string): Output {
  if (file !== STANDARD_STREAM) {
    const output = new AtomicFile(file);
    return {
      write: (bytes) => output.write(bytes),
      commit: async () => output.commit(),
      discard: () => output.discard(),
    };
  }
  return {
    write: (bytes) => {
      process.stdout.write(bytes);
    },
    commit: () => new Promise((resolve) => process.stdout.write("", () => resolve())),
    discard: () => {},
  };
}

function describe(
  result: CryptResult,
  operation: Operation,
  seconds: number,
  { mode, key, replicas, out, stats }: ArgumentsCamelCase<CryptArguments>,
  colours: Colours,
): string {
  const done = operation === "encrypt" ? "encrypted" : "decrypted";
  const cipher = `AES-${String(key).length * 4} ${mode.toUpperCase()}, ${plural(Number(replicas), "replica")}`;
  const heading = result.ending === "ok" ? `${done} ${plural(result.bytesIn, "byte")}` : `not ${done}`;
  const lines = [`${colours.bold(heading)}, ${cipher}`];
  if (result.boots === 0) return lines.join("");
  const bad = result.outcome === undefined ? undefined : outcomeLine({ outcome: result.outcome });
  if (bad !== undefined) lines.push(row("ended", [colours.red(bad)], colours));
  if (result.injections.length > 0) lines.push(row("injected", injectionLines(result, colours), colours));
  lines.push(row("votes", [voteLine(result, colours)], colours));
  if (result.culprits.length > 0) lines.push(row("outvoted", culpritLines(result, colours), colours));
  lines.push(row("output", [describeOutput(result, out, colours)], colours));
  if (stats) lines.push("", shareTable(result, colours), "");
  lines.push(row("guest time", timeLines(result, seconds), colours));
  return lines.join("\n");
}

function describeOutput(result: CryptResult, out: string, colours: Colours): string {
  const place = nameOf(out, "standard output");
  if (result.ending !== "ok") {
    const why = result.ending === "interrupted" ? "interrupted" : STATUS_TEXT[result.status];
    return colours.red(out === STANDARD_STREAM ? `incomplete: ${why}` : `none, ${place} is not written: ${why}`);
  }
  const size = `${plural(result.bytesOut, "byte")} in ${place}`;
  if (result.outputRight) return `${colours.green("right")}: ${size}, equal to node:crypto's`;
  return `${colours.red("WRONG")}: ${size}, differing from node:crypto's from byte ${grouped(result.firstWrongByte!)}`;
}

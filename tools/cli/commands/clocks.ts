/** `quorum86 clocks [file]`: what a piece of machine code costs on a Pentium, clock for clock. */
import type { ArgumentsCamelCase, Argv } from "yargs";
import type { P5Configuration } from "../../../emulator/timing/configuration.ts";
import { P5_PARAMETERS, p5Configuration } from "../../../emulator/timing/configuration.ts";
import { measureClocks } from "../../clocks/clocks-measure.ts";
import { type ClocksProgram, programFromFile, programFromHex } from "../../clocks/clocks-program.ts";
import { clocksText } from "../../clocks/clocks-report.ts";
import { readInput } from "../../files.ts";
import { InputError } from "../../input-error.ts";
import { Disassembler } from "../../symbols/disassembler.ts";
import { EXIT_CODES, ExitCode } from "../exit-codes.ts";
import { numberOption, single, type Text } from "../options.ts";
import { coloursFor } from "../terminal.ts";

interface ClocksArguments {
  file: string | undefined;
  hex: Text;
  function: Text;
  address: Text;
  iterations: Text;
  warm: Text;
  unroll: boolean | undefined;
  preload: boolean;
  set: Text;
  poke: Text;
  arguments: Text;
  paging: boolean;
  parameter: Text;
  json: boolean;
}

const EXAMPLES = `Examples
  quorum86 clocks --hex f883c00189c1
      a body, repeated in a straight line
  quorum86 clocks loop.bin --set ecx=100
      raw code with a loop
  quorum86 clocks prog.elf --function sum --arguments 100 --json
      a function of a program, for programs

  EAX is 0, ECX 1000, EDX 0; EBX, EBP, ESI and EDI point at data in different
  sets and banks of the cache. Unless --no-preload, lines that the code touches
  are in the data cache from the second iteration on: the P5 does not fetch
  them for a store.`;

export function options(argv: Argv): Argv<ClocksArguments> {
  return argv
    .positional("file", { type: "string", describe: "raw machine code, or an ELF program" })
    .option("hex", { type: "string", requiresArg: true, describe: "machine code in hexadecimal, instead of a file" })
    .option("function", { type: "string", requiresArg: true, describe: "a function of the ELF program" })
    .option("address", { type: "string", requiresArg: true, describe: "where raw code lies (default 0x10000)" })
    .group(["hex", "function", "address"], "Code:")
    .option("iterations", {
      type: "string",
      requiresArg: true,
      describe: "iterations in the steady state (default 40)",
    })
    .option("warm", {
      type: "string",
      requiresArg: true,
      describe: "iterations before the one whose instructions are listed: 0 the cold one (default: a steady one)",
    })
    .option("unroll", {
      type: "boolean",
      describe: "repeat by copies behind each other (default: if the code transfers no control)",
    })
    .option("preload", { type: "boolean", default: true, describe: "touched lines are in the data cache when warm" })
    .group(["iterations", "warm", "unroll", "preload"], "Measurement:")
    .option("set", { type: "string", requiresArg: true, describe: "REGISTER=VALUE; may be repeated" })
    .option("poke", { type: "string", requiresArg: true, describe: "ADDRESS=HEX, bytes in memory; may be repeated" })
    .option("arguments", { type: "string", requiresArg: true, describe: "arguments of the function, with commas" })
    .option("paging", { type: "boolean", default: false, describe: "4 KiB pages: the TLBs take part" })
    .option("parameter", {
      type: "string",
      requiresArg: true,
      describe: "NAME=VALUE of the timing model; may be repeated",
    })
    .group(["set", "poke", "arguments", "paging", "parameter"], "Set-up:")
    .option("json", { type: "boolean", default: false, describe: "print one JSON object, nothing else" })
    .group(["json"], "Output:")
    .epilogue(`${EXAMPLES}\n\n${EXIT_CODES}`) as unknown as Argv<ClocksArguments>;
}

export async function run(argv: ArgumentsCamelCase<ClocksArguments>): Promise<number> {
  const program = programOf(argv);
  const setup = {
    registers: registersOf(argv.set),
    pokes: pokesOf(argv.poke),
    parameters: argumentsOf(argv.arguments),
    paging: argv.paging,
    p5: parametersOf(argv.parameter),
  };
  const disassembler = await Disassembler.load();
  const report = measureClocks(
    program,
    setup,
    {
      iterations: numberOption(argv.iterations, "iterations", 1, 100_000) ?? 40,
      warm: numberOption(argv.warm, "warm", 0, 100_000),
      unroll: argv.unroll,
      preload: argv.preload,
    },
    disassembler,
  );
  disassembler.close();
  if (argv.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(`${clocksText(report, coloursFor(process.stdout))}\n`);
  return ExitCode.Right;
}

function programOf(argv: ArgumentsCamelCase<ClocksArguments>): ClocksProgram {
  const hex = single(argv.hex, "hex");
  const functionName = single(argv.function, "function");
  const text = single(argv.address, "address");
  const address = text === undefined ? undefined : numberOf(text, "--address");
  if (hex !== undefined) {
    if (argv.file !== undefined) {
      throw new InputError({ file: "--hex", problem: "there is a file as well", mend: "give one of them" });
    }
    return programFromHex(hex, address);
  }
  if (argv.file === undefined) {
    throw new InputError({ file: "clocks", problem: "there is no code", mend: "give a file, or --hex" });
  }
  return programFromFile(argv.file, readInput(argv.file), functionName, address);
}

const REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

function registersOf(text: Text): Map<number, number> {
  const registers = new Map<number, number>();
  for (const [name, value] of pairsOf(text, "set", "ecx=100")) {
    const number = REGISTERS.indexOf(name.toLowerCase());
    if (number < 0) {
      throw new InputError({ file: "--set", problem: `"${name}" is no register`, mend: `use ${REGISTERS.join(" ")}` });
    }
    registers.set(number, numberOf(value, "--set"));
  }
  return registers;
}

function pokesOf(text: Text): { address: number; bytes: Uint8Array }[] {
  return pairsOf(text, "poke", "0x20000=01020304").map(([address, hex]) => {
    if (!/^(?:[0-9a-fA-F]{2})+$/.test(hex)) {
      throw new InputError({
        file: "--poke",
        problem: `"${hex}" is not bytes in hexadecimal`,
        mend: "write two digits each",
      });
    }
    return { address: numberOf(address, "--poke"), bytes: Buffer.from(hex, "hex") };
  });
}

function argumentsOf(text: Text): number[] {
  const list = single(text, "arguments");
  return list === undefined ? [] : list.split(",").map((value) => numberOf(value.trim(), "--arguments"));
}

function parametersOf(text: Text): Partial<P5Configuration> {
  const changes: Record<string, number | boolean> = {};
  for (const [name, value] of pairsOf(text, "parameter", "l2Bytes=0")) {
    if (!(name in P5_PARAMETERS)) {
      const problem = `"${name}" is no parameter of the timing model`;
      throw new InputError({
        file: "--parameter",
        problem,
        mend: `there are ${Object.keys(P5_PARAMETERS).join(", ")}`,
      });
    }
    const isSwitch = P5_PARAMETERS[name as keyof typeof P5_PARAMETERS].unit === "switch";
    if (isSwitch && value !== "true" && value !== "false") {
      throw new InputError({
        file: "--parameter",
        problem: `${name} is a switch`,
        mend: `write ${name}=true or ${name}=false`,
      });
    }
    changes[name] = isSwitch ? value === "true" : numberOf(value, "--parameter");
  }
  try {
    p5Configuration(changes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError({ file: "--parameter", problem: error.message, mend: "change the value" });
  }
  return changes;
}

/** NAME=VALUE options. */
function pairsOf(text: Text, option: string, example: string): [string, string][] {
  const lines = text === undefined ? [] : Array.isArray(text) ? text : [text];
  return lines.map((line) => {
    const split = line.indexOf("=");
    if (split < 1) {
      throw new InputError({
        file: `--${option}`,
        problem: `"${line}" has no "="`,
        mend: `write for example ${example}`,
      });
    }
    return [line.slice(0, split).trim(), line.slice(split + 1).trim()];
  });
}

/** A 32-bit number in decimal or, with 0x, in hexadecimal; negative ones wrap. */
function numberOf(text: string, option: string): number {
  const value = /^-?(?:0x[0-9a-fA-F]+|\d+)$/.test(text)
    ? text.startsWith("-")
      ? -Number(text.slice(1))
      : Number(text)
    : Number.NaN;
  if (value >= -0x8000_0000 && value <= 0xffff_ffff) return value >>> 0;
  throw new InputError({
    file: option,
    problem: `"${text}" is not a 32-bit number`,
    mend: "write it like 100 or 0x1f0",
  });
}

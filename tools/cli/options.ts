/** Options that several commands share, and how their values are read. Every value arrives as text. */
import type { Argv } from "yargs";
import { InputError } from "../input-error.ts";
import { type FaultArguments, withFaultOptions } from "./fault-options.ts";
import { LOG_LEVELS, type LogLevel } from "./logging.ts";

/** What yargs gives for a text option: an array when it was given more than once. */
export type Text = string | string[] | undefined;

/** What commands get for `-` in place of a file. */
export const STANDARD_STREAM = "\0-";

export interface SharedArguments extends FaultArguments {
  timing: string | undefined;
  json: boolean;
  quiet: boolean;
  stats: boolean;
  "log-level": string;
}

export function sharedOptions(argv: Argv): Argv<SharedArguments> {
  return withFaultOptions(argv)
    .option("timing", {
      choices: ["simple", "p5"],
      requiresArg: true,
      describe: "timing model, instead of the scenario's",
    })
    .option("stats", { type: "boolean", default: false, describe: "print the accounts in full" })
    .option("json", {
      type: "boolean",
      default: false,
      describe: "print one JSON object on standard output, nothing else",
    })
    .option("quiet", { type: "boolean", default: false, describe: "no summary, no progress" })
    .option("log-level", { choices: LOG_LEVELS, default: "warn", requiresArg: true, describe: "log on standard error" })
    .group(["fault", "fault-file", "timing"], "Experiment:")
    .group(["stats", "json", "quiet", "log-level"], "Output:") as unknown as Argv<SharedArguments>;
}

/** A text option that may be given once. */
export function single(value: Text, name: string): string | undefined {
  if (!Array.isArray(value)) return value;
  throw new InputError({ file: `--${name}`, problem: "given more than once", mend: "give it once" });
}

export function timingOption(value: string | undefined): { timing: "simple" | "p5" } | Record<string, never> {
  return value === "simple" || value === "p5" ? { timing: value } : {};
}

export function logLevel(value: string): LogLevel {
  return LOG_LEVELS.find((level) => level === value) ?? "warn";
}

/** A whole number in decimal, with `_` or `,` between thousands if wished. */
export function numberOption(value: Text, name: string, least: number, most: number): number | undefined {
  const text = single(value, name);
  if (text === undefined) return undefined;
  const number = /^\d+$/.test(text.replace(/(?<=\d)[_,](?=\d)/g, "")) ? Number(text.replace(/[_,]/g, "")) : Number.NaN;
  if (number >= least && number <= most) return number;
  const problem = `"${text}" is not a whole number from ${least} to ${most}`;
  throw new InputError({ file: `--${name}`, problem, mend: `write for example --${name} ${Math.max(least, 3)}` });
}

/** Bytes in hexadecimal of one of the given lengths. */
export function hexOption(value: Text, name: string, lengths: readonly number[]): Uint8Array | undefined {
  const text = single(value, name);
  if (text === undefined) return undefined;
  const allowed = lengths.length === 1 ? `${lengths[0]}` : `${lengths.slice(0, -1).join(", ")} or ${lengths.at(-1)}`;
  const mend = `give ${allowed} bytes, two digits each`;
  if (!/^[0-9a-fA-F]*$/.test(text)) {
    throw new InputError({ file: `--${name}`, problem: "there is a character that is no hexadecimal digit", mend });
  }
  if (!lengths.includes(text.length / 2)) {
    throw new InputError({ file: `--${name}`, problem: `${text.length} hexadecimal digits`, mend });
  }
  return Buffer.from(text, "hex");
}

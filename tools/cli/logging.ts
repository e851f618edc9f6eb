/** The log: for people who look into how a run works, on standard error, silent below `warn` unless asked. */
import { type Logger, pino } from "pino";
import { coloursFor } from "./terminal.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Lines of text when standard error is a terminal, JSON objects when it is not. */
export function createLogger(level: LogLevel): Logger {
  const options = { name: "quorum86", level, base: null };
  if (process.stderr.isTTY !== true) return pino(options, pino.destination({ dest: 2, sync: true }));
  return pino(options, { write: (line: string) => process.stderr.write(readable(line)) });
}

function readable(line: string): string {
  const { level, time: _, name: __, msg, ...values } = JSON.parse(line) as Record<string, unknown>;
  const colours = coloursFor(process.stderr);
  const label = pino.levels.labels[Number(level)] ?? String(level);
  const painted =
    Number(level) >= 50 ? colours.red(label) : Number(level) >= 40 ? colours.yellow(label) : colours.cyan(label);
  const pairs = Object.entries(values).map(([key, value]) => colours.dim(`${key}=${JSON.stringify(value)}`));
  return `${painted} ${String(msg ?? "")}${pairs.length === 0 ? "" : ` ${pairs.join(" ")}`}\n`;
}

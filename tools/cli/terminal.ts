/** How text reaches people: colour when the stream is a terminal, aligned columns, numbers with thousands marked. */
import pc from "picocolors";
import { grouped } from "../report/format.ts";

export type Colours = ReturnType<typeof pc.createColors>;

/** Colour for a stream: when it is a terminal, unless NO_COLOR is set; always with FORCE_COLOR. */
export function coloursFor(stream: NodeJS.WriteStream): Colours {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0";
  const refused = (NO_COLOR !== undefined && NO_COLOR !== "") || TERM === "dumb";
  return pc.createColors(forced || (!refused && stream.isTTY === true));
}

/** Seconds with a sensible unit: 0.0042 → 4.2 ms. */
export function duration(seconds: number): string {
  if (seconds < 1e-3) return `${(seconds * 1e6).toFixed(0)} us`;
  if (seconds < 1) return `${(seconds * 1e3).toFixed(1)} ms`;
  return seconds < 100 ? `${seconds.toFixed(2)} s` : `${grouped(seconds)} s`;
}

/** `a, b and c`. */
export function list(items: readonly string[]): string {
  return items.length < 2 ? (items[0] ?? "") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

/** 1, 2, 3, 7 → `1-3, 7`; shortened after `most` ranges. */
export function ranges(numbers: readonly number[], most = 6): string {
  const found: [first: number, last: number][] = [];
  for (const value of numbers) {
    const open = found.at(-1);
    if (open !== undefined && value === open[1] + 1) open[1] = value;
    else found.push([value, value]);
  }
  const texts = found.map(([first, last]) => (first === last ? grouped(first) : `${grouped(first)}-${grouped(last)}`));
  return texts.length <= most ? texts.join(", ") : `${texts.slice(0, most).join(", ")}, …`;
}

/** A bar of at most `width` columns, in eighths of a column. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.max(0, Math.min(1, share)) * width * 8);
  return "█".repeat(eighths >> 3) + (eighths & 7 ? "▏▎▍▌▋▊▉"[(eighths & 7) - 1] : "");
}

/**
 * Bytes of a serial line for a terminal: lines, tabs and printable ASCII as they are, anything else as a dot, so that a
 * guest gone wrong cannot send the terminal control sequences.
 */
export function forTerminal(byte: number): string {
  const plain = byte === 9 || byte === 10 || (byte >= 32 && byte < 127);
  if (byte === 13) return "";
  return plain ? String.fromCharCode(byte) : "·";
}

/** One line on standard error that shows how far a long job is; nothing when that is no terminal. */
import { coloursFor, duration } from "./terminal.ts";

const INTERVAL_MILLISECONDS = 100;
const BAR_WIDTH = 24;

export class Progress {
  readonly #label: string;
  readonly #stream = process.stderr;
  readonly #started = performance.now();
  readonly #shown: boolean;
  #last = 0;

  constructor(label: string, enabled: boolean) {
    this.#label = label;
    this.#shown = enabled && this.#stream.isTTY === true;
  }

  /** @param share from 0 to 1; undefined when the end is not known. */
  update(share: number | undefined, text: string): void {
    const now = performance.now();
    if (!this.#shown || now - this.#last < INTERVAL_MILLISECONDS) return;
    this.#last = now;
    const line = progressLine(this.#label, share, text, (now - this.#started) / 1000, this.#stream.columns ?? 80);
    this.#stream.write(`\r\x1b[K${line.replace(/━+/, (drawn) => this.#paint(drawn, share ?? 0))}`);
  }

  #paint(drawn: string, share: number): string {
    const filled = Math.round(Math.min(1, share) * drawn.length);
    const colours = coloursFor(this.#stream);
    return colours.green(drawn.slice(0, filled)) + colours.dim(drawn.slice(filled));
  }

  /** Removes the line. */
  end(): void {
    if (this.#shown && this.#last > 0) this.#stream.write("\r\x1b[K");
  }
}

/** The line without colour, shorter than the terminal is wide: the bar goes first, then the end is cut. */
export function progressLine(
  label: string,
  share: number | undefined,
  text: string,
  seconds: number,
  columns: number,
): string {
  let line = `${label}  ${text}  ${duration(seconds)}`;
  if (share !== undefined && share > 0) {
    const left = seconds > 1 && share < 1 ? `, ${duration((seconds / share) * (1 - share))} left` : "";
    const rest = `${(share * 100).toFixed(0).padStart(3)} %  ${text}  ${duration(seconds)}${left}`;
    line = `${label} ${"━".repeat(BAR_WIDTH)} ${rest}`;
    if (line.length >= columns) line = `${label} ${rest}`;
  }
  return line.slice(0, Math.max(1, columns - 1));
}

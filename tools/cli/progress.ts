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
    const seconds = (now - this.#started) / 1000;
    let line = `${this.#label}  ${text}  ${duration(seconds)}`;
    if (share !== undefined && share > 0) {
      const filled = Math.round(Math.min(1, share) * BAR_WIDTH);
      const colours = coloursFor(this.#stream);
      const drawn = colours.green("━".repeat(filled)) + colours.dim("━".repeat(BAR_WIDTH - filled));
      const left = seconds > 1 && share < 1 ? `, ${duration((seconds / share) * (1 - share))} left` : "";
      line = `${this.#label} ${drawn} ${(share * 100).toFixed(0).padStart(3)} %  ${text}  ${duration(seconds)}${left}`;
    }
    this.#stream.write(`\r\x1b[K${line}`);
  }

  /** Removes the line. */
  end(): void {
    if (this.#shown && this.#last > 0) this.#stream.write("\r\x1b[K");
  }
}

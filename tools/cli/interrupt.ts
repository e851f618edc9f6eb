/** Ctrl-C: the first asks for an orderly stop, the second kills the process. SIGTERM counts as Ctrl-C. */
import { ExitCode } from "./exit-codes.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export class Interrupt {
  #requested = false;
  readonly #listener: () => void;

  /** @param onFirst called at the first signal, to wake what waits. */
  constructor(onFirst: () => void = () => {}) {
    this.#listener = () => {
      if (this.#requested) process.exit(ExitCode.Interrupted);
      this.#requested = true;
      process.stderr.write("\nquorum86: stopping (Ctrl-C again kills)\n");
      onFirst();
    };
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  get requested(): boolean {
    return this.#requested;
  }

  /** Gives the signals back to the system. */
  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listener);
  }
}

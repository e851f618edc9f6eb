/** Files that users name: read whole, written whole or not at all. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { InputError } from "./input-error.ts";

const BYTE_LIMIT = 256 << 20;

const REASONS: Record<string, [problem: string, mend: string]> = {
  ENOENT: ["there is no such file", "check the path"],
  EISDIR: ["this is a directory", "give a file"],
  ENOTDIR: ["a part of the path is no directory", "check the path"],
  EACCES: ["permission denied", "check the file's permissions"],
  EPERM: ["permission denied", "check the file's permissions"],
  EROFS: ["the file system is read-only", "choose another place"],
  ENOSPC: ["no space is left on the device", "free some space"],
  EEXIST: ["it exists already", "remove it, or choose another name"],
  EMFILE: ["too many files are open", "close some"],
};

/** An error of the file system as bad input; anything else unchanged. */
export function fileError(error: unknown, file: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code !== "string") return error;
  const [problem, mend] = REASONS[code] ?? [`it cannot be used (${code})`, "check the path"];
  return new InputError({ file, problem, mend });
}

/** @throws InputError if it cannot be read or is larger than 256 MiB. */
export function readInput(file: string): Uint8Array {
  try {
    const { size } = statSync(file);
    if (size > BYTE_LIMIT) {
      throw new InputError({ file, problem: `${size} bytes, more than 256 MiB`, mend: "give a smaller file" });
    }
    return readFileSync(file);
  } catch (error) {
    throw fileError(error, file);
  }
}

/**
 * A file that appears under its name only when it is complete: written beside it, then renamed.
 * `commit` or `discard` must be called once.
 */
export class AtomicFile {
  readonly #file: string;
  readonly #temporary: string;
  readonly #descriptor: number;
  #open = true;
  /** Also when the process is ended early (a second Ctrl-C). */
  readonly #atExit = () => this.discard();

  /** @throws InputError if the directory cannot be written. */
  constructor(file: string) {
    this.#file = file;
    this.#temporary = join(dirname(file), `.${basename(file)}.${process.pid}.part`);
    try {
      this.#descriptor = openSync(this.#temporary, "wx", 0o666);
      process.once("exit", this.#atExit);
    } catch (error) {
      throw fileError(error, file);
    }
  }

  write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#descriptor, bytes, done);
    } catch (error) {
      throw fileError(error, this.#file);
    }
  }

  commit(): void {
    try {
      fsyncSync(this.#descriptor);
      this.#close();
      renameSync(this.#temporary, this.#file);
      process.off("exit", this.#atExit);
    } catch (error) {
      this.discard();
      throw fileError(error, this.#file);
    }
  }

  discard(): void {
    this.#close();
    rmSync(this.#temporary, { force: true });
    process.off("exit", this.#atExit);
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }
}

/** Writes a whole file, or leaves what was there. */
export function writeWhole(file: string, bytes: Uint8Array): void {
  const output = new AtomicFile(file);
  try {
    output.write(bytes);
    output.commit();
  } catch (error) {
    output.discard();
    throw error;
  }
}

/** Writes text to a file or to standard output in large pieces and waits for slow readers: memory stays bounded. */
import { closeSync, openSync, writeSync } from "node:fs";
import { fileError } from "../files.ts";

const BUFFER_CHARACTERS = 1 << 18;
const STANDARD_OUTPUT = 1;

export class TraceWriter {
  private readonly descriptor: number;
  private pieces: string[] = [];
  private length = 0;
  /** The reader has gone away (`quorum86 trace | head`). */
  closed = false;

  /** Without a file: standard output. @throws InputError if the file cannot be written. */
  constructor(private readonly file: string | undefined) {
    try {
      this.descriptor = file === undefined ? STANDARD_OUTPUT : openSync(file, "w");
    } catch (error) {
      throw fileError(error, file ?? "standard output");
    }
  }

  write(text: string): void {
    if (text === "") return;
    this.pieces.push(text);
    this.length += text.length;
    if (this.length >= BUFFER_CHARACTERS) this.flush();
  }

  flush(): void {
    const bytes = Buffer.from(this.pieces.join(""));
    this.pieces = [];
    this.length = 0;
    for (let done = 0; done < bytes.length && !this.closed; ) done += this.writeSome(bytes, done);
  }

  private writeSome(bytes: Buffer, from: number): number {
    try {
      return writeSync(this.descriptor, bytes, from);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") {
        this.closed = true;
        return 0;
      }
      if (code !== "EAGAIN") throw fileError(error, this.file ?? "standard output");
      // A pipe that is full: wait a little for its reader.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      return 0;
    }
  }

  close(): void {
    this.flush();
    if (this.descriptor !== STANDARD_OUTPUT) closeSync(this.descriptor);
  }
}

import { closeSync, openSync, writeSync } from "node:fs";
import { fileError } from "../files.ts";
import { forTerminal } from "./terminal.ts";

export interface SerialOutput {
  readonly byte: (byte: number) => void;
  readonly onTerminal: boolean;
  atLineStart(): boolean;
  close(): void;
}

/** The serial line: to a file as it is, to standard output (error with --json) line by line. */
export function openSerial(file: string | undefined, json: boolean, quiet: boolean): SerialOutput {
  if (file !== undefined) {
    const descriptor = tryOpen(file);
    let bytes: number[] = [];
    const flush = () => {
      writeSync(descriptor, Uint8Array.from(bytes));
      bytes = [];
    };
    return {
      byte: (byte) => {
        bytes.push(byte);
        if (bytes.length >= 4096) flush();
      },
      onTerminal: false,
      atLineStart: () => true,
      close: () => {
        flush();
        closeSync(descriptor);
      },
    };
  }
  const stream = json ? process.stderr : process.stdout;
  if (json && quiet) return { byte: () => {}, onTerminal: false, atLineStart: () => true, close: () => {} };
  let line = "";
  let atStart = true;
  return {
    byte: (byte) => {
      const text = stream.isTTY ? forTerminal(byte) : String.fromCharCode(byte);
      line += text;
      atStart = byte === 10;
      if (byte !== 10 && line.length < 512) return;
      stream.write(line, stream.isTTY ? "utf8" : "latin1");
      line = "";
    },
    onTerminal: true,
    atLineStart: () => atStart,
    close: () => {
      stream.write(line, "latin1");
    },
  };
}

function tryOpen(file: string): number {
  try {
    return openSync(file, "w");
  } catch (error) {
    throw fileError(error, file);
  }
}

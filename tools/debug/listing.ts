/** Instructions and places as text. */
import { hex } from "../report/format.ts";
import type { CommandSession } from "./session.ts";

/** Bytes that the longest instruction has. */
const LONGEST_INSTRUCTION = 15;

/** "aes.c:120", or "" where no line is known. */
export function sourceLine(session: CommandSession, process: number, address: number): string {
  const line = session.view.program(process)?.lines.find(address);
  return line === undefined ? "" : `${line.file.replace(/^.*\//, "")}:${line.line}`;
}

/** One instruction: address, symbol, bytes, text, source line; with a mark where the thread is. */
export function instructionLine(
  session: CommandSession,
  process: number,
  address: number,
  marked: boolean,
): { text: string; size: number } {
  const { view, disassembler } = session;
  const bytes = view.readMemory(process, address, LONGEST_INSTRUCTION);
  const start = `${marked ? "=>" : "  "} ${hex(address)} <${view.symbolAt(process, address) ?? "?"}>`;
  if (bytes === undefined) return { text: `${start}  not mapped`, size: 1 };
  const decoded = disassembler.one(bytes, address);
  if (decoded === undefined) return { text: `${start}  ${byteText(bytes.subarray(0, 1))}  (bad)`, size: 1 };
  const code = byteText(bytes.subarray(0, decoded.size)).padEnd(23);
  const text = `${decoded.mnemonic.padEnd(6)} ${withSymbols(session, process, decoded.operands)}`.trimEnd();
  const line = sourceLine(session, process, address);
  return { text: `${start.padEnd(48)} ${code} ${text}${line === "" ? "" : `  ; ${line}`}`, size: decoded.size };
}

function byteText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** Adds symbols to the absolute addresses in operands. */
function withSymbols(session: CommandSession, process: number, operands: string): string {
  return operands.replace(/0x[0-9a-f]{5,8}\b/g, (text) => {
    const symbol = session.view.symbolAt(process, Number(text));
    return symbol === undefined ? text : `${text} <${symbol}>`;
  });
}

/**
 * One JSON object a line. Addresses, values and bytes are hexadecimal strings, cycles and counts numbers; the keys are those
 * of event.ts.
 */
import type { TraceEvent } from "./event.ts";
import type { TraceFormat } from "./formats.ts";
import { codeHex, hexNumber } from "./text-format.ts";

export class JsonLinesFormat implements TraceFormat {
  begin(): string {
    return "";
  }

  end(): string {
    return "";
  }

  event(event: TraceEvent): string {
    return `${JSON.stringify(toJson(event))}\n`;
  }
}

function hex(value: number, digits = 8): string {
  return `0x${hexNumber(value, digits)}`;
}

/** The event as plain data. */
export function toJson(event: TraceEvent): Record<string, unknown> {
  const { kind, cycle, thread, space } = event;
  const base = { kind, cycle, thread, space };
  switch (event.kind) {
    case "instruction":
      return {
        ...base,
        ...(event.pipe !== "" && { pipe: event.pipe }),
        eip: hex(event.eip),
        symbol: event.symbol,
        code: codeHex(event.code),
        text: event.text,
        registers: Object.fromEntries(event.registers.map(({ name, old, new: now }) => [name, [hex(old), hex(now)]])),
        memory: event.memory.map(({ address, bytes, old, new: now }) => ({
          address: hex(address),
          old: hex(old, 2 * bytes),
          new: hex(now, 2 * bytes),
        })),
        ...(event.interrupted && { interrupted: true }),
      };
    case "message": {
      const { to, purpose, label, typedWords } = event;
      return { ...base, to, purpose, label, words: event.words.map((word) => hex(word)), typedWords };
    }
    case "map":
      return event.port === undefined
        ? { ...base, frame: hex(event.frame ?? 0), address: hex(event.address) }
        : { ...base, port: event.port };
    case "unmap":
      return { ...base, flexpage: hex(event.flexpage) };
    case "exception": {
      const { vector, errorCode, symbol } = event;
      const address = event.address === undefined ? {} : { address: hex(event.address) };
      return { ...base, vector, errorCode, eip: hex(event.eip), symbol, ...address };
    }
    case "interrupt":
      return { ...base, vector: event.vector, source: event.source, eip: hex(event.eip) };
    case "switch":
      return base;
    case "thread":
      return { ...base, what: event.what, detail: event.detail };
    case "fault":
      return { ...base, description: event.description };
    case "end":
      return { ...base, reason: event.reason };
  }
}

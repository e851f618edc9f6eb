/** A line an event, for people, less and grep. */
import type { MemoryChange, TraceEvent } from "./event.ts";
import type { TraceFormat } from "./formats.ts";

/** Words of a message that are shown. */
const SHOWN_WORDS = 6;

export function hexNumber(value: number, digits = 8): string {
  return (value >>> 0).toString(16).padStart(digits, "0");
}

export function codeHex(code: Uint8Array): string {
  return Array.from(code, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class TextFormat implements TraceFormat {
  begin(): string {
    return "";
  }

  end(): string {
    return "";
  }

  event(event: TraceEvent): string {
    return `${String(event.cycle).padStart(12)} ${event.thread.padEnd(10)} ${this.describe(event)}\n`;
  }

  private describe(event: TraceEvent): string {
    switch (event.kind) {
      case "instruction": {
        const changes = [
          ...event.registers.map(({ name, old, new: now }) => `${name} ${hexNumber(old)}>${hexNumber(now)}`),
          ...event.memory.map(memoryText),
        ].join(" ");
        const at = `${hexNumber(event.eip)} ${`<${event.symbol || "?"}>`.padEnd(32)}`;
        const cut = event.interrupted ? " (interrupted)" : "";
        const start = `${event.pipe.padEnd(1)} ${at} ${codeHex(event.code).padEnd(16)} ${event.text}${cut}`;
        return changes === "" ? start : `${start.padEnd(96)} ; ${changes}`;
      }
      case "message": {
        const words = event.words.slice(0, SHOWN_WORDS).map((word) => hexNumber(word));
        const more = event.words.length > SHOWN_WORDS ? ` … ${event.words.length} words` : "";
        const typed = event.typedWords === 0 ? "" : ` + ${event.typedWords} typed`;
        const what =
          event.purpose === "message"
            ? `label ${hexNumber(event.label, 4)} [${words.join(" ")}${more}]${typed}`
            : event.purpose;
        return `message to ${event.to}: ${what}`;
      }
      case "map":
        return event.port === undefined
          ? `map frame ${hexNumber(event.frame ?? 0)} at ${hexNumber(event.address)}`
          : `map port ${hexNumber(event.port, 4)}`;
      case "unmap":
        return `unmap flexpage ${hexNumber(event.flexpage)}`;
      case "exception": {
        const address = event.address === undefined ? "" : ` address ${hexNumber(event.address)}`;
        return `exception ${event.vector} error ${hexNumber(event.errorCode, 4)} at ${hexNumber(event.eip)} <${event.symbol || "?"}>${address}`;
      }
      case "interrupt":
        return `interrupt ${hexNumber(event.vector, 2)} (${event.source}) at ${hexNumber(event.eip)}`;
      case "switch":
        return "switch";
      case "thread":
        return `${event.what} ${hexNumber(event.detail)}`;
      case "fault":
        return `FAULT ${event.description}`;
      case "end":
        return `end: ${event.reason}`;
    }
  }
}

function memoryText({ address, bytes, old, new: now }: MemoryChange): string {
  return `[${hexNumber(address)}] ${hexNumber(old, 2 * bytes)}>${hexNumber(now, 2 * bytes)}`;
}

/** The three ways to write a trace. */
import { ChromeFormat } from "./chrome-format.ts";
import type { TraceEvent } from "./event.ts";
import { JsonLinesFormat } from "./json-lines-format.ts";
import { TextFormat } from "./text-format.ts";

/** Writes events one by one; `end` makes what was written valid wherever the trace stops. */
export interface TraceFormat {
  begin(): string;
  event(event: TraceEvent): string;
  end(): string;
}

export const FORMATS = ["text", "jsonl", "chrome"] as const;
export type FormatName = (typeof FORMATS)[number];

/** `hertz` is the core clock, for formats that count in time. */
export function createFormat(name: FormatName, hertz: number): TraceFormat {
  switch (name) {
    case "text":
      return new TextFormat();
    case "jsonl":
      return new JsonLinesFormat();
    case "chrome":
      return new ChromeFormat(hertz);
  }
}

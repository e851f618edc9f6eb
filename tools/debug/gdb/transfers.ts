/** `qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH`: objects read in pieces (GDB manual, appendix E.4). */
import type { DebugTarget, TargetThread } from "../debug-target.ts";
import { bytesToBinary, parseHexNumber } from "./hex.ts";
import { memoryMap, targetDescription, threadList } from "./target-description.ts";

/** The names of `qSupported` for what `readObject` serves. */
export const TRANSFER_FEATURES = [
  "qXfer:features:read+",
  "qXfer:threads:read+",
  "qXfer:memory-map:read+",
  "qXfer:exec-file:read+",
];

function toBytes(text: string): string {
  return bytesToBinary(new TextEncoder().encode(text));
}

/** What the objects are made of. */
export interface TransferSource {
  readonly target: DebugTarget;
  readonly threads: readonly TargetThread[];
  /** The process that is meant when an annex names none. */
  readonly process: number;
  readonly threadId: (thread: TargetThread) => string;
}

/** The whole object as one byte per character; undefined when there is none such. */
function object(source: TransferSource, name: string, annex: string): string | undefined {
  const target = source.target;
  switch (name) {
    case "features":
      return annex === "target.xml" ? toBytes(targetDescription(target.registers)) : undefined;
    case "threads":
      return annex === "" ? toBytes(threadList(source.threads, source.threadId)) : undefined;
    case "memory-map":
      return annex === "" ? toBytes(memoryMap(target.memoryMap())) : undefined;
    case "exec-file": {
      const wanted = annex === "" ? source.process : parseHexNumber(annex);
      const path = wanted === undefined ? undefined : target.executable(wanted);
      return path === undefined ? undefined : toBytes(path);
    }
    default:
      return undefined;
  }
}

/** Answers the part of the packet after `qXfer:`. The empty answer means that the object is not known. */
export function readObject(request: string, source: TransferSource): string {
  const match = /^([a-z-]+):(read|write):([^:]*):([0-9a-fA-F]+),([0-9a-fA-F]+)$/.exec(request);
  if (match === null) return /^[a-z-]+:/.test(request) ? "E00" : "";
  const [, name = "", operation, annex = "", offsetText = "", lengthText = ""] = match;
  if (!TRANSFER_FEATURES.includes(`qXfer:${name}:read+`) || operation !== "read") return "";
  const offset = parseHexNumber(offsetText);
  const length = parseHexNumber(lengthText);
  const whole = object(source, name, annex);
  if (whole === undefined || offset === undefined || length === undefined || offset > whole.length) return "E00";
  const piece = whole.slice(offset, offset + Math.min(length, 0x4000));
  return (offset + piece.length < whole.length ? "m" : "l") + piece;
}

/**
 * The packets that make the target run: `c`, `s`, `C`, `S`, `bc`, `bs` and `vCont` (GDB manual, appendix E.2).
 *
 * Nothing can hold back the other threads of a machine whose kernel schedules them: a thread that gdb lets step or
 * continue does so while the others run as the guest's scheduler decides.
 */
import type { DebugTarget, ResumeRequest, TargetThread } from "../debug-target.ts";
import { parseHexNumber } from "./hex.ts";
import { findThread, parseThreadId } from "./thread-id.ts";

export function resumeRequest(
  payload: string,
  chosen: TargetThread,
  target: DebugTarget,
): ResumeRequest | "malformed" | "unknown" {
  const thread = chosen.thread;
  if (payload.startsWith("vCont;")) return continueRequest(payload.slice("vCont;".length), chosen, target);
  if (payload === "bs") return { direction: "backward", mode: "step", thread };
  if (payload === "bc") return { direction: "backward", mode: "continue", thread };
  // `cADDR` and `C05;ADDR` would resume elsewhere: gdb never sends an address to a target that has vCont or registers.
  if (/^(c|C[0-9a-fA-F]{2})$/.test(payload)) return { direction: "forward", mode: "continue", thread };
  if (/^(s|S[0-9a-fA-F]{2})$/.test(payload)) return { direction: "forward", mode: "step", thread };
  return payload.startsWith("b") ? "unknown" : "malformed";
}

function continueRequest(text: string, chosen: TargetThread, target: DebugTarget): ResumeRequest | "malformed" {
  const threads = target.threads();
  const current = target.currentThread();
  let request: ResumeRequest | undefined;
  for (const action of text.split(";")) {
    const colon = action.indexOf(":");
    const what = colon < 0 ? action : action.slice(0, colon);
    const id = colon < 0 ? { process: -1, thread: -1 } : parseThreadId(action.slice(colon + 1));
    if (id === undefined) return "malformed";
    const thread = findThread(threads, id, colon < 0 ? chosen : current);
    const parsed = parseAction(what, (thread ?? current).thread);
    if (parsed === undefined) return "malformed";
    if (thread === undefined) continue;
    // The leftmost action of a thread counts; a step decides how the machine runs, whatever the others may do.
    if (request === undefined || (request.mode === "continue" && parsed.mode !== "continue" && id.thread > 0)) {
      request = parsed;
    }
  }
  return request ?? "malformed";
}

function parseAction(what: string, thread: number): ResumeRequest | undefined {
  if (/^(c|C[0-9a-fA-F]{2})$/.test(what)) return { direction: "forward", mode: "continue", thread };
  if (/^(s|S[0-9a-fA-F]{2})$/.test(what)) return { direction: "forward", mode: "step", thread };
  const [startText = "", endText = ""] = what.slice(1).split(",", 2);
  const rangeStart = parseHexNumber(startText);
  const rangeEnd = parseHexNumber(endText);
  if (!what.startsWith("r") || rangeStart === undefined || rangeEnd === undefined) return undefined;
  return { direction: "forward", mode: "range", thread, rangeStart, rangeEnd };
}

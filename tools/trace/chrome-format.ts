/**
 * Trace events for Perfetto and chrome://tracing ("Trace Event Format", JSON object form): a track for each thread with a
 * slice for each time that it had the CPU, messages as flow arrows, everything else as instants.
 *
 * Times are microseconds of guest time. Slices begin and end with the kernel's switch events.
 */
import type { TraceEvent } from "./event.ts";
import type { TraceFormat } from "./formats.ts";
import { toJson } from "./json-lines-format.ts";

const PROCESS = 1;

export class ChromeFormat implements TraceFormat {
  private first = true;
  private readonly tracks = new Map<string, number>();
  private running: { readonly name: string; readonly since: number } | undefined;
  private last = 0;
  private flows = 0;

  constructor(private readonly hertz: number) {}

  begin(): string {
    const name = { name: "process_name", ph: "M", pid: PROCESS, args: { name: "quorum86" } };
    return `{"displayTimeUnit":"ns","traceEvents":[${this.line(name)}`;
  }

  end(): string {
    return `${this.closeSlice(this.last)}\n]}\n`;
  }

  event(event: TraceEvent): string {
    this.last = Math.max(this.last, event.cycle);
    switch (event.kind) {
      case "switch": {
        const text = this.closeSlice(event.cycle) + this.track(event.thread);
        this.running = { name: event.thread, since: event.cycle };
        return text;
      }
      case "message":
        return this.message(event.cycle, event.thread, event.to, event);
      case "instruction":
        return this.instant(event, event.text, event.thread);
      case "fault":
        return this.instant(event, "FAULT", event.thread, "g");
      default:
        return this.instant(event, event.kind, event.thread);
    }
  }

  private time(cycle: number): number {
    return (cycle / this.hertz) * 1e6;
  }

  private line(object: Record<string, unknown>): string {
    const text = `${this.first ? "\n" : ",\n"}${JSON.stringify(object)}`;
    this.first = false;
    return text;
  }

  /** Names a track when it is first seen. */
  private track(name: string): string {
    if (this.tracks.has(name)) return "";
    this.tracks.set(name, this.tracks.size + 1);
    return this.line({ name: "thread_name", ph: "M", pid: PROCESS, tid: this.tracks.get(name), args: { name } });
  }

  private closeSlice(cycle: number): string {
    const { running } = this;
    this.running = undefined;
    if (running === undefined) return "";
    const ts = this.time(running.since);
    const tid = this.tracks.get(running.name);
    return this.line({ name: running.name, ph: "X", pid: PROCESS, tid, ts, dur: this.time(cycle) - ts });
  }

  private message(cycle: number, from: string, to: string, event: TraceEvent): string {
    const ts = this.time(cycle);
    const tracks = this.track(from) + this.track(to);
    const sender = this.tracks.get(from);
    const receiver = this.tracks.get(to);
    const id = ++this.flows;
    const flow = { name: "message", cat: "ipc", id, pid: PROCESS };
    const { kind: _kind, cycle: _cycle, ...args } = toJson(event);
    // A flow arrow binds to slices: a short one at each end.
    return (
      tracks +
      this.line({ name: `to ${to}`, ph: "X", pid: PROCESS, tid: sender, ts, dur: 0.01, args }) +
      this.line({ ...flow, ph: "s", tid: sender, ts }) +
      this.line({ name: `from ${from}`, ph: "X", pid: PROCESS, tid: receiver, ts: ts + 0.02, dur: 0.01, args }) +
      this.line({ ...flow, ph: "f", bp: "e", tid: receiver, ts: ts + 0.02 })
    );
  }

  private instant(event: TraceEvent, name: string, thread: string, scope: "t" | "g" = "t"): string {
    const { kind, cycle, thread: _thread, space: _space, ...args } = toJson(event);
    const tracks = this.track(thread);
    const tid = this.tracks.get(thread);
    return (
      tracks +
      this.line({
        name,
        cat: String(kind),
        ph: "i",
        s: scope,
        pid: PROCESS,
        tid,
        ts: this.time(event.cycle),
        args: { cycle, ...args },
      })
    );
  }
}

/**
 * Runs the machine for a debugger, forwards and backwards, in slices, and says why it stopped.
 *
 * Backwards means: from an earlier snapshot forwards again, in windows that grow, until the last thing of interest before
 * the present is found; then to exactly there.
 */
import { type StopReason, Word } from "../../emulator/index.ts";
import type { InjectionReport } from "../run/run-result.ts";
import type { ResumeRequest, StopCause, StopReport } from "./debug-target.ts";
import { type GuestView, KERNEL_THREAD } from "./guest-view.ts";
import { describeEnd, describeHit, describeInjection } from "./messages.ts";
import type { PendingFaults } from "./pending-faults.ts";
import { isCodePoint, type Point, type PointSet } from "./points.ts";
import { StepBackSearch } from "./step-back.ts";
import { comparePositions, type Position } from "./time/position.ts";
import { HistoryError, type Timeline } from "./time/timeline.ts";
import { type Hit, Watcher } from "./watcher.ts";

/** Host time between two looks at the outside world. */
const SLICE_MILLISECONDS = 25;
/** Instructions of the first window of a search backwards; each further one is four times as long, up to the largest. */
const FIRST_WINDOW = 2_000;
const LARGEST_WINDOW = 1_000_000;

interface Search {
  /** The present, from which the search began: nothing at or after it counts. */
  readonly from: Position;
  /** Where the last window began; the next one ends there. */
  end: Position;
  window: number;
  /** For steps of a thread back. */
  steps?: StepBackSearch;
}

export class RunControl {
  private readonly watcher: Watcher;
  private request: ResumeRequest | undefined;
  private search: Search | undefined;
  private hit: Hit | undefined;
  private stepped = false;
  private sliceCycles = 200_000;
  private messages: string[] = [];

  constructor(
    readonly view: GuestView,
    readonly timeline: Timeline,
    readonly points: PointSet,
    readonly faults: PendingFaults,
  ) {
    this.watcher = new Watcher(view, timeline);
    timeline.stopAfterEdit = () => this.hit !== undefined;
  }

  get running(): boolean {
    return this.request !== undefined;
  }

  /** Begins to run; call `slice` until it gives a report. */
  resume(request: ResumeRequest): void {
    this.request = request;
    this.hit = undefined;
    this.stepped = false;
    this.messages = [];
    const here = this.timeline.position;
    this.search = request.direction === "forward" ? undefined : { from: here, end: here, window: FIRST_WINDOW };
    if (request.direction === "forward") this.watchForward(request);
  }

  /** Runs for some milliseconds of host time; the report when the machine has stopped. */
  slice(): StopReport | undefined {
    const request = this.request;
    if (request === undefined) return this.report(this.view.current().id, { kind: "interrupt" });
    const deadline = performance.now() + SLICE_MILLISECONDS;
    let report: StopReport | undefined;
    try {
      do {
        report = this.search === undefined ? this.forward(request) : this.backward(request, this.search);
      } while (report === undefined && performance.now() < deadline);
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error;
      report = this.report(this.view.current().id, { kind: "interrupt" }, error.message);
    }
    if (report !== undefined) this.finish();
    return report;
  }

  /** Stops where the machine is. */
  interrupt(): StopReport {
    const from = this.search?.from;
    const resumed = this.resumed();
    this.finish();
    // A search that is given up leaves the machine where it was.
    if (from !== undefined) this.timeline.seek(from);
    this.settle();
    return this.report(this.view.userThread() || resumed, { kind: "interrupt" });
  }

  private finish(): void {
    this.watcher.stop();
    this.request = undefined;
    this.search = undefined;
  }

  private report(thread: number, cause: StopCause, message?: string): StopReport {
    const known = this.view.thread(thread) ?? this.view.current();
    const text = [...this.messages, ...(message === undefined ? [] : [message])].join("\n");
    this.messages = [];
    return { process: known.process, thread: known.id, cause, ...(text === "" ? {} : { message: text }) };
  }

  /** Out of the kernel's door: kernel paths are atomic, so the boundary before one is no place to look around at. */
  private settle(): void {
    const { cpu } = this.view.machine;
    for (let count = 0; count < 4 && this.view.userThread() === 0 && cpu.words[Word.Halted] === 0; count++) {
      if (this.timeline.step() !== undefined) return;
    }
  }

  // ---- forwards ----

  private watchForward(request: ResumeRequest): void {
    const { view } = this;
    const thread = view.userThread() || KERNEL_THREAD;
    const address = view.register(thread, "eip") ?? 0;
    const stepping = request.mode !== "continue" && request.thread !== KERNEL_THREAD;
    const awaited = new Set(stepping ? [request.thread] : []);
    this.watcher.start({
      points: this.points.enabled,
      ...(awaited.size > 0 && { awaited, onAwaited: () => view.machine.stop("awaited thread runs") }),
      ...(this.points.enabled.some(isCodePoint) && { leaving: { thread, address } }),
      onHit: (hit) => this.passed(hit.point) || this.stopAt(hit),
    });
  }

  /** Counts a hit; true when it is one that is to be let pass. */
  private passed(point: Point): boolean {
    point.hits++;
    if (point.ignore === undefined || point.ignore <= 0) return false;
    point.ignore--;
    return true;
  }

  private stopAt(hit: Hit): void {
    this.hit ??= hit;
    this.view.machine.stop("breakpoint");
  }

  private forward(request: ResumeRequest): StopReport | undefined {
    const struck = this.faults.pending().length > 0 && this.strikeFaults();
    if (struck && request.untilFault === true) return this.report(this.view.current().id, { kind: "step" });
    if (this.hit !== undefined) return this.hitReport(this.hit);
    if (request.mode === "continue") return this.runOn() ?? this.arrived(request);
    return this.stepOn(request);
  }

  private strikeFaults(): boolean {
    const reports = this.faults.strikeDue();
    for (const report of reports) this.announce(report);
    return reports.length > 0;
  }

  private announce(report: InjectionReport): void {
    this.messages.push(describeInjection(report));
  }

  private runOn(): StopReport | undefined {
    const { timeline } = this;
    const started = performance.now();
    const limit = Math.min(
      timeline.position.cycle + this.sliceCycles,
      this.request?.untilCycle ?? Number.POSITIVE_INFINITY,
    );
    const reason = timeline.advance(this.faults.within({ cycle: limit }));
    const elapsed = performance.now() - started;
    if (elapsed < SLICE_MILLISECONDS / 4) this.sliceCycles = Math.min(this.sliceCycles * 2, 50_000_000);
    else if (elapsed > SLICE_MILLISECONDS) this.sliceCycles = Math.max(this.sliceCycles / 2, 10_000);
    if (this.hit !== undefined) return this.hitReport(this.hit);
    return this.endReport(reason);
  }

  private arrived({ untilCycle }: ResumeRequest): StopReport | undefined {
    if (untilCycle === undefined || this.timeline.position.cycle < untilCycle) return undefined;
    return this.report(this.view.current().id, { kind: "step" });
  }

  /** One step of the thread, or a slice of the others' while it is not on the CPU. */
  private stepOn(request: ResumeRequest): StopReport | undefined {
    const { view, timeline } = this;
    if (request.thread === KERNEL_THREAD) {
      const reason = timeline.step();
      return (
        (this.hit === undefined ? undefined : this.hitReport(this.hit)) ??
        this.endReport(reason) ??
        this.report(KERNEL_THREAD, { kind: "step" })
      );
    }
    if (view.userThread() !== request.thread) {
      const report = this.runOn();
      return report ?? (this.stepped && view.userThread() === request.thread ? this.stepDone(request) : undefined);
    }
    const before = view.machine.instructions;
    const reason = timeline.step();
    if (this.hit !== undefined) return this.hitReport(this.hit);
    const ended = this.endReport(reason);
    if (ended !== undefined) return ended;
    if (view.machine.instructions > before) this.stepped = true;
    return this.stepped && view.userThread() === request.thread ? this.stepDone(request) : undefined;
  }

  private stepDone(request: ResumeRequest): StopReport | undefined {
    const eip = this.view.register(request.thread, "eip") ?? 0;
    const { rangeStart = 0, rangeEnd = 0 } = request;
    if (request.mode === "range" && eip >= rangeStart && eip < rangeEnd) {
      this.stepped = false;
      return undefined;
    }
    return this.report(request.thread, { kind: "step" });
  }

  private endReport(reason: StopReason | undefined): StopReport | undefined {
    if (reason === undefined) return undefined;
    switch (reason.kind) {
      case "cycle":
      case "instructions":
      case "stopped":
        return undefined;
      default:
        return this.report(
          this.view.current().id,
          { kind: "history-end" },
          describeEnd(reason, this.timeline.position),
        );
    }
  }

  /** The thread that was resumed, while it exists. */
  private resumed(): number {
    const { thread } = this.request ?? { thread: KERNEL_THREAD };
    return this.view.thread(thread)?.id ?? this.view.current().id;
  }

  private hitReport(hit: Hit): StopReport {
    if (hit.point.temporary === true) this.points.remove((point) => point === hit.point);
    this.watcher.stop();
    const code = isCodePoint(hit.point);
    // A breakpoint was noticed behind the fetch of its instruction.
    if (code) this.timeline.beforeFetch();
    else this.settle();
    return this.report(this.reporter(hit), causeOf(hit), code ? undefined : describeHit(this.view, hit));
  }

  /** A watchpoint's stop is shown on a thread of its own space, whoever did it: gdb looks at the word through that thread. */
  private reporter(hit: Hit): number {
    const { process } = hit.point;
    if (this.view.thread(hit.thread)?.process === process) return hit.thread;
    return this.view.threads().find((thread) => thread.process === process)?.id ?? hit.thread;
  }

  // ---- backwards ----

  private backward(request: ResumeRequest, search: Search): StopReport | undefined {
    const { timeline } = this;
    const atStart = comparePositions(search.end, timeline.start) <= 0;
    if (atStart) {
      this.watcher.stop();
      timeline.seek(timeline.start);
      return this.report(this.resumed(), { kind: "history-begin" }, "history begins here");
    }
    const end = search.end;
    if (request.mode !== "continue" && request.thread !== KERNEL_THREAD) return this.stepBack(request, search);
    const found = request.mode === "continue" ? this.searchHits(search, end) : this.previousBoundary(search, end);
    if (found === undefined) return undefined;
    this.watcher.stop();
    if ("point" in found && found.by !== "edit") timeline.seekInstructions(found.position.instructions);
    else timeline.seek(found.position);
    if (!("point" in found)) return this.report(request.thread, { kind: "step" });
    const code = isCodePoint(found.point);
    return this.report(this.reporter(found), causeOf(found), code ? undefined : describeHit(this.view, found));
  }

  private stepBack(request: ResumeRequest, search: Search): StopReport | undefined {
    search.steps ??= new StepBackSearch(this.view, this.timeline, request.thread, search.from);
    const found = search.steps.next();
    if (found === undefined) return undefined;
    const { timeline } = this;
    if (found === "none") {
      timeline.seek(timeline.start);
      return this.report(this.resumed(), { kind: "history-begin" }, "history begins here");
    }
    timeline.seek(found);
    const eip = this.view.register(request.thread, "eip") ?? 0;
    const { rangeStart = 0, rangeEnd = 0 } = request;
    if (request.mode === "range" && eip >= rangeStart && eip < rangeEnd) {
      this.search = { from: found, end: found, window: FIRST_WINDOW };
      return undefined;
    }
    return this.report(request.thread, { kind: "step" });
  }

  /** Opens the window before `end` and runs through it with the watcher on; afterwards the machine is at `end`. */
  private runWindow(search: Search, end: Position, watch: () => void): void {
    const { timeline } = this;
    timeline.seekInstructions(Math.max(timeline.start.instructions, end.instructions - search.window));
    if (comparePositions(timeline.position, end) >= 0) timeline.seek(timeline.start);
    if (search.window === FIRST_WINDOW) timeline.keepNear(FIRST_WINDOW / 2);
    search.end = timeline.position;
    search.window = Math.min(search.window * 4, LARGEST_WINDOW);
    watch();
    timeline.runThrough(end);
    this.watcher.stop();
  }

  private searchHits(search: Search, end: Position): Hit | undefined {
    let last: Hit | undefined;
    const { from } = search;
    this.runWindow(search, end, () =>
      this.watcher.start({
        points: this.points.enabled,
        onHit: (hit) => {
          const earlier =
            hit.by === "edit" ? comparePositions(hit.position, from) : hit.position.instructions - from.instructions;
          if (earlier < 0) last = hit;
        },
      }),
    );
    return last;
  }

  /** The machine's own boundary before `end`, found by single steps. */
  private previousBoundary(search: Search, end: Position): { position: Position } | undefined {
    const { timeline } = this;
    timeline.seekInstructions(Math.max(timeline.start.instructions, end.instructions - 8));
    if (comparePositions(timeline.position, end) >= 0) timeline.seek(timeline.start);
    let last: Position | undefined;
    while (comparePositions(timeline.position, search.from) < 0) {
      last = timeline.position;
      timeline.step();
    }
    return last === undefined ? undefined : { position: last };
  }
}

function causeOf(hit: Hit): StopCause {
  const { point, address } = hit;
  return isCodePoint(point) ? { kind: "breakpoint", point } : { kind: "watchpoint", point, address };
}

/**
 * Where a thread was one instruction ago: the last boundary before the present at which it had just got to its next
 * instruction, that is, at which it was on the CPU for the first time after retiring one (exactly where a step forwards ends).
 *
 * First the machine runs through a window before the present at full speed, noting only when the thread came from the
 * kernel and when it went there; then through the last few instructions of the thread one by one. Windows go back, each
 * longer than the one before.
 */
import type { GuestView } from "./guest-view.ts";
import { comparePositions, type Position } from "./time/position.ts";
import type { Timeline } from "./time/timeline.ts";

const FIRST_WINDOW = 256;
const SECOND_WINDOW = 20_000;
const LARGEST_WINDOW = 4_000_000;
/** Instructions of the thread that are looked at one by one. */
const TAIL = 200;

/** A time during which the thread had the CPU. */
interface Stay {
  readonly start: Position;
  /** Machine instructions when it went to the kernel, or at the window's end. */
  readonly end: number;
  /** It had the CPU when the window began: `start` is no boundary of the thread's own. */
  readonly partial: boolean;
}

export class StepBackSearch {
  private window = FIRST_WINDOW;
  private end: Position;
  /** Where the stay after the one to be looked at began; a boundary sought if the thread went by a system call. */
  private cameBack: Position | undefined;

  constructor(
    private readonly view: GuestView,
    private readonly timeline: Timeline,
    private readonly thread: number,
    private readonly from: Position,
  ) {
    this.end = from;
  }

  /** Looks through one window; the position, "none" at the beginning of history, or undefined when it must go on. */
  next(): Position | "none" | undefined {
    const { timeline } = this;
    if (comparePositions(this.end, timeline.start) <= 0) return "none";
    const { stays, start } = this.findStays(this.end);
    this.end = start;
    this.window = Math.min(Math.max(this.window * 4, SECOND_WINDOW), LARGEST_WINDOW);
    for (const stay of stays.reverse()) {
      const { last, wentRetired } = this.lookAt(stay);
      if (wentRetired && this.cameBack !== undefined && this.isEarlier(this.cameBack)) return this.cameBack;
      if (last !== undefined) return last;
      this.cameBack = stay.partial ? undefined : stay.start;
    }
    return undefined;
  }

  private isEarlier(position: Position): boolean {
    return comparePositions(position, this.from) < 0;
  }

  private findStays(end: Position): { stays: Stay[]; start: Position } {
    const { timeline, view, thread } = this;
    timeline.seekInstructions(Math.max(timeline.start.instructions, end.instructions - this.window));
    if (comparePositions(timeline.position, end) >= 0) timeline.seek(timeline.start);
    const windowStart = timeline.position;
    const stays: Stay[] = [];
    let here: Omit<Stay, "end"> | undefined;
    if (view.userThread() === thread) here = { start: windowStart, partial: true };
    const detach = view.machine.observe({
      portalEnter: () => {
        if (here !== undefined) stays.push({ ...here, end: view.machine.instructions });
        here = undefined;
      },
      portalLeave: () => {
        if (view.userThread() !== thread) return;
        // The machine counts a portal call as one instruction, after this report.
        const { instructions, ...rest } = timeline.position;
        here = { start: { instructions: instructions + 1, ...rest }, partial: false };
      },
    });
    timeline.runThrough(end);
    detach();
    if (here !== undefined) stays.push({ ...here, end: end.instructions });
    return { stays, start: windowStart };
  }

  /**
   * The last boundary after an instruction that retired in a stay, and whether the last thing in it was an instruction that
   * retired into the kernel (a system call).
   */
  private lookAt({ start, end }: Stay): { last: Position | undefined; wentRetired: boolean } {
    const { timeline, view, thread } = this;
    if (end - start.instructions > TAIL) timeline.seekInstructions(end - TAIL);
    else timeline.seek(start);
    timeline.keepNear(TAIL / 2);
    let last: Position | undefined;
    let wentRetired = false;
    const detach = view.machine.observe({
      afterInstruction: () => {
        wentRetired = view.userThread() !== thread;
        if (!wentRetired && this.isEarlier(timeline.position)) last = timeline.position;
      },
    });
    timeline.runTo({ instructions: end });
    detach();
    return { last, wentRetired };
  }
}

/** Records of the golden machine by thread, in order of the thread's progress; what is missing is got from the machine. */
import type { GoldenSide } from "./golden-side.ts";
import type { Reach } from "./reach.ts";
import { isStep, Record, RecordKind, RecordQueue } from "./records.ts";
import type { ThreadTrack } from "./thread-track.ts";

export class GoldenRecords {
  /** Writes of the kernel into its own words. */
  readonly kernel = new RecordQueue();

  constructor(
    private readonly golden: GoldenSide,
    private readonly reach: Reach,
    private readonly track: (thread: number) => ThreadTrack,
  ) {}

  /** Takes what the machine has recorded since. */
  sort(): void {
    const { queue } = this.golden.log;
    while (!queue.isEmpty) {
      const { words, head } = queue;
      const thread = words[head + Record.Thread]!;
      const kind = words[head + Record.Kind]!;
      if (kind === RecordKind.KernelWrite && thread === 0) {
        this.kernel.push(words, head);
        this.reach.goldenWrote(words[head + Record.WordPhysical]!, words[head + Record.WordValue]!);
      } else if (kind === RecordKind.Left) {
        const track = this.track(thread);
        if (track.parted && words[head + Record.ByCall] !== 0) track.golden.push(words, head);
      } else if (kind !== RecordKind.Faulted) this.track(thread).golden.push(words, head);
      queue.drop();
    }
  }

  /** Offset in `track.golden` of the golden thread's instruction at a count, after the kernel's writes; -1: it never comes. */
  step(track: ThreadTrack, progress: number): number {
    const { golden, thread } = track;
    for (;;) {
      this.sort();
      for (let at = golden.head; at < golden.tail; at += golden.words[at]!) {
        if (!isStep(golden.words[at + Record.Kind]!) || golden.words[at + Record.Progress]! < progress) continue;
        if (golden.words[at + Record.Progress] === progress) return at;
        break;
      }
      if (this.golden.log.position(thread) > progress) {
        this.recordAgain(track, progress);
        continue;
      }
      if (!this.golden.pull(thread)) {
        this.sort();
        return -1;
      }
    }
  }

  /** Gets all instructions of a golden thread that has parted, up to a count; gives the place of the last one in the queue. */
  upTo(track: ThreadTrack, progress: number): number {
    const { golden } = track;
    for (;;) {
      let next = track.goldenProgress;
      for (let at = golden.head; at < golden.tail; at += golden.words[at]!) {
        if (!isStep(golden.words[at + Record.Kind]!)) continue;
        const found = golden.words[at + Record.Progress]!;
        if (found === progress && next === progress) return at;
        if (found === next) next++;
      }
      this.recordAgain(track, next);
    }
  }

  /** Gets instructions of the golden thread, which it has passed unrecorded, from a count on. */
  private recordAgain(track: ThreadTrack, progress: number): void {
    const steps = this.golden.replay(track.thread, progress);
    if (steps.isEmpty) throw new Error(`golden thread ${track.thread} does not execute instruction ${progress} again`);
    this.insertSteps(track, steps);
  }

  /** Puts recorded instructions where they belong between the other records of the golden thread. */
  private insertSteps(track: ThreadTrack, steps: RecordQueue): void {
    const { golden } = track;
    const others = new RecordQueue(golden.size + 16);
    for (let at = golden.head; at < golden.tail; at += golden.words[at]!) others.push(golden.words, at);
    golden.clear();
    let next = 0;
    while (!others.isEmpty || !steps.isEmpty) {
      const stepFirst =
        !steps.isEmpty &&
        (others.isEmpty || steps.words[steps.head + Record.Progress]! < others.words[others.head + Record.Progress]!);
      const from = stepFirst ? steps : others;
      const { words, head } = from;
      const step = isStep(words[head + Record.Kind]!);
      // Some instructions have been recorded twice.
      if (!step || words[head + Record.Progress]! >= next) golden.push(words, head);
      if (step) next = words[head + Record.Progress]! + 1;
      from.drop();
    }
  }
}

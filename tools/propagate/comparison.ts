/**
 * Compares a thread with its golden self: registers before an instruction, words that an instruction or the kernel wrote.
 * Two shadows of RAM hold what each machine's memory is at the point up to which its threads have been compared.
 */
import type { PhysicalMemory } from "../../emulator/index.ts";
import { UTCB_BYTES } from "../../kernel/utcb.ts";
import type { Causes } from "./causes.ts";
import {
  type Corruption,
  type CorruptionSet,
  EFLAGS_INDEX,
  type Place,
  type RootCause,
  registerPlace,
  type Writer,
  type WriterKind,
} from "./corruption.ts";
import { AccessKind, changes, cycleOf, forWrites, isStep, Record, RecordKind } from "./records.ts";
import type { Shadow } from "./shadow.ts";
import type { ThreadTrack } from "./thread-track.ts";

export class Comparison {
  /** Clock at which the machines stopped doing the same at the same time; undefined while they do. */
  lockstepEnd: number | undefined;

  constructor(
    readonly set: CorruptionSet,
    readonly causes: Causes,
    readonly goldenMemory: Shadow,
    readonly faultyMemory: Shadow,
  ) {}

  // ---- shadows ----

  /** What a thread has written into its UTCB unrecorded, before the kernel writes there. */
  refreshUtcb(memory: PhysicalMemory, utcb: number): void {
    if (utcb === 0) return;
    const { goldenMemory, faultyMemory } = this;
    for (let word = utcb; word < utcb + UTCB_BYTES; word += 4) {
      const value = memory.read32(word);
      if (faultyMemory.get(word) === value || this.set.at(word) !== undefined) continue;
      goldenMemory.set(word, value);
      faultyMemory.set(word, value);
    }
  }

  /** Brings the shadows of memory to what threads have written that were not looked at. */
  refresh(ram: readonly Uint8Array[], tracks: Iterable<ThreadTrack>, isUsers: (page: number) => boolean): void {
    const { goldenMemory, faultyMemory } = this;
    const pages = faultyMemory.changedPages(ram).filter(isUsers);
    if (pages.length === 0) return;
    const changed = new Set(pages);
    // What waits to be compared is not in the shadows yet.
    const kept = new Map<number, [golden: number, faulty: number]>();
    const keep = (physical: number): void => {
      if (changed.has(physical >>> 12)) kept.set(physical, [goldenMemory.get(physical), faultyMemory.get(physical)]);
    };
    for (const { faulty } of tracks)
      for (let at = faulty.head; at < faulty.tail; at += faulty.words[at]!) forWrites(faulty.words, at, keep);
    for (const { place, golden, faulty } of this.set.current())
      if (place >= 0 && changed.has(place >>> 12) && !kept.has(place)) kept.set(place, [golden, faulty]);
    for (const page of pages) {
      goldenMemory.replace(page, ram[page]!);
      faultyMemory.replace(page, ram[page]!);
    }
    for (const [physical, [golden, faulty]] of kept) {
      goldenMemory.set(physical, golden);
      faultyMemory.set(physical, faulty);
    }
  }

  // ---- registers ----

  /** Of two records with registers, the faulty thread's and the golden one's. */
  registers(track: ThreadTrack, words: Int32Array, at: number, golden: Int32Array, other: number, cycle: number): void {
    for (let index = 0; index <= EFLAGS_INDEX; index++) {
      const faulty = words[at + Record.Registers + index]!;
      const right = golden[other + Record.Registers + index]!;
      const bit = 1 << index;
      if (faulty === right) {
        if ((track.wrongRegisters & bit) === 0) continue;
        track.wrongRegisters &= ~bit;
        const place = registerPlace(track.thread, index);
        this.set.heal(place, Math.max(this.madeAt(track, cycle), this.set.at(place)?.cycle ?? 0), track.progress);
        continue;
      }
      const place = registerPlace(track.thread, index);
      const before = this.set.at(place);
      const { previous } = track;
      const written = index === EFLAGS_INDEX ? previous.flagsWritten !== 0 : (previous.registersWritten & bit) !== 0;
      if (before !== undefined && before.golden === right >>> 0 && before.faulty === faulty >>> 0 && !written) continue;
      track.wrongRegisters |= bit;
      this.addRegister(track, place, index, right, faulty, cycle);
    }
    if (track.registerSources.size > 0) track.registerSources.clear();
  }

  /** Clock at which the registers became what they are: what the kernel gave back is there when the thread goes on. */
  private madeAt({ previous }: ThreadTrack, cycle: number): number {
    return previous.entered || previous.eip === 0 ? cycle : previous.cycle;
  }

  addRegister(
    track: ThreadTrack,
    place: Place,
    index: number,
    golden: number,
    faulty: number,
    cycle: number,
  ): Corruption {
    const { previous, thread } = track;
    // What a thread has when it begins, the kernel has given it.
    const byKernel = previous.entered || previous.eip === 0;
    const sources = byKernel
      ? (track.registerSources.get(index) ?? this.causes.around(thread, 0, previous.sources))
      : previous.sources;
    const flagsKept = index === EFLAGS_INDEX ? ~previous.flagsWritten : 0;
    const writer: Writer = { kind: byKernel ? "kernel" : "instruction", thread, eip: previous.eip, vector: -1 };
    return this.set.add(
      {
        place,
        cycle: this.madeAt(track, cycle),
        progress: track.progress,
        golden: golden >>> 0,
        faulty: faulty >>> 0,
        writer,
        sources: this.causes.withCarried(place, golden, faulty, sources, !byKernel, flagsKept),
        byInput: previous.byInput,
      },
      this.otherwise(),
    );
  }

  // ---- a step ----

  /** What a step wrote in both machines, and the words that only one of them wrote. */
  step(
    track: ThreadTrack,
    words: Int32Array,
    at: number,
    golden: Int32Array,
    other: number,
    sources: readonly number[],
    cycle: number,
  ): void {
    const end = at + words[at + Record.Length]!;
    const goldenEnd = other + golden[other + Record.Length]!;
    let writes = false;
    for (let access = other + Record.Accesses; access < goldenEnd; access += 3)
      if (changes(golden[access]!)) {
        this.goldenMemory.set(golden[access + 1]!, golden[access + 2]!);
        writes = true;
      }
    for (let access = at + Record.Accesses; access < end; access += 3)
      if (changes(words[access]!)) {
        this.faultyMemory.set(words[access + 1]!, words[access + 2]!);
        writes = true;
      }
    if (!writes) return;
    const eip = words[at + Record.Eip]! >>> 0;
    for (let access = at + Record.Accesses; access < end; access += 3)
      if (changes(words[access]!)) this.stepWord(track, words, access, "instruction", eip, sources, cycle);
    for (let access = other + Record.Accesses; access < goldenEnd; access += 3)
      if (changes(golden[access]!)) this.stepWord(track, golden, access, "omission", eip, sources, cycle);
  }

  private stepWord(
    track: ThreadTrack,
    words: Int32Array,
    access: number,
    how: "instruction" | "omission",
    eip: number,
    sources: readonly number[],
    cycle: number,
  ): void {
    const physical = words[access + 1]!;
    if (this.goldenMemory.get(physical) === this.faultyMemory.get(physical)) {
      if (this.set.memorySize > 0) this.set.heal(physical, cycle, track.progress);
      return;
    }
    const kind = (words[access]! & 15) === AccessKind.Mark ? "walk" : how;
    this.word(physical, cycle, track.progress, { kind, thread: track.thread, eip, vector: -1 }, () => sources);
  }

  // ---- the kernel's writes into a thread's words ----

  /**
   * What the kernel wrote into a thread's words while it waited, in both machines, up to these counts of their
   * instructions. Golden instructions that the faulty thread has passed unrecorded are dropped on the way.
   */
  kernelItems(track: ThreadTrack, goldenProgress: number, cycle: number): void {
    const { golden, faulty } = track;
    let missing: Set<number> | undefined;
    while (!golden.isEmpty) {
      const { words, head } = golden;
      if (words[head + Record.Progress]! > goldenProgress) break;
      const kind = words[head + Record.Kind]!;
      if (isStep(kind) && words[head + Record.Progress] === goldenProgress) break;
      if (kind === RecordKind.Resumed) track.goldenResumed.take(words, head);
      else if (kind === RecordKind.KernelWrite) {
        const physical = words[head + Record.WordPhysical]!;
        this.goldenMemory.set(physical, words[head + Record.WordValue]!);
        missing ??= new Set();
        missing.add(physical);
      }
      golden.drop();
    }
    if (!faulty.isEmpty) this.faultyItems(track, missing);
    if (missing !== undefined)
      for (const physical of missing) {
        const writer: Writer = { kind: "omission", thread: track.thread, eip: 0, vector: -1 };
        this.word(physical, cycle, track.progress, writer, () => this.causes.around(track.thread, 0));
      }
  }

  private faultyItems(track: ThreadTrack, missing: Set<number> | undefined): void {
    const { faulty } = track;
    /** The last record that wrote each word: it made the word what it is. */
    const written = new Map<number, number>();
    for (let at = faulty.head; at < faulty.tail; at += faulty.words[at]!) {
      const physical = faulty.words[at + Record.WordPhysical]!;
      this.faultyMemory.set(physical, faulty.words[at + Record.WordValue]!);
      written.delete(physical);
      written.set(physical, at);
    }
    for (const [physical, at] of written) {
      missing?.delete(physical);
      this.messageWord(track, faulty.words, at, physical);
    }
    faulty.clear();
    track.messageSources.clear();
  }

  private messageWord(track: ThreadTrack, words: Int32Array, at: number, physical: number): void {
    const sender = words[at + Record.Sender]!;
    const isMessage = sender !== 0 && words[at + Record.Receiver] === track.thread;
    const writer: Writer = {
      kind: isMessage ? "message" : "kernel",
      thread: words[at + Record.PathThread]!,
      eip: 0,
      vector: words[at + Record.PathVector]!,
      ...(isMessage ? { sender } : {}),
    };
    this.word(
      physical,
      cycleOf(words, at),
      track.progress,
      writer,
      () => track.messageSources.get(physical) ?? this.causes.around(words[at + Record.PathThread]!, sender),
    );
  }

  // ---- parted ways ----

  /** Applies what both did on their different ways, up to these offsets in the queues, and compares every word touched. */
  otherPath(track: ThreadTrack, faultyEnd: number, goldenEnd: number): void {
    const { faulty, golden, parting } = track;
    const touched = new Map<number, { cycle: number; eip: number; kind: WriterKind }>();
    while (!golden.isEmpty && golden.head < goldenEnd) {
      forWrites(golden.words, golden.head, (physical, value, _cycle, _eip, byWalk) => {
        this.goldenMemory.set(physical, value);
        touched.set(physical, { cycle: parting!.cycle, eip: 0, kind: byWalk ? "walk" : "omission" });
      });
      if (isStep(golden.words[golden.head + Record.Kind]!)) track.goldenProgress++;
      const last = golden.head + golden.words[golden.head]! >= goldenEnd;
      golden.drop();
      if (last) break;
    }
    while (!faulty.isEmpty && faulty.head < faultyEnd) {
      forWrites(faulty.words, faulty.head, (physical, value, cycle, eip, byWalk) => {
        this.faultyMemory.set(physical, value);
        const kind = byWalk ? "walk" : eip === 0 ? "omission" : "other-path";
        touched.set(physical, { cycle, eip: eip >>> 0, kind });
      });
      const last = faulty.head + faulty.words[faulty.head]! >= faultyEnd;
      faulty.drop();
      if (last) break;
    }
    for (const [physical, { cycle, eip, kind }] of touched) {
      const later = this.set.at(physical);
      if (later !== undefined && later.cycle > cycle && later.writer.thread !== track.thread) {
        // Another thread has been given the word since, and has made it wrong.
        this.goldenMemory.set(physical, later.golden);
        this.faultyMemory.set(physical, later.faulty);
        continue;
      }
      const writer: Writer = { kind, thread: track.thread, eip, vector: -1 };
      this.word(physical, cycle, track.progress, writer, () => [parting!.corruption]);
    }
  }

  // ---- words ----

  /** A word that both shadows now hold as it is. */
  word(
    physical: number,
    cycle: number,
    progress: number,
    writer: Writer,
    sources: (golden: number, faulty: number) => readonly number[],
  ): void {
    const golden = this.goldenMemory.get(physical) >>> 0;
    const faulty = this.faultyMemory.get(physical) >>> 0;
    if (golden === faulty) {
      this.set.heal(physical, cycle, progress);
      return;
    }
    const before = this.set.at(physical);
    if (before !== undefined && before.golden === golden && before.faulty === faulty) return;
    const found = this.causes.withCarried(physical, golden, faulty, sources(golden, faulty), writer.eip !== 0);
    const unexplained = found.length === 0 && this.lockstepEnd === undefined;
    const all = unexplained ? this.causes.counts() : found;
    this.set.add({ place: physical, cycle, progress, golden, faulty, writer, sources: all }, this.otherwise());
  }

  private otherwise(): RootCause {
    return this.lockstepEnd === undefined ? "unknown" : "time";
  }
}

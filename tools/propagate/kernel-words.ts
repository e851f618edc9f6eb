/**
 * The kernel's own words. While the machines are in lockstep they are compared write by write; after that only those that are
 * wrong already are followed.
 */
import type { Causes } from "./causes.ts";
import type { Comparison } from "./comparison.ts";
import { type ControlBlocks, registerOfWord } from "./control-blocks.ts";
import type { CorruptionSet, Writer } from "./corruption.ts";
import type { GoldenRecords } from "./golden-records.ts";
import type { KernelReads } from "./kernel-reads.ts";
import type { Reach } from "./reach.ts";
import { cycleOf, Record } from "./records.ts";
import type { ThreadTrack } from "./thread-track.ts";

export class KernelWords {
  /** Wrong words that have been written since they were last compared. */
  private readonly rewritten = new Set<number>();

  constructor(
    private readonly comparison: Comparison,
    private readonly set: CorruptionSet,
    private readonly causes: Causes,
    private readonly golden: GoldenRecords,
    private readonly reads: KernelReads,
    private readonly reach: Reach,
    private readonly tracks: ReadonlyMap<number, ThreadTrack>,
    private readonly blocks: ControlBlocks,
  ) {}

  /** The kernel has written one of its own words. */
  write(words: Int32Array, at: number): void {
    const physical = words[at + Record.WordPhysical]!;
    const value = words[at + Record.WordValue]!;
    const cycle = cycleOf(words, at);
    const { comparison } = this;
    if (this.set.size > 0) this.noteRegister(words, at);
    this.reach.faultyWrote(physical, value);
    if (comparison.lockstepEnd === undefined) {
      this.golden.sort();
      const goldenKernel = this.golden.kernel;
      const other = goldenKernel.head;
      const same =
        !goldenKernel.isEmpty &&
        cycleOf(goldenKernel.words, other) === cycle &&
        goldenKernel.words[other + Record.WordPhysical] === physical;
      if (same) {
        comparison.goldenMemory.set(physical, goldenKernel.words[other + Record.WordValue]!);
        comparison.faultyMemory.set(physical, value);
        goldenKernel.drop();
        this.compareKernelWord(words, at, physical, cycle);
        return;
      }
      comparison.lockstepEnd = cycle;
    }
    comparison.faultyMemory.set(physical, value);
    if (this.set.touchesPage(physical) && this.set.at(physical) !== undefined) this.rewritten.add(physical);
  }

  private compareKernelWord(words: Int32Array, at: number, physical: number, cycle: number): void {
    const thread = words[at + Record.PathThread]!;
    const sender = words[at + Record.Sender]!;
    const writer: Writer = { kind: "kernel", thread, eip: 0, vector: words[at + Record.PathVector]! };
    this.comparison.word(
      physical,
      cycle,
      -1,
      writer,
      (_golden, faulty) =>
        this.reads.of(faulty, this.causes.ways(thread, sender)) ?? this.causes.around(thread, sender),
    );
  }

  /** After lockstep: whether wrong words of the kernel that have been written are right now. */
  compareRewritten(cycle: number): void {
    if (this.rewritten.size === 0) return;
    this.golden.sort();
    const { comparison } = this;
    const goldenKernel = this.golden.kernel;
    while (!goldenKernel.isEmpty && cycleOf(goldenKernel.words, goldenKernel.head) <= cycle) {
      const { words, head } = goldenKernel;
      comparison.goldenMemory.set(words[head + Record.WordPhysical]!, words[head + Record.WordValue]!);
      goldenKernel.drop();
    }
    for (const physical of this.rewritten)
      if (comparison.goldenMemory.get(physical) === comparison.faultyMemory.get(physical))
        this.set.heal(physical, cycle, -1);
    this.rewritten.clear();
  }

  /** Remembers from which wrong words the kernel makes a register of a thread. */
  private noteRegister(words: Int32Array, at: number): void {
    const register = registerOfWord(words[at + Record.WordPhysical]!, this.blocks);
    if (register === undefined) return;
    const ways = this.causes.ways(words[at + Record.PathThread]!, words[at + Record.Sender]!);
    const sources = this.reads.of(words[at + Record.WordValue]!, ways);
    if (sources !== undefined) this.tracks.get(register.thread)?.registerSources.set(register.index, sources);
  }
}

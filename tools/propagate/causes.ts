/** Which wrong words a newly wrong one came from. */
import type { Kernel } from "../../kernel/index.ts";
import { type CorruptionSet, EFLAGS_INDEX, EIP_INDEX, type Place, registerPlace } from "./corruption.ts";
import { changes, Record, RecordKind } from "./records.ts";
import type { ThreadTrack } from "./thread-track.ts";

/** Registers in which a kernel call passes its arguments: all but ESP. */
const CALL_REGISTERS = 0xef;
const GENERAL_REGISTERS = 8;

export const NOTHING: readonly number[] = [];

/** Structures of the kernel that the CPU reads without an instruction of anybody. */
const READ_BY_CPU = /^(?:GDT|IDT|TSS|idle loop|idle stack|shared page table|I\/O bitmap|end of the I\/O)/;

export class Causes {
  constructor(
    private readonly set: CorruptionSet,
    private readonly tracks: ReadonlyMap<number, ThreadTrack>,
    private readonly kernel: Kernel,
  ) {}

  /** Wrong words among what a step reads: registers, flags, memory, its own code. */
  sourcesOf(track: ThreadTrack, words: Int32Array, at: number): readonly number[] {
    const { set } = this;
    if (track.wrongRegisters === 0 && set.memorySize === 0) return NOTHING;
    const sources: number[] = [];
    const take = (place: Place): void => {
      const found = set.at(place);
      if (found !== undefined && !sources.includes(found.id)) sources.push(found.id);
    };
    if (track.wrongRegisters !== 0) {
      const entered = words[at + Record.Kind] === RecordKind.Entry;
      let read = words[at + Record.RegistersUsed]! & 0xff;
      if (entered) read |= CALL_REGISTERS;
      for (let index = 0; index < GENERAL_REGISTERS; index++)
        if ((read & track.wrongRegisters & (1 << index)) !== 0) take(registerPlace(track.thread, index));
      if ((words[at + Record.FlagsUsed]! & 0xffff) !== 0 && (track.wrongRegisters & (1 << EFLAGS_INDEX)) !== 0)
        take(registerPlace(track.thread, EFLAGS_INDEX));
    }
    if (set.memorySize === 0) return sources;
    const end = at + words[at + Record.Length]!;
    for (let access = at + Record.Accesses; access < end; access += 3)
      if (!changes(words[access]!) && set.touchesPage(words[access + 1]!)) take(words[access + 1]!);
    const code = words[at + Record.CodePhysical]!;
    if (set.touchesPage(code))
      for (let word = code & ~3; word < code + words[at + Record.CodeBytes]!; word += 4) take(word);
    return sources;
  }

  /**
   * Adds the wrong word itself to the sources when bytes of it were left as they were (a byte written beside a wrong one).
   * Without any source a program's own write can only have gone astray.
   */
  withCarried(
    place: Place,
    golden: number,
    faulty: number,
    sources: readonly number[],
    isProgram: boolean,
    flagsKept = 0,
  ): readonly number[] {
    const before = this.set.at(place);
    if (before !== undefined && !sources.includes(before.id)) {
      // INC, for one, leaves the carry as it was.
      if (flagsKept !== 0 && ((golden ^ faulty) & (before.golden ^ before.faulty) & flagsKept) !== 0)
        return [...sources, before.id];
      for (let byte = 0xff; byte !== 0; byte <<= 8) {
        if (((golden ^ faulty) & byte) === 0) continue;
        if (((golden ^ before.golden) & byte) === 0 && ((faulty ^ before.faulty) & byte) === 0)
          return [...sources, before.id];
      }
    }
    return sources.length > 0 || !isProgram ? sources : this.cpusSuspects();
  }

  /** Where the ways of these threads have parted from their golden selves'. */
  ways(...threads: readonly number[]): readonly number[] {
    const found: number[] = [];
    for (const thread of threads) {
      const parting = this.tracks.get(thread)?.parting;
      if (parting !== undefined && !found.includes(parting.corruption)) found.push(parting.corruption);
    }
    return found;
  }

  /**
   * What can have made the kernel do something else for a thread: what it asked for, its own wrong registers or way, those
   * of its partner; failing that, threads that have parted because of the fault (a message that did not come).
   */
  around(thread: number, partner: number, asked: readonly number[] = NOTHING): readonly number[] {
    const sources: number[] = [...asked];
    for (const who of [thread, partner]) {
      const track = this.tracks.get(who);
      if (track === undefined) continue;
      if (track.parting !== undefined) sources.push(track.parting.corruption);
      sources.push(...track.faultSources);
      for (let index = 0; index <= EIP_INDEX; index++) {
        if (index !== EIP_INDEX && (track.wrongRegisters & (1 << index)) === 0) continue;
        const found = this.set.at(registerPlace(who, index));
        if (found !== undefined) sources.push(found.id);
      }
    }
    if (sources.length > 0) return [...new Set(sources)];
    for (const { parting, faultSources } of this.tracks.values())
      for (const id of parting === undefined ? faultSources : [parting.corruption])
        if (this.set.history[id]!.root === "fault") sources.push(id);
    return sources.length > 0 ? sources : this.cpusSuspects();
  }

  /** Where threads have parted that have since retired more or fewer instructions: the kernel keeps counts of them. */
  counts(): readonly number[] {
    const found: number[] = [];
    for (const { lastParting, progress, goldenProgress } of this.tracks.values())
      if (lastParting !== undefined && progress !== goldenProgress) found.push(lastParting);
    return found;
  }

  /** Wrong words that the CPU reads by itself: page-table entries, which decide where accesses go, descriptors, the idle loop. */
  private cpusSuspects(): readonly number[] {
    const { start } = this.kernel.kernelMemory;
    let any = false;
    for (const page of this.set.wrongPages()) any ||= page << 12 >= start;
    if (!any) return NOTHING;
    const found: number[] = [];
    for (const { place, id } of this.set.current()) if (place >= start && this.isCpus(place)) found.push(id);
    return found.length > 0 ? found : NOTHING;
  }

  private isCpus(physical: number): boolean {
    const { kind, name } = this.kernel.owner(physical);
    return kind === "page-table" || (kind === "kernel" && READ_BY_CPU.test(name));
  }
}

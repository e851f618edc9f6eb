/**
 * What happens first to the struck bits: a read, or being written over. Registers, user memory and UTCBs are seen in the faulty
 * machine's records and in what the kernel reads; other words of the kernel, which the CPU reads by itself, by watching memory.
 */
import { Flag } from "../../emulator/index.ts";
import { type Fault, type FaultTarget, REGISTERS } from "../faults/fault.ts";
import type { Guest } from "../faults/site.ts";
import { type ControlBlocks, registerOfWord } from "./control-blocks.ts";
import { EFLAGS_INDEX, EIP_INDEX, type Place, registerOf, registerPlace } from "./corruption.ts";
import { MemoryActivation } from "./memory-activation.ts";
import { changes, cycleOf, ENTRY, Record, RecordKind } from "./records.ts";

export interface Activation {
  readonly kind: "never-read" | "overwritten" | "read" | "control";
  /** The record that did it, unless it never happened. */
  readonly cycle?: number;
  readonly thread?: number;
  /** Linear address of the instruction; 0 for the kernel. */
  readonly eip?: number;
}

export class ActivationWatch {
  #found: Activation | undefined;
  private readonly isStuck: boolean;
  private readonly memory: MemoryActivation;

  /**
   * @param guest the faulty machine, just struck.
   * @param places the struck places with masks of the bits that were changed, or are stuck.
   */
  constructor(
    guest: Guest,
    fault: Fault,
    private readonly places: ReadonlyMap<Place, number>,
    cycle: number,
    private readonly blocks: ControlBlocks,
  ) {
    this.isStuck = "stuckAt0" in fault.model || "stuckAt1" in fault.model;
    const mask = [...places.values()].reduce((bits, more) => bits | more, 0);
    if (steers(fault.target, mask)) this.#found = { kind: "control", cycle };
    // The word of a trap frame that a register is kept in is no use of its own: the kernel only carries it.
    const isRegister = [...places.keys()].some((place) => place < 0);
    const kernels = [...places].filter(([place]) => isKernels(guest, place));
    this.memory = new MemoryActivation(
      guest,
      new Map(isRegister || this.#found !== undefined ? [] : kernels),
      this.isStuck,
    );
  }

  get result(): Activation {
    const { first } = this.memory;
    if (this.#found === undefined) return first ?? { kind: "never-read" };
    return first !== undefined && first.cycle < this.#found.cycle! ? first : this.#found;
  }

  stop(): void {
    this.memory.stop();
  }

  /** A record of what the faulty machine did. */
  see(words: Int32Array, at: number): void {
    if (this.#found !== undefined) return;
    const kind = words[at + Record.Kind]!;
    if (kind === RecordKind.Left || kind === RecordKind.Resumed) return;
    const isKernels = kind === RecordKind.KernelWrite;
    for (const [place, bits] of this.places) {
      const what = isKernels ? this.kernelWrite(words, at, place) : this.seen(words, at, place, bits);
      // What is stuck is there again after every write.
      if (what === undefined || (what === "overwritten" && this.isStuck)) continue;
      const eip = isKernels ? 0 : words[at + Record.Eip]! >>> 0;
      const thread = words[at + (isKernels ? Record.PathThread : Record.Thread)]!;
      this.#found = { kind: what, cycle: cycleOf(words, at), thread, eip };
      return;
    }
  }

  /** The kernel reads an aligned word on a path that a thread has entered. */
  kernelReads(physical: number, cycle: number, thread: number): void {
    if (this.#found !== undefined) return;
    const register = registerOfWord(physical, this.blocks);
    const isStruck =
      this.places.has(physical) ||
      (register !== undefined && this.places.has(registerPlace(register.thread, register.index)));
    if (isStruck) this.#found = { kind: "read", cycle, thread, eip: 0 };
  }

  private kernelWrite(words: Int32Array, at: number, place: Place): "overwritten" | undefined {
    const physical = words[at + Record.WordPhysical]!;
    if (physical === place) return "overwritten";
    // What the entry saves is still as struck.
    if (place >= 0 || words[at + Record.PathVector] === ENTRY) return undefined;
    const saved = registerOfWord(physical, this.blocks);
    return saved !== undefined && registerPlace(saved.thread, saved.index) === place ? "overwritten" : undefined;
  }

  private seen(words: Int32Array, at: number, place: Place, bits: number): Activation["kind"] | undefined {
    const register = registerOf(place);
    if (register === undefined) return memoryAccess(words, at, place, bits);
    return register.thread === words[at + Record.Thread] ? registerAccess(words, at, register.index, bits) : undefined;
  }
}

/** Words of kernel memory that no user program reads. */
function isKernels({ kernel }: Guest, place: Place): boolean {
  return place >= kernel.kernelMemory.start && kernel.owner(place).kind !== "utcb";
}

/** Whether the struck bits are of what steers the machine (outcome.ts), which is in use as soon as it is wrong. */
function steers(target: FaultTarget, mask: number): boolean {
  if ("segment" in target || "control" in target || "tlb" in target) return true;
  const register = "register" in target ? target.register : "cpu" in target ? target.cpu : undefined;
  if (register === undefined) return false;
  if (register === "eflags") return (mask & ~Flag.Arithmetic) !== 0;
  return register === "eip" || !(REGISTERS as readonly string[]).includes(register);
}

function memoryAccess(words: Int32Array, at: number, place: Place, bits: number): "read" | "overwritten" | undefined {
  const code = words[at + Record.CodePhysical]!;
  if (place + 3 >= code && place < code + words[at + Record.CodeBytes]!) return "read";
  const end = at + words[at + Record.Length]!;
  for (let access = at + Record.Accesses; access < end; access += 3) {
    const touched = bytesOf(words[access]! >>> 4);
    if (words[access + 1] !== place || (touched & bits) === 0) continue;
    if (!changes(words[access]!)) return "read";
    if ((bits & ~touched) === 0) return "overwritten";
  }
  return undefined;
}

function registerAccess(
  words: Int32Array,
  at: number,
  index: number,
  bits: number,
): "read" | "overwritten" | "control" | undefined {
  if (index === EIP_INDEX) return "control";
  const used = words[at + Record.RegistersUsed]!;
  const flags = words[at + Record.FlagsUsed]!;
  if (index === EFLAGS_INDEX) {
    if ((flags & 0xffff & bits) !== 0) return "read";
    return (bits & ~(flags >>> 16)) === 0 ? "overwritten" : undefined;
  }
  if ((used & (1 << index)) !== 0) return "read";
  return ((used >>> 8) & (1 << index)) !== 0 ? "overwritten" : undefined;
}

/** A word's mask from the mask of its bytes. */
function bytesOf(mask: number): number {
  let bits = 0;
  for (let i = 0; i < 4; i++) if ((mask & (1 << i)) !== 0) bits |= 0xff << (8 * i);
  return bits;
}

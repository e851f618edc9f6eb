/**
 * What happens first to the struck bits: a read, or being written over. Registers and instructions are seen in the faulty machine's
 * records, memory by watching it.
 */
import { Flag } from "../../emulator/index.ts";
import { type Fault, type FaultTarget, REGISTERS } from "../faults/fault.ts";
import type { Guest } from "../faults/site.ts";
import { EFLAGS_INDEX, EIP_INDEX, type Place, registerOf, TRACKED_REGISTERS } from "./corruption.ts";
import { MemoryActivation } from "./memory-activation.ts";
import { cycleOf, Record, RecordKind } from "./step-log.ts";

export interface Activation {
  readonly kind: "never-read" | "overwritten" | "read" | "control";
  /** The record that did it, unless it never happened. */
  readonly cycle?: number;
  readonly thread?: number;
  /** Linear address of the instruction; 0 for the kernel. */
  readonly eip?: number;
}

const CALL_REGISTERS = 0xef;

export class ActivationWatch {
  #found: Activation | undefined;
  private readonly isStuck: boolean;
  /** Struck registers, or else words of memory of which an instruction may be part. */
  private readonly registers: readonly (readonly [Place, number])[];
  private readonly words: readonly (readonly [Place, number])[];
  private readonly memory: MemoryActivation;

  /**
   * @param guest the faulty machine, just struck.
   * @param places the struck places with masks of the bits that were changed, or are stuck.
   */
  constructor(guest: Guest, fault: Fault, places: ReadonlyMap<Place, number>, cycle: number) {
    this.isStuck = "stuckAt0" in fault.model || "stuckAt1" in fault.model;
    const mask = [...places.values()].reduce((bits, more) => bits | more, 0);
    if (steers(fault.target, mask)) this.#found = { kind: "control", cycle };
    this.registers = [...places].filter(([place]) => place < 0);
    // The word of a trap frame that a register is kept in is no use of its own: the kernel only carries it.
    const memory = this.registers.length > 0 ? [] : [...places];
    this.words = memory;
    this.memory = new MemoryActivation(guest, new Map(this.#found === undefined ? memory : []), this.isStuck);
  }

  get result(): Activation {
    const first = this.memory.first;
    if (this.#found === undefined) return first ?? { kind: "never-read" };
    return first !== undefined && first.cycle < this.#found.cycle! ? first : this.#found;
  }

  stop(): void {
    this.memory.stop();
  }

  /** A record of the faulty machine: uses of registers, and of words as instructions. */
  see(words: Int32Array, at: number): void {
    if (this.#found !== undefined || words[at + Record.Kind] === RecordKind.KernelWrite) return;
    const kind = this.registerUse(words, at) ?? this.fetch(words, at);
    if (kind === undefined) return;
    const [thread, eip] = [words[at + Record.Thread]!, words[at + Record.Eip]! >>> 0];
    this.#found = { kind, cycle: cycleOf(words, at), thread, eip };
  }

  private registerUse(words: Int32Array, at: number): Activation["kind"] | undefined {
    for (const [place, bits] of this.registers) {
      const { thread, index } = registerOf(place)!;
      if (thread !== words[at + Record.Thread]) continue;
      const kind = registerAccess(words, at, index, bits);
      // What is stuck is there again after every write.
      if (kind !== undefined && !(kind === "overwritten" && this.isStuck)) return kind;
    }
    return undefined;
  }

  private fetch(words: Int32Array, at: number): "read" | undefined {
    const code = words[at + Record.CodePhysical]!;
    const end = code + words[at + Record.CodeBytes]!;
    return this.words.some(([place]) => place + 3 >= code && place < end) ? "read" : undefined;
  }
}

/** Whether the struck bits are of what steers the machine (outcome.ts), which is in use as soon as it is wrong. */
function steers(target: FaultTarget, mask: number): boolean {
  if ("segment" in target || "control" in target || "tlb" in target) return true;
  const register = "register" in target ? target.register : "cpu" in target ? target.cpu : undefined;
  if (register === undefined) return false;
  if (register === "eflags") return (mask & ~Flag.Arithmetic) !== 0;
  return register === "eip" || !(REGISTERS as readonly string[]).includes(register);
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
  const read = words[at + Record.Kind] === RecordKind.Entry ? used | CALL_REGISTERS : used;
  if ((read & (1 << index)) !== 0) return "read";
  return ((used >>> 8) & (1 << index)) !== 0 ? "overwritten" : undefined;
}

/** The name of a tracked register. */
export function registerName(index: number): string {
  return TRACKED_REGISTERS[index] ?? `register ${index}`;
}

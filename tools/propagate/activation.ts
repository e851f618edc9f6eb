/** What happens first to the struck bits: a read, or being written over. Watches the faulty machine's records. */
import { Flag } from "../../emulator/index.ts";
import { type Fault, type FaultTarget, REGISTERS } from "../faults/fault.ts";
import { EFLAGS_INDEX, EIP_INDEX, type Place, registerOf, TRACKED_REGISTERS } from "./corruption.ts";
import { AccessKind, cycleOf, Record, RecordKind } from "./step-log.ts";

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

  /**
   * @param places the struck places with masks of the bits that were changed, or are stuck.
   */
  constructor(
    fault: Fault,
    private readonly places: ReadonlyMap<Place, number>,
    cycle: number,
  ) {
    this.isStuck = "stuckAt0" in fault.model || "stuckAt1" in fault.model;
    const mask = [...places.values()].reduce((bits, more) => bits | more, 0);
    if (steers(fault.target, mask)) this.#found = { kind: "control", cycle };
  }

  get result(): Activation {
    return this.#found ?? { kind: "never-read" };
  }

  see(words: Int32Array, at: number): void {
    if (this.#found !== undefined) return;
    const isKernels = words[at + Record.Kind] === RecordKind.KernelWrite;
    for (const [place, bits] of this.places) {
      const kind = isKernels ? kernelWriteOn(words, at, place) : this.seen(words, at, place, bits);
      // What is stuck is there again after every write.
      if (kind === undefined || (kind === "overwritten" && this.isStuck)) continue;
      const eip = isKernels ? 0 : words[at + Record.Eip]! >>> 0;
      const thread = words[at + (isKernels ? Record.PathThread : Record.Thread)]!;
      this.#found = { kind, cycle: cycleOf(words, at), thread, eip };
      return;
    }
  }

  private seen(words: Int32Array, at: number, place: Place, bits: number): Activation["kind"] | undefined {
    const register = registerOf(place);
    if (register === undefined) return memoryAccess(words, at, place, bits);
    return register.thread === words[at + Record.Thread] ? registerAccess(words, at, register.index, bits) : undefined;
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

function kernelWriteOn(words: Int32Array, at: number, place: Place): "overwritten" | undefined {
  return words[at + Record.WordPhysical] === place ? "overwritten" : undefined;
}

function memoryAccess(words: Int32Array, at: number, place: Place, bits: number): "read" | "overwritten" | undefined {
  const code = words[at + Record.CodePhysical]!;
  if (place + 3 >= code && place < code + words[at + Record.CodeBytes]!) return "read";
  const end = at + words[at + Record.Length]!;
  for (let access = at + Record.Accesses; access < end; access += 3) {
    const touched = bytesOf(words[access]! >>> 4);
    if (words[access + 1] !== place || (touched & bits) === 0) continue;
    if ((words[access]! & 15) !== AccessKind.Write) return "read";
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
  const read = words[at + Record.Kind] === RecordKind.Entry ? used | CALL_REGISTERS : used;
  if ((read & (1 << index)) !== 0) return "read";
  return ((used >>> 8) & (1 << index)) !== 0 ? "overwritten" : undefined;
}

/** A word's mask from the mask of its bytes. */
function bytesOf(mask: number): number {
  let bits = 0;
  for (let i = 0; i < 4; i++) if ((mask & (1 << i)) !== 0) bits |= 0xff << (8 * i);
  return bits;
}

/** The name of a tracked register. */
export function registerName(index: number): string {
  return TRACKED_REGISTERS[index] ?? `register ${index}`;
}

/** An instruction on its way: what it reads and writes, until it has ended and is recorded. */
import { InstructionWord, MicroWord } from "../../emulator/cpu/decode-records.ts";
import { Word } from "../../emulator/index.ts";
import { Record, type RecordKind, type RecordQueue } from "./records.ts";

/** An instruction that a thread has begun and not ended. */
export interface Begun {
  readonly thread: number;
  eip: number;
  cycle: number;
  progress: number;
  entered: boolean;
  open: boolean;
  /** Instructions recorded. */
  recorded: number;
  readonly registers: Int32Array;
  eflags: number;
  /** Triples (`Record.Accesses`), `count` words of them. */
  accesses: Int32Array;
  count: number;
}

export function newBegun(thread: number): Begun {
  return {
    thread,
    eip: 0,
    cycle: 0,
    progress: 0,
    entered: false,
    open: false,
    recorded: 0,
    registers: new Int32Array(8),
    eflags: 0,
    accesses: new Int32Array(96),
    count: 0,
  };
}

export function addAccess(begun: Begun, kindAndBytes: number, word: number, value: number): void {
  if (begun.count + 3 > begun.accesses.length) {
    const grown = new Int32Array(begun.accesses.length * 2);
    grown.set(begun.accesses);
    begun.accesses = grown;
  }
  const { accesses } = begun;
  accesses[begun.count] = kindAndBytes;
  accesses[begun.count + 1] = word;
  accesses[begun.count + 2] = value;
  begun.count += 3;
}

/** Appends the record of an instruction that has ended, as the CPU has decoded it (its state words tell). */
export function recordInstruction(queue: RecordQueue, words: Int32Array, begun: Begun, kind: RecordKind): void {
  const micro = words[Word.CurrentMicro]!;
  // Without one the fetch itself has faulted.
  const instruction = micro === 0 ? 0 : words[micro + MicroWord.Instruction]!;
  const known = instruction === 0 ? 0 : -1;
  const { accesses, count, registers, cycle } = begun;
  const length = Record.Accesses + count;
  const at = queue.reserve(length);
  const record = queue.words;
  record[at + Record.Length] = length;
  record[at + Record.Kind] = kind;
  record[at + Record.Thread] = begun.thread;
  record[at + Record.CycleLow] = cycle | 0;
  record[at + Record.CycleHigh] = Math.floor(cycle / 4294967296);
  record[at + Record.Progress] = begun.progress;
  record[at + Record.Eip] = begun.eip;
  record[at + Record.RegistersUsed] =
    known &
    (words[instruction + InstructionWord.RegistersRead]! |
      words[instruction + InstructionWord.AddressRegisters]! |
      (words[instruction + InstructionWord.RegistersWritten]! << 8));
  record[at + Record.FlagsUsed] = known & words[instruction + InstructionWord.FlagsUsed]!;
  record[at + Record.CodePhysical] = known & words[instruction + InstructionWord.Physical]!;
  record[at + Record.CodeBytes] = known & words[instruction + InstructionWord.Length]!;
  for (let i = 0; i < 8; i++) record[at + Record.Registers + i] = registers[i]!;
  record[at + Record.Eflags] = begun.eflags;
  for (let i = 0; i < count; i++) record[at + Record.Accesses + i] = accesses[i]!;
  queue.tail += length;
}

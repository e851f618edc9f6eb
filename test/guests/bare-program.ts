/**
 * Calls single functions of a guest program on the bare emulated CPU: flat protected mode, no kernel, no paging. The program
 * is loaded at its linked addresses; calls return to a HLT.
 */
import { createMachine, enterFlatProtectedMode, Word } from "../../emulator/index.ts";
import { findSymbol, loadSegments, parseProgram } from "../../emulator/loader/elf.ts";

const RETURN_ADDRESS = 0x1000;
const HLT = 0xf4;
const STACK_TOP = 0x8000;
/** Arguments that are memory go here, one after another. */
const ARENA = 0x10000;
/** The programs are linked at 0x08048000. */
const MEMORY_BYTES = 0x0806_0000;
const CALL_LIMIT = 50_000_000;

export class BareProgram {
  readonly machine = createMachine({ memoryBytes: MEMORY_BYTES });
  private readonly elf;
  private arenaNext = ARENA;

  constructor(file: Uint8Array) {
    const { memory } = this.machine;
    this.elf = parseProgram(file);
    for (const segment of loadSegments(this.elf)) memory.writeBytes(segment.virtualAddress, segment.data);
    memory.write8(RETURN_ADDRESS, HLT);
  }

  address(symbol: string): number {
    const found = findSymbol(this.elf, symbol);
    if (found === undefined) throw new Error(`no symbol ${symbol}`);
    return found.value;
  }

  /** Copies bytes into memory that stays theirs until `release`. Returns their address. */
  place(bytes: Uint8Array): number {
    const at = this.arenaNext;
    this.machine.memory.writeBytes(at, bytes);
    this.arenaNext += (bytes.length + 15) & ~15;
    return at;
  }

  release(): void {
    this.arenaNext = ARENA;
  }

  /** Calls a function with words as arguments (cdecl) and returns EAX. */
  call(symbol: string, ...parameters: number[]): number {
    const { cpu, memory } = this.machine;
    const stack = STACK_TOP - 4 * (parameters.length + 1);
    memory.write32(stack, RETURN_ADDRESS);
    parameters.forEach((value, i) => {
      memory.write32(stack + 4 + 4 * i, value);
    });
    cpu.words[Word.Halted] = 0;
    enterFlatProtectedMode(cpu, this.address(symbol), stack);
    const reason = this.machine.run({ instructions: this.machine.instructions + CALL_LIMIT });
    if (reason.kind !== "halted") throw new Error(`${symbol} did not return: ${JSON.stringify(reason)}`);
    return cpu.words[Word.Eax]!;
  }
}

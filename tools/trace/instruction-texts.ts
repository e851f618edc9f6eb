/** Bytes and text of instructions, remembered: a loop's are worked out once, as long as its bytes stay what they were. */
import { Word } from "../../emulator/index.ts";
import type { GuestView } from "../debug/guest-view.ts";
import { walkPages } from "../debug/page-walk.ts";
import type { Disassembler } from "../symbols/disassembler.ts";

export interface InstructionText {
  readonly code: Uint8Array;
  /** "mov eax, dword ptr [esp + 8]" */
  readonly text: string;
  /** "aes_encrypt_round+16" or "". */
  readonly symbol: string;
}

interface Remembered extends InstructionText {
  readonly physical: number;
}

/** CR0.PG. */
const PAGING = 0x80000000;
const LONGEST_INSTRUCTION = 15;
const LARGEST_CACHE = 100_000;

export class InstructionTexts {
  private readonly known = new Map<number, Remembered>();

  constructor(
    private readonly view: GuestView,
    private readonly disassembler: Disassembler,
  ) {}

  at(process: number, address: number): InstructionText {
    const key = process * 0x1_0000_0000 + address;
    const physical = this.fetchAddress(address);
    const found = this.known.get(key);
    if (found !== undefined && found.physical === physical && this.unchanged(found)) return found;
    const bytes = this.view.readMemory(process, address, LONGEST_INSTRUCTION) ?? new Uint8Array(0);
    const decoded = this.disassembler.one(bytes, address);
    const text = {
      physical,
      code: bytes.slice(0, decoded?.size ?? 1),
      text: decoded === undefined ? "(bad)" : `${decoded.mnemonic} ${decoded.operands}`.trimEnd(),
      symbol: this.view.symbolAt(process, address) ?? "",
    };
    if (this.known.size >= LARGEST_CACHE) this.known.clear();
    this.known.set(key, text);
    return text;
  }

  /** The instruction has just run, so CR3 still holds its space's page directory. */
  private fetchAddress(address: number): number {
    const { cpu, memory } = this.view.machine;
    if (((cpu.words[Word.Cr0] ?? 0) & PAGING) === 0) return address;
    return walkPages(memory, cpu.words[Word.Cr3] ?? 0, address).mapping?.physical ?? -1;
  }

  /** Compares the part in the first page, which is all but a few instructions' whole. */
  private unchanged({ physical, code }: Remembered): boolean {
    const { memory } = this.view.machine;
    const end = Math.min(code.length, 0x1000 - (physical & 0xfff));
    for (let index = 0; index < end; index++) if (memory.read8(physical + index) !== code[index]) return false;
    return physical >= 0;
  }
}

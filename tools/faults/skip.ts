/** How far EIP has to go to be past some instructions. */
import { createDecodedInstruction, Decoder, DecodeStatus, MAXIMUM_LENGTH } from "../../emulator/cpu/decode.ts";
import { type Machine, SegmentRegister, SegmentWord, segmentIndex } from "../../emulator/index.ts";
import type { Kernel } from "../../kernel/index.ts";
import { hex } from "../report/format.ts";

/** D/B bit in a segment's attributes (SegmentAttribute.Big). */
const BIG = 0x4000;

/**
 * Bytes of `count` instructions that stand one after the other from `eip` on, or why they cannot be told. They are read through
 * the page tables, as they are in memory now; a branch among them is an instruction like any other.
 * @param thread whose space; undefined: the CPU's, through CR3.
 */
export function instructionBytes(
  machine: Machine,
  kernel: Kernel,
  thread: number | undefined,
  eip: number,
  count: number,
): Uint8Array[] | string {
  const code = segmentIndex(SegmentRegister.Cs);
  const { words } = machine.cpu;
  const ofCpu = thread === undefined;
  // User code segments are flat and 32 bits wide unless a fault has struck the one that is loaded.
  const base = ofCpu ? words[code + SegmentWord.Base]! : 0;
  const code32 = !ofCpu || (words[code + SegmentWord.Attributes]! & BIG) !== 0;
  const translate = (linear: number): number | undefined =>
    ofCpu ? machine.cpu.access.inspect(linear) : kernel.translate(thread, linear);
  const decoder = new Decoder();
  const instruction = createDecodedInstruction();
  const found: Uint8Array[] = [];
  let at = eip;
  while (found.length < count) {
    const bytes = readBytes(machine, translate, (base + at) >>> 0);
    if (bytes.length === 0) return `the code at ${hex(at)} is not mapped at this time`;
    const status = decoder.decode(bytes, 0, bytes.length, code32, instruction);
    if (status !== DecodeStatus.Ok) return `there is no instruction at ${hex(at)}`;
    found.push(bytes.slice(0, instruction.length));
    at = (at + instruction.length) >>> 0;
  }
  return found;
}

function readBytes({ memory }: Machine, translate: (linear: number) => number | undefined, linear: number): Uint8Array {
  const bytes: number[] = [];
  while (bytes.length < MAXIMUM_LENGTH) {
    const physical = translate((linear + bytes.length) >>> 0);
    if (physical === undefined) break;
    bytes.push(memory.read8(physical));
  }
  return Uint8Array.from(bytes);
}

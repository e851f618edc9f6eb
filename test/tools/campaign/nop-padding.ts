import { findSymbol, parseProgram } from "../../../emulator/loader/elf.ts";

const NOP = 0x90;
const JUMP = 0xe9;
/** lea 4(%esp), %ecx; and $-16, %esp: how gcc begins `main`. It may run anywhere. */
const PROLOGUE = [0x8d, 0x4c, 0x24, 0x04, 0x83, 0xe4, 0xf0];
/** Where nothing of a program is linked. */
const PADDING_ADDRESS = 0x0806_0000;
const PROGRAM_HEADERS = 52;
const HEADER_BYTES = 32;
const LOAD = 1;
const READ_EXECUTE = 5;

/**
 * The program with so many NOPs before `main`: executed once, and otherwise the same. They are a segment of their own, in
 * place of an empty one; `main` jumps there and back.
 */
export function padWithNops(program: Uint8Array, nops: number): Uint8Array {
  const main = findSymbol(parseProgram(program), "main")!.value;
  const text = parseProgram(program).sections.find(({ name }) => name === ".text")!;
  const code = [...new Array<number>(nops).fill(NOP), ...PROLOGUE];
  const back = main + PROLOGUE.length - (PADDING_ADDRESS + code.length + 5);
  const padding = Uint8Array.from([...code, JUMP, ...word(back)]);

  const file = new Uint8Array(program.length + (-program.length & 15) + padding.length);
  file.set(program);
  const end = file.length - padding.length;
  file.set(padding, end);
  const view = new DataView(file.buffer);
  const count = view.getUint16(44, true);
  const headers = Array.from({ length: count }, (_, i) => PROGRAM_HEADERS + HEADER_BYTES * i);
  const empty = headers.find((at) => view.getUint32(at, true) === LOAD && view.getUint32(at + 20, true) === 0)!;
  const segment = [LOAD, end, PADDING_ADDRESS, PADDING_ADDRESS, padding.length, padding.length, READ_EXECUTE, 16];
  segment.forEach((value, i) => {
    view.setUint32(empty + 4 * i, value, true);
  });

  const firstText = headers.find((at) => view.getUint32(at + 8, true) === text.address)!;
  const at = view.getUint32(firstText + 4, true) + (main - text.address);
  if (PROLOGUE.some((byte, i) => file[at + i] !== byte)) throw new Error("main does not begin as expected");
  file.set([JUMP, ...word(PADDING_ADDRESS - (main + 5)), NOP, NOP], at);
  return file;
}

function word(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}

/**
 * String instructions (Intel SDM vol. 1, 5.1.8) and their port forms (5.1.9).
 *
 * With REP an instruction stops between two elements when the running slice ends or decoded code has changed
 * (Word.RepeatInProgress then says that its start-up clocks are paid) and after every element when TF is set. ECX, ESI and EDI are exact at each element.
 */
import { EventCost } from "../../timing/event-costs.ts";
import type { Cpu } from "../cpu.ts";
import { InstructionWord, OperandBits } from "../decode-records.ts";
import { portModeClocks, portRead, portWrite } from "../port-access.ts";
import { checkedLinear } from "../segmentation.ts";
import { Counter, Flag, SegmentRegister, Word } from "../state.ts";
import { setSubtractFlags } from "./arithmetic.ts";
import type { Handler, RepeatClocks } from "./form.ts";
import {
  addClocks,
  isAddress32,
  nextEip,
  operandBytes,
  operandSegment,
  readLinear,
  readRegister,
  writeLinear,
  writeRegister,
} from "./operands.ts";
import { flags, Registers, type Row, row } from "./row.ts";
import { moveMany } from "./string-bulk.ts";

/** One element; moves the index registers after everything that can fault. */
type Element = (cpu: Cpu, instruction: number) => void;

function indexOffset(cpu: Cpu, instruction: number, register: number): number {
  const offset = cpu.words[register];
  return isAddress32(cpu, instruction) ? offset : offset & 0xffff;
}

function sourceLinear(cpu: Cpu, instruction: number, bytes: number): number {
  const offset = indexOffset(cpu, instruction, Word.Esi);
  return checkedLinear(cpu, operandSegment(cpu, instruction), offset, bytes, false);
}

/** The destination of a string instruction is in ES, whatever the prefixes. */
function destinationLinear(cpu: Cpu, instruction: number, bytes: number, write: boolean): number {
  return checkedLinear(cpu, SegmentRegister.Es, indexOffset(cpu, instruction, Word.Edi), bytes, write);
}

function advance(cpu: Cpu, instruction: number, register: number, bytes: number): void {
  const step = (cpu.words[Word.SystemFlags] & Flag.Df) !== 0 ? -bytes : bytes;
  const moved = cpu.words[register] + step;
  if (isAddress32(cpu, instruction)) cpu.words[register] = moved;
  else cpu.words[register] = (cpu.words[register] & ~0xffff) | (moved & 0xffff);
}

function moveElement(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const value = readLinear(cpu, sourceLinear(cpu, instruction, bytes), bytes);
  writeLinear(cpu, destinationLinear(cpu, instruction, bytes, true), bytes, value);
  advance(cpu, instruction, Word.Esi, bytes);
  advance(cpu, instruction, Word.Edi, bytes);
}

function compareElement(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const source = readLinear(cpu, sourceLinear(cpu, instruction, bytes), bytes);
  const destination = readLinear(cpu, destinationLinear(cpu, instruction, bytes, false), bytes);
  setSubtractFlags(cpu, source, destination, bytes);
  advance(cpu, instruction, Word.Esi, bytes);
  advance(cpu, instruction, Word.Edi, bytes);
}

function storeElement(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  writeLinear(cpu, destinationLinear(cpu, instruction, bytes, true), bytes, cpu.words[Word.Eax]);
  advance(cpu, instruction, Word.Edi, bytes);
}

function loadElement(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  writeRegister(cpu, Word.Eax, bytes, readLinear(cpu, sourceLinear(cpu, instruction, bytes), bytes));
  advance(cpu, instruction, Word.Esi, bytes);
}

function scanElement(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const destination = readLinear(cpu, destinationLinear(cpu, instruction, bytes, false), bytes);
  setSubtractFlags(cpu, readRegister(cpu, Word.Eax, bytes), destination, bytes);
  advance(cpu, instruction, Word.Edi, bytes);
}

/** The destination is checked before the port is read: a port read cannot be undone. */
function inputElement(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const linear = destinationLinear(cpu, instruction, bytes, true);
  cpu.access.probeWrite(linear, bytes);
  writeLinear(cpu, linear, bytes, portRead(cpu, cpu.words[Word.Edx] & 0xffff, bytes));
  advance(cpu, instruction, Word.Edi, bytes);
}

function outputElement(cpu: Cpu, instruction: number): void {
  const bytes = operandBytes(cpu, instruction);
  const value = readLinear(cpu, sourceLinear(cpu, instruction, bytes), bytes);
  portWrite(cpu, cpu.words[Word.Edx] & 0xffff, bytes, value);
  advance(cpu, instruction, Word.Esi, bytes);
}

/** How a REP prefix ends: by count alone, or (CMPS, SCAS) also when ZF differs from what the prefix wants. */
function stringHandler(element: Element, clocks: RepeatClocks, compares: boolean): Handler {
  return (cpu, instruction) => {
    const operands = cpu.words[instruction + InstructionWord.Operands];
    if ((operands & (OperandBits.Repeat | OperandBits.RepeatNot)) === 0) {
      if (isPort(element)) addClocks(cpu, singlePortClocks(cpu, element));
      element(cpu, instruction);
      return;
    }
    const wantedZero = !compares ? -1 : (operands & OperandBits.Repeat) !== 0 ? 1 : 0;
    repeat(cpu, instruction, element, clocks, wantedZero);
  };
}

function isPort(element: Element): boolean {
  return element === inputElement || element === outputElement;
}

function singlePortClocks(cpu: Cpu, element: Element): number {
  const clocks = portModeClocks(cpu);
  const bitmap = clocks === EventCost.PortPermission;
  return bitmap && element === inputElement ? clocks + EventCost.PortPermissionInput : clocks;
}

function repeat(cpu: Cpu, instruction: number, element: Element, clocks: RepeatClocks, wantedZero: number): void {
  const { words, counters } = cpu;
  const bulk = element === moveElement || element === storeElement;
  const mask = isAddress32(cpu, instruction) ? -1 : 0xffff;
  const resumed = words[Word.RepeatInProgress] !== 0;
  words[Word.RepeatInProgress] = 0;
  let count = words[Word.Ecx] & mask;
  if (!resumed) addClocks(cpu, count === 0 ? clocks.zero : clocks.base);
  if (!resumed && count !== 0 && isPort(element)) addClocks(cpu, portModeClocks(cpu));
  const bytes = operandBytes(cpu, instruction);
  while (count !== 0) {
    const many = bulk ? moveMany(cpu, instruction, bytes, count, clocks.each, element === moveElement) : 0;
    if (many === 0) {
      element(cpu, instruction);
      addClocks(cpu, clocks.each);
    }
    count = (count - (many === 0 ? 1 : many)) & mask;
    words[Word.Ecx] = (words[Word.Ecx] & ~mask) | count;
    if (count === 0) break;
    if (wantedZero >= 0 && (words[Word.FlagResult] === 0 ? 1 : 0) !== wantedZero) break;
    const stepping = (words[Word.SystemFlags] & Flag.Tf) !== 0;
    const over = counters[Counter.Cycles] >= counters[Counter.LimitCycle];
    // An element may have overwritten the instruction itself: it is fetched again, as after a stop.
    if (stepping || over || words[Word.CodeChanged] !== 0) {
      words[Word.RepeatInProgress] = 1;
      if (stepping) cpu.requestAttention();
      return;
    }
  }
  words[Word.Eip] = nextEip(cpu, instruction);
}

const ESI = Registers.Esi;
const EDI = Registers.Edi;
const BOTH = { implicitRead: ESI | EDI, implicitWritten: ESI | EDI };
const DESTINATION = { implicitRead: EDI, implicitWritten: EDI };
const SOURCE = { implicitRead: ESI, implicitWritten: ESI };
const DIRECTION = flags("", "d");
const COMPARISON = flags("oszapc", "d");
const MOVE_CLOCKS: RepeatClocks = { zero: 6, base: 12, each: 1 };
const COMPARE_CLOCKS: RepeatClocks = { zero: 7, base: 8, each: 4 };
const STORE_CLOCKS: RepeatClocks = { zero: 6, base: 10, each: 1 };
const LOAD_CLOCKS: RepeatClocks = { zero: 7, base: 7, each: 3 };
const SCAN_CLOCKS: RepeatClocks = { zero: 7, base: 9, each: 4 };
const INPUT_CLOCKS: RepeatClocks = { zero: 8, base: 8, each: 3 };
const OUTPUT_CLOCKS: RepeatClocks = { zero: 10, base: 10, each: 4 };

const MOVE = {
  handler: stringHandler(moveElement, MOVE_CLOCKS, false),
  repeat: MOVE_CLOCKS,
  flags: DIRECTION,
  clocks: 4,
  ...BOTH,
};
const COMPARE = {
  handler: stringHandler(compareElement, COMPARE_CLOCKS, true),
  repeat: COMPARE_CLOCKS,
  flags: COMPARISON,
  clocks: 5,
  ...BOTH,
};
const STORE = {
  handler: stringHandler(storeElement, STORE_CLOCKS, false),
  repeat: STORE_CLOCKS,
  flags: DIRECTION,
  clocks: 3,
  ...DESTINATION,
};
const LOAD = {
  handler: stringHandler(loadElement, LOAD_CLOCKS, false),
  repeat: LOAD_CLOCKS,
  flags: DIRECTION,
  clocks: 2,
  ...SOURCE,
};
const SCAN = {
  handler: stringHandler(scanElement, SCAN_CLOCKS, true),
  repeat: SCAN_CLOCKS,
  flags: COMPARISON,
  clocks: 4,
  ...DESTINATION,
};
const INPUT = {
  handler: stringHandler(inputElement, INPUT_CLOCKS, false),
  repeat: INPUT_CLOCKS,
  flags: DIRECTION,
  clocks: 6,
  privilege: "port",
  endsBlock: true,
  ...DESTINATION,
} as const;
const OUTPUT = {
  handler: stringHandler(outputElement, OUTPUT_CLOCKS, false),
  repeat: OUTPUT_CLOCKS,
  flags: DIRECTION,
  clocks: 10,
  privilege: "port",
  endsBlock: true,
  ...SOURCE,
} as const;

export const STRING_ROWS: readonly Row[] = [
  row("movsb", "A4", "w:Yb r:Xb", MOVE),
  row("movsw/movsd", "A5", "w:Yv r:Xv", MOVE),
  row("cmpsb", "A6", "r:Xb r:Yb", COMPARE),
  row("cmpsw/cmpsd", "A7", "r:Xv r:Yv", COMPARE),
  row("stosb", "AA", "w:Yb r:AL", STORE),
  row("stosw/stosd", "AB", "w:Yv r:eAX", STORE),
  row("lodsb", "AC", "w:AL r:Xb", LOAD),
  row("lodsw/lodsd", "AD", "w:eAX r:Xv", LOAD),
  row("scasb", "AE", "r:AL r:Yb", SCAN),
  row("scasw/scasd", "AF", "r:eAX r:Yv", SCAN),
  row("insb", "6C", "w:Yb r:DX", INPUT),
  row("insw/insd", "6D", "w:Yv r:DX", INPUT),
  row("outsb", "6E", "r:DX r:Xb", OUTPUT),
  row("outsw/outsd", "6F", "r:DX r:Xv", OUTPUT),
];

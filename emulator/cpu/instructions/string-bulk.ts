/**
 * Many elements of REP MOVS and REP STOS at once: those that lie on pages whose translation memos hit, as far as the
 * running slice lasts. A memo hit changes nothing but memory (mmu/memo.ts), so the result is the same as element by element.
 * With a timing model they moreover lie in one line of the data cache, which is the most recently used of its set: that is
 * what the hot loop takes for a hit, and it changes nothing either.
 */
import { Layout } from "../../memory/layout.ts";
import { Memo } from "../../mmu/memo.ts";
import { dataSet } from "../../timing/data-cache.ts";
import { LineBit } from "../../timing/timing-state.ts";
import type { Cpu } from "../cpu.ts";
import { InstructionWord, OperandBits } from "../decode-records.ts";
import { SegmentAttribute } from "../segmentation.ts";
import { Counter, Flag, SegmentRegister, SegmentWord, Word } from "../state.ts";
import { operandSegment } from "./operands.ts";

const PAGE_BYTES = 4096;
const LINE_BYTES = 32;

/** Offset in the linear memory of `linear` when its memo hits for an aligned access of `bytes`, else 0. */
function hostAddress(cpu: Cpu, linear: number, bytes: number, tag: Memo.ReadTag | Memo.WriteTag): number {
  const { words } = cpu;
  const mode = words[Word.Cpl] === 3 ? Memo.User : 0;
  const memo = Memo.Words + ((linear >>> 10) & 0x3c);
  if (words[memo + tag] !== ((linear & (0xfffff000 | (bytes - 1))) | mode)) return 0;
  return (linear + words[memo + Memo.Addend]) | 0;
}

/** Elements of `bytes` from offset `host` of the linear memory on that are accessed alike: to the end of the page, or of the line if it is a hit. */
function room(cpu: Cpu, host: number, bytes: number, written: boolean): number {
  if (cpu.timing === undefined) return (PAGE_BYTES - (host & (PAGE_BYTES - 1))) / bytes;
  const tag = cpu.words[dataSet(host)];
  const hit = (host & -LINE_BYTES) | LineBit.Valid | LineBit.Modified;
  return (written ? tag : tag | LineBit.Modified) === hit ? (LINE_BYTES - (host & (LINE_BYTES - 1))) / bytes : 0;
}

function isFlat(cpu: Cpu, segment: number, attribute: SegmentAttribute): boolean {
  return (cpu.words[Word.Segments + 4 * segment + SegmentWord.Attributes] & attribute) !== 0;
}

/** Elements of `bytes` from `host` to the end of its line, if that line is not in the data cache: then every store goes to a write buffer. */
function roomInMissing(cpu: Cpu, host: number, bytes: number): number {
  const { words, timing } = cpu;
  const set = dataSet(host);
  const missing = ((words[set] ^ host) & -LINE_BYTES) !== 0 && ((words[set + 1] ^ host) & -LINE_BYTES) !== 0;
  return timing !== undefined && missing ? (LINE_BYTES - (host & (LINE_BYTES - 1))) / bytes : 0;
}

/** `copyUp` or `fill`, and each element waits for its write buffer and takes `each` clocks. Result: how many until the slice ended. */
function storeEach(cpu: Cpu, target: number, source: number, bytes: number, many: number, each: number): number {
  const { words, counters } = cpu;
  for (let i = 0; i < many; i++) {
    cpu.timing?.stores(target + i * bytes - Layout.GuestRam);
    if (source === 0) fill(cpu, target + i * bytes, bytes, 1);
    else copyUp(cpu, target + i * bytes, source + i * bytes, bytes, 1);
    counters[Counter.Cycles] += each;
    if (counters[Counter.Cycles] >= counters[Counter.LimitCycle] || words[Word.CodeChanged] !== 0) return i + 1;
  }
  return many;
}

/**
 * Moves (`reads`: MOVS) or stores (STOS) up to `count` elements of `bytes` going up, advances ESI and EDI, and charges
 * `each` clocks for each. Returns how many were done: 0 when they must go one by one.
 */
export function moveMany(
  cpu: Cpu,
  instruction: number,
  bytes: number,
  count: number,
  each: number,
  reads: boolean,
): number {
  const { words, counters } = cpu;
  const goesUp = (words[Word.SystemFlags] & (Flag.Df | Flag.Tf)) === 0;
  const address32 = (words[instruction + InstructionWord.Operands] & OperandBits.Address32) !== 0;
  if (!goesUp || !address32) return 0;
  if (!isFlat(cpu, SegmentRegister.Es, SegmentAttribute.FlatWrite)) return 0;
  const target = hostAddress(cpu, words[Word.Edi], bytes, Memo.WriteTag);
  if (target === 0) return 0;
  // The slice ends after the first element that uses it up.
  const allowed = Math.ceil((counters[Counter.LimitCycle] - counters[Counter.Cycles]) / each);
  const missing = roomInMissing(cpu, target, bytes);
  let many = Math.min(count >>> 0, allowed, missing === 0 ? room(cpu, target, bytes, true) : missing);
  let source = 0;
  if (reads) {
    if (!isFlat(cpu, operandSegment(cpu, instruction), SegmentAttribute.FlatRead)) return 0;
    source = hostAddress(cpu, words[Word.Esi], bytes, Memo.ReadTag);
    if (source === 0) return 0;
    many = Math.min(many, room(cpu, source, bytes, false));
  }
  if (many <= (missing === 0 ? 1 : 0)) return 0;
  if (missing !== 0) many = storeEach(cpu, target, source, bytes, many, each);
  else {
    if (reads) copyUp(cpu, target, source, bytes, many);
    else fill(cpu, target, bytes, many);
    counters[Counter.Cycles] += many * each;
  }
  if (reads) words[Word.Esi] += many * bytes;
  words[Word.Edi] += many * bytes;
  return many;
}

/** Element by element, upwards: an overlap repeats what was written, as the instruction does. */
function copyUp(cpu: Cpu, target: number, source: number, bytes: number, many: number): void {
  const view = bytes === 4 ? cpu.words32 : bytes === 2 ? cpu.words16 : cpu.bytes;
  const to = target / bytes;
  const from = source / bytes;
  for (let i = 0; i < many; i++) view[to + i] = view[from + i];
}

function fill(cpu: Cpu, target: number, bytes: number, many: number): void {
  const view = bytes === 4 ? cpu.words32 : bytes === 2 ? cpu.words16 : cpu.bytes;
  const to = target / bytes;
  view.fill(cpu.words[Word.Eax], to, to + many);
}

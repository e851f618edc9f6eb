/**
 * The decoded-block cache: finds, builds and forgets blocks of decoded instructions in the decoded-instruction region.
 *
 * A block is found by physical address, EIP and execution mode. Stores to a page flagged HasCode come here
 * (`invalidateCode`): a map of 32-byte lines tells at once whether any decoded byte is touched; blocks that are touched die,
 * and the running block is left at the next instruction boundary (Word.CodeChanged).
 */
import { Layout, PAGE_BYTES, PAGE_SHIFT, PageFlag } from "../memory/layout.ts";
import type { CodeCache } from "../memory/physical-memory.ts";
import type { Cpu } from "./cpu.ts";
import { createDecodedInstruction, Decoder, DecodeStatus, MAXIMUM_LENGTH } from "./decode.ts";
import { writeInstruction } from "./decode-instruction-record.ts";
import { BlockWord, ExecutionMode, HOST_LINE_WORDS, InstructionWord, MicroWord } from "./decode-records.ts";
import { raiseFault } from "./exceptions.ts";
import { MAXIMUM_MICROS, Translator } from "./interpreter-translate.ts";
import { SegmentRegister, SegmentWord, Vector, Word } from "./state.ts";
import { BankCheck } from "./timing-model.ts";

/** Instructions in a block at most. */
const MAXIMUM_INSTRUCTIONS = 32;
const BUCKETS = 1 << 14;
const LINE_SHIFT = 5;
/** 32-bit words of line map for each page: 128 lines. */
const LINE_WORDS = 4;
/** The record of an instruction looked at but not part of a block; blocks follow it. */
const LOOK_AHEAD = Layout.DecodedInstructions / 4;
const REGION_START = LOOK_AHEAD + InstructionWord.Words;
const REGION_END = (Layout.DecodedInstructions + Layout.DecodedInstructionsBytes) / 4;
const LARGEST_BLOCK =
  HOST_LINE_WORDS +
  BlockWord.Words +
  MAXIMUM_INSTRUCTIONS * (InstructionWord.Words + MAXIMUM_MICROS * MicroWord.Words) +
  MicroWord.Words;

export class BlockCache implements CodeCache {
  private readonly cpu: Cpu;
  private readonly words: Int32Array;
  private readonly buckets = new Int32Array(BUCKETS);
  private readonly firstOnPage: Int32Array;
  private readonly firstOnSecondPage: Int32Array;
  private readonly lines: Int32Array;
  private readonly decoder = new Decoder();
  private readonly translator: Translator;
  /** One reusable decoded instruction for each place in a block. */
  private readonly decoded = createDecodedInstruction();
  private readonly following = createDecodedInstruction();
  private readonly records = new Int32Array(MAXIMUM_INSTRUCTIONS * InstructionWord.Words);
  /** Bytes of an instruction that crosses a page or lies outside RAM. */
  private readonly gathered = new Uint8Array(MAXIMUM_LENGTH + 1);
  private next = REGION_START;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    this.words = cpu.words32;
    this.translator = new Translator(cpu.words32);
    this.firstOnPage = new Int32Array(cpu.memory.pageCount);
    this.firstOnSecondPage = new Int32Array(cpu.memory.pageCount);
    this.lines = new Int32Array(cpu.memory.pageCount * LINE_WORDS);
  }

  /**
   * The block that begins at `eip`, whose first byte is at `physical`; built if need be. Raises the faults of fetching and
   * decoding its first instruction: #PF on its second page, #UD, #GP when longer than 15 bytes.
   */
  find(physical: number, eip: number, mode: number): number {
    const { words } = this;
    const key = physical | 0;
    let block = this.buckets[hash(key, mode)];
    while (block !== 0) {
      if (
        words[block + BlockWord.Physical] === key &&
        words[block + BlockWord.Eip] === eip &&
        words[block + BlockWord.Mode] === mode
      ) {
        if (words[block + BlockWord.SecondPage] === -1 || this.secondPageIsStill(block)) return block;
        this.kill(block);
        break;
      }
      block = words[block + BlockWord.NextInBucket];
    }
    return this.build(physical, eip, mode);
  }

  /** The second part of a page-crossing instruction is fetched through the code TLB at every execution. */
  private secondPageIsStill(block: number): boolean {
    const page = this.translateSecondPage(this.words[block + BlockWord.Eip]) & 0xfffff000;
    return page === this.words[block + BlockWord.SecondPage];
  }

  private translateSecondPage(eip: number): number {
    const { words, access } = this.cpu;
    const linear = words[Word.Segments + 4 * SegmentRegister.Cs + SegmentWord.Base] + eip;
    return access.translateFetch(((linear & 0xfffff000) + PAGE_BYTES) | 0);
  }

  private build(physical: number, eip: number, mode: number): number {
    if (this.next + LARGEST_BLOCK > REGION_END) this.invalidateAll();
    const { words, translator, records, decoded } = this;
    const memory = this.cpu.memory;
    const code32 = (mode & ExecutionMode.Code32) !== 0;
    const isRam = memory.isRam(physical);
    const room = PAGE_BYTES - (physical & (PAGE_BYTES - 1));
    // Outside flat code every instruction is checked against the limit: blocks of one.
    const most = (mode & ExecutionMode.FlatCode) !== 0 && isRam ? MAXIMUM_INSTRUCTIONS : 1;
    const allowed = this.bytesAllowed(eip, mode);
    const block = this.next;
    let secondPage = -1;
    let position = 0;
    let count = 0;
    let clocks = 0;
    translator.at = block + BlockWord.Words;
    let ends = false;
    for (; !ends && count < most && position < room; count++) {
      let status = isRam
        ? this.decoder.decode(
            this.cpu.bytes,
            Layout.GuestRam + physical + position,
            Math.min(room - position, allowed),
            code32,
            decoded,
          )
        : this.decodeGathered(physical, eip, room, Math.min(room, allowed), code32);
      if (status === DecodeStatus.Truncated && count === 0 && room < allowed) {
        status = this.decodeGathered(physical, eip, room, allowed, code32);
        secondPage = this.translateSecondPage(eip) & 0xfffff000;
        ends = true;
      }
      if (status !== DecodeStatus.Ok) {
        if (count > 0) break;
        raiseFault(this.cpu, status === DecodeStatus.Invalid ? Vector.InvalidOpcode : Vector.GeneralProtection, 0);
      }
      const record = count * InstructionWord.Words;
      const instructionEip = (eip + position) | 0;
      writeInstruction(records, record, decoded, instructionEip, physical + position);
      clocks += records[record + InstructionWord.Clocks];
      records[record + InstructionWord.ClocksThrough] = clocks;
      records[record + InstructionWord.Number] = count;
      records[record + InstructionWord.Block] = block;
      records[record + InstructionWord.FirstMicro] = translator.at;
      const { timing } = this.cpu;
      const check = timing?.needsBankCheck(records, record) ?? BankCheck.None;
      if (timing !== undefined && check !== BankCheck.None) {
        translator.emitBankCheck(decoded, record, check, timing.partnerAddress);
      }
      const after = position + decoded.length;
      if (timing?.losesAddress(record) === true && count + 1 < most && this.decodeNext(record, room - after, code32)) {
        if (timing.needsAddressNote(record)) translator.emitAddressNote(decoded, record, timing.partnerNote);
      }
      if (translator.translate(decoded, instructionEip, mode, record)) ends = true;
      records[record + InstructionWord.EndMicro] = translator.at;
      position += decoded.length;
    }
    translator.emitEnd((eip + position) | 0);
    if (this.cpu.watch.pages) this.tellWatched(physical, position, secondPage);
    this.place(block, count);
    words[block + BlockWord.Alive] = 1;
    words[block + BlockWord.Physical] = physical | 0;
    words[block + BlockWord.Eip] = eip;
    words[block + BlockWord.Mode] = mode;
    words[block + BlockWord.Bytes] = position;
    words[block + BlockWord.Count] = count;
    words[block + BlockWord.Clocks] = clocks;
    words[block + BlockWord.FirstMicro] = block + BlockWord.Words;
    words[block + BlockWord.SecondPage] = secondPage;
    words[block + BlockWord.Timing] = 0;
    this.enter(block);
    this.cpu.timing?.schedule(block, !ends && count === most && position < room);
    return block;
  }

  /** Fills the record behind `record`, of a block in RAM, with the instruction after it, of which `room` bytes are on the page; whether there is one. */
  private decodeNext(record: number, room: number, code32: boolean): boolean {
    const { records, following } = this;
    const physical = records[record + InstructionWord.Physical] + records[record + InstructionWord.Length];
    const at = Layout.GuestRam + (physical >>> 0);
    if (room <= 0 || this.decoder.decode(this.cpu.bytes, at, room, code32, following) !== DecodeStatus.Ok) return false;
    const eip = records[record + InstructionWord.Eip] + records[record + InstructionWord.Length];
    writeInstruction(records, record + InstructionWord.Words, following, eip, physical);
    return true;
  }

  /**
   * Decodes the instruction after a block on the same page, into a record of its own that the next call overwrites.
   * 0 when there is none that can be decoded there.
   */
  lookAhead(block: number): number {
    const { words, decoded } = this;
    const bytes = words[block + BlockWord.Bytes];
    const physical = (words[block + BlockWord.Physical] >>> 0) + bytes;
    const room = PAGE_BYTES - (physical & (PAGE_BYTES - 1));
    if (words[block + BlockWord.SecondPage] !== -1 || bytes === 0 || room === PAGE_BYTES) return 0;
    const code32 = (words[block + BlockWord.Mode] & ExecutionMode.Code32) !== 0;
    const at = Layout.GuestRam + physical;
    if (this.decoder.decode(this.cpu.bytes, at, room, code32, decoded) !== DecodeStatus.Ok) return 0;
    writeInstruction(words, LOOK_AHEAD, decoded, words[block + BlockWord.Eip] + bytes, physical);
    return LOOK_AHEAD;
  }

  private tellWatched(physical: number, bytes: number, secondPage: number): void {
    const { memory, watch } = this.cpu;
    const room = PAGE_BYTES - (physical & (PAGE_BYTES - 1));
    if ((memory.pageFlags(physical >>> PAGE_SHIFT) & PageFlag.Watched) !== 0)
      watch.watchedAccess(physical, Math.min(bytes, room));
    if (secondPage !== -1 && (memory.pageFlags(secondPage >>> PAGE_SHIFT) & PageFlag.Watched) !== 0)
      watch.watchedAccess(secondPage, bytes - room);
  }

  /** Bytes from `eip` to the code segment's limit. */
  private bytesAllowed(eip: number, mode: number): number {
    if ((mode & ExecutionMode.FlatCode) !== 0) return Infinity;
    const limit = this.words[Word.Segments + 4 * SegmentRegister.Cs + SegmentWord.Limit] >>> 0;
    return limit - (eip >>> 0) + 1;
  }

  /** Moves the instruction records behind the micro-operations and points these at them. */
  private place(block: number, count: number): void {
    const { words, translator, records } = this;
    const first = nextHostLine(translator.at);
    for (let micro = block + BlockWord.Words; micro < translator.at; micro += MicroWord.Words) {
      // The End micro-operation belongs to the last instruction.
      if (words[micro] === 0) words[micro + MicroWord.Instruction] = (count - 1) * InstructionWord.Words;
      words[micro + MicroWord.Instruction] += first;
    }
    const length = count * InstructionWord.Words;
    words.set(records.subarray(0, length), first);
    words[block + BlockWord.FirstInstruction] = first;
    this.next = first + length;
  }

  /** Decodes from a copy of the bytes: across a page, or outside RAM (all ones). */
  private decodeGathered(physical: number, eip: number, room: number, allowed: number, code32: boolean): DecodeStatus {
    const { gathered, cpu } = this;
    const length = Math.min(gathered.length, allowed);
    const second = room < length ? this.translateSecondPage(eip) : 0;
    for (let i = 0; i < length; i++) {
      gathered[i] = cpu.memory.read8(i < room ? physical + i : second + i - room);
    }
    return this.decoder.decode(gathered, 0, length, code32, this.decoded);
  }

  private enter(block: number): void {
    const { words, cpu } = this;
    const physical = words[block + BlockWord.Physical];
    const bucket = hash(physical, words[block + BlockWord.Mode]);
    words[block + BlockWord.NextInBucket] = this.buckets[bucket];
    this.buckets[bucket] = block;
    words[block + BlockWord.NextOnPage] = 0;
    words[block + BlockWord.NextOnSecondPage] = 0;
    const page = physical >>> PAGE_SHIFT;
    if (page < cpu.memory.pageCount) {
      words[block + BlockWord.NextOnPage] = this.firstOnPage[page];
      this.firstOnPage[page] = block;
      this.markPage(page);
    }
    const second = words[block + BlockWord.SecondPage];
    if (second !== -1 && second >>> PAGE_SHIFT < cpu.memory.pageCount) {
      const secondPage = second >>> PAGE_SHIFT;
      words[block + BlockWord.NextOnSecondPage] = this.firstOnSecondPage[secondPage];
      this.firstOnSecondPage[secondPage] = block;
      this.markPage(secondPage);
    }
    this.markLines(block);
  }

  private markPage(page: number): void {
    if ((this.cpu.memory.pageFlags(page) & PageFlag.HasCode) === 0) this.cpu.memory.markCode(page);
  }

  private markLines(block: number): void {
    const { words } = this;
    const physical = words[block + BlockWord.Physical] >>> 0;
    const second = words[block + BlockWord.SecondPage];
    const bytes = words[block + BlockWord.Bytes];
    const room = PAGE_BYTES - (physical & (PAGE_BYTES - 1));
    this.markRange(physical, Math.min(bytes, room));
    if (second !== -1) this.markRange(second >>> 0, bytes - room);
  }

  private markRange(physical: number, bytes: number): void {
    for (let line = physical >>> LINE_SHIFT; line <= (physical + bytes - 1) >>> LINE_SHIFT; line++) {
      if (line >>> 5 < this.lines.length) this.lines[line >>> 5] |= 1 << (line & 31);
    }
  }

  private coversCode(physical: number, bytes: number): boolean {
    for (let line = physical >>> LINE_SHIFT; line <= (physical + bytes - 1) >>> LINE_SHIFT; line++) {
      if ((this.lines[line >>> 5] & (1 << (line & 31))) !== 0) return true;
    }
    return false;
  }

  invalidateCode(physical: number, bytes: number): void {
    if (!this.coversCode(physical >>> 0, bytes)) return;
    const page = physical >>> PAGE_SHIFT;
    this.killOnPage(page, physical >>> 0, (physical >>> 0) + bytes);
    this.rebuildLines(page);
    this.cpu.words[Word.CodeChanged] = 1;
  }

  /** Kills the blocks with a byte on `page` between two physical addresses. */
  private killOnPage(page: number, from: number, to: number): void {
    const { words } = this;
    let block = this.firstOnPage[page];
    while (block !== 0) {
      const following = words[block + BlockWord.NextOnPage];
      const start = words[block + BlockWord.Physical] >>> 0;
      if (start < to && start + words[block + BlockWord.Bytes] > from) this.kill(block);
      block = following;
    }
    block = this.firstOnSecondPage[page];
    while (block !== 0) {
      const following = words[block + BlockWord.NextOnSecondPage];
      const start = words[block + BlockWord.Physical] >>> 0;
      const second = words[block + BlockWord.SecondPage] >>> 0;
      const bytes = start + words[block + BlockWord.Bytes] - ((start & ~(PAGE_BYTES - 1)) + PAGE_BYTES);
      if (second < to && second + bytes > from) this.kill(block);
      block = following;
    }
    if (this.firstOnPage[page] === 0 && this.firstOnSecondPage[page] === 0) {
      this.cpu.memory.clearPageFlags(page, PageFlag.HasCode);
    }
  }

  private rebuildLines(page: number): void {
    const { words } = this;
    this.lines.fill(0, page * LINE_WORDS, (page + 1) * LINE_WORDS);
    for (let block = this.firstOnPage[page]; block !== 0; block = words[block + BlockWord.NextOnPage]) {
      this.markLines(block);
    }
    for (let block = this.firstOnSecondPage[page]; block !== 0; block = words[block + BlockWord.NextOnSecondPage]) {
      this.markLines(block);
    }
  }

  private kill(block: number): void {
    const { words } = this;
    words[block + BlockWord.Alive] = 0;
    const physical = words[block + BlockWord.Physical];
    const bucket = hash(physical, words[block + BlockWord.Mode]);
    this.unlink(this.buckets, bucket, block, BlockWord.NextInBucket);
    const page = physical >>> PAGE_SHIFT;
    if (page < this.firstOnPage.length) this.unlink(this.firstOnPage, page, block, BlockWord.NextOnPage);
    const second = words[block + BlockWord.SecondPage];
    if (second !== -1 && second >>> PAGE_SHIFT < this.firstOnSecondPage.length) {
      this.unlink(this.firstOnSecondPage, second >>> PAGE_SHIFT, block, BlockWord.NextOnSecondPage);
    }
  }

  private unlink(heads: Int32Array, index: number, block: number, link: BlockWord): void {
    const { words } = this;
    if (heads[index] === block) {
      heads[index] = words[block + link];
      return;
    }
    let previous = heads[index];
    while (previous !== 0) {
      const following = words[previous + link];
      if (following === block) {
        words[previous + link] = words[block + link];
        return;
      }
      previous = following;
    }
  }

  /** Forgets all blocks and begins the region anew. */
  invalidateAll(): void {
    const { memory } = this.cpu;
    for (let page = 0; page < memory.pageCount; page++) {
      if (this.firstOnPage[page] !== 0 || this.firstOnSecondPage[page] !== 0) {
        memory.clearPageFlags(page, PageFlag.HasCode);
      }
    }
    this.firstOnPage.fill(0);
    this.firstOnSecondPage.fill(0);
    this.lines.fill(0);
    this.buckets.fill(0);
    this.next = REGION_START;
    this.cpu.words[Word.CodeChanged] = 1;
  }
}

/** The first word index from `index` on at which a line of the host's caches begins. */
function nextHostLine(index: number): number {
  return (index + HOST_LINE_WORDS - 1) & -HOST_LINE_WORDS;
}

function hash(physical: number, mode: number): number {
  return (physical ^ (physical >>> 14) ^ (mode << 5)) & (BUCKETS - 1);
}

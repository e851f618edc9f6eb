/**
 * The P5's first-level code cache: 8 KiB, two-way, 32-byte lines, LRU, with one boundary mark for each byte.
 *
 * A mark says that an instruction beginning at that byte has been decoded since the line was filled. Until then
 * the second decoder does not know where the next instruction begins, and the two do not pair (Agner Fog, "How to optimize for the
 * Pentium family", chapter 8). Sets are as in the data cache; marks follow their line when the ways change places.
 */
import { Layout } from "../memory/layout.ts";
import type { P5Configuration } from "./configuration.ts";
import type { MemoryBus } from "./memory-bus.ts";
import { CacheGeometry, LineBit, TimingCounter, TimingWord } from "./timing-state.ts";

const LINE_MASK = ~(CacheGeometry.LineBytes - 1);
const MARKS = TimingWord.CodeMarks - TimingWord.CodeTags;

/**
 * Ages: a number that changes whenever a line comes, goes or changes its place, in all sets (word CODE_AGES) and in groups of neighbouring sets
 * (the words after it). Not state: a block remembers the age at which its lines were last found ready.
 */
const CODE_AGES = Layout.CodeAges / 4;
const CODE_AGE_GROUPS = 8;
/** From the offset of a set's first tag word to its group. */
const AGE_SHIFT = 5;

/** Index of the word with the age of the sets that hold the lines from physical address `first` to `last`, which are on one page. */
export function codeAge(first: number, last: number): number {
  const group = (codeSet(first) - TimingWord.CodeTags) >>> AGE_SHIFT;
  return group === (codeSet(last) - TimingWord.CodeTags) >>> AGE_SHIFT ? CODE_AGES + 1 + group : CODE_AGES;
}

/** Index of the first tag word of the set that holds `address`. */
export function codeSet(address: number): number {
  return TimingWord.CodeTags + ((address >>> (CacheGeometry.LineShift - 1)) & (CacheGeometry.SetMask << 1));
}

export class CodeCache {
  /** Of the last fetch: whether the line was missing. */
  missed = false;
  /** Told the physical address of every line that is filled: stores to its page must be looked at. */
  filled: (physical: number) => void = () => {};
  private readonly words: Int32Array;
  private readonly counters: Float64Array;
  private readonly bus: MemoryBus;
  private readonly enabled: boolean;
  private age = 0;
  /** Core clocks at which each quadword of the arriving line, and all of it, can be used. They follow from the state. */
  private readonly usable = new Float64Array(4);
  private complete = 0;

  constructor(words: Int32Array, counters: Float64Array, bus: MemoryBus, configuration: P5Configuration) {
    this.words = words;
    this.counters = counters;
    this.bus = bus;
    this.enabled = configuration.codeCache;
  }

  /** All lines may have changed. */
  changed(): void {
    this.age++;
    this.words.fill(this.age, CODE_AGES, CODE_AGES + 1 + CODE_AGE_GROUPS);
  }

  /** A line of the set (its first tag word) has come, gone or changed its place. */
  private changedSet(set: number): void {
    this.age++;
    this.words[CODE_AGES] = this.age;
    this.words[CODE_AGES + 1 + ((set - TimingWord.CodeTags) >>> AGE_SHIFT)] = this.age;
  }

  /** Fetches the byte at `physical`, which is needed now. Result: clocks until its quadword is there. */
  fetch(now: number, physical: number): number {
    const { words } = this;
    const line = (Layout.GuestRam + physical) & LINE_MASK;
    const set = codeSet(line);
    this.missed = false;
    if (words[set] === (line | LineBit.Valid)) return this.arriving(now, line, physical);
    if (words[set + 1] === (line | LineBit.Valid)) {
      this.swap(set);
      return this.arriving(now, line, physical);
    }
    this.missed = true;
    return this.fill(now, set, line, physical);
  }

  /** Whether the line of `physical` is there, without touching it. */
  holds(physical: number): boolean {
    const line = (Layout.GuestRam + physical) & LINE_MASK;
    const set = codeSet(line);
    return this.words[set] === (line | LineBit.Valid) || this.words[set + 1] === (line | LineBit.Valid);
  }

  /** Whether the `bytes` from `physical` on are in one line, the most recently used of its set, that is not arriving: fetching them changes nothing. */
  isCurrent(physical: number, bytes: number): boolean {
    const key = ((Layout.GuestRam + physical) & LINE_MASK) | LineBit.Valid;
    return (
      this.words[codeSet(key)] === key &&
      (physical & ~LINE_MASK) + bytes <= CacheGeometry.LineBytes &&
      this.words[TimingWord.ArrivingCode] !== key
    );
  }

  /** Marks the instruction that begins at `physical`. Result: whether it was marked before. */
  testAndMark(physical: number): boolean {
    const way = this.wayOf(physical);
    if (way < 0) return false;
    const { words } = this;
    const bit = 1 << (physical & 31);
    const marks = words[way + MARKS];
    words[way + MARKS] = marks | bit;
    return (marks & bit) !== 0;
  }

  /** Whether all bytes from `first` to `last` (at most 15) are there now, without touching anything. */
  ready(now: number, first: number, last: number): boolean {
    return this.arrived(now, first) && (((first ^ last) & ~7) === 0 || this.arrived(now, last));
  }

  private arrived(now: number, physical: number): boolean {
    if (!this.holds(physical)) return false;
    const line = (Layout.GuestRam + physical) & LINE_MASK;
    return this.words[TimingWord.ArrivingCode] !== line + 1 || this.wait(now, physical) === 0;
  }

  /** Whether the line of `physical` is there with all marks of `mask`: 0 no, 1 as the older line of its set, 2 as the newer one. */
  find(physical: number, mask: number): 0 | 1 | 2 {
    const { words } = this;
    const key = ((Layout.GuestRam + physical) & LINE_MASK) | LineBit.Valid;
    const set = codeSet(key);
    if (words[set] === key) return (words[set + MARKS] & mask) === mask ? 2 : 0;
    return words[set + 1] === key && (words[set + 1 + MARKS] & mask) === mask ? 1 : 0;
  }

  /** Exchanges the ways of the set that holds `physical`. */
  exchange(physical: number): void {
    this.swap(codeSet(Layout.GuestRam + physical));
  }

  /** Whether the instruction that begins at `physical` has been decoded since its line was filled. */
  marked(physical: number): boolean {
    const way = this.wayOf(physical);
    return way >= 0 && ((this.words[way + MARKS] >>> (physical & 31)) & 1) !== 0;
  }

  /** A store to `physical`: drops the line. Result: whether it was there. */
  invalidate(physical: number): boolean {
    const way = this.wayOf(physical);
    if (way < 0) return false;
    const { words } = this;
    const set = codeSet(Layout.GuestRam + physical);
    this.changedSet(set);
    if (way === set) {
      words[set] = words[set + 1];
      words[set + MARKS] = words[set + 1 + MARKS];
    }
    words[set + 1] = 0;
    words[set + 1 + MARKS] = 0;
    return true;
  }

  /** Physical addresses of all lines. */
  lines(): number[] {
    const tags = this.words.subarray(TimingWord.CodeTags, TimingWord.CodeTags + 2 * CacheGeometry.Sets);
    return [...tags].filter((tag) => (tag & LineBit.Valid) !== 0).map((tag) => (tag & LINE_MASK) - Layout.GuestRam);
  }

  /** WBINVD, INVD, reset. */
  flush(): void {
    this.changed();
    this.words.fill(0, TimingWord.CodeTags, TimingWord.CodeTags + 2 * CacheGeometry.Sets);
    this.words.fill(0, TimingWord.CodeMarks, TimingWord.CodeMarks + 2 * CacheGeometry.Sets);
    this.words[TimingWord.ArrivingCode] = 0;
  }

  private wayOf(physical: number): number {
    const key = ((Layout.GuestRam + physical) & LINE_MASK) | LineBit.Valid;
    const set = codeSet(key);
    if (this.words[set] === key) return set;
    return this.words[set + 1] === key ? set + 1 : -1;
  }

  private fill(now: number, set: number, line: number, physical: number): number {
    const { words, counters, bus } = this;
    const usable = bus.readLine(now, physical);
    if (!this.enabled) return usable - now;
    this.changedSet(set);
    this.filled(physical);
    words[set + 1] = words[set];
    words[set + 1 + MARKS] = words[set + MARKS];
    words[set] = line | LineBit.Valid;
    words[set + MARKS] = 0;
    words[TimingWord.ArrivingCode] = line + 1;
    words[TimingWord.ArrivingCodeFirst] = (physical >>> 3) & 3;
    words[TimingWord.ArrivingCodeStep] = bus.quadwordStep;
    counters[TimingCounter.ArrivingCodeTime] = bus.firstQuadword;
    this.stateReplaced();
    return usable - now;
  }

  /** Rebuilds what follows from the state. */
  stateReplaced(): void {
    const { words, counters } = this;
    const first = counters[TimingCounter.ArrivingCodeTime];
    const step = words[TimingWord.ArrivingCodeStep];
    this.complete = this.bus.arrivals(first, words[TimingWord.ArrivingCodeFirst], step, this.usable);
  }

  private arriving(now: number, line: number, physical: number): number {
    if (this.words[TimingWord.ArrivingCode] !== line + 1 || this.settle(now)) return 0;
    return this.wait(now, physical);
  }

  /** Forgets the line that was arriving if it is complete; whether it is. */
  settle(now: number): boolean {
    const { words, counters } = this;
    if (now < this.complete) return false;
    words[TimingWord.ArrivingCode] = 0;
    words[TimingWord.ArrivingCodeFirst] = 0;
    words[TimingWord.ArrivingCodeStep] = 0;
    counters[TimingCounter.ArrivingCodeTime] = 0;
    return true;
  }

  /** Clocks until the quadword of `physical` in the arriving line can be used. */
  private wait(now: number, physical: number): number {
    return Math.max(0, this.usable[(physical >>> 3) & 3] - now);
  }

  private swap(set: number): void {
    const { words } = this;
    this.changedSet(set);
    const tag = words[set];
    words[set] = words[set + 1];
    words[set + 1] = tag;
    const marks = words[set + MARKS];
    words[set + MARKS] = words[set + 1 + MARKS];
    words[set + 1 + MARKS] = marks;
  }
}

/**
 * The x87 unit beside the integer pipes (p5-timing 7.8; Agner Fog, "How to optimize for the Pentium family", x87): a floating-point
 * instruction holds the pipes for its clocks less what the next integer instruction need not wait for; the unit takes the
 * next floating-point one earlier than that, but an instruction that needs a result waits until it is there.
 *
 *   fadd        issue |= = =|            result after 3 clocks
 *   integer           |=                  starts after 3 - 2
 *   fadd, other       |=                  starts after 3 - 2
 *   fadd, dependent   . . |=              starts after 3
 *
 * All times are core clocks in the counters; the model looks at registers' numbers and at precision control, never at values.
 * FXCH changes places by name: it waits for no result.
 */
import { InstructionWord, OperandBits, TimingBits } from "../cpu/decode-records.ts";
import type { InstructionForm } from "../cpu/instructions/form.ts";
import { Counter, Word } from "../cpu/state.ts";
import { TimingCounter, TimingWord } from "./timing-state.ts";

/** What matters here of a form, by its id. */
const enum FloatTrait {
  /** Reads, writes ST; reads, writes ST(i); the same of ST(1); writes the register that it pushes. */
  ReadsTop = 1,
  WritesTop = 2,
  ReadsStack = 4,
  WritesStack = 8,
  ReadsNext = 16,
  WritesNext = 32,
  Pushes = 64,
  /** Stores ST to memory: a result that was just computed is there a clock later. */
  Stores = 128,
  Multiplies = 256,
  /** Sets condition codes that are in the status word only after four clocks. */
  Compares = 512,
  ReadsStatus = 1024,
  /** Needs the unit at rest: loads and stores of its whole state, new control words. */
  Drains = 2048,
  ByPrecision = 4096,
  /** An addition, subtraction, multiplication, division, remainder or root, for the event counters. */
  Operation = 8192,
}

/** Issue to condition codes in the status word. */
const STATUS_LATENCY = 4;
/** The multiplier takes a new operation every second clock. */
const MULTIPLIER_CLOCKS = 2;
/** Divisions: beyond the clocks for 24 bits, by precision control. */
const PRECISION_CLOCKS = [0, 20, 14, 20];
const TOP_SHIFT = 11;
const ALL_REGISTERS = 0xff;

function traitsOf(form: InstructionForm): number {
  const { mnemonic, operands, floatingPoint } = form;
  if (floatingPoint === undefined) return 0;
  let traits = floatingPoint.stack > 0 ? FloatTrait.Pushes : 0;
  for (const { access, method, fixed } of operands) {
    const [reads, writes] =
      method === "T"
        ? [FloatTrait.ReadsStack, FloatTrait.WritesStack]
        : fixed === "ST"
          ? [FloatTrait.ReadsTop, FloatTrait.WritesTop]
          : fixed === "ST1"
            ? [FloatTrait.ReadsNext, FloatTrait.WritesNext]
            : [0, 0];
    if (access.includes("r")) traits |= reads;
    if (access.includes("w")) traits |= writes;
    if (method === "M" && access === "w" && /^fb?i?stp?$/.test(mnemonic)) traits |= FloatTrait.Stores;
  }
  if (/^fi?mul/.test(mnemonic)) traits |= FloatTrait.Multiplies;
  if (/^f(?:u|i)?com|^ftst/.test(mnemonic)) traits |= FloatTrait.Compares;
  if (/^fn(?:stsw|stenv|save)/.test(mnemonic)) traits |= FloatTrait.ReadsStatus;
  if (/^f(?:ldcw|ldenv|rstor|nstenv|nsave|ninit)/.test(mnemonic)) traits |= FloatTrait.Drains;
  if (/^fi?(?:add|sub|mul|div)|^fprem|^fsqrt/.test(mnemonic)) traits |= FloatTrait.Operation;
  if (floatingPoint.byPrecision) traits |= FloatTrait.ByPrecision;
  // Renaming waits for nothing.
  return mnemonic === "fxch" ? 0 : traits;
}

export class X87Unit {
  private readonly words: Int32Array;
  private readonly counters: Float64Array;
  private readonly traits: Int32Array;
  private readonly integerOverlap: Uint8Array;
  private readonly floatOverlap: Uint8Array;

  /** @param words the whole linear memory */
  constructor(words: Int32Array, counters: Float64Array, forms: readonly InstructionForm[]) {
    this.words = words;
    this.counters = counters;
    this.traits = Int32Array.from(forms, traitsOf);
    this.integerOverlap = Uint8Array.from(forms, ({ floatingPoint }) => floatingPoint?.integerOverlap ?? 0);
    this.floatOverlap = Uint8Array.from(forms, ({ floatingPoint }) => floatingPoint?.floatOverlap ?? 0);
  }

  /** The floating-point instruction `record` begins. Result: clocks that it waits when it could otherwise execute at `ready`. */
  begin(record: number, ready: number): number {
    const { words, counters } = this;
    const traits = this.traits[words[record + InstructionWord.Form]];
    const top = (words[Word.X87Status] >> TOP_SHIFT) & 7;
    const i = (words[record + InstructionWord.Operands] & OperandBits.RmMask) >> OperandBits.RmShift;
    let start = Math.max(ready, counters[TimingCounter.X87Free]);
    if ((traits & FloatTrait.Multiplies) !== 0) start = Math.max(start, counters[TimingCounter.X87MultiplierFree]);
    if ((traits & FloatTrait.ReadsStatus) !== 0) start = Math.max(start, counters[TimingCounter.X87StatusReady]);
    if ((traits & FloatTrait.ReadsTop) !== 0) start = Math.max(start, this.readyAt(top, traits));
    if ((traits & FloatTrait.ReadsStack) !== 0) start = Math.max(start, this.readyAt((top + i) & 7, traits));
    if ((traits & FloatTrait.ReadsNext) !== 0) start = Math.max(start, this.readyAt((top + 1) & 7, traits));
    if ((traits & FloatTrait.Drains) !== 0) for (let n = 0; n < 8; n++) start = Math.max(start, this.readyAt(n, 0));
    words[TimingWord.X87Targets] = targets(traits, top, i);
    return start - ready;
  }

  /** Physical register `number`'s value, as a store (which needs it a clock early) or another instruction finds it. */
  private readyAt(number: number, traits: number): number {
    const early = (traits & FloatTrait.Stores) !== 0 && ((this.words[TimingWord.X87Computed] >> number) & 1) !== 0;
    return this.counters[TimingCounter.X87Ready + number] + (early ? 1 : 0);
  }

  /**
   * The floating-point instruction `record` has executed.
   * @param now the clock at which the pipes are free for the next integer instruction
   */
  end(record: number, now: number): void {
    const { words, counters } = this;
    const form = words[record + InstructionWord.Form];
    const traits = this.traits[form];
    if ((words[record + InstructionWord.TimingClass] & TimingBits.Exchange) !== 0) {
      this.exchange(record);
      return;
    }
    const integerOverlap = this.integerOverlap[form];
    const extra =
      (traits & FloatTrait.ByPrecision) !== 0 ? (PRECISION_CLOCKS[(words[Word.X87Control] >> 8) & 3] as number) : 0;
    const done = now + integerOverlap + extra;
    counters[TimingCounter.X87Free] = done - this.floatOverlap[form];
    // Both begin with the only clock that these instructions hold the pipes.
    if ((traits & FloatTrait.Multiplies) !== 0)
      counters[TimingCounter.X87MultiplierFree] = done - this.floatOverlap[form] - 1 + MULTIPLIER_CLOCKS;
    if ((traits & FloatTrait.Compares) !== 0)
      counters[TimingCounter.X87StatusReady] = now - words[record + InstructionWord.Clocks] + STATUS_LATENCY;
    const written = words[TimingWord.X87Targets];
    for (let number = 0; number < 8; number++) {
      if (((written >> number) & 1) !== 0) counters[TimingCounter.X87Ready + number] = done;
    }
    if (integerOverlap === 0) words[TimingWord.X87Computed] &= ~written;
    else words[TimingWord.X87Computed] |= written;
  }

  /** FXCH: the registers change names, and their results' times with them. */
  private exchange(record: number): void {
    const { words, counters } = this;
    const top = (words[Word.X87Status] >> TOP_SHIFT) & 7;
    const i = (words[record + InstructionWord.Operands] & OperandBits.RmMask) >> OperandBits.RmShift;
    const other = (top + i) & 7;
    const time = counters[TimingCounter.X87Ready + top];
    counters[TimingCounter.X87Ready + top] = counters[TimingCounter.X87Ready + other];
    counters[TimingCounter.X87Ready + other] = time;
    const computed = words[TimingWord.X87Computed];
    const differ = ((computed >> top) ^ (computed >> other)) & 1;
    if (top !== other) words[TimingWord.X87Computed] = computed ^ (differ << top) ^ (differ << other);
  }

  /** Whether the instruction counts as a floating-point operation. */
  isOperation(record: number): boolean {
    return (this.traits[this.words[record + InstructionWord.Form]] & FloatTrait.Operation) !== 0;
  }

  /** Before a snapshot: times that have passed, and what depends on them, become 0. */
  settle(): void {
    const { words, counters } = this;
    const now = counters[Counter.Cycles];
    for (let at: number = TimingCounter.X87Free; at <= TimingCounter.X87StatusReady; at++)
      if (counters[at] <= now) counters[at] = 0;
    for (let number = 0; number < 8; number++) {
      // A store wants the value a clock early.
      if (counters[TimingCounter.X87Ready + number] >= now) continue;
      counters[TimingCounter.X87Ready + number] = 0;
      words[TimingWord.X87Computed] &= ~(1 << number);
    }
  }
}

/** Physical registers that the instruction writes. */
function targets(traits: number, top: number, i: number): number {
  let mask = 0;
  if ((traits & FloatTrait.Drains) !== 0) mask = ALL_REGISTERS;
  if ((traits & FloatTrait.WritesTop) !== 0) mask |= 1 << top;
  if ((traits & FloatTrait.WritesStack) !== 0) mask |= 1 << ((top + i) & 7);
  if ((traits & FloatTrait.WritesNext) !== 0) mask |= 1 << ((top + 1) & 7);
  if ((traits & FloatTrait.Pushes) !== 0) mask |= 1 << ((top + 7) & 7);
  return mask;
}

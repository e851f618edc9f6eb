/**
 * Chooses a memory operand: any addressing mode, any segment, and a place where the access works, straddles a page, or
 * faults in one of the ways that user code can meet.
 */
import { ALIGNMENT_FLAG, type CaseBuilder, Register, SEGMENT_PREFIX, Segment, segmentBase } from "./case-builder.ts";
import type { Random } from "./random.ts";
import { ABSENT, DATA, FLAT_CODE, FLAT_DATA, LOW_DATA, LocalSelector, READ_ONLY, STACK } from "./stage.ts";

export interface MemoryOperand {
  readonly linear: number;
  /** The bytes lie in writable data, so a patch there is seen. */
  readonly patchable: boolean;
}

interface Place {
  readonly selector: number;
  /** Offset in the segment. */
  readonly offset: number;
}

/** A place in the flat address space. */
function flatPlace(random: Random, bytes: number): number {
  const kind = random.below(100);
  if (kind < 72) return DATA + 0x100 + random.below(0x600);
  if (kind < 78) return DATA + 0x1000 - random.between(1, Math.max(1, bytes - 1)); // straddles two pages
  if (kind < 84) return ABSENT + random.below(0xff0);
  if (kind < 87) return ABSENT - random.between(1, Math.max(1, bytes - 1)); // begins in a page, ends in none
  if (kind < 90) return DATA - random.between(1, Math.max(1, bytes - 1)); // begins in none, ends in a page
  if (kind < 97) return READ_ONLY + random.below(0xff0);
  return STACK + 0x400 + random.below(0x100);
}

/** An offset within, at the edge of, or beyond a limit of 0xFFF. */
function offsetWithLimit(random: Random, bytes: number): number {
  const kind = random.below(10);
  if (kind < 4) return random.below(0x1000 - bytes + 1);
  if (kind < 6) return 0x1000 - bytes;
  if (kind < 9) return 0x1000 - bytes + random.between(1, bytes);
  return random.pick([0x2000, 0x8000, 0x1_0000, 0xffff_fff0]);
}

function expandDownOffset(random: Random): number {
  return random.pick([0x7fc, 0x7ff, 0x800, 0x801, 0x900, 0xffc, 0x10, 0x7f0]);
}

/** A segment other than the flat one for a segment register, with an offset that tests its limit or rights. */
function localPlace(random: Random, segment: Segment, bytes: number): Place {
  const limited = (selector: LocalSelector): Place => ({ selector, offset: offsetWithLimit(random, bytes) });
  switch (segment) {
    case Segment.Cs:
      return limited(random.pick([LocalSelector.ReadableCode, LocalSelector.ExecuteOnlyCode]));
    case Segment.Ss:
      if (random.chance(0.25)) return { selector: LocalSelector.ExpandDownData, offset: expandDownOffset(random) };
      return limited(random.pick([LocalSelector.LimitedStack, LocalSelector.Data]));
    default: {
      const kind = random.below(10);
      if (kind < 4) return limited(LocalSelector.Data);
      if (kind < 6) return limited(LocalSelector.ReadOnlyData);
      if (kind < 8) return { selector: LocalSelector.ExpandDownData, offset: expandDownOffset(random) };
      if (kind < 9) return limited(LocalSelector.ReadableCode);
      return { selector: 0, offset: DATA + random.below(0x100) };
    }
  }
}

const BASE_16: readonly (readonly number[])[] = [
  [Register.Ebx, Register.Esi],
  [Register.Ebx, Register.Edi],
  [Register.Ebp, Register.Esi],
  [Register.Ebp, Register.Edi],
  [Register.Esi],
  [Register.Edi],
  [Register.Ebp],
  [Register.Ebx],
];

/** Chooses the place for a segment register and loads its selector. */
function choosePlace(
  builder: CaseBuilder,
  segment: Segment,
  bytes: number,
  address16: boolean,
  keepStack = false,
): Place {
  const random = builder.random;
  const flat = segment === Segment.Cs ? FLAT_CODE : FLAT_DATA;
  let place: Place;
  const stack = builder.segments[Segment.Ss] as number;
  if (keepStack && segment === Segment.Ss && stack !== FLAT_DATA) {
    place = { selector: stack, offset: random.below(0xff0) }; // the stack pointer belongs to this segment: keep it
  } else if (random.chance(0.2) && !(keepStack && segment === Segment.Ss)) {
    place = localPlace(random, segment, bytes);
    if (address16 && place.offset > 0xffff) place = { ...place, offset: place.offset & 0xffff };
  } else if (address16) {
    place = { selector: flat, offset: LOW_DATA + random.below(0xff0) };
  } else {
    place = { selector: flat, offset: flatPlace(random, bytes) };
  }
  if (segment === Segment.Cs) builder.setCodeSelector(place.selector);
  else builder.segments[segment] = place.selector;
  return place;
}

function chooseOverride(builder: CaseBuilder): Segment | undefined {
  if (!builder.random.chance(0.3)) return undefined;
  const segment = builder.random.below(6) as Segment;
  builder.prefixes.push(SEGMENT_PREFIX[segment] as number);
  return segment;
}

function encode16(builder: CaseBuilder, reg: number, bytes: number, keepStack: boolean): Place & { segment: Segment } {
  const random = builder.random;
  const rm = random.below(8);
  let mod = random.below(3);
  if (mod === 0 && rm === 6 && random.chance(0.5)) mod = 1;
  const direct = mod === 0 && rm === 6;
  const bases = direct ? [] : (BASE_16[rm] as readonly number[]);
  const segment = chooseOverride(builder) ?? (bases.includes(Register.Ebp) ? Segment.Ss : Segment.Ds);
  const place = choosePlace(builder, segment, bytes, true, keepStack);
  builder.prefixes.push(0x67);
  let rest = place.offset;
  let displacement: number[] = [];
  if (mod === 1) {
    const value = random.below(256);
    rest -= (value << 24) >> 24;
    displacement = [value];
  } else if (mod === 2 || direct) {
    const value = direct ? place.offset : random.below(0x1_0000);
    rest -= value;
    displacement = [value & 0xff, value >>> 8];
  }
  if (bases.length === 2) {
    const index = random.below(0x1_0000);
    builder.setRegister(bases[1] as number, (random.next() & 0xffff_0000) | index);
    rest -= index;
  }
  // Only the low halves count: the high ones are anything.
  if (bases.length > 0) builder.setRegister(bases[0] as number, (random.next() & 0xffff_0000) | (rest & 0xffff));
  builder.modRm = [(mod << 6) | (reg << 3) | rm, ...displacement];
  return { ...place, segment };
}

function encode32(builder: CaseBuilder, reg: number, bytes: number, keepStack: boolean): Place & { segment: Segment } {
  const random = builder.random;
  let mod = random.below(3);
  let rm = random.below(8);
  if (keepStack && rm === 4 && random.chance(0.5)) rm = 3;
  let base: number | undefined = rm;
  let index: number | undefined;
  let scale = 0;
  let sib: number[] = [];
  if (rm === 4) {
    scale = random.below(4);
    index = random.below(8);
    base = random.below(8);
    if (keepStack && base === Register.Esp) base = Register.Ebx;
    if (base === 5 && mod === 0 && random.chance(0.5)) base = Register.Eax;
    if (index === base && mod !== 2) index = (index + 1) & 7; // otherwise base and index cannot be solved for
    sib = [(scale << 6) | (index << 3) | base];
    if (index === 4) index = undefined;
    if (base === 5 && mod === 0) base = undefined;
  } else if (rm === 5 && mod === 0) {
    base = undefined;
  }
  if (index !== undefined && index === base) mod = 2;
  if (sib.length > 0) sib = [(scale << 6) | ((index ?? 4) << 3) | (base ?? 5)];
  const stackBase = base === Register.Esp || base === Register.Ebp;
  const segment = chooseOverride(builder) ?? (stackBase ? Segment.Ss : Segment.Ds);
  const place = choosePlace(builder, segment, bytes, false, keepStack);
  if (index !== undefined) builder.setRegister(index, random.chance(0.5) ? random.below(0x100) : random.next());
  const scaled = index === undefined ? 0 : Math.imul(builder.register(index), 1 << scale);
  let displacement: number[] = [];
  const rest = place.offset - scaled;
  if (mod === 1) {
    const value = random.below(256);
    builder.setRegister(base as number, rest - ((value << 24) >> 24));
    displacement = [value];
  } else if (mod === 0 && base !== undefined) {
    builder.setRegister(base, rest);
  } else {
    if (base !== undefined && base !== index) builder.setRegister(base, random.operand(32));
    const value = rest - (base === undefined ? 0 : builder.register(base));
    displacement = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
  }
  builder.modRm = [(mod << 6) | (reg << 3) | rm, ...sib, ...displacement];
  return { ...place, segment };
}

function describe(builder: CaseBuilder, place: Place, bytes: number): MemoryOperand {
  const linear = (segmentBase(place.selector) + place.offset) >>> 0;
  const last = linear + bytes - 1;
  const inData = linear >= DATA && last < ABSENT;
  const inLow = linear >= LOW_DATA && last < LOW_DATA + 0x1000;
  const ambiguous = bytes === 8 && (linear & 7) !== 0 && (linear & 1) === 0; // the manual gives m64 no alignment
  const odd = (linear & 1) !== 0 && bytes > 1;
  // Only where no page fault comes too: Intel puts #AC after #PF (SDM vol. 3, table 6-2), AMD's silicon before it.
  if (place.selector === FLAT_DATA && (inData || inLow) && !ambiguous && builder.random.chance(odd ? 0.06 : 0.01))
    builder.eflags |= ALIGNMENT_FLAG;
  return { linear, patchable: inData || inLow };
}

/**
 * Chooses and encodes a memory operand into ModR/M, SIB, displacement and prefixes of the builder.
 * @param reg the reg field of ModR/M
 * @param bytes size of the access
 * @param keepStack ESP is the stack pointer of the instruction: do not use it as the base
 */
export function chooseMemoryOperand(
  builder: CaseBuilder,
  reg: number,
  bytes: number,
  keepStack = false,
): MemoryOperand {
  const address16 = builder.random.chance(0.12);
  const place = address16 ? encode16(builder, reg, bytes, keepStack) : encode32(builder, reg, bytes, keepStack);
  return describe(builder, place, bytes);
}

/** The same for the moffs forms (A0 to A3): an offset in the code, of address size. */
export function chooseMemoryOffset(builder: CaseBuilder, bytes: number): MemoryOperand {
  const segment = chooseOverride(builder) ?? Segment.Ds;
  const address16 = builder.random.chance(0.12);
  const place = choosePlace(builder, segment, bytes, address16);
  if (address16) builder.prefixes.push(0x67);
  builder.immediate = Array.from({ length: address16 ? 2 : 4 }, (_, i) => (place.offset >>> (8 * i)) & 0xff);
  return describe(builder, place, bytes);
}

/** A place for an implicit operand DS:[eSI], ES:[eDI] or DS:[eBX + AL]: returns the offset, loads the segment. */
export function chooseImplicitOperand(
  builder: CaseBuilder,
  segment: Segment,
  bytes: number,
  address16: boolean,
): MemoryOperand & { offset: number } {
  const place = choosePlace(builder, segment, bytes, address16);
  return { ...describe(builder, place, bytes), offset: place.offset };
}

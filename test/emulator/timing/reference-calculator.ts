/**
 * A second reading of the P5's issue rules, for straight-line code in the steady state: everything cached, marked and
 * aligned, no branches. It shares nothing with emulator/timing: each instruction is a line of facts, written here from the published
 * rules (Intel's AP-500; Agner Fog, "How to optimize for the Pentium family", chapters 9, 10 and 12), so it can judge the model.
 */

/** What the rules ask of one instruction. Registers are bit masks in ModR/M order: EAX 1, ECX 2, EDX 4, EBX 8, ESP 16, … */
export interface Facts {
  readonly text: string;
  readonly code: string;
  /** uv: either pipe; pu: only as the first of a pair; np: alone. */
  readonly pairing: "uv" | "pu" | "np";
  /** Clocks in the execution stage: 1, 2 (reads memory) or 3 (reads and writes it) for what can pair. */
  readonly clocks: number;
  readonly reads?: number;
  readonly writes?: number;
  /** Registers that form an address. */
  readonly address?: number;
  readonly prefixes?: number;
  readonly readsFlags?: boolean;
  readonly writesFlags?: boolean;
  /** It has a displacement and an immediate. */
  readonly bulky?: boolean;
  /** PUSH or POP: uses and moves ESP without naming it. */
  readonly stack?: "push" | "pop";
  /** Where the data access goes: bits 2 to 4 of its address. */
  readonly bank?: number;
}

const ESP = 16;

interface Finish {
  readonly registers: number;
  readonly at: number;
}

/** Clocks of one of many repetitions of `body`, which begins with an instruction that pairs with nothing. */
export function clocksOf(body: readonly Facts[], repetitions = 24): number {
  const stream = Array.from({ length: 2 * repetitions }, () => body).flat();
  const half = body.length * repetitions;
  let now = 0;
  let before = 0;
  let finishes: readonly Finish[] = [];
  /** Clocks by which the last group, and the one before it as far as not used up, can hide prefixes. */
  let credit = 0;
  let carried = 0;
  for (let at = 0; at < stream.length; ) {
    if (at === half) before = now;
    const first = stream[at]!;
    const second = stream[at + 1];
    const group = second !== undefined && canPair(first, second) ? [first, second] : [first];
    const prefixes = first.prefixes ?? 0;
    const hiddenByOlder = Math.min(prefixes, carried);
    const hidden = hiddenByOlder + Math.min(prefixes - hiddenByOlder, credit);
    carried = credit - (hidden - hiddenByOlder);
    now += prefixes - hidden;
    const addresses = group.reduce(
      (mask, each) => mask | (each.address ?? 0) | (each.stack === undefined ? 0 : ESP),
      0,
    );
    const interlocked = finishes.some(({ registers, at: when }) => when === now && (registers & addresses) !== 0);
    const start = now + (interlocked ? 1 : 0);
    const duration = durationOf(group);
    // A member that is done before its partner counts from its own end.
    finishes = group.map(({ writes, clocks }) => ({ registers: writes ?? 0, at: start + clocks }));
    credit = start - now + duration - 1;
    now = start + duration;
    at += group.length;
  }
  return (now - before) / repetitions;
}

function canPair(first: Facts, second: Facts): boolean {
  if (first.pairing === "np" || second.pairing !== "uv") return false;
  if ((second.prefixes ?? 0) > 0 || first.bulky || second.bulky) return false;
  const written = first.writes ?? 0;
  if ((written & ((second.reads ?? 0) | (second.address ?? 0) | (second.writes ?? 0))) !== 0) return false;
  if (first.writesFlags && second.readsFlags) return false;
  return espAllows(first, second);
}

function espAllows(first: Facts, second: Facts): boolean {
  if (first.stack === undefined && second.stack === undefined) return true;
  if (first.stack !== undefined && second.stack !== undefined) return first.stack === second.stack;
  const named = (each: Facts) => (((each.reads ?? 0) | (each.writes ?? 0) | (each.address ?? 0)) & ESP) !== 0;
  return first.stack === undefined ? !named(first) : !named(second);
}

function durationOf([first, second]: readonly Facts[]): number {
  if (second === undefined) return first!.clocks;
  const table = [
    [1, 2, 3],
    [2, 2, 3],
    [3, 4, 5],
  ];
  const conflict = first!.bank !== undefined && first!.bank === second.bank ? 1 : 0;
  return table[first!.clocks - 1]![second.clocks - 1]! + conflict;
}

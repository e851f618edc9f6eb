/** Which events a trace keeps. Conditions of different kinds must all hold; of several of one kind, one must. */
import type { EventKind, InstructionEvent, TraceEvent } from "./event.ts";

/** Addresses [start, end), of instructions and of what they write. */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

export interface TraceFilter {
  readonly kinds?: ReadonlySet<EventKind>;
  readonly threads?: ReadonlySet<string>;
  readonly spaces?: ReadonlySet<string>;
  /** Names of functions or objects, in whatever program. */
  readonly symbols?: ReadonlySet<string>;
  readonly addresses?: readonly AddressRange[];
  /** First and last cycle of interest. */
  readonly fromCycle?: number;
  readonly toCycle?: number;
}

/** Whether an event of that kind, thread, space and time could be kept: asked before it is put together. */
export function mayKeep(filter: TraceFilter, kind: EventKind, cycle: number, thread: string, space: string): boolean {
  if (filter.kinds?.has(kind) === false) return false;
  if (filter.threads?.has(thread) === false || filter.spaces?.has(space) === false) return false;
  return cycle >= (filter.fromCycle ?? 0) && cycle <= (filter.toCycle ?? Number.POSITIVE_INFINITY);
}

/** Whether a symbol ("name" or "name+offset") is one of those wanted. */
function isNamed(filter: TraceFilter, symbol: string): boolean {
  const plus = symbol.lastIndexOf("+");
  return filter.symbols?.has(plus < 0 ? symbol : symbol.slice(0, plus)) === true;
}

/** `symbolAt` names the virtual addresses that an instruction wrote. */
export function keeps(
  filter: TraceFilter,
  event: TraceEvent,
  symbolAt: (address: number) => string | undefined,
): boolean {
  if (event.kind === "message") {
    // A message belongs to both its ends.
    const ends = [event.thread, event.to];
    if (filter.kinds?.has("message") === false || !inTime(filter, event.cycle)) return false;
    if (filter.threads !== undefined && !ends.some((name) => filter.threads?.has(name))) return false;
    if (filter.spaces !== undefined && !ends.some((name) => filter.spaces?.has(name))) return false;
    return filter.symbols === undefined && filter.addresses === undefined;
  }
  if (!mayKeep(filter, event.kind, event.cycle, event.thread, event.space)) return false;
  if (filter.symbols === undefined && filter.addresses === undefined) return true;
  if (event.kind === "fault" || event.kind === "end") return true;
  if (event.kind === "instruction") return placed(filter, event, symbolAt);
  if (event.kind === "exception") {
    return matchesPlace(filter, [event.eip, ...(event.address === undefined ? [] : [event.address])], event.symbol);
  }
  return false;
}

function inTime(filter: TraceFilter, cycle: number): boolean {
  return cycle >= (filter.fromCycle ?? 0) && cycle <= (filter.toCycle ?? Number.POSITIVE_INFINITY);
}

function placed(
  filter: TraceFilter,
  event: InstructionEvent,
  symbolAt: (address: number) => string | undefined,
): boolean {
  if (matchesPlace(filter, [event.eip], event.symbol)) return true;
  return event.memory.some(({ address }) => matchesPlace(filter, [address], symbolAt(address) ?? ""));
}

function matchesPlace(filter: TraceFilter, addresses: readonly number[], symbol: string): boolean {
  if (filter.symbols !== undefined && isNamed(filter, symbol)) return true;
  return (
    filter.addresses?.some(({ start, end }) => addresses.some((address) => address >= start && address < end)) === true
  );
}

/**
 * The faults of one machine: those that wait for their moment, and bits that are stuck. Runs, campaigns and the debugger
 * share it. Its whole state is plain data (`save`, `load`), so it goes back in time with the machine.
 *
 *     run the machine within limits() → due() → strike() each → run on
 */
import { type Observer, type RunLimits, Word } from "../../emulator/index.ts";
import type { Component } from "../run/boot-plan.ts";
import type { InjectionReport } from "../run/run-result.ts";
import { formatFault } from "./fault.ts";
import { type AimedFault, holdBits, inject, type StuckBits } from "./injector.ts";
import type { Guest, Site } from "./site.ts";
import { FRESH, type RoundThreads, type TriggerState, TriggerWatch } from "./trigger-watch.ts";

export interface PendingFault {
  readonly aimed: AimedFault;
  readonly state: TriggerState;
}

export interface FaultsState {
  readonly pending: readonly PendingFault[];
  readonly stuck: readonly StuckBits[];
}

const NO_FAULTS: FaultsState = { pending: [], stuck: [] };

/** A fault of which nothing has been counted. */
export function freshFault(aimed: AimedFault): PendingFault {
  return { aimed, state: FRESH };
}

export class FaultEngine {
  #watches: readonly TriggerWatch[] = [];
  #stuck: readonly StuckBits[] = [];
  #detachHold: (() => void) | undefined;
  readonly #rounds: RoundThreads;

  constructor(
    private readonly guest: Guest,
    components: readonly Component[],
  ) {
    const thread = (name: string): number => components.find((component) => component.name === name)?.threadNumber ?? 0;
    this.#rounds = { client: thread("client"), voter: thread("voter") };
  }

  save(): FaultsState {
    this.#letGo();
    if (this.#watches.length === 0 && this.#stuck.length === 0) return NO_FAULTS;
    return { pending: this.#watches.map(({ aimed, state }) => ({ aimed, state })), stuck: this.#stuck };
  }

  /** To be called when the machine is where it was at `save`. */
  load({ pending, stuck }: FaultsState): void {
    for (const watch of this.#watches) watch.stop();
    this.#watches = pending.map(({ aimed, state }) => new TriggerWatch(this.guest, aimed, this.#rounds, state));
    this.#setStuck(stuck);
  }

  add(aimed: AimedFault): void {
    this.#watches = [...this.#watches, new TriggerWatch(this.guest, aimed, this.#rounds)];
  }

  /** Whether something may yet be done to the machine: faults wait, or bits are stuck. */
  get active(): boolean {
    return this.#watches.length > 0 || this.stuck.length > 0;
  }

  get stuck(): readonly StuckBits[] {
    this.#letGo();
    return this.#stuck;
  }

  /** Limits within which nothing can become due unseen; what is not said here, observers stop the machine for. */
  limits(): RunLimits {
    const limits: RunLimits = {};
    for (const watch of this.#watches) watch.limit(limits);
    // Not needed for what the bits do, but nobody has to watch any longer.
    for (const { until } of this.stuck)
      if (until !== undefined) limits.cycle = Math.min(limits.cycle ?? Number.POSITIVE_INFINITY, until);
    return limits;
  }

  /** Faults that strike at the present boundary. */
  due(): readonly AimedFault[] {
    return this.#watches.filter((watch) => watch.isDue()).map(({ aimed }) => aimed);
  }

  /** Lets a fault strike now, whatever its trigger says; it waits no longer. */
  strike(aimed: AimedFault): InjectionReport {
    const watch = this.#watches.find((candidate) => candidate.aimed === aimed);
    watch?.stop();
    this.#watches = this.#watches.filter((candidate) => candidate !== watch);
    const { report, stuck } = inject(this.guest, aimed);
    if (stuck !== undefined) this.#setStuck([...this.#stuck, stuck]);
    return report;
  }

  /** What is to be said of the faults that have not struck when the run is over. */
  neverDue(): InjectionReport[] {
    return this.#watches.map(({ aimed: { fault }, state: { count } }) => {
      const { trigger } = fault;
      const wanted = "nth" in trigger ? trigger.nth : "round" in trigger ? trigger.round : undefined;
      const reason = "the run ended before its trigger";
      if (wanted === undefined) return { fault: formatFault(fault), applied: false, reason };
      const had = count === 0 ? "it never happened" : `it happened ${count} of ${wanted} times`;
      return { fault: formatFault(fault), applied: false, reason: `${reason}: ${had}`, counted: count };
    });
  }

  // ---- stuck bits ----

  /** Bits whose time is up are watched no longer. */
  #letGo(): void {
    const { now } = this.guest.machine.clock;
    if (this.#stuck.some(({ until }) => until !== undefined && until <= now))
      this.#setStuck(this.#stuck.filter(({ until }) => until === undefined || until > now));
  }

  #setStuck(stuck: readonly StuckBits[]): void {
    this.#detachHold?.();
    this.#detachHold = undefined;
    this.#stuck = stuck;
    if (stuck.length > 0) this.#detachHold = this.guest.machine.observe(holdObserver(this.guest, stuck));
  }
}

/**
 * Puts stuck bits back after whatever could have changed them. Memory: after every write, of an instruction, of the
 * processor's own doing, of a page walk, of the kernel model or a debugger. TLB entries: after every access too, which may have
 * filled them. Registers: before and after every instruction and every way into and out of the kernel; within an instruction
 * (all elements of a REP instruction) they are free. What happens at or after the end of their time does not bind them.
 */
function holdObserver(guest: Guest, stuck: readonly StuckBits[]): Partial<Observer> {
  const memory = stuck.filter(({ site }) => site.kind === "memory");
  const others = stuck.filter(({ site }) => site.kind !== "memory");
  const tlb = stuck.filter(({ site }) => site.kind === "tlb");
  const { clock } = guest.machine;
  let busy = false;
  const hold = (held: readonly StuckBits[]): void => {
    if (busy) return;
    busy = true;
    for (const bits of held) if (bits.until === undefined || clock.now < bits.until) holdBits(guest, bits);
    busy = false;
  };
  const written = (physical: number, bytes: number): void => {
    if (busy) return;
    const touched = memory.filter(({ site }) => touches(site, physical, bytes));
    if (touched.length > 0) hold(touched);
  };
  const all = (): void => hold(others);
  const { words } = guest.machine.cpu;
  const boundary: Partial<Observer> = {
    // Where a run was cut between two elements of a REP instruction, nothing may happen that would not without the cut.
    beforeInstruction: () => {
      if (words[Word.RepeatInProgress] === 0) all();
    },
    afterInstruction: all,
    exception: all,
    interrupt: all,
    portalEnter: all,
    portalLeave: all,
  };
  return {
    ...(others.length > 0 ? boundary : {}),
    ...(tlb.length > 0 ? { memoryRead: () => hold(tlb) } : {}),
    ...(memory.length > 0 || tlb.length > 0
      ? {
          memoryWrite: (_linear, physical, bytes) => {
            if (tlb.length > 0) hold(tlb);
            written(physical, bytes);
          },
        }
      : {}),
    ...(memory.length > 0
      ? { walkWrite: (physical) => written(physical, 4), physicalWrite: (physical, bytes) => written(physical, bytes) }
      : {}),
  };
}

function touches(site: Site, physical: number, length: number): boolean {
  return site.kind === "memory" && site.bytes.some((byte) => byte >= physical && byte < physical + length);
}

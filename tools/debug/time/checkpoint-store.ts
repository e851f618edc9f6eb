/**
 * Snapshots of one history, dense near the present and ever sparser with distance from it.
 *
 * Two bounds hold: number and bytes. Whenever one is exceeded, the snapshot goes whose loss costs least: the one with the
 * smallest gap between its neighbours relative to its distance from the present. So distances between neighbours grow
 * in proportion to age, and n snapshots reach back over a time that is exponential in n.
 */
import { comparePositions, type Position } from "./position.ts";

/** What the store needs to know of a snapshot: pages, shared by identity with its neighbours. */
export interface PagedSnapshot {
  readonly ram: readonly Uint8Array[];
  readonly state: readonly Uint8Array[];
}

export interface Checkpoint<S extends PagedSnapshot> {
  readonly position: Position;
  readonly snapshot: S;
}

interface Entry<S extends PagedSnapshot> extends Checkpoint<S> {
  /** Bytes that the previous snapshot does not share. */
  bytes: number;
}

export interface CheckpointLimits {
  /** Bytes of pages and page lists that all snapshots together may hold. */
  readonly bytes: number;
  readonly count: number;
}

/** A page list costs a pointer for each page. */
const POINTER_BYTES = 8;

function differentBytes(pages: readonly Uint8Array[], before: readonly Uint8Array[] | undefined): number {
  if (pages === before) return 0;
  let bytes = pages.length * POINTER_BYTES;
  for (let index = 0; index < pages.length; index++) {
    const page = pages[index] as Uint8Array;
    if (before === undefined || page !== before[index]) bytes += page.length;
  }
  return bytes;
}

export class CheckpointStore<S extends PagedSnapshot> {
  private readonly entries: Entry<S>[] = [];

  constructor(private readonly limits: CheckpointLimits) {}

  get count(): number {
    return this.entries.length;
  }

  /** Bytes held: exact in pages (pages are shared only between neighbours), without the allocator's rounding. */
  get bytes(): number {
    let sum = 0;
    for (const entry of this.entries) sum += entry.bytes;
    return sum;
  }

  positions(): readonly Position[] {
    return this.entries.map(({ position }) => position);
  }

  /** The last one at or before a position. */
  atOrBefore(position: Position): Checkpoint<S> | undefined {
    return this.entries[this.indexAfter(position) - 1];
  }

  /** The first one after a position. */
  after(position: Position): Checkpoint<S> | undefined {
    return this.entries[this.indexAfter(position)];
  }

  /** Keeps a snapshot; `present` is where the observer is, near which snapshots stay dense. */
  add(position: Position, snapshot: S, present: Position): void {
    const index = this.indexAfter(position);
    const known = this.entries[index - 1];
    if (known !== undefined && comparePositions(known.position, position) === 0) return;
    this.entries.splice(index, 0, { position, snapshot, bytes: 0 });
    this.account(index);
    this.account(index + 1);
    this.thin(present);
  }

  clear(): void {
    this.entries.length = 0;
  }

  /** Forgets every snapshot after a position: the future has changed. */
  forgetAfter(position: Position): void {
    this.entries.length = this.indexAfter(position);
  }

  private indexAfter(position: Position): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePositions((this.entries[middle] as Entry<S>).position, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private account(index: number): void {
    const entry = this.entries[index];
    if (entry === undefined) return;
    const before = this.entries[index - 1]?.snapshot;
    entry.bytes = differentBytes(entry.snapshot.ram, before?.ram) + differentBytes(entry.snapshot.state, before?.state);
  }

  private thin(present: Position): void {
    while (this.entries.length > 2 && (this.entries.length > this.limits.count || this.bytes > this.limits.bytes)) {
      const index = this.leastUseful(present);
      this.entries.splice(index, 1);
      this.account(index);
    }
  }

  /** The first snapshot stays: without it the beginning could not be reached. */
  private leastUseful(present: Position): number {
    let least = 1;
    let leastScore = Number.POSITIVE_INFINITY;
    for (let index = 1; index < this.entries.length; index++) {
      const here = this.entries[index] as Entry<S>;
      const before = (this.entries[index - 1] as Entry<S>).position.cycle;
      const next = this.entries[index + 1]?.position.cycle ?? Math.max(present.cycle, here.position.cycle);
      const distance = Math.abs(present.cycle - here.position.cycle) + 1;
      const score = (next - before + 1) / distance;
      if (score < leastScore) {
        least = index;
        leastScore = score;
      }
    }
    return least;
  }
}

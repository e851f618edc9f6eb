/** Finds what a case changed in a page. */
import type { Patch } from "./test-driver.ts";

/** Appends the runs of bytes in which a page at `address` differs from before. */
export function findChanges(address: number, before: Uint8Array, now: Uint8Array, changes: Patch[]): void {
  if (Buffer.compare(before, now) === 0) return;
  for (let from = 0; from < before.length; from++) {
    if (before[from] === now[from]) continue;
    let to = from;
    while (to < before.length && before[to] !== now[to]) to++;
    changes.push({ address: address + from, bytes: now.slice(from, to) });
    from = to;
  }
}

import { describe, expect, it } from "vitest";
import { KernelContext } from "../../kernel/context.ts";
import { Globals, memoryMap } from "../../kernel/memory-map.ts";
import { Tcb } from "../../kernel/tcb-layout.ts";
import { nextTransfer, queueTransfer, unqueueTransfer } from "../../kernel/transfer-fault.ts";
import { NIL, period } from "./support/guest-script.ts";
import { idOf, Rig, SIGMA0 } from "./support/rig.ts";

/** The list of transfers whose page fault has been answered, when one in it ends for another reason. */

const MEMORY = 12 << 20;
const THREADS = [60, 61, 62, 63];

function kernel(): KernelContext {
  const rig = new Rig({ memoryBytes: MEMORY, checkEvery: 0 });
  rig.startPager();
  for (const thread of THREADS) {
    const script = rig.script();
    script.ipc(NIL, SIGMA0, { timeouts: period(1_000_000) });
    rig.spawnSpace(thread, idOf(51), script);
  }
  rig.run(60);
  return new KernelContext(rig.machine, memoryMap(MEMORY, 2 << 20));
}

describe("the list of transfers that can go on", () => {
  it.each(THREADS)("without thread %i it has all others, last in first out, and ends", (gone) => {
    const k = kernel();
    const tcbs = THREADS.map((thread) => k.tcbOfNumber(thread));
    for (const tcb of tcbs) queueTransfer(k, tcb);
    unqueueTransfer(k, k.tcbOfNumber(gone));
    // Once more changes nothing.
    unqueueTransfer(k, k.tcbOfNumber(gone));
    const left: number[] = [];
    for (let tcb = nextTransfer(k); tcb !== 0; tcb = nextTransfer(k)) left.push(k.threadNumber(tcb));
    expect(left).toEqual([...THREADS].reverse().filter((thread) => thread !== gone));
    expect(tcbs.map((tcb) => k.load(tcb + Tcb.transferNext))).toEqual([0, 0, 0, 0]);
  });

  it("bent into a ring it ends in a panic", () => {
    const k = kernel();
    const [first, second, third, fourth] = THREADS.map((thread) => k.tcbOfNumber(thread));
    for (const tcb of [first!, second!, third!]) queueTransfer(k, tcb);
    k.store(first! + Tcb.transferNext, third!);
    k.store(fourth! + Tcb.transferNext, 1);
    expect(() => unqueueTransfer(k, fourth!)).toThrow("the list of transfers does not end");
    expect(k.global(Globals.transferHead)).toBe(third);
  });
});

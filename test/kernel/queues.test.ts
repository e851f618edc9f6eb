import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMachine } from "../../emulator/index.ts";
import { KernelContext } from "../../kernel/context.ts";
import { Globals, memoryMap } from "../../kernel/memory-map.ts";
import { dequeue, enqueue, highestReady, readyList, rotate } from "../../kernel/ready-queue.ts";
import { firstSender, joinSendQueue, leaveSendQueue, sendQueue } from "../../kernel/send-queue.ts";
import { Tcb, ThreadState } from "../../kernel/tcb-layout.ts";
import { cancelTimeout, firstExpired, startTimeout } from "../../kernel/timeout.ts";
import { period } from "./support/guest-script.ts";

/** The kernel's lists against arrays, on memory alone: no CPU runs. */

function freshContext(): KernelContext {
  const machine = createMachine({ memoryBytes: 6 << 20 });
  return new KernelContext(machine, memoryMap(6 << 20, 2 << 20));
}

const k = freshContext();
const THREADS = [60, 61, 62, 63, 64, 65].map((number) => k.tcbOfNumber(number));

function clear(state: ThreadState): void {
  k.memory.fill(k.map.base, 2 << 20, 0);
  for (const tcb of THREADS) {
    k.store(tcb + Tcb.globalId, (k.threadNumber(tcb) << 14) | 1);
    k.store(tcb + Tcb.state, state);
  }
}

const thread = fc.constantFrom(...THREADS);

describe("ready lists", () => {
  it("enqueue, dequeue, rotate and priorities behave like arrays", () => {
    const action = fc.tuple(fc.constantFrom("enqueue", "dequeue", "rotate"), thread);
    const priorities = fc.array(fc.constantFrom(0, 1, 31, 32, 100, 254, 255), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(priorities, fc.array(action, { maxLength: 60 }), (levels, actions) => {
        clear(ThreadState.Ready);
        THREADS.forEach((tcb, i) => {
          k.store(tcb + Tcb.priority, levels[i]);
        });
        const lists = new Map<number, number[]>(levels.map((level) => [level, []]));
        for (const [name, tcb] of actions) {
          const list = lists.get(k.load(tcb + Tcb.priority))!;
          const at = list.indexOf(tcb);
          if (name === "enqueue") enqueue(k, tcb);
          if (name === "dequeue") dequeue(k, tcb);
          if (name === "rotate") rotate(k, tcb);
          if (at >= 0 && name !== "enqueue") list.splice(at, 1);
          if ((name === "enqueue" && at < 0) || (name === "rotate" && at >= 0)) list.push(tcb);
          for (const [level, expected] of lists) expect(readyList(k, level)).toEqual(expected);
          const top = Math.max(...[...lists].map(([level, members]) => (members.length > 0 ? level : -1)));
          expect(highestReady(k)).toBe(top < 0 ? 0 : lists.get(top)![0]);
        }
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

describe("send queues", () => {
  it("are first in, first out, also when some leave from the middle", () => {
    const receiver = k.tcbOfNumber(70);
    fc.assert(
      fc.property(fc.array(thread, { maxLength: 60 }), (toggled) => {
        clear(ThreadState.Ready);
        const expected: number[] = [];
        for (const sender of toggled) {
          const at = expected.indexOf(sender);
          if (at >= 0) {
            leaveSendQueue(k, sender);
            k.store(sender + Tcb.state, ThreadState.Ready);
            expected.splice(at, 1);
          } else {
            k.store(sender + Tcb.state, ThreadState.Polling);
            joinSendQueue(k, sender, receiver);
            expected.push(sender);
          }
          expect(sendQueue(k, receiver)).toEqual(expected);
          expect(firstSender(k, receiver, () => true)).toBe(expected[0] ?? 0);
          expect(firstSender(k, receiver, (candidate) => candidate === expected[2])).toBe(expected[2] ?? 0);
        }
      }),
      { numRuns: 200, seed: 2 },
    );
  });
});

describe("the wakeup list", () => {
  it("gives expired threads by deadline, equal ones in the order in which they came", () => {
    const delays = fc.array(fc.constantFrom(0, 100, 1000, 5000, 5000, 70_000), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(delays, fc.integer({ min: 0, max: 5 }), (microseconds, cancelled) => {
        clear(ThreadState.Waiting);
        THREADS.forEach((tcb, i) => {
          startTimeout(k, tcb, microseconds[i] === 0 ? 0 : period(microseconds[i]));
        });
        cancelTimeout(k, THREADS[cancelled]);
        cancelTimeout(k, THREADS[cancelled]);
        const expected = THREADS.map((tcb, i) => ({ tcb, deadline: microseconds[i], i }))
          .filter(({ deadline, i }) => deadline !== 0 && i !== cancelled)
          .sort((a, b) => a.deadline - b.deadline || a.i - b.i)
          .map(({ tcb }) => tcb);
        expect(firstExpired(k)).toBe(0);
        k.storeDouble(k.map.globals + Globals.time, 80_000);
        const woken: number[] = [];
        for (let next = firstExpired(k); next !== 0; next = firstExpired(k)) {
          woken.push(next);
          cancelTimeout(k, next);
        }
        expect(woken).toEqual(expected);
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});

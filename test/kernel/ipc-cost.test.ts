import { describe, expect, it } from "vitest";
import { ANY, NIL } from "./support/guest-script.ts";
import { idOf, Rig, SCRATCH } from "./support/rig.ts";

/**
 * What an IPC costs, one way, in core clocks: within the bands that published figures for the Pentium leave (121 for
 * Liedtke's assembly path inside small spaces, about 55 more for a C path, TLB refills on a page-table switch).
 */

const COUNTER = SCRATCH;

/** Two threads that call each other with `words` untyped words; returns clocks and user instructions for each one-way IPC. */
function pingPong(words: number, separate: boolean): { cycles: number; userCycles: number } {
  const rig = new Rig({ checkEvery: 0 });
  rig.startPager();
  const [ping, pong] = [rig.script(), rig.script()];
  const loop = (script: typeof ping, partner: number, first: boolean): void => {
    if (!first) script.callOnly("Ipc", { eax: NIL, edx: ANY, ecx: 0, esi: 0 });
    const again = script.code.here;
    if (first) script.raw(0xff, 0x05).code.word(COUNTER);
    script.callOnly("Ipc", { eax: partner, edx: partner, ecx: 0, esi: words });
    script.code.jump(again);
  };
  loop(ping, idOf(61), true);
  loop(pong, idOf(60), false);
  if (separate) {
    rig.createSpace(60, idOf(51));
    rig.spawnSpace(61, idOf(51), pong);
  } else {
    rig.createLocal(60, 2);
    rig.spawn(61, 3, pong);
  }
  rig.start(60, ping);
  rig.run(4);
  const start = { trips: rig.word(COUNTER), cycles: rig.machine.cycles, user: userCycles(rig) };
  rig.run(1);
  const trips = rig.word(COUNTER) - start.trips;
  return {
    cycles: (rig.machine.cycles - start.cycles) / trips / 2,
    userCycles: (userCycles(rig) - start.user) / trips / 2,
  };
}

function userCycles(rig: Rig): number {
  return rig.kernel.accounts().threads.reduce((sum, { cycles }) => sum + cycles, 0);
}

describe("the cost of an IPC", () => {
  it.each([
    ["0 words in one space", 0, false, 110, 220],
    ["0 words between spaces", 0, true, 200, 330],
    ["63 words between spaces", 63, true, 270, 420],
  ] as const)("%s", (_name, words, separate, least, most) => {
    const { cycles, userCycles: user } = pingPong(words, separate);
    expect(cycles).toBeGreaterThan(least);
    expect(cycles).toBeLessThan(most);
    expect(user).toBeLessThan(100);
  });
});

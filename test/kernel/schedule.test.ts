import { describe, expect, it } from "vitest";
import { ANY, NIL, period, Tcr, UNCHANGED } from "./support/guest-script.ts";
import { idOf, localIdOf, Rig, ROOT, SCRATCH, SIGMA0 } from "./support/rig.ts";

/** Schedule, ThreadSwitch, time slices, the tick, preemption: ABI 6.4, 6.5, 10. */
const schedule = (rig: Rig, registers: Partial<Record<"eax" | "edx" | "esi" | "ecx" | "edi", number>>) =>
  rig.root.call("Schedule", { edx: UNCHANGED, esi: UNCHANGED, ecx: UNCHANGED, edi: UNCHANGED, ...registers });

const sleep = (rig: Rig, microseconds: number) => rig.root.ipc(NIL, SIGMA0, { timeouts: period(microseconds) });

/** Two words that count while a thread runs. */
const COUNTERS = [SCRATCH, SCRATCH + 4, SCRATCH + 8];

function counters(rig: Rig, count = 2): number[] {
  return COUNTERS.slice(0, count).map((address) => rig.word(address));
}

/** Threads 60, 61 … that count for ever. */
function spawnCounters(rig: Rig, count: number): void {
  for (let i = 0; i < count; i++) {
    const script = rig.script();
    script.count(COUNTERS[i]);
    rig.spawn(60 + i, 1 + i, script);
  }
}

describe("Schedule", () => {
  it("tells a waiting thread's state and default slice; the caller is running", () => {
    const rig = new Rig();
    rig.createLocal(60, 1);
    const other = schedule(rig, { eax: idOf(60) });
    const self = schedule(rig, { eax: ROOT });
    rig.run();
    expect([rig.register(other, "eax"), rig.register(other, "edx"), rig.errorCode(other)]).toEqual([6, 0x2710_0000, 0]);
    expect(rig.register(self, "eax")).toBe(3);
  });

  it.each([
    ["polling", 4],
    ["inactive", 1],
  ])("tells that a thread is %s", (state, expected) => {
    const rig = new Rig();
    const sender = rig.script();
    sender.ipc(ROOT, NIL);
    if (state === "polling") rig.spawn(60, 1, sender);
    else rig.root.call("ThreadControl", { eax: idOf(60), esi: ROOT, edx: ROOT, ecx: NIL, edi: UNCHANGED });
    sleep(rig, 3000);
    const slot = schedule(rig, { eax: idOf(60) });
    rig.run();
    expect(rig.register(slot, "eax")).toBe(expected);
  });

  it.each([
    ["a thread that does not exist", idOf(70), UNCHANGED, 2],
    ["nilthread", NIL, UNCHANGED, 2],
    ["a time point", ROOT, 0x8001, 2],
    ["an interrupt thread never attached", idOf(3), UNCHANGED, 2],
  ])("refuses %s", (_name, eax, edx, errorCode) => {
    const rig = new Rig();
    const slot = schedule(rig, { eax, edx });
    rig.run();
    expect([rig.register(slot, "eax"), rig.register(slot, "edx"), rig.errorCode(slot)]).toEqual([0, 0, errorCode]);
  });

  it("sets the time slice by the low half of TimeControl, and reports it in microseconds", () => {
    const rig = new Rig();
    rig.createLocal(60, 1);
    schedule(rig, { eax: idOf(60), edx: period(5000) });
    const slot = schedule(rig, { eax: idOf(60) });
    rig.run();
    expect(rig.register(slot, "edx")).toBe(5000 << 16);
  });

  it("only the scheduler thread itself or a privileged one may, and not above its own priority", () => {
    const rig = new Rig();
    rig.startPager();
    const child = rig.script();
    const other = child.call("Schedule", { eax: idOf(61), edx: UNCHANGED, esi: UNCHANGED, ecx: 50, edi: UNCHANGED });
    const mine = child.call("Schedule", { eax: idOf(62), edx: UNCHANGED, esi: UNCHANGED, ecx: 50, edi: UNCHANGED });
    const above = child.call("Schedule", { eax: idOf(62), edx: UNCHANGED, esi: UNCHANGED, ecx: 101, edi: UNCHANGED });
    const sensitive = child.call("Schedule", {
      eax: idOf(62),
      edx: UNCHANGED,
      esi: UNCHANGED,
      ecx: UNCHANGED,
      edi: 101 << 16,
    });
    rig.createSpace(60, idOf(51));
    rig.createLocal(61, 2);
    rig.root.call("ThreadControl", {
      eax: idOf(62),
      esi: ROOT,
      edx: idOf(60),
      ecx: SIGMA0,
      edi: 0xbf00_0000 + 512 * 3,
    });
    rig.start(60, child);
    rig.run(30);
    expect([other, mine, above, sensitive].map((slot) => rig.register(slot, "eax"))).toEqual([0, 6, 0, 0]);
    expect([other, above, sensitive].map((slot) => rig.errorCode(slot))).toEqual([1, 1, 1]);
    expect(rig.kernel.thread(61)?.priority).toBe(100);
    expect(rig.kernel.thread(62)?.priority).toBe(50);
  });
});

describe("scheduling", () => {
  it("equal priorities take turns of a time slice; the shares are equal", () => {
    const rig = new Rig({ checkEvery: 10 });
    spawnCounters(rig, 3);
    rig.run(20);
    const early = counters(rig, 3);
    // 10 ms slices: after 20 ms not all three can have had a whole one.
    expect(early.filter((count) => count > 0).length).toBeLessThan(3);
    rig.run(300);
    const [a, b, c] = counters(rig, 3);
    expect(b / a).toBeGreaterThan(0.85);
    expect(b / a).toBeLessThan(1.18);
    expect(c / a).toBeGreaterThan(0.85);
    expect(c / a).toBeLessThan(1.18);
  });

  it("a time slice of twice the length gives twice the share", () => {
    const rig = new Rig({ checkEvery: 20 });
    spawnCounters(rig, 2);
    schedule(rig, { eax: idOf(61), edx: period(20_000) });
    rig.run(600);
    const [a, b] = counters(rig);
    expect(b / a).toBeGreaterThan(1.8);
    expect(b / a).toBeLessThan(2.2);
  });

  it("a higher priority runs alone; an infinite time slice is never taken away", () => {
    const rig = new Rig({ checkEvery: 10 });
    spawnCounters(rig, 2);
    rig.priority(61, 101);
    rig.run(60);
    expect(counters(rig)[0]).toBe(0);
    const endless = new Rig({ checkEvery: 10 });
    spawnCounters(endless, 2);
    schedule(endless, { eax: idOf(60), edx: 0 });
    endless.run(100);
    expect(counters(endless)[1]).toBe(0);
  });

  it("a thread that wakes preempts a lower priority at the tick", () => {
    const rig = new Rig();
    spawnCounters(rig, 1);
    const slots = [sleep(rig, 1), sleep(rig, 1), sleep(rig, 1)];
    const times = slots.map(() => rig.root.call("SystemClock", {}));
    rig.run(20);
    expect(slots.every((slot) => rig.done(slot))).toBe(true);
    expect(rig.done(times[2])).toBe(true);
    expect(rig.kernel.accounts().kernel.find(({ path }) => path === "tick")?.count).toBeLessThan(12);
  });

  it("kernel time goes on by 1953 microseconds a tick, 512 times a second", () => {
    const rig = new Rig({ checkEvery: 0 });
    sleep(rig, 400_000);
    rig.run(1000);
    expect(rig.kernel.kernelTime() / 1e6).toBeGreaterThan(0.997);
    expect(rig.kernel.kernelTime() / 1e6).toBeLessThan(1.003);
    expect(rig.kernel.kernelTime() % 1953).toBe(0);
  });

  it("sleeps for a second by SystemClock within two ticks, and 100 times one microsecond in 100 ticks", () => {
    const rig = new Rig({ checkEvery: 50 });
    const before = rig.root.call("SystemClock", {});
    sleep(rig, 1_000_000);
    const after = rig.root.call("SystemClock", {});
    rig.run(1100);
    const elapsed = rig.register(after, "eax") - rig.register(before, "eax");
    expect(Math.abs(elapsed - 1_000_000)).toBeLessThan(2 * 1953);
    expect([before, after].map((slot) => rig.register(slot, "edx"))).toEqual([0, 0]);
  });

  it("SystemClock preserves every register but EAX and EDX", () => {
    const rig = new Rig();
    const slot = rig.root.call("SystemClock", { ecx: 1, ebx: 2, ebp: 3, esi: 4, edi: 5 });
    rig.run();
    expect((["ecx", "ebx", "ebp", "esi", "edi"] as const).map((name) => rig.register(slot, name))).toEqual([
      1, 2, 3, 4, 5,
    ]);
    expect(rig.register(slot, "eax")).toBeGreaterThan(100);
    expect(rig.register(slot, "eax")).toBeLessThan(rig.machine.cycles / 100);
  });
});

describe("ThreadSwitch", () => {
  const all = { eax: NIL, ecx: 11, edx: 12, ebx: 13, ebp: 15, esi: 16, edi: 17 };

  it("to nobody gives the slice up and preserves all registers", () => {
    const rig = new Rig();
    const slot = rig.root.call("ThreadSwitch", all);
    rig.run();
    for (const [name, value] of Object.entries(all)) expect(rig.register(slot, name as "eax")).toBe(value);
  });

  it("to a thread lets it run on the rest of the slice, even at a lower priority", () => {
    const rig = new Rig({ checkEvery: 4 });
    spawnCounters(rig, 1);
    rig.priority(60, 10);
    const switched = rig.root.call("ThreadSwitch", { eax: idOf(60) });
    const seen = rig.root.peek(COUNTERS[0]);
    rig.root.count(SCRATCH + 16);
    rig.run(30);
    expect(rig.register(switched, "eax")).toBe(idOf(60));
    expect(rig.register(seen, "eax")).toBeGreaterThan(1000);
    expect(rig.word(COUNTERS[0])).toBe(rig.register(seen, "eax"));
  });

  it("round robin: two threads that only switch take equal turns", () => {
    const rig = new Rig({ checkEvery: 50 });
    for (let i = 0; i < 2; i++) {
      const script = rig.script();
      const loop = script.code.here;
      script.raw(0xff, 0x05).code.word(COUNTERS[i]);
      script.code
        .load("eax", NIL)
        .call(0xbff0_0000 + 0x800 + 0x20 * 9)
        .jump(loop);
      rig.spawn(60 + i, 1 + i, script);
    }
    rig.run(10);
    const [a, b] = counters(rig);
    expect(a).toBeGreaterThan(500);
    expect(Math.abs(a - b)).toBeLessThanOrEqual(2);
  });
});

describe("IPC and scheduling", () => {
  it("a send does not let a lower priority run, but does a higher one", () => {
    const rig = new Rig();
    const low = rig.script();
    low.ipc(NIL, ANY);
    low.count(COUNTERS[0]);
    rig.spawn(60, 1, low);
    sleep(rig, 3000);
    rig.root.ipc(idOf(60), NIL);
    const seen = rig.root.peek(COUNTERS[0]);
    rig.run();
    expect(rig.register(seen, "eax")).toBe(0);
    expect(rig.word(COUNTERS[0])).toBeGreaterThan(0);
  });

  it("a send does not let an equal priority run: the sender goes on", () => {
    const rig = new Rig();
    const equal = rig.script();
    equal.ipc(NIL, ANY);
    equal.count(COUNTERS[0]);
    rig.spawn(60, 1, equal);
    const sender = rig.script();
    sender.ipc(NIL, ROOT);
    sender.ipc(idOf(60), NIL);
    const seen = sender.peek(COUNTERS[0]);
    sender.poke(COUNTERS[1], 1);
    sender.ipc(NIL, ANY);
    rig.spawn(61, 2, sender);
    sleep(rig, 3000);
    rig.root.ipc(idOf(61), NIL);
    rig.run(40);
    expect(rig.register(seen, "eax")).toBe(0);
    expect([rig.word(COUNTERS[0]) > 0, rig.word(COUNTERS[1])]).toEqual([true, 1]);
  });

  it("a call switches to the partner whatever its priority, ahead of others that are ready", () => {
    const rig = new Rig();
    spawnCounters(rig, 1);
    const server = rig.script();
    server.ipc(NIL, ANY);
    const seen = server.peek(COUNTERS[0]);
    server.ipc(ROOT, NIL);
    rig.spawn(61, 2, server);
    rig.priority(61, 90);
    rig.priority(60, 80);
    sleep(rig, 5000);
    const before = rig.root.peek(COUNTERS[0]);
    rig.priority(60, 95);
    rig.root.ipc(idOf(61), idOf(61));
    rig.run(30);
    expect(rig.register(seen, "eax")).toBe(rig.register(before, "eax"));
  });

  it("runs out of its total quantum: its scheduler gets a preemption message and the thread waits for the answer", () => {
    const rig = new Rig();
    spawnCounters(rig, 1);
    schedule(rig, { eax: idOf(60), edx: (period(6000) << 16) | period(2000) });
    const message = rig.root.ipc(NIL, ANY);
    const seen = rig.root.peek(COUNTERS[0]);
    sleep(rig, 10_000);
    const still = rig.root.peek(COUNTERS[0]);
    rig.root.ipc(idOf(60), NIL);
    const again = rig.root.ipc(NIL, ANY);
    rig.run(60);
    expect(rig.result(message)).toMatchObject({ eax: localIdOf(1), mr0: 0xffd0_0002 });
    expect(rig.mr(message, 1) % 1953).toBe(0);
    expect(rig.mr(message, 2)).toBe(0);
    expect(rig.register(seen, "eax")).toBeGreaterThan(0);
    expect(rig.register(still, "eax")).toBe(rig.register(seen, "eax"));
    expect(rig.result(again)).toMatchObject({ eax: localIdOf(1), mr0: 0xffd0_0002 });
  });

  it("is halted when its scheduler is gone", () => {
    const rig = new Rig();
    rig.createLocal(61, 2);
    spawnCounters(rig, 1);
    rig.root.call("ThreadControl", { eax: idOf(60), esi: idOf(60), edx: idOf(61), ecx: NIL, edi: UNCHANGED });
    rig.root.call("ThreadControl", { eax: idOf(61), esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED });
    schedule(rig, { eax: idOf(60), edx: (period(4000) << 16) | period(2000) });
    rig.run(30);
    expect(rig.kernel.thread(60)).toMatchObject({ halted: true });
    expect(rig.kernel.thread(60)?.haltReason).toContain("scheduler");
  });

  it("a thread may delay its preemption by what Schedule allowed it, once, and is told", () => {
    const rig = new Rig();
    const polite = rig.script();
    polite.setTcr(Tcr.preemptFlags, 1 << 6);
    polite.count(COUNTERS[0]);
    rig.spawn(60, 1, polite);
    schedule(rig, { eax: idOf(60), edx: period(4000), edi: (100 << 16) | 8000 });
    const other = rig.script();
    other.count(COUNTERS[1]);
    rig.spawn(61, 2, other);
    const flags = localIdOf(1) + Tcr.preemptFlags;
    const early = [sleep(rig, 7000), rig.root.peek(COUNTERS[1]), rig.root.peek(flags)];
    const late = [sleep(rig, 20_000), rig.root.peek(COUNTERS[1])];
    rig.run(60);
    expect(rig.register(early[1], "eax")).toBe(0);
    expect(rig.register(early[2], "eax")).toBe((1 << 6) | (1 << 7));
    expect(rig.register(late[1], "eax")).toBeGreaterThan(0);
  });
});

import { describe, expect, it } from "vitest";
import { ANY, NIL, period, Tcr } from "./support/guest-script.ts";
import { idOf, localIdOf, Rig, ROOT, SCRATCH, SIGMA0 } from "./support/rig.ts";

/** ABI 6.3 and the measured results. Caller: the root task. */
const exchange = (
  rig: Rig,
  registers: Partial<Record<"eax" | "ecx" | "edx" | "esi" | "edi" | "ebx" | "ebp", number>>,
) => rig.root.call("ExchangeRegisters", { ecx: 0, edx: 0, esi: 0, edi: 0, ebx: 0, ebp: 0, ...registers });

const sleep = (rig: Rig, microseconds: number) => rig.root.ipc(NIL, SIGMA0, { timeouts: period(microseconds) });

const VALUES = ["eax", "ecx", "edx", "esi", "edi", "ebx", "ebp"] as const;

describe("ExchangeRegisters", () => {
  it.each([
    ["does not exist", idOf(60)],
    ["is nilthread", NIL],
    ["is a local id of nobody", localIdOf(7)],
  ])("on a thread that %s: all outputs 0, error 2", (_name, id) => {
    const rig = new Rig();
    const slot = exchange(rig, { eax: id });
    rig.run();
    expect(VALUES.map((register) => rig.register(slot, register))).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(rig.errorCode(slot)).toBe(2);
  });

  it("on a thread that is not active: all outputs 0, error 2", () => {
    const rig = new Rig();
    rig.root.call("ThreadControl", { eax: idOf(60), esi: ROOT, edx: ROOT, ecx: NIL, edi: 0xffff_ffff });
    const slot = exchange(rig, { eax: idOf(60), ecx: 0x11e });
    rig.run();
    expect(VALUES.map((register) => rig.register(slot, register))).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(rig.errorCode(slot)).toBe(2);
  });

  it("converts ids: local of a global one, global of a local one", () => {
    const rig = new Rig();
    const local = exchange(rig, { eax: ROOT });
    const global = exchange(rig, { eax: localIdOf(0) });
    rig.run();
    expect(rig.register(local, "eax")).toBe(localIdOf(0));
    expect(rig.register(global, "eax")).toBe(ROOT);
  });

  it("on a fresh thread of another space whose pager is the caller: waiting, default values", () => {
    const rig = new Rig();
    rig.createSpace(60, ROOT);
    const slot = exchange(rig, { eax: idOf(60) });
    rig.run();
    expect(VALUES.map((register) => rig.register(slot, register))).toEqual([
      localIdOf(0),
      2,
      0x1234_5678,
      0x8765_4321,
      0x202,
      0,
      ROOT,
    ]);
  });

  it("not on a thread of another space with another pager", () => {
    const rig = new Rig();
    const slot = exchange(rig, { eax: SIGMA0 });
    rig.run();
    expect(rig.register(slot, "eax")).toBe(0);
    expect(rig.errorCode(slot)).toBe(2);
  });

  it("shows where a waiting thread's IPC returns to, its handle and its pager", () => {
    const rig = new Rig();
    const waiter = rig.script();
    waiter.setTcr(Tcr.userDefinedHandle, 0x4711);
    waiter.call("Ipc", { eax: NIL, edx: ANY, ecx: 0, esi: 0 });
    rig.spawn(60, 1, waiter);
    sleep(rig, 3000);
    const slot = exchange(rig, { eax: idOf(60) });
    rig.run();
    expect(rig.register(slot, "ecx")).toBe(2);
    expect(rig.register(slot, "edx")).toBe(rig.stackOf(waiter));
    expect(rig.register(slot, "ebx")).toBe(0x4711);
    expect(rig.register(slot, "ebp")).toBe(SIGMA0);
    const ip = rig.register(slot, "esi");
    expect(ip).toBeGreaterThan(waiter.code.origin);
    // The instruction before the return address is the CALL to the stub.
    expect(rig.machine.memory.read8(ip - 5)).toBe(0xe8);
  });

  it("reports a polling thread as sending", () => {
    const rig = new Rig();
    const sender = rig.script();
    sender.ipc(ROOT, NIL);
    rig.spawn(60, 1, sender);
    sleep(rig, 3000);
    const slot = exchange(rig, { eax: idOf(60) });
    rig.run();
    expect(rig.register(slot, "ecx")).toBe(4);
  });

  it("halts and resumes a running thread", () => {
    const rig = new Rig();
    const runner = rig.script();
    runner.count(SCRATCH);
    rig.spawn(60, 1, runner);
    sleep(rig, 5000);
    const halt = exchange(rig, { eax: idOf(60), ecx: 0x101 });
    const before = rig.root.peek(SCRATCH);
    const state = rig.priority(60, 100);
    sleep(rig, 5000);
    const after = rig.root.peek(SCRATCH);
    const resume = exchange(rig, { eax: idOf(60), ecx: 0x100 });
    const running = rig.priority(60, 100);
    sleep(rig, 5000);
    const later = rig.root.peek(SCRATCH);
    rig.run(40);
    expect([halt, resume].map((slot) => rig.register(slot, "ecx"))).toEqual([0, 1]);
    expect([state, running].map((slot) => rig.register(slot, "eax"))).toEqual([2, 3]);
    expect(rig.register(before, "eax")).toBeGreaterThan(0);
    expect(rig.register(after, "eax")).toBe(rig.register(before, "eax"));
    expect(rig.register(later, "eax")).toBeGreaterThan(rig.register(after, "eax"));
  });

  it("halts a thread that is blocked in IPC: the message arrives, the thread goes on when resumed", () => {
    const rig = new Rig();
    const waiter = rig.script();
    const received = waiter.ipc(NIL, ANY);
    rig.spawn(60, 1, waiter);
    sleep(rig, 3000);
    const halt = exchange(rig, { eax: idOf(60), ecx: 0x101 });
    rig.root.setMr(1, 0x99);
    const sent = rig.root.ipc(idOf(60), NIL, { tag: 1 });
    sleep(rig, 5000);
    rig.run(10);
    expect(rig.register(halt, "ecx")).toBe(2);
    expect(rig.result(sent)).toMatchObject({ mr0: 1 });
    expect(rig.done(received)).toBe(false);
    expect(rig.kernel.thread(60)).toMatchObject({ halted: true, state: "ready" });
    const resumed = new Rig();
    const again = resumed.script();
    const slot = again.ipc(NIL, ANY);
    resumed.spawn(60, 1, again);
    sleep(resumed, 3000);
    exchange(resumed, { eax: idOf(60), ecx: 0x101 });
    resumed.root.setMr(1, 0x99);
    resumed.root.ipc(idOf(60), NIL, { tag: 1 });
    exchange(resumed, { eax: idOf(60), ecx: 0x100 });
    resumed.run();
    expect(resumed.mr(slot, 1)).toBe(0x99);
  });

  it.each([
    ["send", 4, 6, 0x9_8000],
    ["receive", 2, 7, 0x8000],
  ])("aborts a %s: error cancelled", (phase, bit, errorCode, mr0) => {
    const rig = new Rig();
    const blocked = rig.script();
    const slot = phase === "send" ? blocked.ipc(ROOT, NIL, { tag: 0x9_0000 }) : blocked.ipc(NIL, ROOT);
    rig.spawn(60, 1, blocked);
    sleep(rig, 3000);
    const wrongBit = exchange(rig, { eax: idOf(60), ecx: bit ^ 6 });
    const abort = exchange(rig, { eax: idOf(60), ecx: bit });
    rig.run();
    expect(rig.register(wrongBit, "ecx")).toBe(bit);
    expect(rig.register(abort, "ecx")).toBe(bit);
    expect(rig.result(slot)).toEqual({ eax: 0, mr0, errorCode });
  });

  it("lets an aborted thread go on at a new instruction pointer with a new stack", () => {
    const rig = new Rig();
    const blocked = rig.script();
    blocked.ipc(NIL, ROOT);
    const elsewhere = rig.script();
    const slot = elsewhere.saveResults();
    rig.spawn(60, 1, blocked);
    sleep(rig, 3000);
    exchange(rig, { eax: idOf(60), ecx: 0x1e, esi: elsewhere.code.origin, edx: SCRATCH + 0x800 });
    rig.run();
    expect(rig.result(slot)).toMatchObject({ errorCode: 7 });
    expect(rig.register(slot, "esp")).toBe(SCRATCH + 0x800);
  });

  it("sets flags (arithmetic only), handle and pager; local pager ids become global", () => {
    const rig = new Rig();
    const waiter = rig.script();
    waiter.ipc(NIL, ANY);
    rig.spawn(60, 1, waiter);
    sleep(rig, 3000);
    exchange(rig, { eax: idOf(60), ecx: 0xe0, edi: 0xffff_ffff, ebx: 0x321, ebp: localIdOf(0) });
    const slot = exchange(rig, { eax: idOf(60) });
    rig.run();
    const flags = rig.register(slot, "edi");
    expect(flags & 0x8d5).toBe(0x8d5);
    expect(flags & 0x3700).toBe(0x200);
    expect(rig.register(slot, "ebx")).toBe(0x321);
    expect(rig.register(slot, "ebp")).toBe(ROOT);
  });

  it("on the caller itself changes what it has", () => {
    const rig = new Rig();
    const self = exchange(rig, { eax: ROOT, ecx: 0x40, ebx: 0x77 });
    const handle = rig.root.peek(localIdOf(0) + Tcr.userDefinedHandle);
    rig.run();
    expect(rig.register(self, "ecx")).toBe(0);
    expect(rig.register(handle, "eax")).toBe(0x77);
  });

  it("hundreds of times in a row on a sleeping thread", () => {
    const rig = new Rig({ checkEvery: 20 });
    const sleeper = rig.script();
    const sleeping = sleeper.code.here;
    sleeper.ipc(NIL, SIGMA0, { timeouts: period(2000) });
    sleeper.code.jump(sleeping);
    rig.createLocal(60, 1);
    const loop = rig.root.code.here;
    const slot = exchange(rig, {
      eax: idOf(60),
      ecx: 0x9e,
      esi: sleeper.code.origin,
      edx: rig.stackOf(sleeper),
      ebp: ROOT,
    });
    rig.root.code.jump(loop);
    rig.run(10);
    expect(rig.exits).toBeGreaterThan(500);
    expect(rig.register(slot, "eax")).toBe(localIdOf(1));
  });
});

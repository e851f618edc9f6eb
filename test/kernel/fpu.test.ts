import { describe, expect, it } from "vitest";
import { Cost } from "../../kernel/costs.ts";
import { KernelEvent } from "../../kernel/events.ts";
import { NIL, UNCHANGED } from "./support/guest-script.ts";
import { idOf, Rig, ROOT, SCRATCH } from "./support/rig.ts";

/** The lazy x87 switch: each thread has a floating-point state of its own, and nobody pays who does not compute. */

const absolute = (address: number): number[] => [
  address & 0xff,
  (address >>> 8) & 0xff,
  (address >>> 16) & 0xff,
  address >>> 24,
];

/** Places of thread n: what it begins with, its control word, its sum as an integer, its rounds, the control word it sees. */
const place = (n: number, word: number): number => SCRATCH + 64 * n + 4 * word;

/** Adds one to a sum in ST for ever; stores it, counts, and reads its control word back. */
function adder(rig: Rig, n: number, start: number, control: number) {
  const script = rig.script();
  script.poke(place(n, 0), start).poke(place(n, 1), control);
  script.raw(0xd9, 0x2d, ...absolute(place(n, 1))); // fldcw
  script.raw(0xdb, 0x05, ...absolute(place(n, 0))); // fild
  const loop = script.code.here;
  script.raw(0xd9, 0xe8, 0xde, 0xc1); // fld1; faddp
  script.raw(0xdb, 0x15, ...absolute(place(n, 2))); // fist
  script.raw(0xff, 0x05, ...absolute(place(n, 3))); // inc
  script.raw(0xd9, 0x3d, ...absolute(place(n, 4))); // fnstcw
  script.code.jump(loop);
  return script;
}

describe("the x87 unit", () => {
  it.each(["simple", "p5"] as const)("keeps the sums of threads that take turns apart (%s timing)", (timing) => {
    const rig = new Rig({ timing });
    const controls = [0x037f, 0x0f7f, 0x027f];
    controls.forEach((control, n) => {
      rig.spawn(60 + n, 1 + n, adder(rig, n, 1000 * (n + 1), control));
    });
    let switches = 0;
    rig.boot();
    rig.machine.eventLog.listen((_cycle, kind) => {
      if (kind === KernelEvent.FpuSwitch) switches++;
    });
    rig.run(120);
    controls.forEach((control, n) => {
      const rounds = rig.word(place(n, 3));
      expect(rounds).toBeGreaterThan(1000);
      // Stopped between the store and the count at most.
      expect([0, 1]).toContain(rig.word(place(n, 2)) - rounds - 1000 * (n + 1));
      expect(rig.word(place(n, 4)) & 0xffff).toBe(control);
    });
    expect(switches).toBeGreaterThan(6);
  });

  it("begins as FNINIT leaves it, whatever the thread before did", () => {
    const rig = new Rig();
    const first = rig.script();
    first.raw(0xd9, 0xeb, 0xd9, 0xeb, 0xdb, 0xe2); // fldpi twice
    const second = rig.script();
    second.raw(0xdd, 0x35, ...absolute(place(1, 0))); // fnsave
    rig.spawn(60, 1, first);
    rig.spawn(61, 2, second);
    rig.run(40);
    const image = Array.from({ length: 7 }, (_, i) => rig.word(place(1, i)));
    expect(image).toEqual([0xffff_037f, 0xffff_0000, 0xffff_ffff, 0, 0, 0, 0xffff_0000]);
  });

  it("costs a switch of state only when another thread computes", () => {
    const rig = new Rig();
    rig.spawn(60, 1, adder(rig, 0, 1, 0x037f));
    const counter = rig.script();
    counter.count(place(1, 0));
    rig.spawn(61, 2, counter);
    rig.boot();
    let switches = 0;
    rig.machine.eventLog.listen((_cycle, kind) => {
      if (kind === KernelEvent.FpuSwitch) switches++;
    });
    rig.run(100);
    expect(rig.word(place(1, 0))).toBeGreaterThan(1000);
    expect(switches).toBe(1);
    expect(Cost.fpuSave + Cost.fpuRestore).toBe(194);
  });

  it("forgets a deleted thread's state", () => {
    const rig = new Rig();
    const first = rig.script();
    first.raw(0xd9, 0xeb); // fldpi
    rig.spawn(60, 1, first);
    rig.root.ipc(NIL, ROOT, { timeouts: 0x0000_1c00 });
    rig.root.call("ThreadControl", { eax: idOf(60), esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED });
    const second = rig.script();
    second.raw(0xdd, 0x35, ...absolute(place(1, 0)));
    rig.spawn(60, 1, second);
    rig.run(40);
    expect(rig.word(place(1, 2))).toBe(0xffff_ffff);
  });

  describe("errors, which come as IRQ 13 (CR0.NE is clear)", () => {
    const irq = idOf(13);
    /** Unmasks division by zero, divides, and then computes once more. */
    function divider(rig: Rig) {
      const script = rig.script();
      script.poke(place(0, 0), 0x037b);
      script.raw(0xd9, 0x2d, ...absolute(place(0, 0))); // fldcw
      script.raw(0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9); // fld1; fldz; fdivp: 1 / 0
      script.raw(0xd9, 0xe8); // fld1, which waits
      script.poke(place(0, 1), 1);
      return script;
    }
    const attach = (rig: Rig) =>
      rig.root.call("ThreadControl", { eax: irq, esi: irq, edx: NIL, ecx: ROOT, edi: UNCHANGED });

    it("go to the line's handler; its write to port F0h lets the thread go on", () => {
      const rig = new Rig();
      attach(rig);
      rig.spawn(60, 1, divider(rig));
      const message = rig.root.ipc(NIL, irq);
      const before = rig.root.peek(place(0, 1));
      rig.root.raw(0xb0, 0, 0xe6, 0xf0); // mov al, 0; out 0xf0, al
      rig.root.ipc(irq, NIL);
      rig.run(60);
      expect(rig.result(message)).toMatchObject({ eax: irq, mr0: 0xfff0_0000 });
      expect([rig.register(before, "eax"), rig.word(place(0, 1))]).toEqual([0, 1]);
    });

    it("stop the thread where it is when nobody handles them, and no other", () => {
      const rig = new Rig();
      rig.spawn(60, 1, divider(rig));
      const counter = rig.script();
      counter.count(place(1, 0));
      rig.spawn(61, 2, counter);
      rig.run(100);
      expect(rig.word(place(0, 1))).toBe(0);
      expect(rig.word(place(1, 0))).toBeGreaterThan(1000);
    });
  });

  it("sends the exception of reserved escapes to the handler, not the lazy switch's", () => {
    const rig = new Rig();
    const script = rig.script();
    script.raw(0xd9, 0xd1); // reserved
    rig.spawn(60, 1, script);
    rig.run(20);
    const halted = rig.kernel.threads().find(({ globalId }) => globalId === idOf(60));
    expect(halted?.halted).toBe(true);
  });
});

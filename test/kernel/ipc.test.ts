import { describe, expect, it } from "vitest";
import { ANY, ANY_LOCAL, NIL, period, RECEIVE_ZERO, SEND_ZERO, Tcr } from "./support/guest-script.ts";
import { idOf, localIdOf, Rig, ROOT, SCRATCH } from "./support/rig.ts";

/** ABI 7 and the measured results of section 17. Thread 60 is local to root unless a test says otherwise. */
describe("Ipc between threads", () => {
  it("Call to an echo in the same space: local ids, words in registers and in the UTCB", () => {
    const rig = new Rig();
    const echo = rig.script();
    const received = echo.ipc(NIL, ANY);
    echo.setMr(1, 0xe1).setMr(2, 0xe2).setMr(3, 0xe3);
    echo.ipc(ROOT, ANY, { tag: 0x42_0003 });
    rig.spawn(60, 1, echo);
    rig.root.setMr(1, 0x11).setMr(2, 0x22);
    const called = rig.root.ipc(idOf(60), idOf(60), { tag: 0x12_0002 });
    rig.run();
    expect(rig.result(called)).toMatchObject({ eax: localIdOf(1), mr0: 0x42_0003 });
    expect(["esi", "ebx", "ebp", "ecx"].map((name) => rig.register(called, name as "esi"))).toEqual([
      0x42_0003, 0xe1, 0xe2, 0xe2,
    ]);
    expect([1, 2, 3].map((i) => rig.mr(called, i))).toEqual([0xe1, 0xe2, 0xe3]);
    expect(rig.result(received)).toMatchObject({ eax: localIdOf(0), mr0: 0x12_0002 });
    expect([1, 2].map((i) => rig.mr(received, i))).toEqual([0x11, 0x22]);
  });

  it("takes a local id as destination and as source", () => {
    const rig = new Rig();
    const other = rig.script();
    const received = other.ipc(NIL, localIdOf(0), { timeouts: period(5000) });
    other.ipc(localIdOf(0), NIL, { tag: 0x7_0000 });
    rig.spawn(60, 1, other);
    const called = rig.root.ipc(localIdOf(1), localIdOf(1), { tag: 0x5_0000, via: "Lipc" });
    rig.run();
    expect(rig.result(received)).toMatchObject({ eax: localIdOf(0), mr0: 0x5_0000 });
    expect(rig.result(called)).toMatchObject({ eax: localIdOf(1), mr0: 0x7_0000 });
  });

  it("a local id that names nobody does not exist", () => {
    const rig = new Rig();
    const nowhere = rig.root.ipc(localIdOf(9), NIL);
    const notAUtcb = rig.root.ipc(0x1234_5640, NIL);
    rig.run();
    expect(rig.result(nowhere)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 4 });
    expect(rig.result(notAUtcb)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 4 });
  });

  it("a local id is not believed when MyGlobalId in the UTCB has been overwritten", () => {
    const rig = new Rig();
    const other = rig.script();
    other.ipc(NIL, ANY);
    rig.spawn(60, 1, other);
    // Root writes another thread's id into thread 60's UTCB.
    rig.root.poke(localIdOf(1) + Tcr.myGlobalId, ROOT);
    const slot = rig.root.ipc(localIdOf(1), NIL);
    rig.run();
    expect(rig.result(slot)).toMatchObject({ eax: 0, errorCode: 4 });
  });

  it("between spaces: global ids, and no word is lost (0 to 63 words)", () => {
    const rig = new Rig();
    const sender = rig.script();
    const counts = [0, 1, 2, 3, 15, 63];
    for (let i = 1; i < 64; i++) sender.setMr(i, 0x100 + i);
    for (const count of counts) sender.ipc(ROOT, NIL, { tag: 0xf00f_0000 | count });
    rig.startPager();
    rig.spawnSpace(60, idOf(51), sender);
    const slots = counts.map(() => rig.root.ipc(NIL, idOf(60)));
    rig.run(40);
    counts.forEach((count, i) => {
      expect(rig.result(slots[i])).toMatchObject({ eax: idOf(60), mr0: (0xf00f_0000 | count) >>> 0 });
      for (let word = 1; word <= Math.min(count, 19); word++) expect(rig.mr(slots[i], word)).toBe(0x100 + word);
    });
    const utcb = rig.kernel.thread(ROOT)?.utcb ?? 0;
    for (let word = 1; word < 64; word++) expect(rig.word(utcb + 0x100 + 4 * word)).toBe(0x100 + word);
  });

  it("does not touch message registers beyond those sent", () => {
    const rig = new Rig();
    const sender = rig.script();
    sender.setMr(1, 0xaaaa).setMr(2, 0xbbbb);
    sender.ipc(ROOT, NIL, { tag: 1 });
    rig.spawn(60, 1, sender);
    rig.root.setMr(2, 0x5555);
    const slot = rig.root.ipc(NIL, ANY);
    rig.run();
    expect([rig.mr(slot, 1), rig.mr(slot, 2)]).toEqual([0xaaaa, 0x5555]);
  });

  it("clears the flag bits of a tag", () => {
    const rig = new Rig();
    const sender = rig.script();
    sender.ipc(ROOT, NIL, { tag: 0x12_e000 });
    rig.spawn(60, 1, sender);
    const slot = rig.root.ipc(NIL, ANY);
    rig.run();
    expect(rig.mr(slot, 0)).toBe(0x12_0000);
  });

  it("send-only returns its own tag and words and continues", () => {
    const rig = new Rig();
    const receiver = rig.script();
    receiver.ipc(NIL, ANY);
    rig.spawn(60, 1, receiver);
    // Let 60 block first.
    rig.root.ipc(NIL, ANY, { timeouts: period(3000) });
    rig.root.setMr(1, 0xa1).setMr(2, 0xa2);
    const slot = rig.root.ipc(idOf(60), NIL, { tag: 0x12_0002 });
    rig.run();
    expect(rig.result(slot)).toMatchObject({ eax: 0, mr0: 0x12_0002 });
    expect([rig.register(slot, "ebx"), rig.register(slot, "ebp")]).toEqual([0xa1, 0xa2]);
  });

  it("serves waiting senders in the order in which they came, whatever their priority", () => {
    const rig = new Rig();
    const senders = [60, 61, 62].map((number) => {
      const script = rig.script();
      script.setMr(1, number);
      script.ipc(ROOT, NIL, { tag: 1 });
      rig.spawn(number, number - 59, script);
      return number;
    });
    rig.priority(61, 120);
    const slots = [rig.root.ipc(NIL, idOf(48), { timeouts: period(8000) })];
    slots.push(...senders.map(() => rig.root.ipc(NIL, ANY)));
    rig.run(30);
    expect(slots.slice(1).map((slot) => rig.mr(slot, 1))).toEqual([61, 60, 62]);
  });

  it("closed receive passes over other senders; anylocal passes over other spaces", () => {
    const rig = new Rig();
    rig.startPager();
    const far = rig.script();
    far.setMr(1, 1);
    far.ipc(ROOT, NIL, { tag: 1 });
    const first = rig.script();
    first.setMr(1, 2);
    first.ipc(ROOT, NIL, { tag: 1 });
    const second = rig.script();
    second.setMr(1, 3);
    second.ipc(ROOT, NIL, { tag: 1 });
    rig.spawnSpace(60, idOf(51), far);
    rig.spawn(61, 2, first);
    rig.spawn(62, 3, second);
    rig.root.ipc(NIL, idOf(48), { timeouts: period(8000) });
    const closed = rig.root.ipc(NIL, idOf(62));
    const local = rig.root.ipc(NIL, ANY_LOCAL);
    const nobody = rig.root.ipc(NIL, ANY_LOCAL, { timeouts: RECEIVE_ZERO });
    const any = rig.root.ipc(NIL, ANY);
    rig.run(40);
    expect([closed, local, any].map((slot) => rig.mr(slot, 1))).toEqual([3, 2, 1]);
    expect(rig.result(nobody).errorCode).toBe(3);
  });

  it("ReplyWait with send timeout zero finds a caller waiting (0 to 63 words, both sides)", () => {
    const rig = new Rig();
    const server = rig.script();
    const served = [server.ipc(NIL, ANY)];
    for (let count = 0; count < 64; count += 21)
      served.push(server.ipc(ROOT, ANY, { tag: 0xf00d_0000 | count, timeouts: SEND_ZERO }));
    rig.spawn(60, 1, server);
    const calls = [];
    for (let count = 0; count < 64; count += 21)
      calls.push(rig.root.ipc(idOf(60), idOf(60), { tag: 0xf00d_0000 | count }));
    rig.run();
    for (const slot of [...calls, ...served.slice(0, -1)]) {
      expect(rig.mr(slot, 0) & 0x8000).toBe(0);
      expect(rig.mr(slot, 0) >>> 16).toBe(0xf00d);
    }
  });

  it("two threads that send to each other: the one with a timeout fails in its send phase", () => {
    const rig = new Rig();
    const other = rig.script();
    other.ipc(ROOT, NIL);
    rig.spawn(60, 1, other);
    const slot = rig.root.ipc(idOf(60), NIL, { timeouts: period(5000) << 16, tag: 0x9_0000 });
    rig.run();
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x9_8000, errorCode: 2 });
  });

  it("two threads that receive from each other: the one with a timeout fails in its receive phase", () => {
    const rig = new Rig();
    const other = rig.script();
    other.ipc(NIL, ROOT);
    rig.spawn(60, 1, other);
    const slot = rig.root.ipc(NIL, idOf(60), { timeouts: period(5000) });
    rig.run();
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 3 });
  });

  it("a string item ends in overflow on both sides, its first word delivered", () => {
    const rig = new Rig();
    const receiver = rig.script();
    const received = receiver.ipc(NIL, ANY);
    rig.spawn(60, 1, receiver);
    rig.root.ipc(NIL, ANY, { timeouts: period(3000) });
    rig.root.setMr(1, 0x4000).setMr(2, SCRATCH);
    const sent = rig.root.ipc(idOf(60), NIL, { tag: 0x13_0080 });
    rig.run();
    expect(rig.result(sent)).toEqual({ eax: idOf(60), mr0: 0x13_8080, errorCode: 8 });
    expect(rig.result(received)).toMatchObject({ mr0: 0x13_8080, errorCode: 9 });
    expect(rig.mr(received, 1)).toBe(0x4000);
  });

  it("unknown and cut typed items end in overflow", () => {
    const rig = new Rig();
    const receiver = rig.script();
    receiver.setTcr(Tcr.bufferRegister0, 0x10);
    const received = [receiver.ipc(NIL, ANY), receiver.ipc(NIL, ANY)];
    rig.spawn(60, 1, receiver);
    rig.root.ipc(NIL, ANY, { timeouts: period(3000) });
    rig.root.setMr(1, 0xe).setMr(2, 0);
    const unknown = rig.root.ipc(idOf(60), NIL, { tag: 0x80 });
    rig.root.ipc(NIL, ANY, { timeouts: period(3000) });
    rig.root.setMr(1, 8);
    const cut = rig.root.ipc(idOf(60), NIL, { tag: 0x40 });
    rig.run(40);
    expect([unknown, cut].map((slot) => rig.errorCode(slot))).toEqual([8, 8]);
    expect(received.map((slot) => rig.errorCode(slot))).toEqual([9, 9]);
  });
});

describe("propagation", () => {
  /** 60 and 61 are in root's space; 61 blocks in a receive from 60; 60 sends to root in the name of 61. */
  function propagating(virtualSender: number): {
    rig: Rig;
    slots: Record<"root" | "virtual" | "sender", { address: number }>;
  } {
    const rig = new Rig();
    const virtual = rig.script();
    const virtualReceived = virtual.ipc(NIL, idOf(60));
    const sender = rig.script();
    sender.setTcr(Tcr.virtualSender, virtualSender);
    const sent = sender.ipc(ROOT, NIL, { tag: 0x12_1000 });
    rig.createLocal(60, 1);
    rig.spawn(61, 2, virtual);
    rig.root.ipc(NIL, idOf(48), { timeouts: period(3000) });
    rig.start(60, sender);
    const received = rig.root.ipc(NIL, ANY);
    rig.root.ipc(idOf(61), NIL, { tag: 0x77_0000, timeouts: SEND_ZERO });
    return { rig, slots: { root: received, virtual: virtualReceived, sender: sent } };
  }

  it("within one space: from is the virtual sender, ActualSender the real one, and the reply reaches the virtual sender", () => {
    const { rig, slots } = propagating(idOf(61));
    rig.run();
    expect(rig.result(slots.root)).toMatchObject({ eax: localIdOf(2), mr0: 0x12_1000 });
    expect(rig.actualSender(slots.root)).toBe(idOf(60));
    expect(rig.result(slots.virtual)).toMatchObject({ mr0: 0x77_0000 });
  });

  it("in the name of a thread that does not exist: sent under the own name, p cleared on both sides", () => {
    const { rig, slots } = propagating(idOf(77));
    rig.run();
    expect(rig.result(slots.root)).toMatchObject({ eax: localIdOf(1), mr0: 0x12_0000 });
    expect(rig.mr(slots.sender, 0)).toBe(0x12_0000);
    expect(rig.done(slots.virtual)).toBe(false);
  });

  it("a thread can't speak for one of a third space", () => {
    const rig = new Rig();
    rig.startPager();
    const liar = rig.script();
    liar.setTcr(Tcr.virtualSender, ROOT);
    liar.ipc(idOf(61), NIL, { tag: 0x12_1000 });
    const victim = rig.script();
    const received = victim.ipc(NIL, ANY);
    rig.spawnSpace(61, idOf(51), victim);
    rig.spawnSpace(60, idOf(51), liar);
    rig.root.ipc(NIL, ROOT);
    rig.run(30);
    expect(rig.result(received)).toMatchObject({ eax: idOf(60), mr0: 0x12_0000 });
  });

  it("a closed receive from the virtual sender finds the propagating one in the queue", () => {
    const rig = new Rig();
    const sender = rig.script();
    sender.setTcr(Tcr.virtualSender, idOf(61));
    sender.ipc(ROOT, NIL, { tag: 0x12_1000 });
    const virtual = rig.script();
    rig.spawn(61, 2, virtual);
    rig.spawn(60, 1, sender);
    rig.root.ipc(NIL, idOf(48), { timeouts: period(30_000) });
    const received = rig.root.ipc(NIL, idOf(61), { timeouts: period(5000) });
    rig.run(60);
    expect(rig.result(received)).toMatchObject({ eax: localIdOf(2), mr0: 0x12_1000 });
  });
});

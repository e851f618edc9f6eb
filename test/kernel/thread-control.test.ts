import { describe, expect, it } from "vitest";
import { ANY, NIL, period, Tcr, UNCHANGED } from "./support/guest-script.ts";
import { idOf, KIP_AREA, localIdOf, Rig, ROOT, SIGMA0, UTCB_AREA, UTCB_BASE } from "./support/rig.ts";

/** ThreadControl and SpaceControl: ABI 6.1, 6.2 and the measured results. Caller: the root task unless said otherwise. */
describe("ThreadControl refuses", () => {
  const ID = idOf(60);
  const cases: [string, Record<"eax" | "esi" | "edx" | "ecx" | "edi", number>, number][] = [
    ["a nil scheduler", { eax: ID, esi: ID, edx: NIL, ecx: NIL, edi: UNCHANGED }, 2],
    ["a space that does not exist", { eax: ID, esi: idOf(70), edx: ROOT, ecx: NIL, edi: UNCHANGED }, 3],
    ["an active thread in a new space", { eax: ID, esi: ID, edx: ROOT, ecx: ROOT, edi: UTCB_BASE }, 3],
    ["an active thread without UTCB", { eax: ID, esi: ROOT, edx: ROOT, ecx: ROOT, edi: UNCHANGED }, 6],
    ["a UTCB outside the area", { eax: ID, esi: ROOT, edx: ROOT, ecx: ROOT, edi: 0x1000_0000 }, 6],
    ["a UTCB that is not aligned", { eax: ID, esi: ROOT, edx: ROOT, ecx: ROOT, edi: UTCB_BASE + 516 }, 6],
    ["a UTCB that another thread has", { eax: ID, esi: ROOT, edx: ROOT, ecx: ROOT, edi: UTCB_BASE }, 6],
    ["a kernel thread's number", { eax: idOf(20), esi: ROOT, edx: ROOT, ecx: NIL, edi: UNCHANGED }, 2],
    ["a number beyond the last", { eax: idOf(1024), esi: ROOT, edx: ROOT, ecx: NIL, edi: UNCHANGED }, 2],
    ["a local id as destination", { eax: localIdOf(0), esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED }, 3],
    ["nilthread as destination", { eax: NIL, esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED }, 3],
    ["to delete the caller", { eax: ROOT, esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED }, 2],
    ["the timer's line", { eax: idOf(0), esi: idOf(0), edx: NIL, ecx: ROOT, edi: UNCHANGED }, 2],
    ["the cascade", { eax: idOf(2), esi: idOf(2), edx: NIL, ecx: ROOT, edi: UNCHANGED }, 2],
    ["an interrupt id of version 2", { eax: idOf(3, 2), esi: idOf(3, 2), edx: NIL, ecx: ROOT, edi: UNCHANGED }, 2],
    ["a handler that does not exist", { eax: idOf(3), esi: idOf(3), edx: NIL, ecx: idOf(99), edi: UNCHANGED }, 2],
  ];

  it.each(cases)("%s", (_name, registers, errorCode) => {
    const rig = new Rig();
    const slot = rig.root.call("ThreadControl", registers);
    rig.run();
    expect(rig.result(slot)).toMatchObject({ eax: 0, errorCode });
    expect(rig.kernel.threads().map(({ threadNo }) => threadNo)).toEqual([48, 50]);
  });

  it("activation before SpaceControl: error 6", () => {
    const rig = new Rig();
    rig.root.call("ThreadControl", { eax: ID, esi: ID, edx: ROOT, ecx: NIL, edi: UNCHANGED });
    const slot = rig.root.call("ThreadControl", { eax: ID, esi: ID, edx: ROOT, ecx: ROOT, edi: UTCB_BASE });
    rig.run();
    expect(rig.result(slot)).toMatchObject({ eax: 0, errorCode: 6 });
  });

  it("a caller without privilege", () => {
    const rig = new Rig();
    rig.startPager();
    const child = rig.script();
    const thread = child.call("ThreadControl", { eax: idOf(61), esi: idOf(61), edx: ROOT, ecx: NIL, edi: UNCHANGED });
    const space = child.call("SpaceControl", { eax: idOf(60), ecx: 0, edx: KIP_AREA, esi: UTCB_AREA, edi: NIL });
    rig.spawnSpace(60, idOf(51), child);
    rig.run(30);
    expect(rig.result(thread)).toMatchObject({ eax: 0, errorCode: 1 });
    expect(rig.result(space)).toMatchObject({ eax: 0, errorCode: 1 });
  });
});

describe("ThreadControl", () => {
  it("gives a new thread a UTCB that is zero but for MyGlobalId and Pager, and default scheduling", () => {
    const rig = new Rig();
    const slot = rig.createLocal(60, 3);
    rig.run();
    expect(rig.result(slot).eax).toBe(1);
    const thread = rig.kernel.thread(60);
    expect(thread).toMatchObject({
      globalId: idOf(60),
      localId: localIdOf(3),
      state: "waiting",
      protocol: "start",
      priority: 100,
      timesliceMicroseconds: 10_000,
      pager: SIGMA0,
      exceptionHandler: 0,
      partner: SIGMA0,
    });
    const utcb = thread?.utcb ?? 0;
    const words = Array.from({ length: 128 }, (_, i) => rig.word(utcb + 4 * i));
    const nonZero = words.flatMap((word, i) => (word === 0 ? [] : [[i * 4, word]]));
    expect(nonZero).toEqual([
      [0xc4, idOf(60)],
      [0xd0, SIGMA0],
    ]);
  });

  it("starts a thread by a message of two words from its pager; MR0 to MR2 stay in its UTCB", () => {
    const rig = new Rig();
    const thread = rig.script();
    const first = thread.saveResults();
    rig.createLocal(60, 1, ROOT);
    rig.root.setMr(1, thread.code.origin).setMr(2, rig.stackOf(thread));
    const start = rig.root.ipc(idOf(60), NIL, { tag: 2 });
    rig.run();
    expect(rig.result(start).mr0).toBe(2);
    expect([0, 1, 2].map((i) => rig.mr(first, i))).toEqual([2, thread.code.origin, rig.stackOf(thread)]);
    expect(rig.register(first, "esp")).toBe(rig.stackOf(thread));
    expect(rig.register(first, "eax")).toBe(0);
  });

  it("takes a start message from nobody but the pager", () => {
    const rig = new Rig();
    rig.createLocal(60, 1, SIGMA0);
    const start = rig.root.ipc(idOf(60), NIL, { tag: 2, timeouts: 0x0400_0000 });
    rig.run();
    expect(rig.result(start)).toMatchObject({ errorCode: 2 });
  });

  it("deleting a thread that does not exist succeeds", () => {
    const rig = new Rig();
    const slot = rig.root.call("ThreadControl", { eax: idOf(77), esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED });
    rig.run();
    expect(rig.result(slot).eax).toBe(1);
  });

  it("deletes whatever version has the number; the last thread takes the space and all its pages", () => {
    const rig = new Rig();
    rig.startPager();
    const child = rig.script();
    child.count(rig.stackOf(child) - 8);
    rig.spawnSpace(60, idOf(51), child);
    rig.root.ipc(NIL, SIGMA0, { timeouts: period(10_000) });
    rig.root.call("ThreadControl", { eax: idOf(60, 7), esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED });
    rig.run(8);
    const space = rig.kernel.thread(60)?.space;
    expect(space).toBe(2);
    expect(rig.kernel.translate(60, child.code.origin)).toBe(child.code.origin);
    rig.run(20);
    expect(rig.kernel.thread(60)).toBeUndefined();
    expect(rig.kernel.owner(child.code.origin)).toMatchObject({ kind: "user", spaces: [1] });
  });

  it("a thread that polls on a deleted one gets non-existing in its send phase", () => {
    const rig = new Rig();
    const sender = rig.script();
    const slot = sender.ipc(idOf(61), NIL, { tag: 0x3_0000 });
    rig.spawn(60, 1, sender);
    rig.createLocal(61, 2);
    rig.root.ipc(NIL, SIGMA0, { timeouts: period(5000) });
    rig.root.call("ThreadControl", { eax: idOf(61), esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED });
    rig.run();
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x3_8000, errorCode: 4 });
  });

  it("a thread that polls on an old version gets non-existing in its send phase", () => {
    const rig = new Rig();
    const sender = rig.script();
    const slot = sender.ipc(idOf(61), NIL, { tag: 0x3_0000 });
    rig.spawn(60, 1, sender);
    rig.createLocal(61, 2);
    rig.root.ipc(NIL, SIGMA0, { timeouts: period(5000) });
    const changed = rig.root.call("ThreadControl", {
      eax: idOf(61, 9),
      esi: idOf(61),
      edx: NIL,
      ecx: NIL,
      edi: UNCHANGED,
    });
    rig.run();
    expect(rig.register(changed, "eax")).toBe(1);
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x3_8000, errorCode: 4 });
  });

  it("changes the version: the old id is gone, MyGlobalId tells the new one", () => {
    const rig = new Rig();
    const receiver = rig.script();
    receiver.ipc(NIL, ANY);
    rig.spawn(60, 1, receiver);
    rig.root.ipc(NIL, SIGMA0, { timeouts: period(3000) });
    const slot = rig.root.call("ThreadControl", {
      eax: idOf(60, 9),
      esi: idOf(60),
      edx: NIL,
      ecx: NIL,
      edi: UNCHANGED,
    });
    const old = rig.root.ipc(idOf(60), NIL);
    const renamed = rig.root.ipc(idOf(60, 9), NIL);
    const tcr = rig.root.peek(localIdOf(1) + Tcr.myGlobalId);
    rig.run();
    expect(rig.result(slot).eax).toBe(1);
    expect(rig.result(old).errorCode).toBe(4);
    expect(rig.result(renamed)).toMatchObject({ eax: 0, mr0: 0 });
    expect(rig.register(tcr, "eax")).toBe(idOf(60, 9));
  });

  it("activates through the modify path with the UTCB given before the space had its areas", () => {
    const rig = new Rig();
    const id = idOf(60);
    const slots = [
      rig.root.call("ThreadControl", { eax: id, esi: id, edx: ROOT, ecx: NIL, edi: UTCB_BASE + 0x200 }),
      rig.root.call("SpaceControl", { eax: id, ecx: 0, edx: KIP_AREA, esi: UTCB_AREA, edi: NIL }),
      rig.root.call("ThreadControl", { eax: id, esi: id, edx: ROOT, ecx: ROOT, edi: UNCHANGED }),
    ];
    rig.run();
    expect(slots.map((slot) => rig.register(slot, "eax"))).toEqual([1, 1, 1]);
    expect(rig.kernel.thread(60)).toMatchObject({ localId: UTCB_BASE + 0x300, state: "waiting", space: 2 });
  });

  it("moves an active thread to another space with its UTCB", () => {
    const rig = new Rig();
    rig.startPager();
    const thread = rig.script();
    thread.setTcr(Tcr.userDefinedHandle, 0x1234);
    thread.ipc(NIL, ANY);
    const after = thread.ipc(ROOT, NIL);
    rig.createSpace(61, idOf(51));
    rig.spawn(60, 5, thread);
    rig.root.ipc(NIL, SIGMA0, { timeouts: period(3000) });
    const move = rig.root.call("ThreadControl", {
      eax: idOf(60),
      esi: idOf(61),
      edx: NIL,
      ecx: idOf(51),
      edi: UNCHANGED,
    });
    const received = rig.root.ipc(NIL, ANY);
    rig.run(30);
    expect(rig.result(move).eax).toBe(1);
    expect(rig.result(received).eax).toBe(idOf(60));
    expect(rig.kernel.thread(60)).toMatchObject({ space: rig.kernel.thread(61)?.space, pager: idOf(51) });
    const utcb = rig.kernel.thread(60)?.utcb ?? 0;
    expect(rig.word(utcb + 0x100 + Tcr.userDefinedHandle)).toBe(0x1234);
    expect(rig.done(after)).toBe(true);
  });

  it("deleting sigma0 takes everyone's memory: its clients are halted, the machine goes on", () => {
    const rig = new Rig();
    rig.root.call("ThreadControl", { eax: SIGMA0, esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED });
    expect(rig.run(50)).toEqual({ kind: "cycle" });
    expect(rig.kernel.threads()).toHaveLength(1);
    expect(rig.kernel.thread(50)).toMatchObject({
      halted: true,
      haltReason: "page fault, and its pager does not exist",
    });
    expect(rig.kernel.check()).toEqual([]);
    expect(rig.kernel.accounts().idleCycles).toBeGreaterThan(1_000_000);
  });
});

describe("SpaceControl", () => {
  const create = (rig: Rig): void => {
    rig.root.call("ThreadControl", { eax: idOf(60), esi: idOf(60), edx: ROOT, ecx: NIL, edi: UNCHANGED });
  };
  const area = (base: number, log2: number): number => (base | (log2 << 4)) >>> 0;

  it.each([
    ["a space that does not exist", idOf(61), KIP_AREA, UTCB_AREA, 3],
    ["a local id", localIdOf(0), KIP_AREA, UTCB_AREA, 3],
    ["a UTCB area that is nil", idOf(60), KIP_AREA, 0, 6],
    ["a UTCB area above the user area", idOf(60), KIP_AREA, area(0xc000_0000, 12), 6],
    ["a UTCB area that is the complete space", idOf(60), KIP_AREA, 0x10, 6],
    ["a KIP area of less than a page", idOf(60), area(0xbff0_0000, 11), UTCB_AREA, 7],
    ["a KIP area above the user area", idOf(60), area(0xf000_0000, 12), UTCB_AREA, 7],
    ["a KIP area inside the UTCB area", idOf(60), area(UTCB_BASE + 0x4000, 12), UTCB_AREA, 7],
    ["both wrong: the UTCB area is looked at first", idOf(60), 0, 0, 6],
  ])("refuses %s", (_name, specifier, kip, utcb, errorCode) => {
    const rig = new Rig();
    create(rig);
    const slot = rig.root.call("SpaceControl", { eax: specifier, ecx: 0, edx: kip, esi: utcb, edi: NIL });
    rig.run();
    expect(rig.result(slot)).toMatchObject({ eax: 0, errorCode });
    expect(rig.register(slot, "ecx")).toBe(0);
  });

  it("on an initialised space succeeds and changes nothing", () => {
    const rig = new Rig();
    const slot = rig.root.call("SpaceControl", { eax: ROOT, ecx: 0, edx: area(0x1000_0000, 12), esi: 0, edi: NIL });
    rig.run();
    expect(rig.result(slot).eax).toBe(1);
    expect(rig.register(slot, "ecx")).toBe(0);
    expect(rig.kernel.translate(50, 0x1000_0000)).toBeUndefined();
  });
});

import { describe, expect, it } from "vitest";
import { ANY, type GuestScript, NIL, period, RECEIVE_ZERO, type Slot, Tcr } from "./support/guest-script.ts";
import { idOf, KIP_BASE, Rig, ROOT, SCRATCH, SIGMA0, UTCB_BASE } from "./support/rig.ts";

/** Map, grant, unmap by IPC between real spaces: ABI 7.4, 8. Root holds the scratch pages writable, from sigma0. */

const PAGE = 4096;
const COMPLETE = 0x10;
const READ = 5;
const WRITE = 7;
const FAR = 0x2000_0000;

const page = (address: number, rights: number, log2 = 12): number => (address | (log2 << 4) | rights) >>> 0;

const sleep = (script: GuestScript, microseconds: number): Slot =>
  script.ipc(NIL, SIGMA0, { timeouts: period(microseconds) });

/** Sends one map (or grant) item. */
function send(script: GuestScript, to: number, base: number, flexpage: number, grant = false): Slot {
  script.setMr(1, (base & ~0x3ff) | (grant ? 10 : 8)).setMr(2, flexpage);
  return script.ipc(to, NIL, { tag: 0x80 });
}

/** Receives one message with the given window. */
function accept(script: GuestScript, window: number, from = ANY): Slot {
  script.setTcr(Tcr.bufferRegister0, window);
  return script.ipc(NIL, from);
}

/** Root with a child in a space of its own: thread 60, pager 51. */
function family(options: { checkEvery?: number } = {}): { rig: Rig; child: GuestScript } {
  const rig = new Rig(options);
  rig.startPager();
  return { rig, child: rig.script() };
}

describe("map items", () => {
  it("map a page at the place that the send base names, with the sender's words visible to the receiver", () => {
    const { rig, child } = family();
    const received = accept(child, COMPLETE);
    const read = child.peek(FAR + 8);
    child.poke(FAR + 12, 0x1234);
    rig.spawnSpace(60, idOf(51), child);
    rig.root.poke(SCRATCH + 8, 0x5678);
    send(rig.root, idOf(60), FAR, page(SCRATCH, WRITE));
    rig.run(40);
    expect(rig.result(received)).toMatchObject({ eax: ROOT, mr0: 0x80 });
    expect([rig.mr(received, 1), rig.mr(received, 2)]).toEqual([FAR | 8, page(SCRATCH, WRITE)]);
    expect(rig.register(read, "eax")).toBe(0x5678);
    expect(rig.word(SCRATCH + 12)).toBe(0x1234);
    expect(rig.kernel.translate(60, FAR)).toBe(SCRATCH);
    expect(rig.kernel.owner(SCRATCH)).toMatchObject({
      kind: "user",
      space: rig.kernel.thread(60)?.space,
      virtual: FAR,
    });
  });

  it("without a window: overflow on both sides, nothing mapped", () => {
    const { rig, child } = family();
    const received = accept(child, 0);
    rig.spawnSpace(60, idOf(51), child);
    const sent = send(rig.root, idOf(60), FAR, page(SCRATCH, WRITE));
    rig.run(40);
    expect([rig.errorCode(sent), rig.errorCode(received)]).toEqual([8, 9]);
    expect(rig.kernel.translate(60, FAR)).toBeUndefined();
  });

  it("a nil flexpage maps nothing and is no error", () => {
    const { rig, child } = family();
    const received = accept(child, COMPLETE);
    rig.spawnSpace(60, idOf(51), child);
    const sent = send(rig.root, idOf(60), 0, 0);
    rig.run(40);
    expect(rig.mr(received, 0)).toBe(0x80);
    expect(rig.mr(sent, 0)).toBe(0x80);
  });

  it("a smaller window cuts a larger flexpage at the send base; a larger one places a smaller flexpage", () => {
    const { rig, child } = family();
    accept(child, page(FAR, 0));
    accept(child, page(FAR + 0x10_0000, 0, 16));
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), 3 * PAGE, page(SCRATCH, WRITE, 16));
    send(rig.root, idOf(60), 5 * PAGE, page(SCRATCH + PAGE, WRITE));
    rig.run(40);
    expect(rig.kernel.translate(60, FAR)).toBe(SCRATCH + 3 * PAGE);
    expect(rig.kernel.translate(60, FAR + 0x10_0000 + 5 * PAGE)).toBe(SCRATCH + PAGE);
  });

  it("a page mapped for reading can't be written, nor mapped on for writing", () => {
    const { rig, child } = family();
    const grandchild = rig.script();
    accept(child, COMPLETE);
    send(child, idOf(61), FAR, page(FAR, WRITE));
    accept(grandchild, COMPLETE);
    const read = grandchild.peek(FAR);
    // Its fault goes to one who does not answer.
    grandchild.setTcr(Tcr.pager, idOf(60)).poke(FAR, 1);
    rig.spawnSpace(60, idOf(51), child);
    rig.spawnSpace(61, idOf(51), grandchild);
    rig.root.poke(SCRATCH, 0xabcd);
    send(rig.root, idOf(60), FAR, page(SCRATCH, READ));
    rig.run(40);
    expect(rig.register(read, "eax")).toBe(0xabcd);
    expect(rig.kernel.thread(61)).toMatchObject({ protocol: "page-fault", partner: idOf(60) });
    expect(rig.word(SCRATCH)).toBe(0xabcd);
  });

  it("without any right maps nothing", () => {
    const { rig, child } = family();
    accept(child, COMPLETE);
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), FAR, page(SCRATCH, 0));
    rig.run(40);
    expect(rig.kernel.translate(60, FAR)).toBeUndefined();
  });

  it("extends the rights of a page that is mapped already, and never takes them back", () => {
    const { rig, child } = family();
    for (let i = 0; i < 3; i++) accept(child, COMPLETE);
    child.poke(FAR, 77);
    rig.spawnSpace(60, idOf(51), child);
    for (const rights of [READ, WRITE, READ]) send(rig.root, idOf(60), FAR, page(SCRATCH, rights));
    rig.run(40);
    expect(rig.word(SCRATCH)).toBe(77);
  });

  it("replaces what was there, with all that came from it", () => {
    const { rig, child } = family();
    const grandchild = rig.script();
    accept(child, COMPLETE);
    send(child, idOf(61), FAR + PAGE, page(FAR, WRITE));
    accept(child, COMPLETE);
    accept(grandchild, COMPLETE);
    rig.spawnSpace(61, idOf(51), grandchild);
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), FAR, page(SCRATCH, WRITE));
    sleep(rig.root, 8000);
    rig.run(10);
    expect(rig.kernel.translate(61, FAR + PAGE)).toBe(SCRATCH);
    const { rig: later, child: again } = family();
    const third = later.script();
    accept(again, COMPLETE);
    send(again, idOf(61), FAR + PAGE, page(FAR, WRITE));
    accept(again, COMPLETE);
    accept(third, COMPLETE);
    later.spawnSpace(61, idOf(51), third);
    later.spawnSpace(60, idOf(51), again);
    send(later.root, idOf(60), FAR, page(SCRATCH, WRITE));
    sleep(later.root, 8000);
    send(later.root, idOf(60), FAR, page(SCRATCH + PAGE, WRITE));
    later.run(40);
    expect(later.kernel.translate(60, FAR)).toBe(SCRATCH + PAGE);
    expect(later.kernel.translate(61, FAR + PAGE)).toBeUndefined();
  });

  it("mapping back to the mapper changes nothing", () => {
    const { rig, child } = family();
    accept(child, COMPLETE);
    send(child, ROOT, SCRATCH, page(FAR, READ));
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), FAR, page(SCRATCH, WRITE));
    accept(rig.root, COMPLETE);
    rig.root.poke(SCRATCH, 5);
    rig.run(40);
    expect(rig.word(SCRATCH)).toBe(5);
    expect(rig.kernel.translate(60, FAR)).toBe(SCRATCH);
  });

  it.each([
    ["the KIP area", KIP_BASE],
    ["the UTCB area", UTCB_BASE],
    ["the kernel's area", 0xf000_0000],
    ["the last pages below the kernel's area, where there are none", 0xc000_0000],
  ])("never reach %s", (_name, address) => {
    const { rig, child } = family();
    const before = new Rig();
    before.startPager();
    before.spawnSpace(60, idOf(51), before.script());
    before.run();
    const received = accept(child, COMPLETE);
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), address, page(SCRATCH, WRITE));
    rig.run(40);
    expect(rig.done(received)).toBe(true);
    expect(rig.kernel.translate(60, address)).toBe(before.kernel.translate(60, address));
  });

  it("UTCB and KIP pages can't be mapped on, nor can pages that the sender does not have", () => {
    const { rig, child } = family();
    const slots = Array.from({ length: 4 }, () => accept(child, COMPLETE));
    rig.spawnSpace(60, idOf(51), child);
    for (const address of [UTCB_BASE, KIP_BASE, 0x3000_0000, 0xf000_0000])
      send(rig.root, idOf(60), FAR, page(address, WRITE));
    rig.run(40);
    expect(rig.done(slots[3])).toBe(true);
    expect(rig.kernel.translate(60, FAR)).toBeUndefined();
  });

  it("the complete space of root arrives with every page that root has, and no other", () => {
    const { rig, child } = family({ checkEvery: 5 });
    const received = accept(child, COMPLETE);
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), 0, COMPLETE | WRITE);
    rig.run(60);
    expect(rig.done(received)).toBe(true);
    for (let address = 0x40_0000; address < 0x44_0000; address += PAGE)
      expect(rig.kernel.translate(60, address)).toBe(address);
    expect(rig.kernel.translate(60, 0x44_0000)).toBeUndefined();
  });
});

describe("grant items", () => {
  it("move a page: the granter loses it, what derived from it stays", () => {
    const { rig, child } = family();
    const grandchild = rig.script();
    const heir = rig.script();
    accept(child, COMPLETE);
    send(child, idOf(61), FAR + PAGE, page(FAR, READ));
    send(child, idOf(62), FAR + 2 * PAGE, page(FAR, WRITE), true);
    accept(grandchild, COMPLETE);
    accept(heir, COMPLETE);
    rig.spawnSpace(61, idOf(51), grandchild);
    rig.spawnSpace(62, idOf(51), heir);
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), FAR, page(SCRATCH, WRITE));
    rig.run(40);
    expect(rig.kernel.translate(60, FAR)).toBeUndefined();
    expect(rig.kernel.translate(61, FAR + PAGE)).toBe(SCRATCH);
    expect(rig.kernel.translate(62, FAR + 2 * PAGE)).toBe(SCRATCH);
  });

  it("what derived from a page granted for reading only becomes read-only", () => {
    const { rig, child } = family();
    const grandchild = rig.script();
    const heir = rig.script();
    accept(child, COMPLETE);
    send(child, idOf(61), FAR, page(FAR, WRITE));
    send(child, idOf(62), FAR, page(FAR, READ), true);
    accept(grandchild, COMPLETE);
    accept(heir, COMPLETE);
    rig.spawnSpace(61, idOf(51), grandchild);
    rig.spawnSpace(62, idOf(51), heir);
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), FAR, page(SCRATCH, WRITE));
    rig.run(40);
    expect(rig.kernel.check()).toEqual([]);
    expect(rig.kernel.translate(62, FAR)).toBe(SCRATCH);
  });
});

describe("Unmap", () => {
  const unmap = (script: GuestScript, flexpage: number, flush: boolean): Slot =>
    script.call("Unmap", { eax: flush ? 0x40 : 0, esi: flexpage, ecx: 0x1234 });

  /** Root maps SCRATCH to 60 at FAR, which maps it to 61; then `then` adds root's next steps. */
  function chain(then: (root: GuestScript) => void, childThen: (child: GuestScript) => void = () => {}): Rig {
    const { rig, child } = family();
    const grandchild = rig.script();
    accept(child, COMPLETE);
    send(child, idOf(61), FAR, page(FAR, WRITE));
    childThen(child);
    accept(grandchild, COMPLETE);
    rig.spawnSpace(61, idOf(51), grandchild);
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), FAR, page(SCRATCH, WRITE));
    sleep(rig.root, 10_000);
    then(rig.root);
    rig.run(50);
    return rig;
  }

  it("takes all that was derived, not the caller's own page", () => {
    const rig = chain((root) => unmap(root, page(SCRATCH, WRITE), false));
    expect([60, 61].map((thread) => rig.kernel.translate(thread, FAR))).toEqual([undefined, undefined]);
    expect(rig.kernel.translate(50, SCRATCH)).toBe(SCRATCH);
  });

  it("by the one in the middle leaves the page above alone", () => {
    const rig = chain(
      () => {},
      (child) => unmap(child, page(FAR, WRITE), false),
    );
    expect([50, 60, 61].map((thread) => rig.kernel.translate(thread, thread === 50 ? SCRATCH : FAR))).toEqual([
      SCRATCH,
      SCRATCH,
      undefined,
    ]);
  });

  it("flush takes the caller's page too", () => {
    const rig = chain(
      () => {},
      (child) => unmap(child, page(FAR, WRITE), true),
    );
    expect([50, 60, 61].map((thread) => rig.kernel.translate(thread, thread === 50 ? SCRATCH : FAR))).toEqual([
      SCRATCH,
      undefined,
      undefined,
    ]);
  });

  it("of the right to write leaves the pages readable; revoking read alone does nothing", () => {
    const rig = chain((root) => {
      unmap(root, page(SCRATCH, 5), false);
      unmap(root, page(SCRATCH, 2), false);
    });
    expect([60, 61].map((thread) => rig.kernel.translate(thread, FAR))).toEqual([SCRATCH, SCRATCH]);
    // Nobody below can write any more, so nobody can map it writable.
    expect(rig.kernel.check()).toEqual([]);
  });

  it("returns reference bits, resets them, and preserves ECX", () => {
    const { rig, child } = family();
    accept(child, COMPLETE);
    child.peek(FAR);
    child.ipc(ROOT, ROOT);
    child.poke(FAR, 1);
    child.ipc(ROOT, ROOT);
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), FAR, page(SCRATCH, WRITE));
    rig.root.ipc(NIL, idOf(60));
    const read = unmap(rig.root, page(SCRATCH, 0), false);
    const nothing = unmap(rig.root, page(SCRATCH, 0), false);
    rig.root.ipc(idOf(60), idOf(60));
    const written = unmap(rig.root, page(SCRATCH, 0), false);
    rig.run(40);
    expect([read, nothing, written].map((slot) => rig.register(slot, "esi") & 7)).toEqual([5, 0, 7]);
    expect(rig.register(read, "ecx")).toBe(0x1234);
    expect(rig.mr(written, 0)).toBe(page(SCRATCH, 7));
  });

  it("returns what was kept of reference bits that one below has reset, once", () => {
    const { rig, child } = family();
    const grandchild = rig.script();
    accept(child, COMPLETE);
    send(child, idOf(61), FAR, page(FAR, WRITE));
    sleep(child, 5000);
    const kept = unmap(child, page(FAR, 0), false);
    accept(grandchild, COMPLETE);
    grandchild.peek(FAR);
    rig.spawnSpace(61, idOf(51), grandchild);
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), FAR, page(SCRATCH, WRITE));
    sleep(rig.root, 20_000);
    const first = unmap(rig.root, page(SCRATCH, 0), false);
    const second = unmap(rig.root, page(SCRATCH, 0), false);
    rig.run(60);
    expect([kept, first, second].map((slot) => rig.register(slot, "esi") & 7)).toEqual([5, 5, 0]);
  });

  it("of several flexpages, and of pages nobody has", () => {
    const { rig, child } = family();
    accept(child, page(FAR, 0, 14));
    rig.spawnSpace(60, idOf(51), child);
    send(rig.root, idOf(60), 0, page(SCRATCH, WRITE, 14));
    sleep(rig.root, 5000);
    rig.root.setMr(1, page(0x3000_0000, WRITE)).setMr(2, page(SCRATCH + 2 * PAGE, WRITE));
    rig.root.call("Unmap", { eax: 2, esi: page(SCRATCH, WRITE) });
    rig.run(40);
    expect([0, 1, 2, 3].map((i) => rig.kernel.translate(60, FAR + i * PAGE))).toEqual([
      undefined,
      SCRATCH + PAGE,
      undefined,
      SCRATCH + 3 * PAGE,
    ]);
  });

  it("of KIP and UTCB pages has no effect", () => {
    const rig = new Rig();
    const slots = [UTCB_BASE, KIP_BASE].map((address) => unmap(rig.root, page(address, WRITE), true));
    const after = rig.root.ipc(NIL, ANY, { timeouts: RECEIVE_ZERO });
    rig.run();
    expect(slots.every((slot) => rig.done(slot))).toBe(true);
    expect(rig.result(after).errorCode).toBe(3);
  });

  it("a page flushed and touched again comes back from sigma0", () => {
    const rig = new Rig();
    rig.root.poke(SCRATCH, 0x777);
    unmap(rig.root, page(SCRATCH, WRITE), true);
    const read = rig.root.peek(SCRATCH);
    rig.run();
    expect(rig.register(read, "eax")).toBe(0x777);
  });
});

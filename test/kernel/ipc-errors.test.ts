import { describe, expect, it } from "vitest";
import { ANY, ANY_LOCAL, NIL, period, RECEIVE_ZERO, SEND_ZERO } from "./support/guest-script.ts";
import { idOf, Rig, ROOT } from "./support/rig.ts";

/** Register results of failing IPCs, as measured on L4Ka::Pistachio. Caller: the root task. */
describe("Ipc that fails", () => {
  it("to a thread that does not exist: send phase, non-existing", () => {
    const rig = new Rig();
    const slot = rig.root.ipc(idOf(60), NIL, { tag: 0x12_0000 });
    rig.run();
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 4 });
    expect(rig.register(slot, "esi")).toBe(0x8000);
    expect(rig.register(slot, "edi")).toBe(0xbf00_0100);
  });

  it("to a thread of another version: does not exist either", () => {
    const rig = new Rig();
    const slot = rig.root.ipc(idOf(48, 2), NIL);
    rig.run();
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 4 });
  });

  it("closed receive from a thread that does not exist", () => {
    const rig = new Rig();
    const slot = rig.root.ipc(NIL, idOf(60));
    rig.run();
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 5 });
  });

  it("open receive with timeout zero", () => {
    const rig = new Rig();
    const slot = rig.root.ipc(NIL, ANY, { timeouts: RECEIVE_ZERO });
    rig.run();
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 3 });
  });

  it.each([
    ["from itself", ROOT],
    ["from anyone", ANY],
    ["from anyone in the space", ANY_LOCAL],
  ])("receive %s for 20 ms", (_name, from) => {
    const rig = new Rig();
    const slot = rig.root.ipc(NIL, from, { timeouts: period(20_000) });
    rig.run(15);
    expect(rig.done(slot)).toBe(false);
    rig.run(15);
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 3 });
  });

  it("neither partner: nothing happens", () => {
    const rig = new Rig();
    const slot = rig.root.ipc(NIL, NIL, { tag: 0x12_0000 });
    rig.run();
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x12_0000, errorCode: 0 });
  });

  it("to itself: times out at once, or after blocking with its own tag", () => {
    const rig = new Rig();
    const zero = rig.root.ipc(ROOT, NIL, { timeouts: SEND_ZERO, tag: 0x12_0000 });
    const later = rig.root.ipc(ROOT, NIL, { timeouts: period(20_000) << 16, tag: 0x12_0000 });
    rig.run(30);
    expect(rig.result(zero)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 2 });
    expect(rig.result(later)).toEqual({ eax: 0, mr0: 0x12_8000, errorCode: 2 });
  });

  it("with more words than there are message registers: overflow for the sender alone", () => {
    const rig = new Rig();
    const slot = rig.root.ipc(idOf(48), NIL, { tag: 60 | (10 << 6) });
    rig.run();
    expect(rig.result(slot)).toMatchObject({ eax: 0, errorCode: 8 });
  });

  it("with a time point as timeout: fails at once", () => {
    const rig = new Rig();
    const slot = rig.root.ipc(NIL, ANY, { timeouts: 0x8001 });
    rig.run();
    expect(rig.result(slot)).toEqual({ eax: 0, mr0: 0x8000, errorCode: 3 });
  });
});

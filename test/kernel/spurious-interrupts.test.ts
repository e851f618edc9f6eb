import { describe, expect, it } from "vitest";
import { Word } from "../../emulator/index.ts";
import { ANY, NIL, type Slot, UNCHANGED } from "./support/guest-script.ts";
import { idOf, Rig, ROOT } from "./support/rig.ts";

/**
 * A request that goes away between INTR and INTA: the 8259 gives the vector of its input 7 with nothing in service (Intel
 * 8259A data sheet, "the interrupt acknowledge sequence"). It is nobody's interrupt.
 */
describe("a spurious interrupt", () => {
  /** Root attaches a line and waits for its message; idle from then on. */
  function waiting(line: number): { rig: Rig; slot: Slot } {
    const rig = new Rig();
    const irq = idOf(line);
    rig.root.call("ThreadControl", { eax: irq, esi: irq, edx: NIL, ecx: ROOT, edi: UNCHANGED });
    const slot = rig.root.ipc(NIL, ANY);
    rig.run(5);
    expect(rig.kernel.currentThread()).toBeUndefined();
    expect(rig.kernel.thread(line)).toMatchObject({ state: "armed" });
    return { rig, slot };
  }

  /** The CPU has seen INTR already; the controllers have nothing for it any more. */
  function acknowledgeNothing({ machine }: Rig): void {
    machine.cpu.words[Word.InterruptLine] = 1;
    machine.cpu.requestAttention();
  }

  function vectors(rig: Rig): number[] {
    const seen: number[] = [];
    rig.machine.observe({ interrupt: (vector) => void seen.push(vector) });
    return seen;
  }

  const inService = (rig: Rig): unknown[] =>
    [rig.machine.pic.primary, rig.machine.pic.secondary].map((pic) => pic.saveState().isr);

  it("of the primary controller is no message, masks nothing, and gets no EOI", () => {
    const { rig, slot } = waiting(7);
    const seen = vectors(rig);
    const { primary } = rig.machine.pic;
    const masks = primary.saveState().imr;
    primary.setLine(7, true);
    primary.setLine(7, false);
    acknowledgeNothing(rig);
    rig.run(1);
    expect(seen).toContain(0x27);
    expect(rig.done(slot)).toBe(false);
    expect(rig.kernel.thread(7)).toMatchObject({ state: "armed" });
    expect(primary.saveState().imr).toBe(masks);
    expect(inService(rig)).toEqual([0, 0]);
    primary.setLine(7, true);
    rig.run(1);
    expect(rig.result(slot)).toMatchObject({ eax: idOf(7), mr0: 0xfff0_0000 });
  });

  it("of the secondary controller ends the cascade's service at the primary, and nothing else", () => {
    const { rig, slot } = waiting(15);
    const seen = vectors(rig);
    const { primary, secondary } = rig.machine.pic;
    // The secondary's request goes away after the primary has taken it.
    primary.setLine(2, true);
    rig.run(1);
    primary.setLine(2, false);
    expect(seen).toContain(0x2f);
    expect(rig.done(slot)).toBe(false);
    expect(rig.kernel.thread(15)).toMatchObject({ state: "armed" });
    // Line 2 left in service would keep every line of the secondary out.
    expect(inService(rig)).toEqual([0, 0]);
    secondary.setLine(7, true);
    rig.run(1);
    expect(rig.result(slot)).toMatchObject({ eax: idOf(15), mr0: 0xfff0_0000 });
    expect(inService(rig)).toEqual([0, 0]);
  });
});

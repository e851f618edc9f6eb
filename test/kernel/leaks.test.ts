import { describe, expect, it } from "vitest";
import { GLOBALS, memoryMap, SPACE } from "../../kernel/memory-map.ts";
import { NIL, period, Tcr, UNCHANGED } from "./support/guest-script.ts";
import { idOf, Rig, SCRATCH, SIGMA0 } from "./support/rig.ts";

/** Whatever a space was given, its deletion gives back: pages, mapping nodes, I/O bitmaps. */
describe("deleting a space", () => {
  it("a hundred times leaves as much kernel memory as before", () => {
    const MEMORY = 12 << 20;
    const rig = new Rig({ memoryBytes: MEMORY, checkEvery: 25 });
    rig.startPager();
    const child = rig.script();
    for (let page = 0; page < 4; page++) child.poke(SCRATCH + 0x1000 * page, 1);
    child.setTcr(Tcr.bufferRegister0, 0x10);
    child.callOnly("Ipc", { eax: NIL, edx: idOf(50), ecx: 0, esi: 0 });
    child.spin();
    // Root gets the port from sigma0 by touching it: mov edx, 0x3f8; in al, dx.
    rig.root.raw(0xba, 0xf8, 3, 0, 0, 0xec);
    const loop = rig.root.code.here;
    rig.spawnSpace(60, idOf(51), child);
    rig.root.ipc(NIL, SIGMA0, { timeouts: period(1) });
    // A serial port for the child: two bitmap pages of its own, and their table.
    rig.root.setMr(1, 8).setMr(2, ((0x3f8 << 16) | (3 << 10) | (2 << 4) | 7) >>> 0);
    rig.root.ipc(idOf(60), NIL, { tag: 0x80, timeouts: 0x0400_0000 });
    rig.root.call("ThreadControl", { eax: idOf(60), esi: NIL, edx: NIL, ecx: NIL, edi: UNCHANGED });
    rig.root
      .raw(0xff, 0x05)
      .code.word(SCRATCH + 0x4000)
      .jump(loop);
    const map = memoryMap(MEMORY, 2 << 20);
    const free = (): number[] => [
      rig.word(map.globals + GLOBALS.at.freePageCount),
      rig.word(map.globals + GLOBALS.at.freeNodeCount),
    ];
    rig.boot();
    const seen: number[][] = [];
    let bitmaps = 0;
    rig.machine.observe({
      portalLeave: () => {
        const child = rig.kernel.thread(60);
        if (rig.word(SCRATCH + 0x4000) > 0 && child === undefined) seen.push(free());
        if (child !== undefined && rig.word(map.spaces + SPACE.bytes * child.space + SPACE.at.ioBitmap) !== 0)
          bitmaps++;
      },
    });
    while (rig.word(SCRATCH + 0x4000) < 100) rig.run(1);
    expect(rig.kernel.check()).toEqual([]);
    expect(seen.length).toBeGreaterThan(90);
    expect(bitmaps).toBeGreaterThan(90);
    expect(new Set(seen.map(String)).size).toBe(1);
    const deleted = rig.kernel.accounts().deleted;
    expect(deleted.instructions).toBeGreaterThan(100 * 8);
  });
});

import { describe, expect, it } from "vitest";
import { GLOBALS, MAPPING_NODE, memoryMap, POOL_PAGE, SPACE } from "../../kernel/memory-map.ts";
import { TCB, TCB_BYTES } from "../../kernel/tcb-layout.ts";
import { ANY, NIL } from "./support/guest-script.ts";
import { idOf, Rig, ROOT, SCRATCH, UTCB_BASE } from "./support/rig.ts";

/** The checker finds what it is there to find, and the owner map knows every word. */

const MEMORY = 12 << 20;
const MAP = memoryMap(MEMORY, 2 << 20);
const tcb = (threadNo: number): number => MAP.tcbs + threadNo * TCB_BYTES;

const rig = new Rig({ memoryBytes: MEMORY });
rig.startPager();
const child = rig.script();
child.poke(SCRATCH, 1);
child.ipc(ROOT, NIL);
const [sender, runner] = [rig.script(), rig.script()];
sender.ipc(ROOT, NIL, { timeouts: 0x7fff_0000 });
runner.spin();
rig.spawn(60, 2, sender);
rig.spawn(61, 3, runner);
rig.spawnSpace(62, idOf(51), child);
rig.root.ipc(NIL, idOf(61));
rig.run(30);
const snapshot = rig.machine.snapshot();
const nodeOfScratch = rig.word(MAP.frames + 4 * (SCRATCH / 4096));
const node = (index: number): number => MAP.nodes + index * MAPPING_NODE.bytes;
const directory = (space: number): number => rig.word(MAP.spaces + space * SPACE.bytes + SPACE.at.pageDirectory);
const pteOf = (space: number, virtual: number): number =>
  ((rig.word(directory(space) + (virtual >>> 22) * 4) & ~0xfff) >>> 0) + ((virtual >>> 10) & 0xffc);

describe("the checker", () => {
  it("finds nothing wrong with a kernel that runs", () => {
    expect(rig.kernel.check()).toEqual([]);
    expect(rig.kernel.thread(60)).toMatchObject({ state: "polling", partner: ROOT });
    expect(nodeOfScratch).toBeGreaterThan(0);
  });

  it.each([
    ["a thread's id", () => tcb(60), () => idOf(61), /thread 60 has the id/],
    ["a ready thread in no list", () => tcb(61) + TCB.at.readyNext, () => 0, /ready but in no ready list/],
    ["a ready list's back link", () => tcb(61) + TCB.at.readyPrevious, () => tcb(50), /ready list/],
    ["the ready bitmap", () => MAP.globals + GLOBALS.at.readyBitmap + 12, () => 0, /bitmap/],
    ["a priority", () => tcb(61) + TCB.at.priority, () => 101, /ready list/],
    ["a send queue", () => tcb(50) + TCB.at.sendQueueHead, () => 0, /poll/],
    ["a polling thread's receiver", () => tcb(60) + TCB.at.sendTo, () => tcb(51), /polls on another/],
    ["the wakeup list", () => MAP.globals + GLOBALS.at.wakeupHead, () => 0, /wakeup list/],
    ["the current thread", () => MAP.globals + GLOBALS.at.current, () => tcb(50), /current thread 50 is not ready/],
    ["idling although a thread is ready", () => MAP.globals + GLOBALS.at.current, () => 0, /idles/],
    ["a thread's space", () => tcb(60) + TCB.at.space, () => MAP.spaces + 5 * SPACE.bytes, /no space/],
    [
      "a space's thread count",
      () => MAP.spaces + SPACE.bytes + SPACE.at.threadCount,
      () => 9,
      /thread list of space 1/,
    ],
    [
      "two threads with one UTCB",
      () => tcb(60) + TCB.at.utcbPhysical,
      () => rig.word(tcb(61) + TCB.at.utcbPhysical),
      /share a UTCB/,
    ],
    ["kernel memory shown to users", () => pteOf(2, SCRATCH), () => MAP.tcbs | 7, /shows kernel memory/],
    ["a frame mapped behind the tree's back", () => pteOf(2, SCRATCH), () => 0x40_0007, /by its tree alone/],
    ["a page in no tree", () => pteOf(2, SCRATCH + 0x1000), () => 0x40_0007, /in no mapping tree/],
    ["a writable KIP", () => pteOf(1, 0xbff0_0000), () => MAP.kip | 0x207, /the KIP/],
    [
      "another's UTCB page",
      () => pteOf(2, UTCB_BASE),
      () => rig.word(pteOf(1, UTCB_BASE)),
      /no UTCB page of the space/,
    ],
    ["a mapping node's depth", () => node(nodeOfScratch) + MAPPING_NODE.at.depth, () => 7, /depth/],
    ["a mapping node's frame", () => node(nodeOfScratch) + MAPPING_NODE.at.frame, () => 1, /list of/],
    ["the free node list", () => MAP.globals + GLOBALS.at.freeNode, () => 0, /mapping nodes/],
    ["the page pool", () => MAP.globals + GLOBALS.at.freePage, () => 0, /pool pages/],
    ["a pool page's space", () => MAP.poolPages + POOL_PAGE.at.space, () => 4, /no space/],
    ["the kernel window made user memory", () => directory(2) + 0x3c0 * 4, () => 0xe7, /kernel window/],
    ["an extra entry in the kernel area", () => directory(2) + 0x310 * 4, () => 0x40_0007, /directory entry 784/],
    ["the %gs page writable", () => MAP.sharedPrivateTable, () => MAP.gsPage | 7, /%gs page/],
    ["the TSS shown to users", () => MAP.sharedPrivateTable + 4, () => MAP.tssPage | 7, /kernel memory to users/],
    [
      "a page table of another space",
      () => directory(2) + (SCRATCH >>> 22) * 4,
      () => rig.word(directory(1) + (SCRATCH >>> 22) * 4),
      /directory entry/,
    ],
  ] as [string, () => number, () => number, RegExp][])("finds %s", (_name, address, value, sentence) => {
    rig.machine.restore(snapshot);
    const at = address();
    const wanted = value();
    expect(rig.word(at)).not.toBe(wanted);
    rig.machine.memory.write32(at, wanted);
    expect(rig.kernel.check().join("\n")).toMatch(sentence);
  });

  it("finds a page that is writable although it was mapped from a read-only one", () => {
    rig.machine.restore(snapshot);
    const parent = pteOf(1, SCRATCH);
    rig.machine.memory.write32(parent, rig.word(parent) & ~2);
    expect(rig.kernel.check().join("\n")).toMatch(/is writable, what it was mapped from is not/);
  });
});

describe("owners", () => {
  it("every word of RAM has exactly one, with a name", () => {
    rig.machine.restore(snapshot);
    const kinds = new Map<string, number>();
    for (let physical = 0; physical < MEMORY; physical += 4096 / 4) {
      const { kind, name } = rig.kernel.owner(physical);
      expect(name).not.toBe("");
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    expect([...kinds.keys()].sort()).toEqual(["free", "kernel", "page-table", "user", "utcb"]);
  });

  it.each([
    ["a TCB field", () => tcb(60) + TCB.at.esi, { kind: "kernel", name: "tcb 60", field: "esi", thread: idOf(60) }],
    [
      "an array element",
      () => MAP.globals + GLOBALS.at.readyHead + 4 * 100,
      { name: "ready queue", field: "readyHead[100]" },
    ],
    ["a mapping node", () => node(3) + MAPPING_NODE.at.depth, { name: "mapping node 3", field: "depth" }],
    ["a page table", () => pteOf(2, SCRATCH), { kind: "page-table", space: 2 }],
    [
      "a UTCB word",
      () => rig.word(tcb(60) + TCB.at.utcbPhysical) + 0x104,
      { kind: "utcb", thread: idOf(60), field: "messageRegisters[1]", virtual: UTCB_BASE + 0x504 },
    ],
    [
      "a shared frame: the one at the end of the chain",
      () => SCRATCH + 8,
      { kind: "user", space: 2, spaces: [1, 2], virtual: SCRATCH + 8 },
    ],
    ["sigma0's own memory", () => 0x2_0000, { kind: "user", space: 0 }],
    ["memory nobody has", () => 0x60_0000, { kind: "free" }],
    ["the TSS", () => MAP.tss + 4, { name: "TSS", field: "esp0" }],
    ["the portal page", () => MAP.portal, { name: "portal page" }],
  ] as [string, () => number, object][])("%s", (_name, physical, owner) => {
    rig.machine.restore(snapshot);
    expect(rig.kernel.owner(physical())).toMatchObject(owner);
  });

  it("outside RAM there is none", () => {
    expect(() => rig.kernel.owner(MEMORY)).toThrow(RangeError);
  });

  it("virtual addresses of a frame by thread", () => {
    rig.machine.restore(snapshot);
    expect(rig.kernel.virtualAddresses(62, SCRATCH + 5)).toEqual([SCRATCH + 5]);
    expect(rig.kernel.virtualAddresses(62, 0x60_0000)).toEqual([]);
    expect(rig.kernel.virtualAddresses(48, 0x2_0004)).toEqual([0x2_0004]);
  });

  it("registers of a thread that waits are words of its TCB; of the running one, words of the CPU", () => {
    rig.machine.restore(snapshot);
    expect(rig.kernel.currentThread()).toBe(idOf(61));
    expect(rig.kernel.registerLocation(61, "eip")).toMatchObject({ where: "cpu" });
    expect(rig.kernel.registerLocation(60, "edi")).toEqual({ where: "memory", physical: tcb(60) + TCB.at.edi });
    expect(rig.kernel.registerLocation(99, "eax")).toBeUndefined();
    expect(rig.kernel.thread(idOf(61, 2))).toBeUndefined();
    expect(rig.kernel.thread(ANY)).toBeUndefined();
  });
});

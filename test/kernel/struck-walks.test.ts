import { describe, expect, it } from "vitest";
import { KernelContext } from "../../kernel/context.ts";
import { unmapFlexpage } from "../../kernel/mapping.ts";
import { frameNodes } from "../../kernel/mapping-database.ts";
import { MAPPING_NODE, MappingNode, memoryMap, Space } from "../../kernel/memory-map.ts";
import { entryAddress, Pte } from "../../kernel/page-table.ts";
import { copyString, type Sides, Step } from "../../kernel/string-transfer.ts";
import { Tcb } from "../../kernel/tcb-layout.ts";
import { bufferRegister, messageRegister } from "../../kernel/utcb.ts";
import { ANY, type GuestScript, NIL, Tcr } from "./support/guest-script.ts";
import { idOf, Rig, SCRATCH } from "./support/rig.ts";

/** Lists bent into rings and cursors that go back: the kernel's walks over them end in a panic, never in a loop of the host. */

const MEMORY = 12 << 20;
const MAP = memoryMap(MEMORY, 2 << 20);
const FAR = 0x2000_0000;
const PAGE = 4096;
const page = (address: number, rights: number): number => (address | (12 << 4) | rights) >>> 0;
const WRITE = 2;

/** Root has mapped SCRATCH to 60 at FAR, and 60 to 61 at FAR. */
function chain(): { rig: Rig; k: KernelContext; nodes: number[] } {
  const rig = new Rig({ memoryBytes: MEMORY, checkEvery: 0 });
  rig.startPager();
  const [child, grandchild] = [rig.script(), rig.script()];
  const send = (script: GuestScript, to: number, flexpage: number): void => {
    script.setMr(1, FAR | 8).setMr(2, flexpage);
    script.ipc(idOf(to), NIL, { tag: 0x80 });
  };
  for (const script of [child, grandchild]) {
    script.setTcr(Tcr.bufferRegister0, 0x10);
    script.ipc(NIL, ANY);
  }
  send(child, 61, page(FAR, 7));
  rig.spawnSpace(61, idOf(51), grandchild);
  rig.spawnSpace(60, idOf(51), child);
  send(rig.root, 60, page(SCRATCH, 7));
  rig.run(50);
  const k = new KernelContext(rig.machine, MAP);
  const nodes = frameNodes(k, SCRATCH / PAGE);
  expect(nodes.length).toBe(3);
  return { rig, k, nodes };
}

/** 60 is about to send 8 KiB from FAR to 61's FAR. */
function copying(): { k: KernelContext; sides: Sides } {
  const { k } = chain();
  const [sender, receiver] = [k.tcbOfNumber(60), k.tcbOfNumber(61)];
  const sides: Sides = {
    sender,
    senderSpace: k.spaceOf(sender),
    receiverSpace: k.spaceOf(receiver),
    from: k.utcbOf(sender) + messageRegister(0),
    to: k.utcbOf(receiver) + messageRegister(0),
    buffers: k.utcbOf(receiver),
    end: 3,
  };
  // MR1, MR2: 8 KiB from FAR; BR1, BR2: 8 KiB to FAR.
  for (const [at, words] of [
    [sides.from + 4, [(2 * PAGE) << 10, FAR]],
    [sides.buffers + bufferRegister(1), [(2 * PAGE) << 10]],
    [sides.buffers + bufferRegister(2), [FAR]],
  ] as const)
    words.forEach((word, i) => {
      k.store(at + 4 * i, word);
    });
  k.store(sender + Tcb.sourceDescriptor, 1);
  k.store(sender + Tcb.bufferDescriptor, 1);
  for (const offset of [Tcb.sourceSubstring, Tcb.sourceOffset, Tcb.bufferSubstring, Tcb.bufferOffset])
    k.store(sender + offset, 0);
  return { k, sides };
}

describe("broken structures without end", () => {
  it("a mapping tree bent into a ring: revoking a right panics, and inspection tells each mapping once", () => {
    const { rig, k, nodes } = chain();
    const field = (node: number, offset: number): number => MAP.nodes + node * MAPPING_NODE.bytes + offset;
    k.store(field(nodes[2]!, MappingNode.next), nodes[1]!);
    const root = k.load(k.tcbOfNumber(50) + Tcb.space);
    expect(() => unmapFlexpage(k, root, page(SCRATCH, WRITE), false)).toThrow("mapping list of frame");
    expect(frameNodes(k, SCRATCH / PAGE)).toEqual(nodes);
    expect(rig.kernel.owner(SCRATCH)).toMatchObject({ kind: "user" });
    expect(rig.kernel.check().join("\n")).toContain("does not end");
  });

  it("a string copied over its own cursor, by a page table that leads into the sender's TCB: panics when the cursor goes back", () => {
    const { k, sides } = copying();
    const { sender } = sides;
    // What is copied is the TCB's own page, but for cursors that lie a page back.
    const frame = sender - (sender % PAGE);
    k.memory.writeBytes(SCRATCH, k.memory.readBytes(frame, PAGE));
    for (const offset of [Tcb.sourceOffset, Tcb.bufferOffset]) k.store(SCRATCH + (sender % PAGE) + offset, -PAGE);
    k.store(entryAddress(k, sides.receiverSpace, FAR), frame | Pte.Present | Pte.Writable | Pte.User);
    expect(() => copyString(k, sides)).toThrow("of thread 60 goes back");
  });
});

describe("a copy through struck paging entries", () => {
  const at = (k: KernelContext, space: number): number => k.load(space + Space.pageDirectory) + 4 * (FAR >>> 22);

  it.each([
    ["U/S", Pte.User],
    ["R/W", Pte.Writable],
    ["P", Pte.Present],
    ["PS", Pte.PageSize],
  ])("asks for the page where the MMU would fault: bit %s of either entry", (_name, bit) => {
    for (const entry of ["table", "directory"] as const) {
      const { k, sides } = copying();
      const space = sides.receiverSpace;
      const address = entry === "table" ? entryAddress(k, space, FAR) : at(k, space);
      k.store(address, k.load(address) ^ bit);
      expect(copyString(k, sides)).toBe(Step.ReceiverFault);
      expect(k.load(sides.sender + Tcb.faultAddress)).toBe(FAR);
    }
  });
});

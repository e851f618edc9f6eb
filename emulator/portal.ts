import type { Cpu } from "./cpu/cpu.ts";
import { Word } from "./cpu/state.ts";
import { EventKind } from "./event-log.ts";
import { PAGE_SHIFT, PageFlag } from "./memory/layout.ts";

/** Called with the offset in the page of the instruction that was fetched. */
export type PortalHandler = (offset: number) => void;

/**
 * Portal pages: physical pages in which an instruction fetched at CPL 0 is not decoded but answered by the embedder.
 *
 * The handler runs between two instructions. It works on guest memory and CPU state and leaves EIP where the CPU shall
 * go on, usually by `interruptReturn(cpu, 4)`. A call counts as one retired instruction. At other privilege levels the page is
 * memory like any other.
 */
export class Portals {
  private readonly cpu: Cpu;
  private readonly handlers = new Map<number, PortalHandler>();

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    cpu.enterPortal = (physical) => this.enter(physical);
  }

  /** Makes the page at physical address `physicalPage` (4 KiB aligned, in RAM) a portal. */
  register(physicalPage: number, handler: PortalHandler): void {
    const page = physicalPage >>> PAGE_SHIFT;
    if (page << PAGE_SHIFT !== physicalPage || page >= this.cpu.memory.pageCount)
      throw new RangeError(`portal page 0x${physicalPage.toString(16)} is not a page of RAM`);
    this.handlers.set(page, handler);
    this.cpu.memory.forgetCode(page);
    this.cpu.memory.setPageFlags(page, PageFlag.Portal);
  }

  private enter(physical: number): void {
    const { cpu } = this;
    const handler = this.handlers.get(physical >>> PAGE_SHIFT);
    if (handler === undefined)
      throw new Error(`page of 0x${physical.toString(16)} is flagged as a portal but has no handler`);
    cpu.words[Word.InterruptShadow] = 0;
    cpu.eventLog.record(EventKind.PortalEntry, physical, 0);
    if (cpu.watch.events) cpu.watch.portalEnter(physical);
    cpu.inPortal = true;
    try {
      handler(physical & 0xfff);
    } finally {
      cpu.inPortal = false;
    }
    if (cpu.watch.events) cpu.watch.portalLeave(physical);
    cpu.requestAttention();
  }
}

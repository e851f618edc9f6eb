import type { KernelContext } from "./context.ts";
import { gateOffset } from "./entry.ts";
import { IPC_VECTOR, SYSTEM_CALL_VECTOR } from "./kip.ts";
import { GS_LINEAR, KERNEL_WINDOW, TSS_LIMIT, TSS_LINEAR } from "./memory-map.ts";
import { Selector } from "./tcb.ts";

/** The GDT and the IDT (Intel SDM vol. 3, 3.4.5 and 6.11; ABI 1.1 and 1.2). */

/** Access bytes; accessed is set beforehand, so that loading never writes the table. */
const enum Access {
  KernelCode = 0x9b,
  KernelData = 0x93,
  UserCode = 0xfb,
  UserData = 0xf3,
  AvailableTss = 0x89,
  InterruptGate = 0x8e,
  UserInterruptGate = 0xee,
}

/** Bits 52-55: 4 KiB granularity, 32-bit. */
const enum Size {
  Bytes16 = 0x0,
  Bytes32 = 0x4,
  Pages32 = 0xc,
}

export function writeDescriptorTables(k: KernelContext): void {
  writeSegment(k, Selector.KernelCode, 0, 0xfffff, Access.KernelCode, Size.Pages32);
  writeSegment(k, Selector.KernelData, 0, 0xfffff, Access.KernelData, Size.Pages32);
  writeSegment(k, Selector.UserCode, 0, 0xfffff, Access.UserCode, Size.Pages32);
  writeSegment(k, Selector.UserData, 0, 0xfffff, Access.UserData, Size.Pages32);
  writeSegment(k, Selector.UserGs, GS_LINEAR, 3, Access.UserData, Size.Bytes32);
  writeSegment(k, Selector.Tss, TSS_LINEAR, TSS_LIMIT, Access.AvailableTss, Size.Bytes16);
  for (let vector = 0; vector < 256; vector++) {
    const user = vector === IPC_VECTOR || vector === SYSTEM_CALL_VECTOR;
    writeGate(k, vector, user ? Access.UserInterruptGate : Access.InterruptGate);
  }
}

function writeSegment(
  k: KernelContext,
  selector: number,
  base: number,
  limit: number,
  access: Access,
  size: Size,
): void {
  const entry = k.map.gdt + (selector & ~7);
  k.store(entry, (limit & 0xffff) | (base << 16));
  k.store(entry + 4, (base & 0xff00_0000) | (size << 20) | (limit & 0xf_0000) | (access << 8) | ((base >>> 16) & 0xff));
}

function writeGate(k: KernelContext, vector: number, access: Access): void {
  const entry = k.map.idt + 8 * vector;
  const target = KERNEL_WINDOW + k.map.portal + gateOffset(vector);
  k.store(entry, (Selector.KernelCode << 16) | (target & 0xffff));
  k.store(entry + 4, (target & 0xffff_0000) | (access << 8));
}

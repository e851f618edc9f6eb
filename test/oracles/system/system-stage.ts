/**
 * The stage of system cases: the user stage (../stage.ts), and everything that a processor reads on its own behalf: page
 * directory and tables, descriptor tables, TSS, inner stacks. All of it is memory that a case may patch and whose
 * changes are part of the outcome, so accessed, dirty and busy bits and pushed frames are compared too.
 *
 * Physical addresses start at BASE; `monitor.c` has the same numbers. A supervisor window maps them at WINDOW.
 */
import { encodeDescriptor, LOCAL_DESCRIPTORS, PAGE_BYTES, STAGE_BACKGROUND, STAGE_PAGES } from "../stage.ts";

export const BASE = 0x0200_0000;
export const WINDOW = 0xc000_0000;

/** Offsets from BASE and from WINDOW. */
export const enum Offset {
  Directory = 0x0000,
  /** Page table of linear 0 to 4 MiB, 4 to 8 MiB, the window, and 12 to 16 MiB. */
  LowTable = 0x1000,
  HighTable = 0x2000,
  WindowTable = 0x3000,
  Gdt = 0x4000,
  Idt = 0x5000,
  Tss = 0x6000,
  Ldt = 0x7000,
  /** Stack of level 0; its top is in the TSS. */
  KernelStack = 0x8000,
  /** Stack of level 1. */
  InnerStack = 0x9000,
  /** One handler per vector; not part of the outcome. */
  Handlers = 0xa000,
  ExtraTable = 0xb000,
  /** Pages of the user stage follow, every other page; then the target of the paging cases. */
  Stage = 0x20000,
  Target = 0x40000,
  End = 0x50000,
}

export const STAGE_STRIDE = 0x2000;
export const HANDLER_BYTES = 16;

/** A page whose table entry the paging cases change, in a 4 MiB region of its own. */
export const TARGET = 0x00c0_0000;
/** Linear address at which a 4 MiB page maps BASE and what follows. */
export const LARGE = 0x0080_0000;

export const KERNEL_CODE = 0x10;
export const KERNEL_DATA = 0x18;
export const TSS_SELECTOR = 0x40;
export const LDT_SELECTOR = 0x50;
/** Free for cases: gates and descriptors of all sorts. */
export const FREE_SELECTOR = 0x60;

/** PE, MP, ET, NE, WP, AM, PG. */
export const SYSTEM_CR0 = 0x8005_0033;

export const enum PageBit {
  Present = 1,
  Writable = 2,
  User = 4,
  Accessed = 0x20,
  Dirty = 0x40,
  Large = 0x80,
}

/** Entries that the processor and the monitor use anyway: their accessed and dirty bits are set from the start. */
const SUPERVISOR_USED = PageBit.Present | PageBit.Writable | PageBit.Accessed | PageBit.Dirty;
const USER = PageBit.Present | PageBit.Writable | PageBit.User;

export interface SystemPage {
  /** How cases name the page. */
  readonly linear: number;
  readonly physical: number;
  readonly bytes: Uint8Array;
}

function page(offset: Offset, fill: (view: DataView) => void): SystemPage {
  const bytes = new Uint8Array(PAGE_BYTES);
  fill(new DataView(bytes.buffer));
  return { linear: WINDOW + offset, physical: BASE + offset, bytes };
}

function stagePhysical(index: number): number {
  return BASE + Offset.Stage + index * STAGE_STRIDE;
}

function fillDirectory(view: DataView): void {
  view.setUint32(0, (BASE + Offset.LowTable) | USER | PageBit.Accessed, true);
  view.setUint32(4, (BASE + Offset.HighTable) | USER | PageBit.Accessed, true);
  view.setUint32(8, BASE | USER | PageBit.Large, true);
  view.setUint32(12, (BASE + Offset.ExtraTable) | USER, true);
  view.setUint32((WINDOW >>> 22) * 4, (BASE + Offset.WindowTable) | SUPERVISOR_USED, true);
}

function fillStageTable(low: boolean): (view: DataView) => void {
  return (view) => {
    // The monitor runs at its physical address, from 1 MiB on.
    if (low) for (let i = 0x100; i < 0x1c0; i++) view.setUint32(i * 4, (i * PAGE_BYTES) | SUPERVISOR_USED, true);
    STAGE_PAGES.forEach(({ address, code, writable }, i) => {
      if (address < 0x40_0000 !== low) return;
      const accessed = code ? PageBit.Accessed : 0;
      const rights = writable ? USER : USER & ~PageBit.Writable;
      view.setUint32(((address >>> 12) & 0x3ff) * 4, stagePhysical(i) | rights | accessed, true);
    });
  };
}

function fillWindowTable(view: DataView): void {
  for (let i = 0; i < Offset.End / PAGE_BYTES; i++) {
    const stack = i * PAGE_BYTES === Offset.KernelStack || i * PAGE_BYTES === Offset.InnerStack;
    view.setUint32(
      i * 4,
      (BASE + i * PAGE_BYTES) | (stack ? PageBit.Present | PageBit.Writable : SUPERVISOR_USED),
      true,
    );
  }
}

function put(view: DataView, offset: number, bytes: Uint8Array): void {
  new Uint8Array(view.buffer).set(bytes, offset);
}

function fillGdt(view: DataView): void {
  const flat = (selector: number, access: number): void => {
    put(view, selector, encodeDescriptor({ base: 0, limit: 0xffff_ffff, access, big: true }, true));
  };
  flat(0x08, 0x9b);
  flat(KERNEL_CODE, 0x9b);
  flat(KERNEL_DATA, 0x93);
  flat(0x20, 0xfb);
  flat(0x28, 0xf3);
  const system = (selector: number, offset: Offset, limit: number, access: number): void => {
    put(view, selector, encodeDescriptor({ base: WINDOW + offset, limit, access, big: false }));
  };
  system(TSS_SELECTOR, Offset.Tss, 0x67, 0x8b);
  system(LDT_SELECTOR, Offset.Ldt, 11 * 8 - 1, 0x82);
}

/** The eight bytes of a gate. */
export function encodeGate(selector: number, offset: number, access: number, parameters = 0): Uint8Array {
  return Uint8Array.of(
    offset,
    offset >>> 8,
    selector,
    selector >>> 8,
    parameters,
    access,
    offset >>> 16,
    offset >>> 24,
  );
}

export function handlerOf(vector: number): number {
  return WINDOW + Offset.Handlers + vector * HANDLER_BYTES;
}

function fillIdt(view: DataView): void {
  for (let vector = 0; vector < 256; vector++) {
    const level = vector === 3 || vector === 4 ? 3 : 0;
    put(view, vector * 8, encodeGate(KERNEL_CODE, handlerOf(vector), 0x8e | (level << 5)));
  }
}

export const KERNEL_STACK_TOP = WINDOW + Offset.KernelStack + PAGE_BYTES;
export const INNER_STACK_TOP = WINDOW + Offset.InnerStack + PAGE_BYTES;

function fillTss(view: DataView): void {
  view.setUint32(4, KERNEL_STACK_TOP, true);
  view.setUint32(8, KERNEL_DATA, true);
  view.setUint32(12, INNER_STACK_TOP, true);
  view.setUint16(0x66, 0x68, true);
}

function fillLdt(view: DataView): void {
  for (const descriptor of LOCAL_DESCRIPTORS) put(view, descriptor.selector & ~7, encodeDescriptor(descriptor));
}

function fillExtraTable(view: DataView): void {
  view.setUint32(0, (BASE + Offset.Target) | USER, true);
}

/** Every page that a case may patch and whose changes are its outcome. */
export const SYSTEM_PAGES: readonly SystemPage[] = [
  page(Offset.Directory, fillDirectory),
  page(Offset.LowTable, fillStageTable(true)),
  page(Offset.HighTable, fillStageTable(false)),
  page(Offset.WindowTable, fillWindowTable),
  page(Offset.Gdt, fillGdt),
  page(Offset.Idt, fillIdt),
  page(Offset.Tss, fillTss),
  page(Offset.Ldt, fillLdt),
  page(Offset.KernelStack, () => undefined),
  page(Offset.InnerStack, () => undefined),
  page(Offset.ExtraTable, fillExtraTable),
  ...STAGE_PAGES.map(({ address }, i) => ({
    linear: address,
    physical: stagePhysical(i),
    bytes: STAGE_BACKGROUND[i] as Uint8Array,
  })),
  { linear: TARGET, physical: BASE + Offset.Target, bytes: new Uint8Array(PAGE_BYTES).fill(0xcc) },
];

/** Cases name physical memory outside the stage (its first GiB) by its address plus this; nothing is mapped there. */
export const PHYSICAL_NAMES = 0x8000_0000;

/** Physical address of what a case names by a linear one; undefined where nothing can be patched. */
export function physicalOf(linear: number): number | undefined {
  if (linear >= PHYSICAL_NAMES && linear < WINDOW) return linear - PHYSICAL_NAMES;
  for (const candidate of SYSTEM_PAGES) {
    if (linear >= candidate.linear && linear < candidate.linear + PAGE_BYTES)
      return candidate.physical + linear - candidate.linear;
  }
  return undefined;
}

/**
 * The stage on which every oracle plays the same case: which pages exist at which linear addresses, what they hold
 * before the case begins, and which segment descriptors a selector names. `native/harness.c` has the same numbers.
 *
 * All segments are flat except those of the local descriptor table; the selectors of the flat ones are those that
 * Linux gives a 32-bit program, because silicon plays its part inside one.
 */

export const PAGE_BYTES = 0x1000;

/** Data below 64 KiB, so that 16-bit addressing reaches it. */
export const LOW_DATA = 0x0000_1000;
/** Code below 64 KiB, so that a 16-bit jump can land in it; 0x3000 is not mapped. */
export const LOW_CODE = 0x0000_2000;
export const CODE = 0x0040_0000;
/** Two pages of data; the page before and the page after are not mapped. */
export const DATA = 0x0050_0000;
export const DATA_BYTES = 0x2000;
export const ABSENT = 0x0050_2000;
export const READ_ONLY = 0x0050_3000;
/** One page of stack with nothing mapped around it. */
export const STACK = 0x0060_0000;
export const STACK_TOP = STACK + 0x800;

export interface StagePage {
  readonly address: number;
  readonly code: boolean;
  readonly writable: boolean;
}

export const STAGE_PAGES: readonly StagePage[] = [
  { address: LOW_DATA, code: false, writable: true },
  { address: LOW_CODE, code: true, writable: true },
  { address: CODE, code: true, writable: true },
  { address: DATA, code: false, writable: true },
  { address: DATA + PAGE_BYTES, code: false, writable: true },
  { address: READ_ONLY, code: false, writable: false },
  { address: STACK, code: false, writable: true },
];

/** Code pages are full of INT3, so a snippet that runs past its end stops there. */
export const CODE_FILL = 0xcc;

/** The word at an aligned address of a data page before the case's own patches. */
export function backgroundWord(address: number): number {
  const hash = Math.imul(address, 0x9e37_79b1);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function pageBackground(page: StagePage): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  if (page.code) return bytes.fill(CODE_FILL);
  const view = new DataView(bytes.buffer);
  for (let offset = 0; offset < PAGE_BYTES; offset += 4) {
    view.setUint32(offset, backgroundWord(page.address + offset), true);
  }
  return bytes;
}

/** What each page of STAGE_PAGES holds before a case's patches, in that order. */
export const STAGE_BACKGROUND: readonly Uint8Array[] = STAGE_PAGES.map(pageBackground);

/** Selectors of the flat segments at privilege level 3. */
export const FLAT_CODE = 0x23;
export const FLAT_DATA = 0x2b;

/** Selectors of the local descriptor table (requested privilege level 3). */
export const enum LocalSelector {
  Data = 0x07,
  ReadOnlyData = 0x0f,
  ExpandDownData = 0x17,
  ExecuteOnlyCode = 0x1f,
  ReadableCode = 0x27,
  AbsentData = 0x37,
  Stack16 = 0x3f,
  LimitedStack = 0x47,
  Code16 = 0x4f,
  AbsentCode = 0x57,
}

export interface StageDescriptor {
  readonly selector: number;
  readonly base: number;
  /** Limit in bytes. */
  readonly limit: number;
  /** Access byte of the descriptor: present, DPL, S, type (Intel SDM vol. 3, 3.4.5). Linux sets the accessed bit. */
  readonly access: number;
  /** The D/B bit: 32-bit code, stack or upper bound. */
  readonly big: boolean;
}

export const LOCAL_DESCRIPTORS: readonly StageDescriptor[] = [
  { selector: LocalSelector.Data, base: DATA, limit: 0xfff, access: 0xf3, big: true },
  { selector: LocalSelector.ReadOnlyData, base: DATA, limit: 0xfff, access: 0xf1, big: true },
  { selector: LocalSelector.ExpandDownData, base: DATA, limit: 0x7ff, access: 0xf7, big: true },
  { selector: LocalSelector.ExecuteOnlyCode, base: CODE, limit: 0xfff, access: 0xf9, big: true },
  { selector: LocalSelector.ReadableCode, base: CODE, limit: 0xfff, access: 0xfb, big: true },
  { selector: LocalSelector.AbsentData, base: DATA, limit: 0xfff, access: 0x73, big: true },
  { selector: LocalSelector.Stack16, base: STACK, limit: 0xfff, access: 0xf3, big: false },
  { selector: LocalSelector.LimitedStack, base: STACK, limit: 0xfff, access: 0xf3, big: true },
  { selector: LocalSelector.Code16, base: CODE, limit: 0xfff, access: 0xfb, big: false },
  { selector: LocalSelector.AbsentCode, base: CODE, limit: 0xfff, access: 0x7b, big: true },
];

/** The eight bytes of a descriptor with byte granularity. */
export function encodeDescriptor(descriptor: Omit<StageDescriptor, "selector">, pageGranular = false): Uint8Array {
  const { base, access } = descriptor;
  const limit = pageGranular ? descriptor.limit >>> 12 : descriptor.limit;
  const flags = (descriptor.big ? 0x40 : 0) | (pageGranular ? 0x80 : 0) | ((limit >>> 16) & 0x0f);
  return Uint8Array.of(limit, limit >>> 8, base, base >>> 8, base >>> 16, access, flags, base >>> 24);
}

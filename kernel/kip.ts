import type { KernelContext } from "./context.ts";
import * as flexpage from "./flexpage.ts";
import { PAGE, THREAD_BITS, USER_AREA_END } from "./memory-map.ts";
import { defineStruct } from "./struct.ts";
import { SYSTEM_BASE, USER_BASE } from "./thread-id.ts";

/**
 * The kernel interface page (X.2 manual, section 1.1; ABI 3) with the machine code of the system-call stubs. One physical
 * page, mapped for reading into every space.
 */

const enum Layout {
  ProcessorDescriptors = 0x120,
  KernelDescription = 0x130,
  MemoryDescriptors = 0x1a0,
  Stubs = 0x800,
  StubBytes = 0x20,
}

export const KIP = defineStruct(
  "kip",
  {
    magic: "word",
    apiVersion: "word",
    apiFlags: "word",
    kernelDescription: "word",
    debugger: ["word", 4],
    /** sp, ip, low, high (exclusive) of each initial server. */
    sigma0: ["word", 4],
    sigma1: ["word", 4],
    root: ["word", 4],
    reserved50: "padding",
    memoryInfo: "word",
    reserved58: ["padding", 4],
    reservedMemory: ["word", 4],
    dedicatedMemory: ["word", 10],
    reservedA0: ["padding", 2],
    utcbAreaInfo: "word",
    kipAreaInfo: "word",
    reservedB0: ["padding", 2],
    bootInfo: "word",
    processorDescriptors: "word",
    clockInfo: "word",
    threadInfo: "word",
    pageInfo: "word",
    processorInfo: "word",
    /** Offsets of the stubs in the order of the manual. */
    entries: ["word", 11],
    reservedFc: ["padding", 5],
    architecture: ["word", 4],
    processor: ["word", 4],
    kernelId: "word",
    kernelGenDate: "word",
    kernelVersion: "word",
    supplier: "word",
    versionString: ["word", 24],
    /** Two words for each memory descriptor. */
    memoryDescriptors: ["word", (Layout.Stubs - Layout.MemoryDescriptors) / 4],
    stubs: ["word", (PAGE - Layout.Stubs) / 4],
  },
  PAGE,
);
const Kip = KIP.at;

export const API_VERSION = 0x8405_0000;
export const API_FLAGS = 0;
export const KERNEL_ID = 0x0402_0000;

/** System calls in the order of the KIP's entries. */
export const enum SystemCall {
  SpaceControl = 0,
  ThreadControl = 1,
  ProcessorControl = 2,
  MemoryControl = 3,
  Ipc = 4,
  Lipc = 5,
  Unmap = 6,
  ExchangeRegisters = 7,
  SystemClock = 8,
  ThreadSwitch = 9,
  Schedule = 10,
  Count = 11,
}

/** Vectors of the two system-call gates. */
export const IPC_VECTOR = 0x30;
export const SYSTEM_CALL_VECTOR = 0x31;

function stubOffset(call: number): number {
  return Layout.Stubs + call * Layout.StubBytes;
}

/**
 * The system call whose stub has its INT 0x31 before offset `next` in the page, or -1. The trap instruction is the first
 * of those stubs.
 */
export function systemCallAt(next: number): number {
  const offset = next - 2 - Layout.Stubs;
  if (offset < 0 || offset % Layout.StubBytes !== 0) return -1;
  const call = offset / Layout.StubBytes;
  return call < SystemCall.Count ? call : -1;
}

/** INT 0x31; RET. */
const TRAP_STUB = [0xcd, SYSTEM_CALL_VECTOR, 0xc3];
/** POP EBX; INT 0x30: the kernel goes on at EBX, the caller's address, with MR1 in EBX (ABI 5.3). */
const IPC_STUB = [0x5b, 0xcd, IPC_VECTOR];

/**
 * SystemClock, all in user mode: EDX:EAX = time-stamp counter / clocks for each microsecond, by two divisions of 64 by 32
 * bits. Every other register is preserved.
 */
function clockStub(clocksPerMicrosecond: number): number[] {
  const immediate = [0, 8, 16, 24].map((shift) => (clocksPerMicrosecond >>> shift) & 0xff);
  return [
    0x51, // push ecx
    0x56, // push esi
    0x0f,
    0x31, // rdtsc
    0xb9,
    ...immediate, // mov ecx, clocks for each microsecond
    0x89,
    0xc6, // mov esi, eax
    0x89,
    0xd0, // mov eax, edx
    0x31,
    0xd2, // xor edx, edx
    0xf7,
    0xf1, // div ecx
    0x96, // xchg eax, esi
    0xf7,
    0xf1, // div ecx
    0x89,
    0xf2, // mov edx, esi
    0x5e, // pop esi
    0x59, // pop ecx
    0xc3, // ret
  ];
}

/** Types of memory descriptors, with the subtype in bits 4-7 (ABI 3.4). */
export const enum MemoryType {
  Conventional = 0x1,
  Reserved = 0x2,
  BootInformation = 0x1e,
  InitialServer = 0x2e,
  BootModule = 0x3e,
  BiosReserved = 0x2f,
  /** Conventional, and virtual. */
  UserArea = 0x201,
}

export interface MemoryDescriptor {
  readonly type: MemoryType;
  readonly low: number;
  /** Inclusive. */
  readonly high: number;
}

/** How many memory descriptors the page has room for. */
export const MEMORY_DESCRIPTOR_LIMIT = (Layout.Stubs - Layout.MemoryDescriptors) / 8;

/** Physical image of an initial server. */
export interface ServerImage {
  readonly entry: number;
  readonly low: number;
  /** Exclusive. */
  readonly high: number;
}

export interface KipContents {
  readonly sigma0: ServerImage;
  readonly root: ServerImage;
  readonly bootInfo: number;
  readonly memory: readonly MemoryDescriptor[];
  readonly coreHertz: number;
}

/** Builds the page. */
export function writeKip(k: KernelContext, contents: KipContents): void {
  const { kip } = k.map;
  const kilohertz = Math.floor(contents.coreHertz / 1000);
  k.memory.fill(kip, PAGE, 0);
  const put = (offset: number, ...words: number[]): void => {
    for (let i = 0; i < words.length; i++) k.store(kip + offset + 4 * i, words[i]);
  };
  put(Kip.magic, 0x4be6_344c, API_VERSION, API_FLAGS, Layout.KernelDescription);
  put(Kip.sigma0, 0, contents.sigma0.entry, contents.sigma0.low, contents.sigma0.high);
  put(Kip.root, 0, contents.root.entry, contents.root.low, contents.root.high);
  put(Kip.reservedMemory, k.map.base, k.map.memoryBytes);
  // m = 1, a = 9, s = 12: UTCBs of 512 bytes, areas of at least a page.
  put(Kip.utcbAreaInfo, 0x000c_2401, 0x0c);
  put(Kip.bootInfo, contents.bootInfo, Layout.ProcessorDescriptors, 0);
  put(Kip.threadInfo, THREAD_BITS | (SYSTEM_BASE << 8) | (USER_BASE << 20));
  // Pages of 4 KiB; read and write can be set apart, execute can't.
  put(Kip.pageInfo, 0x0000_1006);
  put(Kip.processorInfo, 0x4000_0000);
  put(Kip.processor, 0, kilohertz);
  put(Kip.kernelId, KERNEL_ID, 0, 0x0004_0000);
  writeText(k, kip + Kip.supplier, "Q86 ");
  const features = k.userIopl3 ? ["pagerexregs"] : ["pagerexregs", "ioflexpages"];
  writeText(k, kip + Kip.versionString, `${["quorum86 L4 X.2 kernel model", ...features].join("\0")}\0\0`);
  writeMemoryDescriptors(k, contents.memory);
  writeStubs(k, Math.max(1, Math.floor(kilohertz / 1000)));
}

function writeText(k: KernelContext, physical: number, text: string): void {
  for (let i = 0; i < text.length; i++) k.memory.write8(physical + i, text.charCodeAt(i));
}

function writeMemoryDescriptors(k: KernelContext, memory: readonly MemoryDescriptor[]): void {
  const all = [...memory, { type: MemoryType.UserArea, low: 0, high: USER_AREA_END - 1 }];
  k.store(k.map.kip + Kip.memoryInfo, all.length | (Layout.MemoryDescriptors << 16));
  all.forEach(({ type, low, high }, i) => {
    const address = k.map.kip + Kip.memoryDescriptors + 8 * i;
    k.store(address, flexpage.alignDown(low, 10) | type);
    k.store(address + 4, flexpage.alignDown(high, 10));
  });
}

function writeStubs(k: KernelContext, clocksPerMicrosecond: number): void {
  for (let call = 0; call < SystemCall.Count; call++) {
    let code = TRAP_STUB;
    if (call === SystemCall.Ipc || call === SystemCall.Lipc) code = IPC_STUB;
    if (call === SystemCall.SystemClock) code = clockStub(clocksPerMicrosecond);
    k.memory.writeBytes(k.map.kip + stubOffset(call), Uint8Array.from(code));
    k.store(k.map.kip + Kip.entries + 4 * call, stubOffset(call));
  }
}

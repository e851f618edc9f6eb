import {
  enterFlatProtectedMode,
  loadSegment,
  ltr,
  type Machine,
  SegmentRegister,
  Word,
  writeControlRegister,
} from "../emulator/index.ts";
import { type ElfFile, loadSegments, parseProgram } from "../emulator/loader/elf.ts";
import { type PlacedModule, writeBootInfo } from "./boot-info.ts";
import { KernelContext } from "./context.ts";
import { writeDescriptorTables } from "./descriptor-tables.ts";
import { BOOT_OFFSET } from "./entry.ts";
import * as flexpage from "./flexpage.ts";
import { KernelView } from "./inspect.ts";
import { writePrivateTable } from "./io-space.ts";
import { type BootModule, type BootOptions, type Kernel, KernelBootError } from "./kernel.ts";
import { MEMORY_DESCRIPTOR_LIMIT, type MemoryDescriptor, MemoryType, type ServerImage, writeKip } from "./kip.ts";
import { initialiseNodes } from "./mapping-database.ts";
import {
  defaultKernelMemory,
  GLOBALS_MAGIC,
  Globals,
  KERNEL_WINDOW,
  LEAST_KERNEL_MEMORY,
  memoryMap,
  PAGE,
  Space,
  WINDOW_BYTES,
} from "./memory-map.ts";
import { initialisePool } from "./page-pool.ts";
import { hex } from "./panic.ts";
import { initialisePic, initialiseTimer } from "./pic.ts";
import { KernelPortal } from "./portal.ts";
import { makeReady } from "./schedule.ts";
import { addThread, createSpace, initialiseSpace } from "./space.ts";
import { initialiseTcb, Selector } from "./tcb.ts";
import { Tcb } from "./tcb-layout.ts";
import { giveUtcb } from "./thread-control.ts";
import { globalId, NIL_THREAD, ROOT_NUMBER, SIGMA0_NUMBER } from "./thread-id.ts";
import { writeTss } from "./tss.ts";

/**
 * Boot: what kickstart and the real kernel's start-up do (ABI 11). Files to their places, kernel structures to the top of
 * RAM, the first two threads, the CPU to the kernel's door.
 */

const VERSION = 1;
/** Where the initial servers have their areas (ABI 4): 128 KiB of UTCBs and one page for the KIP. */
const SERVER_UTCB_BASE = 0xbf00_0000;
const SERVER_UTCB_LOG2 = 17;
const SERVER_KIP_BASE = 0xbff0_0000;
const SERVER_PRIORITY = 255;
const SERVER_VERSION = 1;

/** End of memory below the video and BIOS hole of a PC, and of the hole. */
const LOW_MEMORY_END = 0xa_0000;
const HOLE_END = 0x10_0000;

/**
 * Loads sigma0, the root task and the modules into a freshly reset machine, builds the kernel's structures at the top of
 * its RAM and leaves the CPU ready to run the first thread.
 * @throws KernelBootError when the files do not fit; ElfError when one is no program.
 */
export function bootKernel(machine: Machine, options: BootOptions): Kernel {
  const { byteLength } = machine.memory;
  const kernelMemoryBytes = options.kernelMemoryBytes ?? defaultKernelMemory(byteLength);
  checkSizes(byteLength, kernelMemoryBytes);
  const k = new KernelContext(machine, memoryMap(byteLength, kernelMemoryBytes));
  const sigma0 = loadServer(k, "sigma0", parseProgram(options.sigma0), undefined);
  const root = loadServer(k, "the root task", parseProgram(options.root), sigma0);
  const placed = placeModules(k, options.modules ?? [], Math.max(sigma0.high, root.high, HOLE_END));
  const information = { sigma0, root, modules: placed.modules };
  const bootInfo = placed.end;
  const end = roundUp(bootInfo + writeBootInfo(k, bootInfo, information));
  if (end > k.map.base) throw tooBig("the boot information", end, k);
  k.memory.fill(k.map.base, kernelMemoryBytes, 0);
  initialiseGlobals(k, kernelMemoryBytes, options.userIopl3 === true);
  initialisePool(k);
  initialiseNodes(k);
  const memory = describeMemory(k, sigma0, root, placed.modules, { start: bootInfo, end });
  writeKip(k, { sigma0, root, bootInfo, memory, coreHertz: machine.clock.hertz });
  writePages(k);
  createServers(k, sigma0, root);
  const portal = new KernelPortal(k, options.onExit);
  startCpu(k);
  return new KernelView(k, portal);
}

/**
 * The kernel of a machine that was (or will be) restored from a snapshot taken after `bootKernel` on a machine with as much RAM.
 * @throws KernelBootError when the machine's RAM holds no kernel.
 */
export function attachKernel(machine: Machine, options: { readonly onExit?: () => void } = {}): Kernel {
  const { memory } = machine;
  const globals = memory.byteLength - PAGE;
  const kernelMemoryBytes = memory.read32(globals + Globals.kernelMemoryBytes) >>> 0;
  if (memory.read32(globals + Globals.magic) >>> 0 !== GLOBALS_MAGIC)
    throw new KernelBootError("the machine's memory holds no kernel; restore a snapshot taken after boot first");
  checkSizes(memory.byteLength, kernelMemoryBytes);
  const k = new KernelContext(machine, memoryMap(memory.byteLength, kernelMemoryBytes));
  return new KernelView(k, new KernelPortal(k, options.onExit));
}

function checkSizes(memoryBytes: number, kernelMemoryBytes: number): void {
  if (memoryBytes > WINDOW_BYTES)
    throw new KernelBootError(
      `the kernel manages at most 256 MiB of RAM, not ${memoryBytes} bytes; give the machine less`,
    );
  if (kernelMemoryBytes % PAGE !== 0 || kernelMemoryBytes < LEAST_KERNEL_MEMORY)
    throw new KernelBootError(
      `kernel memory of ${kernelMemoryBytes} bytes; it must be a multiple of 4096 of at least ${LEAST_KERNEL_MEMORY}`,
    );
  if (kernelMemoryBytes + HOLE_END > memoryBytes)
    throw new KernelBootError(`${memoryBytes} bytes of RAM are too few; the kernel alone takes ${kernelMemoryBytes}`);
}

// ---- files ----

function roundUp(address: number): number {
  return Math.ceil(address / PAGE) * PAGE;
}

function tooBig(what: string, end: number, k: KernelContext): KernelBootError {
  return new KernelBootError(
    `${what} would end at ${hex(end)}, in kernel memory (from ${hex(k.map.base)}); give the machine more memory`,
  );
}

/** Loads a program at its physical addresses. */
function loadServer(k: KernelContext, name: string, elf: ElfFile, other: ServerImage | undefined): ServerImage {
  const segments = loadSegments(elf);
  const low = Math.min(...segments.map((segment) => segment.physicalAddress));
  const high = Math.max(...segments.map((segment) => segment.physicalAddress + segment.memoryBytes));
  if (segments.length === 0) throw new KernelBootError(`${name} has nothing to load; link it as a program`);
  if (high > k.map.base) throw tooBig(name, high, k);
  if (other !== undefined && low < roundUp(other.high) && other.low < roundUp(high))
    throw new KernelBootError(`${name} at ${hex(low)} overlaps sigma0 at ${hex(other.low)}; link it elsewhere`);
  for (const segment of segments) {
    k.memory.fill(segment.physicalAddress, segment.memoryBytes, 0);
    k.memory.writeBytes(segment.physicalAddress, segment.data);
  }
  return { entry: elf.entry, low, high };
}

/** Places the modules one after another, each from a page boundary on. Returns them and the first free page. */
function placeModules(
  k: KernelContext,
  modules: readonly BootModule[],
  from: number,
): { modules: readonly PlacedModule[]; end: number } {
  let next = roundUp(from);
  const placed = modules.map((module) => {
    const start = next;
    next = roundUp(start + module.data.length);
    if (next > k.map.base) throw tooBig(`module "${module.name}"`, next, k);
    k.memory.writeBytes(start, module.data);
    return { module, start };
  });
  return { modules: placed, end: next };
}

function describeMemory(
  k: KernelContext,
  sigma0: ServerImage,
  root: ServerImage,
  modules: readonly PlacedModule[],
  bootInfo: { start: number; end: number },
): MemoryDescriptor[] {
  const { base, memoryBytes } = k.map;
  const descriptors: MemoryDescriptor[] = [
    { type: MemoryType.Conventional, low: 0, high: LOW_MEMORY_END - 1 },
    { type: MemoryType.BiosReserved, low: LOW_MEMORY_END, high: HOLE_END - 1 },
    { type: MemoryType.Conventional, low: HOLE_END, high: memoryBytes - 1 },
    { type: MemoryType.Reserved, low: base, high: memoryBytes - 1 },
    { type: MemoryType.InitialServer, low: sigma0.low, high: sigma0.high - 1 },
    { type: MemoryType.InitialServer, low: root.low, high: root.high - 1 },
    ...modules
      .filter(({ module }) => module.data.length > 0)
      .map(({ module, start }) => ({
        type: MemoryType.BootModule,
        low: start,
        high: start + module.data.length - 1,
      })),
    { type: MemoryType.BootInformation, low: bootInfo.start, high: bootInfo.end - 1 },
  ];
  // The page's last descriptor is the kernel's own: the user area.
  if (descriptors.length >= MEMORY_DESCRIPTOR_LIMIT)
    throw new KernelBootError(
      `${modules.length} modules are too many; there is room for ${MEMORY_DESCRIPTOR_LIMIT - 8}`,
    );
  return descriptors;
}

// ---- kernel structures ----

function initialiseGlobals(k: KernelContext, kernelMemoryBytes: number, userIopl3: boolean): void {
  k.setGlobal(Globals.magic, GLOBALS_MAGIC);
  k.setGlobal(Globals.version, VERSION);
  k.setGlobal(Globals.kernelMemoryBytes, kernelMemoryBytes);
  k.setGlobal(Globals.options, userIopl3 ? 1 : 0);
}

/** The pages that are no arrays: idle loop, descriptor tables, TSS, bitmaps. */
function writePages(k: KernelContext): void {
  // The portal page is never decoded at ring 0; should user code ever get there, it halts on its first byte.
  k.memory.fill(k.map.portal, PAGE, 0xf4);
  // STI; HLT; JMP to the STI.
  k.memory.writeBytes(k.map.idleCode, Uint8Array.of(0xfb, 0xf4, 0xeb, 0xfc));
  writeDescriptorTables(k);
  writeTss(k);
  k.memory.fill(k.map.deniedBitmap, 2 * PAGE, 0xff);
  k.memory.fill(k.map.bitmapEnd, PAGE, 0xff);
  writePrivateTable(k, k.map.sharedPrivateTable, k.map.deniedBitmap, k.map.deniedBitmap + PAGE);
}

/** sigma0 and the root task, ready at their first instruction, ESP 0 (ABI 11.3). */
function createServers(k: KernelContext, sigma0: ServerImage, root: ServerImage): void {
  const rootId = globalId(ROOT_NUMBER, SERVER_VERSION);
  const sigma0Id = globalId(SIGMA0_NUMBER, SERVER_VERSION);
  k.setGlobal(Globals.sigma0Space, createServer(k, SIGMA0_NUMBER, sigma0, rootId, NIL_THREAD));
  k.setGlobal(Globals.rootSpace, createServer(k, ROOT_NUMBER, root, rootId, sigma0Id));
}

function createServer(k: KernelContext, number: number, image: ServerImage, scheduler: number, pager: number): number {
  const thread = k.tcbOfNumber(number);
  const space = createSpace(k);
  const kipArea = flexpage.memoryFlexpage(SERVER_KIP_BASE, 12, 0);
  const utcbArea = flexpage.memoryFlexpage(SERVER_UTCB_BASE, SERVER_UTCB_LOG2, 0);
  if (space === 0 || !initialiseSpace(k, space, kipArea, utcbArea))
    throw new KernelBootError("kernel memory is too small for the initial servers; give the kernel more");
  initialiseTcb(k, thread, globalId(number, SERVER_VERSION), scheduler);
  addThread(k, space, thread);
  k.store(thread + Tcb.utcb, SERVER_UTCB_BASE);
  k.store(thread + Tcb.priority, SERVER_PRIORITY);
  k.store(thread + Tcb.sensitivePriority, SERVER_PRIORITY);
  k.store(thread + Tcb.eip, image.entry);
  k.store(thread + Tcb.esp, 0);
  if (!giveUtcb(k, thread, pager))
    throw new KernelBootError("kernel memory is too small for the initial servers; give the kernel more");
  makeReady(k, thread);
  return space;
}

// ---- the CPU ----

/** Paging, descriptor tables, interrupt controllers, timer; the CPU stands before the portal page's boot entry. */
function startCpu(k: KernelContext): void {
  const { cpu } = k;
  enterFlatProtectedMode(cpu, KERNEL_WINDOW + k.map.portal + BOOT_OFFSET, KERNEL_WINDOW + k.map.idleStackTop);
  cpu.words[Word.GdtrBase] = KERNEL_WINDOW + k.map.gdt;
  cpu.words[Word.GdtrLimit] = GDT_LIMIT;
  cpu.words[Word.IdtrBase] = KERNEL_WINDOW + k.map.idt;
  cpu.words[Word.IdtrLimit] = IDT_LIMIT;
  writeControlRegister(cpu, 4, CR4_PSE);
  writeControlRegister(cpu, 3, k.load(k.global(Globals.sigma0Space) + Space.pageDirectory));
  writeControlRegister(cpu, 0, CR0_VALUE);
  for (const segment of [SegmentRegister.Ds, SegmentRegister.Es, SegmentRegister.Fs, SegmentRegister.Gs])
    loadSegment(cpu, segment, Selector.KernelData);
  loadSegment(cpu, SegmentRegister.Ss, Selector.KernelData);
  ltr(cpu, Selector.Tss);
  initialisePic(k);
  initialiseTimer(k);
  cpu.stateReplaced();
}

const GDT_LIMIT = 7 * 8 - 1;
const IDT_LIMIT = 256 * 8 - 1;
const CR4_PSE = 0x10;
/** PG, WP, ET, TS (nobody owns the x87 unit yet), PE (ABI 1.1). NE is clear: x87 errors come as IRQ 13. */
const CR0_VALUE = 0x8001_0019 | 0;

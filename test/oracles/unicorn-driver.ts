/**
 * libunicorn (QEMU's translator as a library) as a judge, through koffi. It sees the stage as flat memory and judges
 * integer instructions with flat segments only: it delivers no exception through a gate, has no page rights beyond its
 * own memory map, and starts with selectors of its own. What it cannot judge it answers with undefined.
 *
 * libunicorn is GPL-2 software: tests load it from the system where it is installed, the product never does.
 */
import koffi from "koffi";
import { LEGACY_PREFIXES } from "./decoder-differences.ts";
import { findChanges } from "./memory-changes.ts";
import { FLAT_CODE, FLAT_DATA, PAGE_BYTES, STAGE_BACKGROUND, STAGE_PAGES } from "./stage.ts";
import type { DriverOrReason, Fault, Outcome, Patch, TestCase, TestDriver } from "./test-driver.ts";

const LIBRARIES = ["libunicorn.so.2", "libunicorn.so", "libunicorn.dylib", "libunicorn.2.dylib"];

/** Constants of unicorn.h and x86.h. */
const ARCHITECTURE_X86 = 4;
const MODE_32 = 4;
const PROTECTION_ALL = 7;
const PROTECTION_READ = 1;
const HOOK_INTERRUPT = 1;
const HOOK_MEMORY_INVALID = 0x3f0;
const CONTROL_REMOVE_TRANSLATION = (9 | (2 << 26) | (1 << 30)) >>> 0;
/** EAX ECX EDX EBX ESP EBP ESI EDI. */
const REGISTER_IDS = [19, 22, 24, 21, 30, 20, 29, 23];
const EFLAGS = 25;
const EIP = 26;
const ERROR_INSTRUCTION_INVALID = 10;
const BREAKPOINT = 3;
/** Prefixes. */
const LOCK = 0xf0;
const CODE_SEGMENT = 0x2e;
/** Accesses that a memory hook reports: uc_mem_type. */
const WRITE_UNMAPPED = 20;
const WRITE_PROTECTED = 22;
const READ_PROTECTED = 23;

/** Flags that libunicorn's own start state lacks (IF, IOPL) are not its business. */
const JUDGED_FLAGS = 0x0000_0cd5;
const TRAP_OR_ALIGNMENT = 0x4_0100;

interface Library {
  open: (architecture: number, mode: number, engine: unknown[]) => number;
  close: (engine: unknown) => number;
  map: (engine: unknown, address: number, bytes: number, protection: number) => number;
  write: (engine: unknown, address: number, bytes: Uint8Array, length: number) => number;
  read: (engine: unknown, address: number, bytes: Uint8Array, length: number) => number;
  writeRegister: (engine: unknown, register: number, value: Uint32Array) => number;
  readRegister: (engine: unknown, register: number, value: Uint32Array) => number;
  start: (engine: unknown, begin: number, until: number, timeout: number, count: number) => number;
  stop: (engine: unknown) => number;
  control: (engine: unknown, control: number, begin: number, end: number) => number;
  hook: (
    engine: unknown,
    handle: unknown[],
    type: number,
    callback: unknown,
    user: null,
    begin: number,
    end: number,
  ) => number;
  allocateContext: (engine: unknown, context: unknown[]) => number;
  saveContext: (engine: unknown, context: unknown) => number;
  restoreContext: (engine: unknown, context: unknown) => number;
  version: (major: number[], minor: number[]) => number;
}

function loadLibrary(): Library | string {
  for (const name of LIBRARIES) {
    try {
      const library = koffi.load(name);
      return {
        open: library.func("int uc_open(int, int, _Out_ void **)"),
        close: library.func("int uc_close(void *)"),
        map: library.func("int uc_mem_map(void *, uint64_t, size_t, uint32_t)"),
        write: library.func("int uc_mem_write(void *, uint64_t, const uint8_t *, size_t)"),
        read: library.func("int uc_mem_read(void *, uint64_t, _Out_ uint8_t *, size_t)"),
        writeRegister: library.func("int uc_reg_write(void *, int, const uint32_t *)"),
        readRegister: library.func("int uc_reg_read(void *, int, _Out_ uint32_t *)"),
        start: library.func("int uc_emu_start(void *, uint64_t, uint64_t, uint64_t, size_t)"),
        stop: library.func("int uc_emu_stop(void *)"),
        control: library.func("int uc_ctl(void *, uint32_t, uint64_t, uint64_t)"),
        hook: library.func("int uc_hook_add(void *, _Out_ void **, int, void *, void *, uint64_t, uint64_t)"),
        allocateContext: library.func("int uc_context_alloc(void *, _Out_ void **)"),
        saveContext: library.func("int uc_context_save(void *, void *)"),
        restoreContext: library.func("int uc_context_restore(void *, void *)"),
        version: library.func("unsigned int uc_version(_Out_ int *, _Out_ int *)"),
      };
    } catch {
      // Not under this name.
    }
  }
  return `none of ${LIBRARIES.join(", ")} can be loaded`;
}

const InterruptCallback = koffi.proto("void QuorumInterrupt(void *uc, uint32_t vector, void *user)");
const MemoryCallback = koffi.proto(
  "bool QuorumMemory(void *uc, int type, uint64_t address, int size, int64_t value, void *user)",
);

class UnicornDriver implements TestDriver {
  readonly name: string;
  private readonly library: Library;
  private readonly engine: unknown;
  /** The processor as it was made: an exception that nothing delivers would turn the next one into a double fault. */
  private readonly pristine: unknown;
  private readonly callbacks: ReturnType<typeof koffi.register>[] = [];
  private readonly value = new Uint32Array(1);
  private vector = -1;
  private translated = { begin: 0, end: 1 };
  private memoryFault: { type: number; address: number } | undefined;

  constructor(library: Library, name: string) {
    this.library = library;
    this.name = name;
    const engine: unknown[] = [null];
    this.check(library.open(ARCHITECTURE_X86, MODE_32, engine), "uc_open");
    this.engine = engine[0];
    STAGE_PAGES.forEach((page, i) => {
      this.check(
        library.map(this.engine, page.address, PAGE_BYTES, page.writable ? PROTECTION_ALL : PROTECTION_READ),
        "uc_mem_map",
      );
      this.writeMemory(page.address, STAGE_BACKGROUND[i] as Uint8Array);
    });
    const context: unknown[] = [null];
    this.check(library.allocateContext(this.engine, context), "uc_context_alloc");
    this.pristine = context[0];
    this.check(library.saveContext(this.engine, this.pristine), "uc_context_save");
    const onInterrupt = koffi.register((_uc: unknown, vector: number) => {
      this.vector = vector;
      library.stop(this.engine);
    }, koffi.pointer(InterruptCallback));
    const onMemory = koffi.register((_uc: unknown, type: number, address: number | bigint) => {
      this.memoryFault ??= { type, address: Number(address) >>> 0 };
      return false;
    }, koffi.pointer(MemoryCallback));
    this.callbacks.push(onInterrupt, onMemory);
    this.check(library.hook(this.engine, [null], HOOK_INTERRUPT, onInterrupt, null, 1, 0), "uc_hook_add");
    this.check(library.hook(this.engine, [null], HOOK_MEMORY_INVALID, onMemory, null, 1, 0), "uc_hook_add");
  }

  run(cases: readonly TestCase[]): (Outcome | undefined)[] {
    return cases.map((test) => (this.canJudge(test) ? this.runOne(test) : undefined));
  }

  close(): void {
    this.library.close(this.engine);
    for (const callback of this.callbacks) koffi.unregister(callback);
  }

  /**
   * Flat segments, no trap flag, no alignment checks. Not LOCK: an illegal one ends this version in a fatal error of its
   * translator. Not CS: it is writable here. Not code at a page's end: the translator fetches beyond it.
   */
  private canJudge(test: TestCase): boolean {
    const flat = test.segments.every((selector, i) => selector === (i === 1 ? FLAT_CODE : FLAT_DATA));
    if (!flat || (test.eflags & TRAP_OR_ALIGNMENT) !== 0) return false;
    const code = test.patches.find((patch) => patch.address === test.eip)?.bytes;
    if (code === undefined || (test.eip & 0xfff) + code.length > PAGE_BYTES - 16) return false;
    for (const byte of code) {
      if (byte === LOCK || byte === CODE_SEGMENT) return false;
      if (!LEGACY_PREFIXES.has(byte)) return true;
    }
    return true;
  }

  private runOne(test: TestCase): Outcome | undefined {
    const { library, engine } = this;
    const before = STAGE_BACKGROUND.map((bytes) => bytes);
    for (const patch of test.patches) {
      for (let i = 0; i < STAGE_PAGES.length; i++) {
        const page = STAGE_PAGES[i];
        if (page === undefined || !page.writable) continue;
        const from = Math.max(patch.address, page.address);
        const to = Math.min(patch.address + patch.bytes.length, page.address + PAGE_BYTES);
        if (from >= to) continue;
        if (before[i] === STAGE_BACKGROUND[i]) before[i] = Uint8Array.from(STAGE_BACKGROUND[i] as Uint8Array);
        const part = patch.bytes.subarray(from - patch.address, to - patch.address);
        before[i]?.set(part, from - page.address);
        this.writeMemory(from, part);
      }
    }
    this.check(library.restoreContext(engine, this.pristine), "uc_context_restore");
    test.registers.forEach((value, i) => {
      this.writeRegister(REGISTER_IDS[i] as number, value);
    });
    this.writeRegister(EFLAGS, test.eflags);
    this.vector = -1;
    this.memoryFault = undefined;
    // Memory writes from outside do not invalidate translations: neither of this code nor of the case before it.
    library.control(engine, CONTROL_REMOVE_TRANSLATION, this.translated.begin, this.translated.end);
    this.translated = { begin: test.eip, end: test.eip + test.codeBytes + 1 };
    library.control(engine, CONTROL_REMOVE_TRANSLATION, this.translated.begin, this.translated.end);
    const error = library.start(engine, test.eip, 0xffff_ffff, 0, 0);
    const outcome = this.readOutcome(test, error, before);
    this.restore(before);
    return outcome;
  }

  private readOutcome(test: TestCase, error: number, before: readonly Uint8Array[]): Outcome | undefined {
    const registers = REGISTER_IDS.map((id) => this.readRegister(id));
    const eip = this.readRegister(EIP);
    const changes: Patch[] = [];
    const now = new Uint8Array(PAGE_BYTES);
    STAGE_PAGES.forEach((page, i) => {
      this.check(this.library.read(this.engine, page.address, now, PAGE_BYTES), "uc_mem_read");
      findChanges(page.address, before[i] as Uint8Array, now, changes);
    });
    const eflags = (this.readRegister(EFLAGS) & JUDGED_FLAGS) | (test.eflags & ~JUDGED_FLAGS);
    const state = { registers, eflags: eflags >>> 0, segments: test.segments, changes };
    if (this.vector === BREAKPOINT) {
      const filled = eip - 1 < test.eip || eip - 1 >= test.eip + test.codeBytes;
      if (filled) return { ...state, eip: eip - 1, fault: undefined };
    }
    const fault = this.faultOf(error);
    return fault === undefined ? undefined : { ...state, eip, fault };
  }

  private faultOf(error: number): Fault | undefined {
    const memory = this.memoryFault;
    if (memory !== undefined) {
      const writes = memory.type >= WRITE_UNMAPPED && memory.type <= WRITE_PROTECTED && memory.type !== 21;
      const present = memory.type >= WRITE_PROTECTED && memory.type <= READ_PROTECTED;
      return { vector: 14, errorCode: 4 | (writes ? 2 : 0) | (present ? 1 : 0), linearAddress: memory.address };
    }
    if (error === ERROR_INSTRUCTION_INVALID) return { vector: 6, errorCode: 0, linearAddress: 0 };
    if (this.vector >= 0) return { vector: this.vector, errorCode: 0, linearAddress: 0 };
    return undefined;
  }

  private restore(dirty: readonly Uint8Array[]): void {
    STAGE_PAGES.forEach((page, i) => {
      if (page.writable || dirty[i] !== STAGE_BACKGROUND[i])
        this.writeMemory(page.address, STAGE_BACKGROUND[i] as Uint8Array);
    });
  }

  private writeMemory(address: number, bytes: Uint8Array): void {
    this.check(this.library.write(this.engine, address, bytes, bytes.length), "uc_mem_write");
  }

  private writeRegister(id: number, value: number): void {
    this.value[0] = value;
    this.check(this.library.writeRegister(this.engine, id, this.value), "uc_reg_write");
  }

  private readRegister(id: number): number {
    this.check(this.library.readRegister(this.engine, id, this.value), "uc_reg_read");
    return this.value[0] as number;
  }

  private check(error: number, what: string): void {
    if (error !== 0) throw new Error(`${what} failed with ${error}`);
  }
}

export function openUnicornDriver(): DriverOrReason {
  const library = loadLibrary();
  if (typeof library === "string") return { missing: `libunicorn: ${library}` };
  const packed = library.version([0], [0]);
  return {
    driver: new UnicornDriver(
      library,
      `libunicorn ${packed >>> 24}.${(packed >>> 16) & 0xff}.${(packed >>> 8) & 0xff}`,
    ),
  };
}

/**
 * qemu-system-i386 as a judge of system cases: `monitor.c` and `monitor.S`, compiled with gcc or clang, are its kernel; the cases
 * come as a multiboot module, the results leave through the debug console port.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMPILER_FLAGS, findCompiler } from "../native-driver.ts";
import { PAGE_BYTES } from "../stage.ts";
import type { DriverOrReason, Outcome, Patch, TestCase, TestDriver } from "../test-driver.ts";
import { asSystemCase, outcomeOf, type SystemCase } from "./system-case.ts";
import { physicalOf, SYSTEM_PAGES, type SystemPage } from "./system-stage.ts";

const QEMU = "qemu-system-i386";
/** Keeps the module below the megabytes that the stage begins after. */
const BATCH = 2000;
const TIMEOUT_MILLISECONDS = 100_000;

/** A patch by physical addresses, cut at page boundaries. */
function physicalPatches(patches: readonly Patch[]): Patch[] {
  const result: Patch[] = [];
  for (const { address, bytes } of patches) {
    for (let from = 0; from < bytes.length; ) {
      const room = PAGE_BYTES - ((address + from) % PAGE_BYTES);
      const part = bytes.subarray(from, from + room);
      const physical = physicalOf(address + from);
      if (physical !== undefined) result.push({ address: physical, bytes: part });
      from += part.length;
    }
  }
  return result;
}

function encode(pages: readonly SystemPage[], cases: readonly SystemCase[]): Buffer {
  const parts: Buffer[] = [];
  const put32 = (...values: number[]): void => {
    const buffer = Buffer.alloc(values.length * 4);
    values.forEach((value, i) => {
      buffer.writeUInt32LE(value >>> 0, i * 4);
    });
    parts.push(buffer);
  };
  put32(pages.length);
  for (const page of pages) {
    put32(page.physical);
    parts.push(Buffer.from(page.bytes));
  }
  for (const test of cases) {
    put32(...test.registers, test.eflags, test.eip);
    const selectors = Buffer.alloc(12);
    test.segments.forEach((selector, i) => {
      selectors.writeUInt16LE(selector, i * 2);
    });
    parts.push(selectors);
    const patches = physicalPatches(test.patches);
    put32(test.cr0, test.cr4, patches.length);
    for (const patch of patches) {
      put32(patch.address, patch.bytes.length);
      parts.push(Buffer.from(patch.bytes));
    }
  }
  return Buffer.concat(parts);
}

/** Linear name of a physical address. */
function linearOf(pages: readonly SystemPage[], physical: number): number {
  const page = pages.find((candidate) => physical >= candidate.physical && physical < candidate.physical + PAGE_BYTES);
  return page === undefined ? physical : page.linear + physical - page.physical;
}

/** Bytes of memory after these lists of writes over the stage. */
function memoryAfter(
  pages: readonly SystemPage[],
  ...lists: readonly (readonly Patch[])[]
): (physical: number) => number {
  const bytes = new Map<number, number>();
  for (const list of lists) {
    for (const patch of list) {
      patch.bytes.forEach((byte, i) => {
        bytes.set(patch.address + i, byte);
      });
    }
  }
  return (physical) => {
    const known = bytes.get(physical);
    if (known !== undefined) return known;
    const page = pages.find((one) => physical >= one.physical && physical < one.physical + PAGE_BYTES);
    return page?.bytes[physical - page.physical] ?? 0;
  };
}

function decode(pages: readonly SystemPage[], cases: readonly SystemCase[], buffer: Buffer): (Outcome | undefined)[] {
  let at = 0;
  const take32 = (): number => {
    at += 4;
    return buffer.readUInt32LE(at - 4);
  };
  return cases.map((test) => {
    if (at >= buffer.length) return undefined;
    const registers = Array.from({ length: 8 }, take32);
    const segments = Array.from({ length: 6 }, () => {
      at += 2;
      return buffer.readUInt16LE(at - 2);
    });
    const vector = take32();
    const cr2 = take32();
    take32();
    const physical: Patch[] = [];
    for (let count = take32(); count > 0; count--) {
      const address = take32();
      const length = take32();
      physical.push({ address, bytes: new Uint8Array(buffer.subarray(at, at + length)) });
      at += length;
    }
    const changes = physical.map(({ address, bytes }) => ({ address: linearOf(pages, address), bytes }));
    const patches = physicalPatches(test.patches);
    const after8 = memoryAfter(pages, patches, physical);
    const read32 = (from: number): number =>
      after8(from) | (after8(from + 1) << 8) | (after8(from + 2) << 16) | (after8(from + 3) << 24);
    const state = { registers, segments, vector, cr2, changes };
    return outcomeOf(test, state, read32, memoryAfter(pages, patches));
  });
}

export interface QemuWorld {
  /** RAM; default 64. */
  readonly megabytes?: number;
  /** Pages beside the stage's that cases patch and change; at most 45. */
  readonly more?: readonly SystemPage[];
}

class QemuDriver implements TestDriver {
  readonly name: string;
  private readonly folder: string;
  private readonly world: QemuWorld;

  constructor(name: string, folder: string, world: QemuWorld) {
    this.name = name;
    this.folder = folder;
    this.world = world;
  }

  run(cases: readonly TestCase[]): (Outcome | undefined)[] {
    const outcomes: (Outcome | undefined)[] = [];
    for (let from = 0; from < cases.length; from += BATCH)
      outcomes.push(...this.runBatch(cases.slice(from, from + BATCH).map(asSystemCase)));
    return outcomes;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private pages(): readonly SystemPage[] {
    return [...SYSTEM_PAGES, ...(this.world.more ?? [])];
  }

  private runBatch(cases: readonly SystemCase[]): (Outcome | undefined)[] {
    const [input, output] = [join(this.folder, "cases"), join(this.folder, "results")];
    writeFileSync(input, encode(this.pages(), cases));
    const machine = [
      "-M",
      "isapc",
      "-cpu",
      "pentium,-fpu",
      "-m",
      String(this.world.megabytes ?? 64),
      "-accel",
      "tcg",
      "-no-reboot",
      "-nodefaults",
    ];
    const ports = ["-device", "isa-debug-exit,iobase=0xf4", "-debugcon", `file:${output}`, "-display", "none"];
    spawnSync(QEMU, [...machine, ...ports, "-kernel", join(this.folder, "monitor"), "-initrd", input], {
      timeout: TIMEOUT_MILLISECONDS,
    });
    return decode(this.pages(), cases, readFileSync(output));
  }
}

/** @param sources folder of monitor.c and monitor.S */
export function openQemuDriver(sources: string, world: QemuWorld = {}): DriverOrReason {
  const version = spawnSync(QEMU, ["--version"], { encoding: "utf8" });
  if (version.status !== 0) return { missing: `no ${QEMU}` };
  const compiler = findCompiler();
  if (compiler === undefined) return { missing: "no gcc and no clang" };
  mkdirSync(tmpdir(), { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "quorum86-qemu-"));
  const flags = [...COMPILER_FLAGS, "-march=i486", "-Wl,-Ttext-segment=0x100000", "-Wl,-z,noseparate-code"];
  const files = [join(sources, "monitor.S"), join(sources, "monitor.c")];
  const compiled = spawnSync(compiler.command, [...flags, ...files, "-o", join(folder, "monitor")], {
    encoding: "utf8",
  });
  if (compiled.status !== 0) return { missing: `${compiler.command} -m32 failed: ${compiled.stderr.split("\n")[0]}` };
  const name = (version.stdout.split("\n")[0] ?? QEMU).replace(/ \(.*/, "");
  return { driver: new QemuDriver(name, folder, world) };
}

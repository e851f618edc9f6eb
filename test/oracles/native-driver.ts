/**
 * The host's own processor as a judge: `native/harness.c`, compiled with gcc or clang into a freestanding 32-bit program,
 * runs the cases at privilege level 3. Works on an x86 Linux whose kernel runs 32-bit programs.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { segmentBase } from "./case-builder.ts";
import { CODE_FILL } from "./stage.ts";
import type { DriverOrReason, Outcome, Patch, TestCase, TestDriver } from "./test-driver.ts";

/** Flags of a freestanding 32-bit program, without the address at which it is linked. */
export const COMPILER_FLAGS = [
  "-m32",
  "-O1",
  "-std=gnu11",
  "-ffreestanding",
  "-fno-stack-protector",
  "-fno-pic",
  "-fcf-protection=none",
  "-mno-sse",
  "-nostdlib",
  "-static",
  "-no-pie",
  "-Wl,--build-id=none",
];
/** Above everything that the stage maps. */
const TEXT_SEGMENT = "-Wl,-Ttext-segment=0x60000000";

/** Trap number that the harness gives a case that never ended. */
const TIME_LIMIT = 0xfffe;
const BREAKPOINT = 3;
const DEBUG = 1;
const PAGE_FAULT = 14;
/** Page-fault error code bit 4, instruction fetch: modern processors set it, a P5 has no such bit. */
const INSTRUCTION_FETCH = 0x10;
const REQUEST_FIXED_BYTES = 4 * 10 + 2 * 6 + 4 * 2;
/** Cases per process: keeps its buffers well below their 192 MiB. */
const BATCH = 20_000;

function encodeRequests(cases: readonly TestCase[]): Buffer {
  let length = 0;
  for (const test of cases) {
    length += REQUEST_FIXED_BYTES;
    for (const patch of test.patches) length += 8 + patch.bytes.length;
  }
  const buffer = Buffer.alloc(length);
  let at = 0;
  const put32 = (value: number): void => {
    at = buffer.writeUInt32LE(value >>> 0, at);
  };
  for (const test of cases) {
    for (const register of test.registers) put32(register);
    put32(test.eflags);
    put32(test.eip);
    for (const selector of test.segments) at = buffer.writeUInt16LE(selector, at);
    put32(0);
    put32(test.patches.length);
    for (const patch of test.patches) {
      put32(patch.address);
      put32(patch.bytes.length);
      buffer.set(patch.bytes, at);
      at += patch.bytes.length;
    }
  }
  return buffer;
}

function joinAdjacent(changes: Patch[]): Patch[] {
  const joined: Patch[] = [];
  for (const change of changes) {
    const last = joined[joined.length - 1];
    if (last !== undefined && last.address + last.bytes.length === change.address && change.address % 0x1000 !== 0) {
      const bytes = new Uint8Array(last.bytes.length + change.bytes.length);
      bytes.set(last.bytes);
      bytes.set(change.bytes, last.bytes.length);
      joined[joined.length - 1] = { address: last.address, bytes };
    } else {
      joined.push(change);
    }
  }
  return joined;
}

/** INT3 of the page fill ends a case normally; an INT3 or INT 3 that is the case's own code is a fault of the case. */
function endedNormally(test: TestCase, vector: number, eip: number): boolean {
  if (vector !== BREAKPOINT) return false;
  const base = segmentBase(test.segments[1] ?? 0);
  const at = base + eip - 1;
  const begin = base + test.eip;
  for (const patch of test.patches) {
    const byte = patch.bytes[at - patch.address];
    if (byte !== undefined) return byte === CODE_FILL && (at < begin || at >= begin + test.codeBytes);
  }
  return true;
}

function decodeResults(cases: readonly TestCase[], buffer: Buffer): (Outcome | undefined)[] {
  let at = 0;
  const take32 = (): number => {
    const value = buffer.readUInt32LE(at);
    at += 4;
    return value;
  };
  return cases.map((test) => {
    const registers = Array.from({ length: 8 }, take32);
    const eflags = take32();
    const eip = take32();
    const segments = Array.from({ length: 6 }, () => {
      const value = buffer.readUInt16LE(at);
      at += 2;
      return value;
    });
    const vector = take32();
    const errorCode = take32();
    const linearAddress = take32();
    const changes: Patch[] = [];
    for (let count = take32(); count > 0; count--) {
      const address = take32();
      const length = take32();
      changes.push({ address, bytes: new Uint8Array(buffer.subarray(at, at + length)) });
      at += length;
    }
    if (vector === TIME_LIMIT) return undefined;
    const state = { registers, eflags, segments, changes: joinAdjacent(changes) };
    if (endedNormally(test, vector, eip)) return { ...state, eip: eip - 1, fault: undefined };
    const pageFault = vector === PAGE_FAULT;
    const pushesErrorCode = vector !== DEBUG && vector !== BREAKPOINT;
    return {
      ...state,
      eip,
      fault: {
        vector,
        errorCode: pushesErrorCode ? errorCode & ~(pageFault ? INSTRUCTION_FETCH : 0) : 0,
        linearAddress: pageFault ? linearAddress : 0,
      },
    };
  });
}

class NativeDriver implements TestDriver {
  readonly name = "silicon";
  private readonly program: string;

  constructor(program: string) {
    this.program = program;
  }

  run(cases: readonly TestCase[]): (Outcome | undefined)[] {
    const outcomes: (Outcome | undefined)[] = [];
    for (let from = 0; from < cases.length; from += BATCH) {
      const batch = cases.slice(from, from + BATCH);
      const result = spawnSync(this.program, { input: encodeRequests(batch), maxBuffer: 512 << 20 });
      if (result.status !== 0) throw new Error(`native harness ended with ${result.status ?? result.signal}`);
      outcomes.push(...decodeResults(batch, result.stdout));
    }
    return outcomes;
  }

  close(): void {
    // Nothing is kept between runs.
  }
}

/** Version line of the first compiler found, or undefined. */
export function findCompiler(): { command: string; version: string } | undefined {
  for (const command of ["gcc", "clang"]) {
    const result = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (result.status === 0) return { command, version: result.stdout.split("\n")[0] ?? command };
  }
  return undefined;
}

/** Compiles the harness (kept in the temporary folder while its source is unchanged) and proves that it runs. */
export function openNativeDriver(source: string): DriverOrReason {
  const compiler = findCompiler();
  if (compiler === undefined) return { missing: "no gcc and no clang" };
  const modified = statSync(source).mtimeMs.toString(36);
  const folder = join(tmpdir(), `quorum86-oracles-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true });
  const program = join(folder, `harness-${modified}`);
  if (!existsSync(program)) {
    // Under another name first: test files run side by side.
    const unfinished = `${program}-${process.pid}`;
    const compiled = spawnSync(compiler.command, [...COMPILER_FLAGS, TEXT_SEGMENT, source, "-o", unfinished], {
      encoding: "utf8",
    });
    if (compiled.status !== 0) return { missing: `${compiler.command} -m32 failed: ${compiled.stderr.split("\n")[0]}` };
    renameSync(unfinished, program);
  }
  const probe = spawnSync(program, { input: Buffer.alloc(0) });
  if (probe.status !== 0) {
    return {
      missing: `the 32-bit harness does not run here (${probe.status ?? probe.signal ?? probe.error?.message})`,
    };
  }
  return { driver: new NativeDriver(program) };
}

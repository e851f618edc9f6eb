/**
 * The one interface behind which every judge stands: our emulator, the host's own processor, libunicorn.
 * A case says everything about the state before; an outcome says everything about the state after.
 */

/** Bytes at a linear address. */
export interface Patch {
  readonly address: number;
  readonly bytes: Uint8Array;
}

export const REGISTER_NAMES = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"] as const;
export const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs"] as const;

export interface TestCase {
  /** EAX ECX EDX EBX ESP EBP ESI EDI, unsigned 32 bits each. */
  readonly registers: readonly number[];
  readonly eflags: number;
  readonly eip: number;
  /** Selectors ES CS SS DS FS GS. */
  readonly segments: readonly number[];
  /** Written over the stage's background (stage.ts): the code, and data. */
  readonly patches: readonly Patch[];
  /** Bytes of code from EIP on that are the case's own: the run ends when EIP leaves them, or with a fault. */
  readonly codeBytes: number;
  /** Upper bound of the instructions to run, for drivers that can count; 1 for an instruction vector. */
  readonly instructions: number;
}

export interface Fault {
  readonly vector: number;
  /** 0 for vectors that push none. */
  readonly errorCode: number;
  /** The faulting linear address of a page fault, else 0. */
  readonly linearAddress: number;
}

export interface Outcome {
  readonly registers: readonly number[];
  readonly eflags: number;
  /** Next instruction, or the saved instruction pointer of the fault. */
  readonly eip: number;
  readonly segments: readonly number[];
  /** Undefined when the case ended normally. */
  readonly fault: Fault | undefined;
  /** Bytes of the stage that differ from before, in address order, adjacent ones joined within a page. */
  readonly changes: readonly Patch[];
}

export interface TestDriver {
  readonly name: string;
  /** One outcome per case; undefined where this judge cannot say (reason: see its file). */
  run(cases: readonly TestCase[]): (Outcome | undefined)[];
  close(): void;
}

/** A driver, or why there is none on this machine. */
export type DriverOrReason = { readonly driver: TestDriver } | { readonly missing: string };

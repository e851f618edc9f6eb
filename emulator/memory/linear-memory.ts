import { Layout } from "./layout.ts";

/** The part of the WebAssembly API that the emulator needs (a language standard, not a host API). */
declare const WebAssembly: {
  Memory: new (descriptor: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const WASM_PAGE_BYTES = 65536;

/** The machine's one linear memory and its views. It never grows, so the views stay valid for the machine's life. */
export interface LinearMemory {
  /** The WebAssembly.Memory itself, for compiled code. */
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly words16: Uint16Array;
  /** All of it as words; the CPU state block is at its beginning, so it is also indexed by `Word`. */
  readonly words32: Int32Array;
  /** The CPU state block as 64-bit floats, indexed by `Counter`. */
  readonly stateCounters: Float64Array;
}

/** Allocates a linear memory for `ramBytes` of guest RAM (see layout.ts). */
export function createLinearMemory(ramBytes: number): LinearMemory {
  const pages = Math.ceil((Layout.GuestRam + ramBytes) / WASM_PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const buffer = memory.buffer;
  return {
    memory,
    buffer,
    bytes: new Uint8Array(buffer),
    words16: new Uint16Array(buffer),
    words32: new Int32Array(buffer),
    stateCounters: new Float64Array(buffer, Layout.CpuState, Layout.CpuStateBytes / 8),
  };
}

import { Assembler, REGISTERS, type Register } from "./assembler.ts";

/**
 * A guest thread as a script: system calls with given registers, one after another, each of which leaves its results
 * in a slot of memory for the test to read.
 */

export type Call =
  | "SpaceControl"
  | "ThreadControl"
  | "ProcessorControl"
  | "MemoryControl"
  | "Ipc"
  | "Lipc"
  | "Unmap"
  | "ExchangeRegisters"
  | "SystemClock"
  | "ThreadSwitch"
  | "Schedule";

export const CALLS: readonly Call[] = [
  "SpaceControl",
  "ThreadControl",
  "ProcessorControl",
  "MemoryControl",
  "Ipc",
  "Lipc",
  "Unmap",
  "ExchangeRegisters",
  "SystemClock",
  "ThreadSwitch",
  "Schedule",
];

export const NIL = 0;
export const ANY = 0xffff_ffff;
export const ANY_LOCAL = 0xffff_ffc0;
export const UNCHANGED = 0xffff_ffff;
/** Timeouts word: send never, receive never. */
export const NEVER = 0;
export const SEND_ZERO = 0x0400_0000;
export const RECEIVE_ZERO = 0x0000_0400;

/** Offsets of thread control registers from the UTCB pointer. */
export const Tcr = {
  myGlobalId: -60,
  userDefinedHandle: -52,
  pager: -48,
  exceptionHandler: -44,
  preemptFlags: -40,
  errorCode: -36,
  virtualSender: -24,
  bufferRegister0: -64,
} as const;

const MESSAGE_REGISTERS_SAVED = 20;
/** Words of a slot: done flag, eight registers, EFLAGS unused, error code, virtual/actual sender, message registers. */
export const SLOT_BYTES = 4 * (1 + 8 + 2 + MESSAGE_REGISTERS_SAVED + 1);

/** Results of a call, in guest memory. */
export interface Slot {
  readonly address: number;
}

/** A 16-bit period: the smallest encoding that is at least `microseconds`. */
export function period(microseconds: number): number {
  let exponent = 0;
  while (microseconds > 1023 * 2 ** exponent) exponent++;
  return (exponent << 10) | Math.ceil(microseconds / 2 ** exponent);
}

export class GuestScript {
  readonly code: Assembler;
  private readonly takeSlot: () => number;
  private readonly entry: (call: Call) => number;

  constructor(origin: number, takeSlot: () => number, entry: (call: Call) => number) {
    this.code = new Assembler(origin);
    this.takeSlot = takeSlot;
    this.entry = entry;
  }

  setMr(index: number, value: number): this {
    return this.setTcr(4 * index, value);
  }

  /** Writes a word relative to the UTCB pointer. */
  setTcr(offset: number, value: number): this {
    this.code.loadUtcbPointer("ecx").storeIndirect("ecx", offset, value);
    return this;
  }

  /** Writes a word of memory. */
  poke(address: number, value: number): this {
    this.code.store(address, value);
    return this;
  }

  /** Reads a word of memory; the slot's EAX. */
  peek(address: number): Slot {
    const slot = this.slot();
    this.code
      .loadFrom("eax", address)
      .save("eax", slot.address + 4)
      .store(slot.address, 1);
    return slot;
  }

  raw(...bytes: number[]): this {
    this.code.raw(...bytes);
    return this;
  }

  /** Calls a system-call stub and keeps its results. EDI is the UTCB pointer where the ABI wants it so. */
  call(call: Call, registers: Partial<Record<Register, number>>): Slot {
    this.callOnly(call, registers);
    return this.saveResults();
  }

  /** Calls a system-call stub and writes no memory but the stack. */
  callOnly(call: Call, registers: Partial<Record<Register, number>>): void {
    for (const register of REGISTERS) {
      const value = registers[register];
      if (value !== undefined) this.code.load(register, value);
    }
    const wantsUtcb = call === "Ipc" || call === "Lipc" || call === "Unmap" || call === "MemoryControl";
    if (wantsUtcb && registers.edi === undefined) this.code.loadUtcbPointer("edi");
    this.code.call(this.entry(call));
  }

  /** Ipc; defaults: an empty message, no timeouts. */
  ipc(to: number, from: number, options: { tag?: number; timeouts?: number; via?: "Ipc" | "Lipc" } = {}): Slot {
    return this.call(options.via ?? "Ipc", {
      eax: to,
      edx: from,
      ecx: options.timeouts ?? NEVER,
      esi: options.tag ?? 0,
    });
  }

  /** Saves registers, error code, actual sender and message registers. */
  saveResults(): Slot {
    const slot = this.slot();
    REGISTERS.forEach((register, i) => {
      this.code.save(register, slot.address + 4 + 4 * i);
    });
    this.code.loadUtcbPointer("ebx");
    const copy = (from: number, index: number): void => {
      this.code.loadIndirect("eax", "ebx", from).save("eax", slot.address + 4 * index);
    };
    copy(Tcr.errorCode, 9);
    copy(Tcr.virtualSender, 10);
    for (let i = 0; i < MESSAGE_REGISTERS_SAVED; i++) copy(4 * i, 11 + i);
    this.code.store(slot.address, 1);
    return slot;
  }

  /** Runs in circles for ever. */
  spin(): void {
    this.code.raw(0xeb, 0xfe);
  }

  /** Counts in a word of memory for ever. */
  count(address: number): void {
    const loop = this.code.here;
    this.code.raw(0xff, 0x05).word(address).jump(loop);
  }

  private slot(): Slot {
    return { address: this.takeSlot() };
  }
}

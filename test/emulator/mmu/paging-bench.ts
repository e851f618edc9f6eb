import { writeControlRegister } from "../../../emulator/cpu/control-registers.ts";
import { GUEST_FAULT } from "../../../emulator/cpu/exceptions.ts";
import { enterFlatProtectedMode } from "../../../emulator/cpu/segmentation.ts";
import { Word } from "../../../emulator/cpu/state.ts";
import { createMachine, type Machine } from "../../../emulator/machine.ts";

export const PRESENT = 1;
export const WRITABLE = 2;
export const USER = 4;
export const ACCESSED = 0x20;
export const DIRTY = 0x40;
export const LARGE = 0x80;

const CR0_PAGING = 0x80000000;
export const CR0_WRITE_PROTECT = 0x10000;
export const CR4_PSE = 0x10;

export interface Fault {
  vector: number;
  errorCode: number;
  cr2: number;
}

/** A machine of 16 MiB in flat protected mode with page tables that a test fills in. */
export class PagingBench {
  readonly machine: Machine = createMachine({ memoryBytes: 16 << 20 });
  readonly cpu = this.machine.cpu;
  readonly access = this.machine.cpu.access;
  readonly memory = this.machine.memory;
  readonly directory = 0x1000;
  private nextTable = 0x2000;

  constructor() {
    enterFlatProtectedMode(this.cpu, 0, 0);
  }

  /** Turns paging on: CR3, CR4, CR0 as the guest would. */
  start(writeProtect = false, large = false): void {
    this.cpu.setCpl(0);
    writeControlRegister(this.cpu, 4, large ? CR4_PSE : 0);
    writeControlRegister(this.cpu, 3, this.directory);
    writeControlRegister(this.cpu, 0, 0x11 | CR0_PAGING | (writeProtect ? CR0_WRITE_PROTECT : 0));
  }

  directoryEntryAddress(linear: number): number {
    return this.directory + (linear >>> 22) * 4;
  }

  tableEntryAddress(linear: number): number {
    return (this.memory.read32(this.directoryEntryAddress(linear)) & ~0xfff) + ((linear >>> 12) & 0x3ff) * 4;
  }

  /** Maps a 4 KiB page; the directory entry is made with `directoryBits` when there is none yet. */
  map(linear: number, physical: number, bits: number, directoryBits = PRESENT | WRITABLE | USER): void {
    const address = this.directoryEntryAddress(linear);
    if (this.memory.read32(address) === 0) {
      this.memory.write32(address, this.nextTable | directoryBits);
      this.nextTable += 0x1000;
    }
    this.memory.write32(this.tableEntryAddress(linear), physical | bits);
  }

  mapLarge(linear: number, physical: number, bits: number): void {
    this.memory.write32(this.directoryEntryAddress(linear), physical | bits | LARGE);
  }

  /** Runs an access; the fault it raised, or undefined. */
  faultOf(action: () => void): Fault | undefined {
    try {
      action();
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      return {
        vector: this.cpu.words[Word.FaultVector] as number,
        errorCode: this.cpu.words[Word.FaultErrorCode] as number,
        cr2: (this.cpu.words[Word.Cr2] as number) >>> 0,
      };
    }
    return undefined;
  }
}

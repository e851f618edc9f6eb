import { readFileSync } from "node:fs";
import { enterFlatProtectedMode } from "../../../emulator/cpu/segmentation.ts";
import { createMachine, type Machine, type StopReason } from "../../../emulator/machine.ts";

const LOAD_ADDRESS = 0x100000;
/** Offset of the entry address in the Multiboot header at the beginning of an image. */
const ENTRY_OFFSET = 28;

function imagePath(file: string): URL {
  return new URL(`./images/${file}`, import.meta.url);
}

/** What QEMU prints for a guest (guest/golden.sh). */
export function goldenOutput(guest: string): string {
  return readFileSync(imagePath(`${guest}.txt`), "latin1");
}

/** A machine with a test guest of this folder loaded as a Multiboot loader would, and its serial output so far. */
export class GuestMachine {
  readonly machine: Machine;
  output = "";

  constructor(guest: string, timing: "simple" | "p5" = "simple") {
    this.machine = createMachine({ memoryBytes: 32 << 20, timing });
    const image = readFileSync(imagePath(`${guest}.bin`));
    this.machine.memory.writeBytes(LOAD_ADDRESS, image);
    enterFlatProtectedMode(this.machine.cpu, image.readUInt32LE(ENTRY_OFFSET), 0);
    this.machine.uart.onByte = (byte) => {
      this.output += String.fromCharCode(byte);
    };
  }

  /** Output without the timer's dots, as in the golden files. */
  get text(): string {
    return this.output.replaceAll(".", "");
  }

  run(cycle = 1e9): StopReason {
    return this.machine.run({ cycle });
  }
}

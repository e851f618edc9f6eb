import type { Device } from "./devices/device.ts";
import type { AlarmState } from "./event-queue.ts";
import { Layout } from "./memory/layout.ts";
import type { LinearMemory } from "./memory/linear-memory.ts";
import type { PhysicalMemory } from "./memory/physical-memory.ts";

/**
 * Hash of a machine's whole state: CPU block, RAM, devices, alarms. The CPU block must be canonical. Not cryptographic:
 * equal digests of different states are possible, but not likely.
 */
export function digestState(
  linear: LinearMemory,
  memory: PhysicalMemory,
  devices: readonly Device[],
  alarms: AlarmState,
): string {
  const digest = new Digest();
  digest.words(linear.words32, Layout.CpuState / 4, Layout.CpuStateBytes / 4);
  digest.words(linear.words32, Layout.GuestRam / 4, memory.byteLength / 4);
  for (const device of devices) digest.text(JSON.stringify(device.saveState()));
  digest.text(JSON.stringify(alarms));
  return digest.hex();
}

/** Two 32-bit multiply-and-rotate lanes that take words in turn. */
class Digest {
  private a = 0x9e3779b9 | 0;
  private b = 0x85ebca6b | 0;

  words(source: Int32Array, start: number, count: number): void {
    let a = this.a;
    let b = this.b;
    for (let i = start; i < start + count; i += 2) {
      a = Math.imul(a ^ source[i], 0xcc9e2d51);
      a = (a << 13) | (a >>> 19);
      b = Math.imul(b ^ source[i + 1] ^ a, 0x1b873593);
      b = (b << 17) | (b >>> 15);
    }
    this.a = a;
    this.b = b;
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i++) {
      this.a = Math.imul(this.a ^ value.charCodeAt(i), 0xcc9e2d51);
      this.a = (this.a << 13) | (this.a >>> 19);
      this.b = Math.imul(this.b ^ this.a, 0x1b873593);
    }
  }

  hex(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.a) + hex(this.b);
  }
}

import type { Watch } from "../observer.ts";
import type { Device } from "./device.ts";

/**
 * The I/O port space: who answers at which port. A wider access to a device of narrower registers is split into byte
 * accesses at consecutive ports, as the ISA bus does. Ports that nobody claims read all ones and swallow writes.
 */
export class PortBus {
  private readonly owners: (Device | undefined)[] = [];
  private readonly widths = new Uint8Array(65536);
  private readonly reported = new Set<number>();
  private readonly watch: Watch;

  constructor(watch: Watch) {
    this.watch = watch;
  }

  /** Gives ports `first` … `first + count - 1` to a device whose registers are `width` bytes wide. */
  claim(device: Device, first: number, count: number, width = 1): void {
    for (let port = first; port < first + count; port++) {
      if (this.widths[port] !== 0) throw new RangeError(`port 0x${port.toString(16)} is already claimed`);
      this.owners[port] = device;
      this.widths[port] = width;
    }
  }

  /** Reads `bytes` (1, 2 or 4) at a port, unsigned. */
  read(port: number, bytes: number): number {
    let value: number;
    if (this.widths[port] >= bytes) {
      value = (this.owners[port] as Device).readPort(port, bytes) >>> 0;
    } else if (bytes > 1) {
      value = 0;
      const half = bytes >>> 1;
      value = (this.read(port, half) | (this.read((port + half) & 0xffff, half) << (half * 8))) >>> 0;
      return value;
    } else {
      value = 0xff;
      if (this.watch.ports) this.reportUnclaimed(port, false);
    }
    if (this.watch.ports) this.watch.portRead(port, bytes, value);
    return value;
  }

  /** Writes the low `bytes` (1, 2 or 4) of `value` at a port. */
  write(port: number, bytes: number, value: number): void {
    if (this.widths[port] >= bytes) {
      if (this.watch.ports) this.watch.portWrite(port, bytes, value);
      (this.owners[port] as Device).writePort(port, bytes, bytes === 4 ? value >>> 0 : value & (2 ** (8 * bytes) - 1));
    } else if (bytes > 1) {
      const half = bytes >>> 1;
      this.write(port, half, value);
      this.write((port + half) & 0xffff, half, value >>> (half * 8));
    } else if (this.watch.ports) {
      this.watch.portWrite(port, bytes, value);
      this.reportUnclaimed(port, true);
    }
  }

  private reportUnclaimed(port: number, write: boolean): void {
    const key = port * 2 + (write ? 1 : 0);
    if (this.reported.has(key)) return;
    this.reported.add(key);
    this.watch.unclaimedPort(port, write);
  }
}

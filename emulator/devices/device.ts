/** What a device keeps across a snapshot: named numbers and arrays of numbers (JSON-safe, versioned by the device). */
export type DeviceState = Readonly<Record<string, number | readonly number[]>>;

/** A device on the port bus. Devices see the guest's clock only. */
export interface Device {
  /** Unique within a machine, e.g. "pit", "uart0". Names its state in a snapshot. */
  readonly name: string;
  /** Power-on reset. */
  reset(): void;
  /** Reads `bytes` (1, 2 or 4) at an I/O port; returns the value zero-extended. */
  readPort(port: number, bytes: number): number;
  /** Writes `bytes` (1, 2 or 4) at an I/O port. */
  writePort(port: number, bytes: number, value: number): void;
  saveState(): DeviceState;
  /** Throws RangeError when the state is not of this device's shape. */
  loadState(state: DeviceState): void;
}

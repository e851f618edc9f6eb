import type { Device, DeviceState } from "./device.ts";

/** A write of any width to this port (0xF4) powers the machine off; the value written is the exit code. Reads give the last code. */
export class ExitPort implements Device {
  readonly name = "exit";
  /** The code written, or -1. */
  private code = -1;
  private readonly onPowerOff: (code: number) => void;

  constructor(onPowerOff: (code: number) => void) {
    this.onPowerOff = onPowerOff;
  }

  /** The exit code, or undefined while the machine is on. */
  get exitCode(): number | undefined {
    return this.code < 0 ? undefined : this.code;
  }

  reset(): void {
    this.code = -1;
  }

  readPort(_port: number, _bytes: number): number {
    return this.code < 0 ? 0 : this.code;
  }

  writePort(_port: number, _bytes: number, value: number): void {
    this.code = value >>> 0;
    this.onPowerOff(this.code);
  }

  saveState(): DeviceState {
    return { version: 1, code: this.code };
  }

  loadState(state: DeviceState): void {
    if (state.version !== 1 || typeof state.code !== "number") throw new RangeError("not a state of exit");
    this.code = state.code;
  }
}

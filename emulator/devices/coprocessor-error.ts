import type { Device, DeviceState } from "./device.ts";

/** Clears the error interrupt and asserts IGNNE#. */
export const COPROCESSOR_ERROR_PORT = 0xf0;
const IRQ = 13;

/**
 * The chipset's part in floating-point errors of a CPU with CR0.NE clear (IBM PC/AT; Intel SDM vol. 1, appendix D): FERR# becomes
 * IRQ 13; a write to port F0h ends that request and, while FERR# lasts, asserts IGNNE#, so that the handler can use the unit.
 */
export class CoprocessorError implements Device {
  readonly name = "fpu-error";
  /** FERR#. */
  private error = false;
  /** The latched request. */
  private request = false;
  private ignore = false;
  private readonly setLine: (irq: number, level: boolean) => void;
  private readonly onIgnore: (level: boolean) => void;

  /** `onIgnore` gets every change of IGNNE#. */
  constructor(setLine: (irq: number, level: boolean) => void, onIgnore: (level: boolean) => void) {
    this.setLine = setLine;
    this.onIgnore = onIgnore;
  }

  /** Drives FERR#. */
  setError(level: boolean): void {
    this.error = level;
    if (level) this.setRequest(true);
    else this.setIgnore(false);
  }

  reset(): void {
    this.error = false;
    this.setRequest(false);
    this.setIgnore(false);
  }

  readPort(_port: number, _bytes: number): number {
    return 0xff;
  }

  writePort(_port: number, _bytes: number, _value: number): void {
    this.setRequest(false);
    this.setIgnore(this.error);
  }

  private setRequest(level: boolean): void {
    this.request = level;
    this.setLine(IRQ, level);
  }

  private setIgnore(level: boolean): void {
    this.ignore = level;
    this.onIgnore(level);
  }

  saveState(): DeviceState {
    return { version: 1, lines: [this.error, this.request, this.ignore].map(Number) };
  }

  loadState(state: DeviceState): void {
    const { version, lines } = state;
    if (version !== 1 || !Array.isArray(lines) || lines.length !== 3) throw new RangeError("not a state of fpu-error");
    [this.error, this.request, this.ignore] = lines.map((line) => line === 1) as [boolean, boolean, boolean];
  }
}

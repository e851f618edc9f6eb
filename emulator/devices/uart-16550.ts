/**
 * 16550A UART (National Semiconductor PC16550D data sheet) at its ISA ports, with real baud timing.
 *
 *   host input queue → receiver shift → receive FIFO → RBR        THR → transmit FIFO → transmitter shift → onByte
 *
 * Interrupt output is gated by MCR.OUT2, as on a PC. A character takes (start + data + parity + stop) bits of 16 × divisor
 * clocks of the 1.8432 MHz crystal.
 *
 * NOT IMPLEMENTED: break, framing and parity errors on reception; DMA modes; modem lines other than loopback (DCD, DSR and
 * CTS are asserted).
 */
import { type Alarm, type Clock, DerivedClock } from "../clock.ts";
import type { Device, DeviceState } from "./device.ts";

const CRYSTAL_HERTZ = 1_843_200;
const FIFO_BYTES = 16;

const enum Register {
  Data = 0,
  InterruptEnable = 1,
  InterruptIdentification = 2,
  LineControl = 3,
  ModemControl = 4,
  LineStatus = 5,
  ModemStatus = 6,
  Scratch = 7,
}

const enum InterruptEnable {
  Received = 1,
  TransmitterEmpty = 2,
  LineStatus = 4,
  ModemStatus = 8,
}

/** Interrupt identification codes, highest priority first. */
const enum Identification {
  None = 1,
  LineStatus = 6,
  Received = 4,
  Timeout = 12,
  TransmitterEmpty = 2,
  ModemStatus = 0,
  FifosEnabled = 0xc0,
}

const enum LineStatus {
  DataReady = 0x01,
  Overrun = 0x02,
  HoldingEmpty = 0x20,
  TransmitterIdle = 0x40,
}

const enum ModemControl {
  Dtr = 0x01,
  Rts = 0x02,
  Out1 = 0x04,
  Out2 = 0x08,
  Loopback = 0x10,
}

/** DCD, DSR and CTS asserted, no changes. */
const MODEM_CONNECTED = 0xb0;

const DIVISOR_LATCH = 0x80;

export class Uart16550 implements Device {
  readonly name: string;
  /** Called with every byte that leaves the transmitter, at the end of its last bit. */
  onByte: (byte: number) => void = () => {};
  private divisor = 12;
  private interruptEnable = 0;
  private lineControl = 3;
  private modemControl = 0;
  private scratch = 0;
  private fifosEnabled = false;
  private triggerLevel = 1;
  private overrun = false;
  private modemDelta = 0;
  /** Condition of the transmitter-empty interrupt, cleared by reading IIR. */
  private transmitterInterrupt = false;
  /** No character arrived or was read for four character times while the FIFO holds some. */
  private timeout = false;
  private receiveFifo: number[] = [];
  private transmitFifo: number[] = [];
  /** Byte in the transmitter, or -1. */
  private shifting = -1;
  /** UART clock tick at which the transmitter finishes. */
  private shiftEnd = 0;
  private hostInput: number[] = [];
  private readonly firstPort: number;
  private readonly clock: Clock;
  private readonly crystal: DerivedClock;
  private readonly setInterrupt: (level: boolean) => void;
  private readonly transmitAlarm: Alarm;
  private readonly receiveAlarm: Alarm;
  private readonly timeoutAlarm: Alarm;

  constructor(name: string, firstPort: number, clock: Clock, setInterrupt: (level: boolean) => void) {
    this.name = name;
    this.firstPort = firstPort;
    this.clock = clock;
    this.crystal = new DerivedClock(clock.hertz, CRYSTAL_HERTZ);
    this.setInterrupt = setInterrupt;
    this.transmitAlarm = clock.createAlarm(`${name}.transmit`, 20, () => this.characterSent());
    this.receiveAlarm = clock.createAlarm(`${name}.receive`, 21, () => this.characterArrived());
    this.timeoutAlarm = clock.createAlarm(`${name}.timeout`, 22, () => this.characterTimeout());
  }

  reset(): void {
    this.divisor = 12;
    this.interruptEnable = 0;
    this.lineControl = 3;
    this.modemControl = 0;
    this.scratch = 0;
    this.overrun = false;
    this.modemDelta = 0;
    this.fifosEnabled = false;
    this.triggerLevel = 1;
    this.transmitterInterrupt = false;
    this.timeout = false;
    this.receiveFifo = [];
    this.transmitFifo = [];
    this.shifting = -1;
    this.shiftEnd = 0;
    this.hostInput = [];
    this.transmitAlarm.cancel();
    this.receiveAlarm.cancel();
    this.timeoutAlarm.cancel();
    this.setInterrupt(false);
  }

  /** Queues bytes from the host; they arrive one character time after another. */
  receive(bytes: Uint8Array | readonly number[]): void {
    for (const byte of bytes) this.hostInput.push(byte & 0xff);
    if (this.receiveAlarm.due === Number.POSITIVE_INFINITY) this.scheduleArrival();
  }

  /** Clocks of the crystal that one character takes. */
  private characterTicks(): number {
    const data = 5 + (this.lineControl & 3);
    const parity = (this.lineControl & 8) !== 0 ? 1 : 0;
    const twoStops = (this.lineControl & 4) !== 0;
    const halfBits = 2 * (1 + data + parity) + (twoStops ? (data === 5 ? 3 : 4) : 2);
    return halfBits * 8 * (this.divisor === 0 ? 65536 : this.divisor);
  }

  private ticks(): number {
    return this.crystal.ticksAt(this.clock.now);
  }

  private scheduleArrival(): void {
    if (this.hostInput.length === 0 || (this.modemControl & ModemControl.Loopback) !== 0) return;
    this.receiveAlarm.at(this.crystal.cycleOf(this.ticks() + this.characterTicks()));
  }

  private characterArrived(): void {
    const byte = this.hostInput.shift();
    if (byte !== undefined) this.putReceived(byte);
    this.scheduleArrival();
  }

  private putReceived(byte: number): void {
    if (this.receiveFifo.length >= (this.fifosEnabled ? FIFO_BYTES : 1)) {
      this.overrun = true;
      if (!this.fifosEnabled) this.receiveFifo[0] = byte;
    } else this.receiveFifo.push(byte);
    this.restartTimeout();
    this.updateInterrupt();
  }

  private restartTimeout(): void {
    this.timeout = false;
    if (!this.fifosEnabled || this.receiveFifo.length === 0) this.timeoutAlarm.cancel();
    else this.timeoutAlarm.at(this.crystal.cycleOf(this.ticks() + 4 * this.characterTicks()));
  }

  private characterTimeout(): void {
    this.timeout = true;
    this.updateInterrupt();
  }

  private startShifting(fromTick: number): void {
    const byte = this.transmitFifo.shift();
    if (byte === undefined) return;
    this.shifting = byte;
    this.shiftEnd = fromTick + this.characterTicks();
    this.transmitAlarm.at(this.crystal.cycleOf(this.shiftEnd));
    if (this.transmitFifo.length === 0) this.transmitterInterrupt = true;
  }

  private characterSent(): void {
    const byte = this.shifting;
    this.shifting = -1;
    if ((this.modemControl & ModemControl.Loopback) !== 0) this.putReceived(byte & this.dataMask());
    else this.onByte(byte & this.dataMask());
    this.startShifting(this.shiftEnd);
    this.updateInterrupt();
  }

  private dataMask(): number {
    return 0xff >>> (3 - (this.lineControl & 3));
  }

  private identification(): Identification {
    const { interruptEnable } = this;
    if ((interruptEnable & InterruptEnable.LineStatus) !== 0 && this.overrun) return Identification.LineStatus;
    if ((interruptEnable & InterruptEnable.Received) !== 0) {
      if (this.receiveFifo.length >= (this.fifosEnabled ? this.triggerLevel : 1)) return Identification.Received;
      if (this.timeout) return Identification.Timeout;
    }
    if ((interruptEnable & InterruptEnable.TransmitterEmpty) !== 0 && this.transmitterInterrupt)
      return Identification.TransmitterEmpty;
    if ((interruptEnable & InterruptEnable.ModemStatus) !== 0 && this.modemDelta !== 0)
      return Identification.ModemStatus;
    return Identification.None;
  }

  private updateInterrupt(): void {
    const enabled = (this.modemControl & (ModemControl.Out2 | ModemControl.Loopback)) === ModemControl.Out2;
    this.setInterrupt(enabled && this.identification() !== Identification.None);
  }

  private lineStatus(): number {
    let status = 0;
    if (this.receiveFifo.length > 0) status |= LineStatus.DataReady;
    if (this.overrun) status |= LineStatus.Overrun;
    if (this.transmitFifo.length === 0) {
      status |= LineStatus.HoldingEmpty;
      if (this.shifting < 0) status |= LineStatus.TransmitterIdle;
    }
    return status;
  }

  private modemStatus(): number {
    if ((this.modemControl & ModemControl.Loopback) === 0) return MODEM_CONNECTED;
    const control = this.modemControl;
    return (
      ((control & ModemControl.Rts) !== 0 ? 0x10 : 0) |
      ((control & ModemControl.Dtr) !== 0 ? 0x20 : 0) |
      ((control & ModemControl.Out1) !== 0 ? 0x40 : 0) |
      ((control & ModemControl.Out2) !== 0 ? 0x80 : 0)
    );
  }

  readPort(port: number, _bytes: number): number {
    const latch = (this.lineControl & DIVISOR_LATCH) !== 0;
    switch ((port - this.firstPort) as Register) {
      case Register.Data:
        return latch ? this.divisor & 0xff : this.readReceived();
      case Register.InterruptEnable:
        return latch ? this.divisor >>> 8 : this.interruptEnable;
      case Register.InterruptIdentification:
        return this.readIdentification();
      case Register.LineControl:
        return this.lineControl;
      case Register.ModemControl:
        return this.modemControl;
      case Register.LineStatus: {
        const status = this.lineStatus();
        this.overrun = false;
        this.updateInterrupt();
        return status;
      }
      case Register.ModemStatus: {
        const status = this.modemStatus() | this.modemDelta;
        this.modemDelta = 0;
        this.updateInterrupt();
        return status;
      }
      default:
        return this.scratch;
    }
  }

  private readReceived(): number {
    const byte = this.receiveFifo.shift() ?? 0;
    this.restartTimeout();
    this.updateInterrupt();
    return byte;
  }

  private readIdentification(): number {
    const identification = this.identification();
    if (identification === Identification.TransmitterEmpty) {
      this.transmitterInterrupt = false;
      this.updateInterrupt();
    }
    return identification | (this.fifosEnabled ? Identification.FifosEnabled : 0);
  }

  writePort(port: number, _bytes: number, value: number): void {
    const latch = (this.lineControl & DIVISOR_LATCH) !== 0;
    switch ((port - this.firstPort) as Register) {
      case Register.Data:
        if (latch) this.divisor = (this.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case Register.InterruptEnable:
        if (latch) this.divisor = (this.divisor & 0xff) | (value << 8);
        else this.writeInterruptEnable(value);
        break;
      case Register.InterruptIdentification:
        this.writeFifoControl(value);
        break;
      case Register.LineControl:
        this.lineControl = value;
        break;
      case Register.ModemControl:
        this.writeModemControl(value);
        break;
      case Register.Scratch:
        this.scratch = value;
        break;
      default:
        break;
    }
    this.updateInterrupt();
  }

  private transmit(value: number): void {
    this.transmitterInterrupt = false;
    if (this.transmitFifo.length >= (this.fifosEnabled ? FIFO_BYTES : 1)) this.transmitFifo.pop();
    this.transmitFifo.push(value);
    if (this.shifting < 0) this.startShifting(this.ticks());
  }

  /** Enabling the transmitter interrupt while the holding register is empty raises it at once. */
  private writeInterruptEnable(value: number): void {
    const enabled = value & ~this.interruptEnable & InterruptEnable.TransmitterEmpty;
    this.interruptEnable = value & 0x0f;
    if (enabled !== 0 && this.transmitFifo.length === 0) this.transmitterInterrupt = true;
  }

  private writeFifoControl(value: number): void {
    const enable = (value & 1) !== 0;
    if (enable !== this.fifosEnabled || (value & 2) !== 0) {
      this.receiveFifo = [];
      this.restartTimeout();
    }
    if (enable !== this.fifosEnabled || (value & 4) !== 0) {
      this.transmitFifo = [];
      this.transmitterInterrupt = true;
    }
    this.fifosEnabled = enable;
    if (enable) this.triggerLevel = [1, 4, 8, 14][(value >>> 6) & 3] as number;
  }

  private writeModemControl(value: number): void {
    const before = this.modemStatus();
    this.modemControl = value & 0x1f;
    const changed = before ^ this.modemStatus();
    // Delta bits of MSR: CTS, DSR and DCD on any change, RI when it goes away (its trailing edge).
    const ringEnded = (before & 0x40) !== 0 && (changed & 0x40) !== 0 ? 0x4 : 0;
    this.modemDelta |= ((changed >>> 4) & 0xb) | ringEnded;
    if (this.receiveAlarm.due === Number.POSITIVE_INFINITY) this.scheduleArrival();
  }

  saveState(): DeviceState {
    return {
      version: 1,
      registers: [this.divisor, this.interruptEnable, this.lineControl, this.modemControl, this.scratch],
      fifo: [Number(this.fifosEnabled), this.triggerLevel],
      conditions: [Number(this.overrun), this.modemDelta, Number(this.transmitterInterrupt), Number(this.timeout)],
      receiveFifo: [...this.receiveFifo],
      transmitFifo: [...this.transmitFifo],
      shifting: [this.shifting, this.shiftEnd],
      hostInput: [...this.hostInput],
    };
  }

  loadState(state: DeviceState): void {
    const { registers, fifo, conditions, receiveFifo, transmitFifo, shifting, hostInput } = state;
    const arrays = [registers, fifo, conditions, receiveFifo, transmitFifo, shifting, hostInput];
    if (state.version !== 1 || !arrays.every((array) => Array.isArray(array)))
      throw new RangeError(`not a state of ${this.name}`);
    const numbers = arrays as number[][];
    [this.divisor, this.interruptEnable, this.lineControl, this.modemControl, this.scratch] = numbers[0] as [
      number,
      number,
      number,
      number,
      number,
    ];
    this.fifosEnabled = numbers[1]?.[0] === 1;
    this.triggerLevel = numbers[1]?.[1] ?? 1;
    this.overrun = numbers[2]?.[0] === 1;
    this.modemDelta = numbers[2]?.[1] ?? 0;
    this.transmitterInterrupt = numbers[2]?.[2] === 1;
    this.timeout = numbers[2]?.[3] === 1;
    this.receiveFifo = [...(numbers[3] ?? [])];
    this.transmitFifo = [...(numbers[4] ?? [])];
    this.shifting = numbers[5]?.[0] ?? -1;
    this.shiftEnd = numbers[5]?.[1] ?? 0;
    this.hostInput = [...(numbers[6] ?? [])];
  }
}

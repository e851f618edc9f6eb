/**
 * Intel 8259A programmable interrupt controller (data sheet 231468-003), and the cascaded pair of a PC.
 *
 *   IR0-IR7 → IRR → (IMR, priority, ISR) → INT to the CPU or to IR2 of the primary; INTA → ISR, vector
 *
 * All initialisation words; masks; specific and nonspecific EOI, rotation, automatic EOI; edge and level triggering;
 * special mask mode; special fully nested mode; poll; reading IRR and ISR; spurious IR7 when a request goes away before INTA.
 *
 * NOT IMPLEMENTED: MCS-80/85 mode (ICW4 bit 0 clear is treated as 8086 mode); buffered mode (no electrical meaning here).
 */
import type { Device, DeviceState } from "./device.ts";

/** Bits of ICW1, ICW4, OCW2 and OCW3. */
const enum Icw1 {
  NeedIcw4 = 0x01,
  Single = 0x02,
  LevelTriggered = 0x08,
  Icw1 = 0x10,
}

const enum Icw4 {
  AutomaticEoi = 0x02,
  SpecialFullyNested = 0x10,
}

const enum Ocw2 {
  Eoi = 0x20,
  Specific = 0x40,
  Rotate = 0x80,
}

const enum Ocw3 {
  ReadIsr = 0x01,
  ReadCommand = 0x02,
  Poll = 0x04,
  Ocw3 = 0x08,
  SpecialMask = 0x20,
  SpecialMaskCommand = 0x40,
}

const NONE = -1;

/** One 8259A at two ports: command (A0 = 0) and data (A0 = 1). */
export class Pic8259 implements Device {
  readonly name: string;
  /** Input levels. */
  private lines = 0;
  /** Requests: latched edges whose line is still high, or lines in level mode. */
  private irr = 0;
  private isr = 0;
  private imr = 0xff;
  private icw1 = 0;
  private vectorBase = 0;
  private icw3 = 0;
  private icw4 = 0;
  /** Next initialisation word expected at the data port: 0 none, 2, 3 or 4. */
  private expected = 0;
  /** Input with the lowest priority, 7 unless rotated. */
  private lowest = 7;
  private rotateOnAutomaticEoi = false;
  private readIsr = false;
  private poll = false;
  private specialMask = false;
  private output = false;
  private readonly firstPort: number;
  private readonly cascade: boolean;
  private readonly onOutput: (level: boolean) => void;

  /** `primary`: inputs may be cascaded (ICW3 is a set of inputs). `onOutput` gets every change of INT. */
  constructor(name: string, firstPort: number, primary: boolean, onOutput: (level: boolean) => void) {
    this.name = name;
    this.firstPort = firstPort;
    this.cascade = primary;
    this.onOutput = onOutput;
  }

  reset(): void {
    this.lines = 0;
    this.irr = 0;
    this.isr = 0;
    this.imr = 0xff;
    this.icw1 = 0;
    this.vectorBase = 0;
    this.icw3 = 0;
    this.icw4 = 0;
    this.expected = 0;
    this.lowest = 7;
    this.rotateOnAutomaticEoi = false;
    this.readIsr = false;
    this.poll = false;
    this.specialMask = false;
    this.output = false;
    this.onOutput(false);
  }

  /** Drives input `line` (0 to 7). */
  setLine(line: number, level: boolean): void {
    const bit = 1 << line;
    if (level) {
      if ((this.lines & bit) === 0 || this.isLevelTriggered()) this.irr |= bit;
      this.lines |= bit;
    } else {
      this.lines &= ~bit;
      this.irr &= ~bit;
    }
    this.update();
  }

  private isLevelTriggered(): boolean {
    return (this.icw1 & Icw1.LevelTriggered) !== 0;
  }

  /** Distance of an input from the highest priority, 0 to 7. */
  private rank(line: number): number {
    return (line - this.lowest - 1) & 7;
  }

  /** The line of a set with the highest priority, or NONE. */
  private highest(set: number): number {
    for (let i = 1; i <= 8; i++) {
      const line = (this.lowest + i) & 7;
      if ((set & (1 << line)) !== 0) return line;
    }
    return NONE;
  }

  /** The request that INT stands for, or NONE. */
  private pending(): number {
    const request = this.highest(this.irr & ~this.imr);
    if (request === NONE) return NONE;
    const inService = this.highest(this.specialMask ? this.isr & ~this.imr : this.isr);
    if (inService === NONE) return request;
    const cascaded = this.cascade && (this.icw3 & (1 << request)) !== 0;
    const nested = cascaded && (this.icw4 & Icw4.SpecialFullyNested) !== 0 && request === inService;
    return nested || this.rank(request) < this.rank(inService) ? request : NONE;
  }

  private update(): void {
    const output = this.pending() !== NONE;
    if (output === this.output) return;
    this.output = output;
    this.onOutput(output);
  }

  /** INTA: takes the pending request into service. Returns its input, or NONE (-1) when it has gone: then the vector is IR7's. */
  private take(): number {
    const line = this.pending();
    if (line === NONE) return NONE;
    const bit = 1 << line;
    if (!this.isLevelTriggered()) this.irr &= ~bit;
    if ((this.icw4 & Icw4.AutomaticEoi) === 0) this.isr |= bit;
    else if (this.rotateOnAutomaticEoi) this.lowest = line;
    return line;
  }

  /**
   * Both INTA cycles: returns the vector. `secondary` answers for cascaded inputs. INT drops and rises again when there is more.
   */
  acknowledge(secondary?: Pic8259): number {
    const line = this.take();
    this.output = false;
    this.onOutput(false);
    this.update();
    if (line === NONE) return this.vectorBase | 7;
    if (secondary !== undefined && (this.icw3 & (1 << line)) !== 0) return secondary.acknowledge();
    return this.vectorBase | line;
  }

  readPort(port: number, _bytes: number): number {
    if (this.poll) {
      this.poll = false;
      const line = this.take();
      this.update();
      return line === NONE ? 0 : 0x80 | line;
    }
    if (port !== this.firstPort) return this.imr;
    return this.readIsr ? this.isr : this.irr;
  }

  writePort(port: number, _bytes: number, value: number): void {
    if (port !== this.firstPort) this.writeData(value);
    else if ((value & Icw1.Icw1) !== 0) this.beginInitialisation(value);
    else if ((value & Ocw3.Ocw3) !== 0) this.writeOcw3(value);
    else this.writeOcw2(value);
    this.update();
  }

  private beginInitialisation(value: number): void {
    this.icw1 = value;
    this.imr = 0;
    this.isr = 0;
    this.irr = this.isLevelTriggered() ? this.lines : 0;
    this.icw4 = 0;
    this.lowest = 7;
    this.rotateOnAutomaticEoi = false;
    this.readIsr = false;
    this.specialMask = false;
    this.poll = false;
    this.expected = 2;
  }

  private writeData(value: number): void {
    switch (this.expected) {
      case 2:
        this.vectorBase = value & 0xf8;
        this.expected = (this.icw1 & Icw1.Single) === 0 ? 3 : this.afterIcw3();
        break;
      case 3:
        this.icw3 = value;
        this.expected = this.afterIcw3();
        break;
      case 4:
        this.icw4 = value;
        this.expected = 0;
        break;
      default:
        this.imr = value;
        break;
    }
  }

  private afterIcw3(): number {
    return (this.icw1 & Icw1.NeedIcw4) !== 0 ? 4 : 0;
  }

  private writeOcw2(value: number): void {
    const named = value & 7;
    const rotate = (value & Ocw2.Rotate) !== 0;
    const specific = (value & Ocw2.Specific) !== 0;
    if ((value & Ocw2.Eoi) !== 0) {
      const line = specific ? named : this.highest(this.specialMask ? this.isr & ~this.imr : this.isr);
      if (line === NONE) return;
      this.isr &= ~(1 << line);
      if (rotate) this.lowest = line;
    } else if (specific) {
      if (rotate) this.lowest = named;
    } else {
      this.rotateOnAutomaticEoi = rotate;
    }
  }

  private writeOcw3(value: number): void {
    this.poll = (value & Ocw3.Poll) !== 0;
    if ((value & Ocw3.ReadCommand) !== 0) this.readIsr = (value & Ocw3.ReadIsr) !== 0;
    if ((value & Ocw3.SpecialMaskCommand) !== 0) this.specialMask = (value & Ocw3.SpecialMask) !== 0;
  }

  saveState(): DeviceState {
    return {
      version: 1,
      lines: this.lines,
      irr: this.irr,
      isr: this.isr,
      imr: this.imr,
      icw: [this.icw1, this.vectorBase, this.icw3, this.icw4, this.expected],
      lowest: this.lowest,
      modes: [this.rotateOnAutomaticEoi, this.readIsr, this.poll, this.specialMask, this.output].map(Number),
    };
  }

  loadState(state: DeviceState): void {
    const { lines, irr, isr, imr, icw, lowest, modes } = state;
    if (state.version !== 1 || !Array.isArray(icw) || !Array.isArray(modes))
      throw new RangeError(`not a state of ${this.name}`);
    this.lines = Number(lines);
    this.irr = Number(irr);
    this.isr = Number(isr);
    this.imr = Number(imr);
    [this.icw1, this.vectorBase, this.icw3, this.icw4, this.expected] = icw as [number, number, number, number, number];
    this.lowest = Number(lowest);
    this.rotateOnAutomaticEoi = modes[0] === 1;
    this.readIsr = modes[1] === 1;
    this.poll = modes[2] === 1;
    this.specialMask = modes[3] === 1;
    this.output = modes[4] === 1;
  }
}

/** The two controllers of a PC: IRQ 0-7 at 0x20, IRQ 8-15 at 0xA0 through input 2 of the first. */
export class PicPair {
  readonly primary: Pic8259;
  readonly secondary: Pic8259;

  /** `onInterrupt` gets every change of the INTR line to the CPU. */
  constructor(onInterrupt: (level: boolean) => void) {
    this.primary = new Pic8259("pic0", 0x20, true, onInterrupt);
    this.secondary = new Pic8259("pic1", 0xa0, false, (level) => this.primary.setLine(2, level));
  }

  /** Drives IRQ 0 to 15. */
  setLine(irq: number, level: boolean): void {
    if (irq < 8) this.primary.setLine(irq, level);
    else this.secondary.setLine(irq - 8, level);
  }

  /** The CPU's interrupt acknowledge: returns the vector. */
  acknowledge(): number {
    return this.primary.acknowledge(this.secondary);
  }
}

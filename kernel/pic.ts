import { portRead, portWrite } from "../emulator/index.ts";
import type { KernelContext } from "./context.ts";

/** The 8259 pair and the 8254 as the kernel drives them: by port instructions at ring 0. */

const enum Port {
  PrimaryCommand = 0x20,
  PrimaryData = 0x21,
  TimerChannel0 = 0x40,
  TimerControl = 0x43,
  SecondaryCommand = 0xa0,
  SecondaryData = 0xa1,
}

/** Whether a port is one of the kernel's own devices: no space ever gets it, sigma0's included. */
export function isKernelPort(port: number): boolean {
  return (port & ~0x81) === 0x20 || (port & ~3) === Port.TimerChannel0;
}

/** First vector of the 16 interrupt lines (ABI 1.2). */
export const IRQ_VECTOR = 0x20;
export const TIMER_LINE = 0;
export const CASCADE_LINE = 2;

const SPECIFIC_EOI = 0x60;
const READ_IN_SERVICE = 0x0b;

/** The timer's divisor: 1,193,182 Hz / 2330 = 512.1 Hz, 1952.8 microseconds for the 1953 that a tick accounts. */
const TIMER_DIVISOR = 2330;

/** Programs both controllers (ICW1 to ICW4), all lines masked but the cascade and the timer. */
export function initialisePic(k: KernelContext): void {
  const { cpu } = k;
  portWrite(cpu, Port.PrimaryCommand, 1, 0x11);
  portWrite(cpu, Port.PrimaryData, 1, IRQ_VECTOR);
  portWrite(cpu, Port.PrimaryData, 1, 1 << CASCADE_LINE);
  portWrite(cpu, Port.PrimaryData, 1, 0x01);
  portWrite(cpu, Port.SecondaryCommand, 1, 0x11);
  portWrite(cpu, Port.SecondaryData, 1, IRQ_VECTOR + 8);
  portWrite(cpu, Port.SecondaryData, 1, CASCADE_LINE);
  portWrite(cpu, Port.SecondaryData, 1, 0x01);
  portWrite(cpu, Port.PrimaryData, 1, 0xff & ~(1 << TIMER_LINE) & ~(1 << CASCADE_LINE));
  portWrite(cpu, Port.SecondaryData, 1, 0xff);
}

/** Channel 0: rate generator (mode 2), low byte then high byte. */
export function initialiseTimer(k: KernelContext): void {
  portWrite(k.cpu, Port.TimerControl, 1, 0x34);
  portWrite(k.cpu, Port.TimerChannel0, 1, TIMER_DIVISOR & 0xff);
  portWrite(k.cpu, Port.TimerChannel0, 1, TIMER_DIVISOR >>> 8);
}

export function maskLine(k: KernelContext, line: number): void {
  const port = line < 8 ? Port.PrimaryData : Port.SecondaryData;
  portWrite(k.cpu, port, 1, portRead(k.cpu, port, 1) | (1 << (line & 7)));
}

export function unmaskLine(k: KernelContext, line: number): void {
  const port = line < 8 ? Port.PrimaryData : Port.SecondaryData;
  portWrite(k.cpu, port, 1, portRead(k.cpu, port, 1) & ~(1 << (line & 7)));
}

/** Ends the service of a line: specific EOI, the secondary's first. */
export function endOfInterrupt(k: KernelContext, line: number): void {
  if (line >= 8) portWrite(k.cpu, Port.SecondaryCommand, 1, SPECIFIC_EOI | (line & 7));
  portWrite(k.cpu, Port.PrimaryCommand, 1, SPECIFIC_EOI | (line >= 8 ? CASCADE_LINE : line));
}

/** Whether line 7 or 15 really is in service: each is also what a controller gives when a request went away. */
export function isSpurious(k: KernelContext, line: number): boolean {
  if ((line & 7) !== 7) return false;
  const port = line < 8 ? Port.PrimaryCommand : Port.SecondaryCommand;
  portWrite(k.cpu, port, 1, READ_IN_SERVICE);
  if ((portRead(k.cpu, port, 1) & 0x80) !== 0) return false;
  // The primary took the secondary's request as real.
  if (line >= 8) portWrite(k.cpu, Port.PrimaryCommand, 1, SPECIFIC_EOI | CASCADE_LINE);
  return true;
}

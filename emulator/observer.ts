/**
 * Observers: what people attach to watch a run. A machine without observers executes no code for them; a machine with
 * them changes no guest-visible bit.
 */

/** Hooks; implement the ones wanted. Addresses and values are unsigned. Callbacks must not change guest state unless they say so to their user. */
export interface Observer {
  /** Before the instruction at linear address `linear` executes. `machine.stop()` here stops before it. */
  beforeInstruction(linear: number): void;
  /** After the instruction that began at linear address `linear` retired (not called when it faulted). */
  afterInstruction(linear: number): void;
  /** A data read by an instruction or by microcode (descriptors, TSS, stacks), one call per page touched. */
  memoryRead(linear: number, physical: number, bytes: number, value: number): void;
  /** A data write, reported after memory holds the new value. */
  memoryWrite(linear: number, physical: number, bytes: number, value: number): void;
  /**
   * An access by linear address to a page that `Machine.watchPage` was asked for, or the decoding of code in it, of `bytes`
   * bytes. While only such pages are watched, all else runs at full speed.
   */
  watchedAccess(physical: number, bytes: number): void;
  /** A page-directory or page-table entry read by a page walk. */
  walkRead(physical: number, value: number): void;
  /** An entry written by a page walk (accessed or dirty bit). */
  walkWrite(physical: number, value: number): void;
  /** Physical memory changed by the embedder (kernel model, loader, injector). */
  physicalWrite(physical: number, bytes: number): void;
  /** A CPU exception is being delivered; `eip` is the one that will be pushed. */
  exception(vector: number, errorCode: number, eip: number): void;
  /** An external interrupt, NMI or INT instruction is being delivered. */
  interrupt(vector: number, kind: InterruptKind, eip: number): void;
  portalEnter(physical: number): void;
  portalLeave(physical: number): void;
  /** RDTSC is about to read the clock. */
  clockRead(): void;
  portRead(port: number, bytes: number, value: number): void;
  portWrite(port: number, bytes: number, value: number): void;
  /** A port that no device claims was accessed; called once per port and direction. */
  unclaimedPort(port: number, write: boolean): void;
  /** The CPU entered shutdown (triple fault). */
  shutdown(): void;
}

export type InterruptKind = "external" | "nmi" | "software";

/**
 * The dispatcher that the machine's parts see: one flag per group of hooks, so that a part that is not watched tests
 * one boolean (and the hot paths none: see `changed`).
 */
export class Watch {
  instructions = false;
  memory = false;
  physicalWrites = false;
  pages = false;
  events = false;
  ports = false;
  /** Called when the flags above change. */
  changed: () => void = () => {};
  private readonly observers: Partial<Observer>[] = [];

  /** Attaches an observer; returns the function that detaches it. */
  attach(observer: Partial<Observer>): () => void {
    this.observers.push(observer);
    this.refresh();
    return () => {
      const index = this.observers.indexOf(observer);
      if (index < 0) return;
      this.observers.splice(index, 1);
      this.refresh();
    };
  }

  private refresh(): void {
    const any = (...names: (keyof Observer)[]): boolean =>
      this.observers.some((observer) => names.some((name) => observer[name] !== undefined));
    this.instructions = any("beforeInstruction", "afterInstruction");
    this.memory = any("memoryRead", "memoryWrite", "walkRead", "walkWrite");
    this.physicalWrites = any("physicalWrite");
    this.pages = any("watchedAccess");
    this.events = any("exception", "interrupt", "portalEnter", "portalLeave", "clockRead", "shutdown");
    this.ports = any("portRead", "portWrite", "unclaimedPort");
    this.changed();
  }

  beforeInstruction(linear: number): void {
    for (const observer of this.observers) observer.beforeInstruction?.(linear >>> 0);
  }
  afterInstruction(linear: number): void {
    for (const observer of this.observers) observer.afterInstruction?.(linear >>> 0);
  }
  memoryRead(linear: number, physical: number, bytes: number, value: number): void {
    for (const observer of this.observers) observer.memoryRead?.(linear >>> 0, physical >>> 0, bytes, value >>> 0);
  }
  memoryWrite(linear: number, physical: number, bytes: number, value: number): void {
    for (const observer of this.observers) observer.memoryWrite?.(linear >>> 0, physical >>> 0, bytes, value >>> 0);
  }
  watchedAccess(physical: number, bytes: number): void {
    for (const observer of this.observers) observer.watchedAccess?.(physical >>> 0, bytes);
  }
  walkRead(physical: number, value: number): void {
    for (const observer of this.observers) observer.walkRead?.(physical >>> 0, value >>> 0);
  }
  walkWrite(physical: number, value: number): void {
    for (const observer of this.observers) observer.walkWrite?.(physical >>> 0, value >>> 0);
  }
  physicalWrite(physical: number, bytes: number): void {
    for (const observer of this.observers) observer.physicalWrite?.(physical >>> 0, bytes);
  }
  exception(vector: number, errorCode: number, eip: number): void {
    for (const observer of this.observers) observer.exception?.(vector, errorCode >>> 0, eip >>> 0);
  }
  interrupt(vector: number, kind: InterruptKind, eip: number): void {
    for (const observer of this.observers) observer.interrupt?.(vector, kind, eip >>> 0);
  }
  portalEnter(physical: number): void {
    for (const observer of this.observers) observer.portalEnter?.(physical >>> 0);
  }
  portalLeave(physical: number): void {
    for (const observer of this.observers) observer.portalLeave?.(physical >>> 0);
  }
  clockRead(): void {
    for (const observer of this.observers) observer.clockRead?.();
  }
  portRead(port: number, bytes: number, value: number): void {
    for (const observer of this.observers) observer.portRead?.(port, bytes, value >>> 0);
  }
  portWrite(port: number, bytes: number, value: number): void {
    for (const observer of this.observers) observer.portWrite?.(port, bytes, value >>> 0);
  }
  unclaimedPort(port: number, write: boolean): void {
    for (const observer of this.observers) observer.unclaimedPort?.(port, write);
  }
  shutdown(): void {
    for (const observer of this.observers) observer.shutdown?.();
  }
}

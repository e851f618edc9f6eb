/**
 * Watches a running machine for breakpoints, watchpoints and threads that are awaited. Attached only while there is
 * something to watch: without it the machine runs at full speed.
 */
import type { Observer } from "../../emulator/index.ts";
import { Counter } from "../../emulator/index.ts";
import type { ExpressionContext } from "./expression.ts";
import { ExpressionError } from "./expression.ts";
import { type GuestView, KERNEL_PROCESS, KERNEL_THREAD } from "./guest-view.ts";
import { isCodePoint, type Point, watches } from "./points.ts";
import type { Position } from "./time/position.ts";
import type { Timeline } from "./time/timeline.ts";

/** Something that was watched for happened. */
export interface Hit {
  readonly point: Point;
  /**
   * Before the instruction, or the last one before the kernel's path, or the edit. Observers hear of an instruction when
   * it has been fetched, which may have cost clocks and has touched the code TLB: the boundary before it is the first one
   * with this number of instructions.
   */
  readonly position: Position;
  /** Who: a user thread's number, or KERNEL_THREAD. */
  readonly thread: number;
  readonly by: "instruction" | "kernel" | "edit";
  /** The instruction's address; for the kernel, that of the thread it worked for. */
  readonly eip: number;
  /** Virtual address of the access; the instruction's own for a breakpoint. */
  readonly address: number;
  readonly write: boolean;
}

export interface WatchOrders {
  readonly points: readonly Point[];
  /** Called for each hit; the watcher itself neither stops the machine nor counts. */
  onHit(hit: Hit): void;
  /** Threads whose coming onto the CPU (out of the kernel) is reported. */
  readonly awaited?: ReadonlySet<number>;
  onAwaited?(thread: number): void;
  /** A breakpoint at this address does not count before this thread has retired an instruction: it stops there already. */
  readonly leaving?: { readonly thread: number; readonly address: number } | undefined;
}

export class Watcher {
  private detach: (() => void) | undefined;
  private orders: WatchOrders | undefined;
  private codePoints = new Map<number, Point[]>();
  private dataPoints: readonly Point[] = [];
  private boundary: Position = { instructions: 0, cycle: 0, edits: 0 };
  private executing = 0;
  private eip = 0;
  private by: Hit["by"] = "kernel";
  private leaving: { readonly thread: number; readonly address: number } | undefined;

  constructor(
    private readonly view: GuestView,
    private readonly timeline: Timeline,
  ) {}

  /** Begins to watch; takes the place of earlier orders. */
  start(orders: WatchOrders): void {
    this.stop();
    this.orders = orders;
    this.leaving = orders.leaving;
    this.boundary = this.timeline.position;
    this.executing = this.view.userThread();
    this.codePoints = new Map();
    for (const point of orders.points.filter(isCodePoint)) {
      this.codePoints.set(point.address, [...(this.codePoints.get(point.address) ?? []), point]);
    }
    this.dataPoints = orders.points.filter((point) => !isCodePoint(point));
    const observer = this.observer(orders);
    if (Object.keys(observer).length > 0) this.detach = this.view.machine.observe(observer);
    this.timeline.onEdit = (_edit, phase) => {
      this.markBoundary();
      this.by = phase === "before" ? "edit" : "kernel";
    };
  }

  stop(): void {
    this.detach?.();
    this.detach = undefined;
    this.orders = undefined;
    this.timeline.onEdit = undefined;
  }

  private observer(orders: WatchOrders): Partial<Observer> {
    const observer: Partial<Observer> = {};
    const data = this.dataPoints.length > 0;
    if (this.codePoints.size > 0 || data) {
      observer.beforeInstruction = (linear) => this.beforeInstruction(linear);
    }
    if (this.leaving !== undefined) observer.afterInstruction = () => this.afterInstruction();
    if (data || orders.awaited !== undefined) {
      // No boundary: the fetch of the portal has been paid already, and nobody can stop behind it.
      observer.portalEnter = () => {
        this.by = "kernel";
      };
      observer.portalLeave = () => this.portalLeave();
    }
    if (data) {
      const reads = this.dataPoints.some((point) => watches(point, false));
      if (reads) observer.memoryRead = (linear, physical, bytes) => this.access(linear, physical, bytes, false);
      observer.memoryWrite = (linear, physical, bytes) => this.access(linear, physical, bytes, true);
      observer.physicalWrite = (physical, bytes) => this.access(undefined, physical, bytes, true);
    }
    return observer;
  }

  private markBoundary(): void {
    this.boundary = this.timeline.position;
  }

  private beforeInstruction(linear: number): void {
    const { counters } = this.view.machine.cpu;
    const instructions = counters[Counter.Instructions] ?? 0;
    const cycle = counters[Counter.Cycles] ?? 0;
    if (this.boundary.instructions !== instructions || this.boundary.cycle !== cycle) this.markBoundary();
    this.by = "instruction";
    this.eip = linear;
    this.executing = this.view.userThread();
    const points = this.codePoints.get(linear);
    if (points === undefined) return;
    const thread = this.executing;
    if (this.leaving?.address === linear && this.leaving.thread === (thread || KERNEL_THREAD)) return;
    const process = this.processOf(thread);
    for (const point of points) {
      if (point.process === process && this.holds(point, thread)) {
        this.orders?.onHit(this.hit(point, linear, false));
      }
    }
  }

  private afterInstruction(): void {
    if (this.leaving !== undefined && this.leaving.thread === (this.executing || KERNEL_THREAD))
      this.leaving = undefined;
  }

  private portalLeave(): void {
    const { orders } = this;
    if (orders === undefined) return;
    this.by = "instruction";
    // The machine counts a portal call as one instruction, after this report.
    const { instructions, ...rest } = this.timeline.position;
    this.boundary = { instructions: instructions + 1, ...rest };
    const thread = this.view.userThread();
    if (orders.awaited?.has(thread)) orders.onAwaited?.(thread);
  }

  /** An access to physical memory; `linear` is undefined for the embedder's own. */
  private access(linear: number | undefined, physical: number, bytes: number, write: boolean): void {
    for (const point of this.dataPoints) {
      if (!watches(point, write)) continue;
      const address = this.overlap(point, physical, bytes);
      if (address === undefined || !this.holds(point, this.executing)) continue;
      if (linear === undefined && this.by === "instruction") this.by = "kernel";
      this.orders?.onHit(this.hit(point, address, write));
    }
  }

  /**
   * The first watched virtual address that an access touches. Compared physically, so that a write through another
   * mapping (or by the kernel, which copies messages) counts too; the offset in the page decides most cases at once.
   */
  private overlap(point: Point, physical: number, bytes: number): number | undefined {
    for (let offset = 0; offset < point.length; ) {
      const address = (point.address + offset) >>> 0;
      const run = Math.min(point.length - offset, 0x1000 - (address & 0xfff));
      const start = address & 0xfff;
      const accessed = physical & 0xfff;
      const near = accessed < start + run && accessed + bytes > start;
      if (near || bytes > 0x1000) {
        const place = this.view.translate(point.process, address);
        if (place !== undefined && physical < place + run && physical + bytes > place) {
          return (address + Math.max(0, physical - place)) >>> 0;
        }
      }
      offset += run;
    }
    return undefined;
  }

  private processOf(thread: number): number {
    return thread === 0 ? KERNEL_PROCESS : (this.view.thread(thread)?.process ?? KERNEL_PROCESS);
  }

  private holds(point: Point, thread: number): boolean {
    if (point.condition === undefined) return true;
    try {
      return point.condition.evaluate(expressionContext(this.view, thread || KERNEL_THREAD, point.process)) !== 0;
    } catch (error) {
      // A condition that can't be evaluated must not be passed over in silence.
      if (error instanceof ExpressionError) return true;
      throw error;
    }
  }

  private hit(point: Point, address: number, write: boolean): Hit {
    const { boundary: position, by, eip } = this;
    return { point, position, thread: this.executing || KERNEL_THREAD, by, eip, address, write };
  }
}

/** What names mean in an expression about a thread, with the memory and the symbols of a process. */
export function expressionContext(view: GuestView, thread: number, process: number): ExpressionContext {
  return {
    register: (name) => view.register(thread, name),
    symbol: (name) => view.program(process)?.symbols.find(name)?.value,
    read: (address, bytes) => view.readWord(process, address, bytes),
  };
}

/** Breakpoints and watchpoints as people set them: in one address space, perhaps with a condition and a count. */
import type { TargetPoint } from "./debug-target.ts";
import type { Expression } from "./expression.ts";

export interface Point extends TargetPoint {
  /** Number by which people name it; 0 for points of the gdb protocol, which gdb numbers itself. */
  readonly number: number;
  /** As it was written: "aes_encrypt_round", "*0x08048c10". */
  readonly text: string;
  readonly condition?: Expression;
  /** Removed after the first hit. */
  readonly temporary?: boolean;
  /** Hits that are let pass before it stops. */
  ignore?: number;
  enabled: boolean;
  hits: number;
}

export function isCodePoint(point: TargetPoint): boolean {
  return point.kind === "software" || point.kind === "hardware";
}

/** Whether a watchpoint looks at this kind of access. */
export function watches(point: TargetPoint, write: boolean): boolean {
  return point.kind === "access" || point.kind === (write ? "write" : "read");
}

export function samePoint(one: TargetPoint, other: TargetPoint): boolean {
  return (
    one.kind === other.kind &&
    one.process === other.process &&
    one.address === other.address &&
    one.length === other.length
  );
}

export class PointSet {
  private readonly points: Point[] = [];
  private lastNumber = 0;

  get list(): readonly Point[] {
    return this.points;
  }

  get enabled(): readonly Point[] {
    return this.points.filter(({ enabled }) => enabled);
  }

  nextNumber(): number {
    return ++this.lastNumber;
  }

  add(point: Point): void {
    this.points.push(point);
  }

  /** Takes away the points that fit; how many there were. */
  remove(fits: (point: Point) => boolean): number {
    const before = this.points.length;
    for (let index = before - 1; index >= 0; index--) {
      if (fits(this.points[index] as Point)) this.points.splice(index, 1);
    }
    return before - this.points.length;
  }
}

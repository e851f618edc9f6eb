/** Where clocks went: a tree of spaces, threads and calls, each node with its own clocks by cause. */
import { CAUSE_NAMES, Cause } from "../../emulator/timing/cycle-causes.ts";

/** One node: the whole run, a space, a thread, or a function called from the node above. */
export class ProfileNode {
  readonly children = new Map<string, ProfileNode>();
  /** Clocks of its own instructions by Cause. */
  readonly clocks = new Float64Array(Cause.Count);
  /** Clocks of kernel paths that began in it, by path. */
  readonly kernelPaths = new Map<string, number>();
  /** Clocks in which no thread was ready (only in the node "idle"). */
  idle = 0;
  instructions = 0;

  constructor(
    readonly kind: "run" | "space" | "thread" | "function",
    readonly name: string,
    readonly parent: ProfileNode | undefined = undefined,
    /** Code addresses of a function. */
    readonly start = 0,
    readonly end = 0,
  ) {}

  child(kind: ProfileNode["kind"], name: string, start = 0, end = 0): ProfileNode {
    let node = this.children.get(name);
    if (node === undefined) {
      node = new ProfileNode(kind, name, this, start, end);
      this.children.set(name, node);
    }
    return node;
  }

  /** Its own clocks by the names of their causes, kernel paths and idle time included; those that are 0 left out. */
  ownByCause(): Map<string, number> {
    const result = new Map<string, number>();
    this.clocks.forEach((clocks, cause) => {
      if (clocks !== 0) result.set(CAUSE_NAMES[cause] as string, clocks);
    });
    const kernel = [...this.kernelPaths.values()].reduce((sum, clocks) => sum + clocks, 0);
    if (kernel !== 0) result.set("kernel", kernel);
    if (this.idle !== 0) result.set("idle", this.idle);
    return result;
  }

  /** Own clocks of all causes. */
  get own(): number {
    return [...this.ownByCause().values()].reduce((sum, clocks) => sum + clocks, 0);
  }

  /** Clocks of the node and of everything under it. */
  get total(): number {
    return [...this.children.values()].reduce((sum, node) => sum + node.total, this.own);
  }

  /** Itself and everything under it. */
  *nodes(): Generator<ProfileNode> {
    yield this;
    for (const child of this.children.values()) yield* child.nodes();
  }
}

/** Adds clocks by cause. */
export function addByCause(to: Map<string, number>, from: ReadonlyMap<string, number>): void {
  for (const [cause, clocks] of from) to.set(cause, (to.get(cause) ?? 0) + clocks);
}

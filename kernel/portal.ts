import { type KernelPath, PATH_NAMES } from "./accounting.ts";
import { type KernelContext, WatchedContext } from "./context.ts";
import { enterKernel } from "./entry.ts";
import type { KernelWatcher } from "./kernel.ts";

/** The machine's portal page answered by the kernel: by the plain one, or, while anyone watches, by one that tells. */
export class KernelPortal {
  private readonly k: KernelContext;
  private readonly onExit: (() => void) | undefined;
  private readonly watchers: KernelWatcher[] = [];

  constructor(k: KernelContext, onExit: (() => void) | undefined) {
    this.k = k;
    this.onExit = onExit;
    this.register();
  }

  /** Adds a watcher; returns the function that removes it. */
  watch(watcher: KernelWatcher): () => void {
    this.watchers.push(watcher);
    this.register();
    return () => {
      const index = this.watchers.indexOf(watcher);
      if (index >= 0) this.watchers.splice(index, 1);
      this.register();
    };
  }

  private register(): void {
    const { k, onExit, watchers } = this;
    const { portal } = k.map;
    if (watchers.length === 0) {
      k.machine.registerPortal(portal, (offset) => enterKernel(k, offset, onExit));
      return;
    }
    const watched = new WatchedContext(k, (physical, bytes) => {
      for (const watcher of watchers) watcher.load?.(physical, bytes);
    });
    const leave = (path: KernelPath): void => {
      onExit?.();
      for (const watcher of watchers) watcher.leave?.(PATH_NAMES[path]);
    };
    k.machine.registerPortal(portal, (offset) => {
      for (const watcher of watchers) watcher.enter?.();
      enterKernel(watched, offset, leave);
    });
  }
}

import type { Cpu } from "./cpu.ts";

/** Decoded blocks by physical address, EIP and execution mode; owner of the decoded-instruction region. */
export class BlockCache {
  constructor(private readonly cpu: Cpu) {}

  /** Forgets the blocks that cover any of these physical bytes. Called by every store to a page flagged PageFlag.HasCode. */
  invalidateCode(_physical: number, _bytes: number): void {}

  /** Forgets all blocks (restore, reset, a change of what the bytes mean). */
  invalidateAll(): void {
    void this.cpu;
  }
}

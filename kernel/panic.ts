/**
 * The kernel's way out when its own structures are broken. A fault injected into kernel memory ends here: a report, and
 * a machine that stands still. It is an outcome of the guest, never an exception of the host.
 */
export class KernelPanic extends Error {
  override readonly name = "KernelPanic";
}

/** Gives up. `report` names the structure, the word and what it should have been. */
export function panic(report: string): never {
  throw new KernelPanic(report);
}

/** The answer to a question of a tool, or `otherwise` when the structures that it needs are broken. */
export function unlessBroken<T>(question: () => T, otherwise: T): T {
  try {
    return question();
  } catch (error) {
    if (error instanceof KernelPanic) return otherwise;
    throw error;
  }
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}

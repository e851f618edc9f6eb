/** Thread ids as the protocol writes them: `p<process>.<thread>`, -1 for all, 0 for any (GDB manual, appendix E.1). */
import type { TargetThread } from "../debug-target.ts";

export interface ThreadId {
  /** -1 all, 0 any (also when the text names none). */
  readonly process: number;
  readonly thread: number;
}

function parseNumber(text: string): number | undefined {
  if (text === "-1") return -1;
  return /^[0-9a-fA-F]{1,8}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}

export function parseThreadId(text: string): ThreadId | undefined {
  if (!text.startsWith("p")) {
    const thread = parseNumber(text);
    return thread === undefined ? undefined : { process: 0, thread };
  }
  const [processText, threadText] = text.slice(1).split(".", 2);
  const process = parseNumber(processText ?? "");
  const thread = threadText === undefined ? -1 : parseNumber(threadText);
  return process === undefined || thread === undefined ? undefined : { process, thread };
}

export function formatThreadId(thread: TargetThread, multiprocess: boolean): string {
  const id = thread.thread.toString(16);
  return multiprocess ? `p${thread.process.toString(16)}.${id}` : id;
}

/** The first thread that an id means; ids of all or any prefer `current` when it fits. */
export function findThread(
  threads: readonly TargetThread[],
  id: ThreadId,
  current: TargetThread,
): TargetThread | undefined {
  const fits = (thread: TargetThread): boolean =>
    (id.process <= 0 || id.process === thread.process) && (id.thread <= 0 || id.thread === thread.thread);
  return fits(current) ? current : threads.find(fits);
}

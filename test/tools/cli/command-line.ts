import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const MAIN = fileURLToPath(new URL("../../../dist/tools/cli/main.js", import.meta.url));

/** Runs the real program in a process of its own. */
export function quorum86(words: readonly string[], input?: Uint8Array): SpawnSyncReturns<Buffer> {
  return spawnSync(process.execPath, [MAIN, ...words], {
    ...(input === undefined ? {} : { input }),
    maxBuffer: 1 << 28,
    env: { ...process.env, NO_COLOR: "1" },
  });
}

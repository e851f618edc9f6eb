/** The lines typed at the prompt in earlier sessions, kept in the user's state directory. A convenience: failures are no matter. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

const LINES = 500;

function file(): string {
  const base = process.env.XDG_STATE_HOME ?? join(homedir(), ".local", "state");
  return join(base, "quorum86", "debug-history");
}

/** The newest first. */
export function readHistory(): string[] {
  try {
    return readFileSync(file(), "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    return [];
  }
}

export function writeHistory(history: readonly string[]): void {
  try {
    mkdirSync(dirname(file()), { recursive: true });
    writeFileSync(file(), `${history.slice(0, LINES).join("\n")}\n`, { mode: 0o600 });
  } catch {
    // A read-only home must not disturb the session.
  }
}

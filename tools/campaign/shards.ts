/** Shards: rows as workers finish them. A shard is only appended to, so whatever kills the process, a prefix is left. */
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../input-error.ts";
import { decodeLine, encodeLine, type Row } from "./row.ts";
import { FileName } from "./store.ts";

export class ShardWriter {
  readonly #descriptor: number;

  /** A new file; sessions are numbered, so that nothing is appended behind a torn line. */
  constructor(directory: string, session: number, worker: number) {
    this.#descriptor = openSync(join(directory, FileName.shards, shardName(session, worker)), "ax");
  }

  /** The row is with the operating system when this returns: it survives the death of the process. */
  append(row: Row): void {
    const bytes = Buffer.from(encodeLine(row));
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#descriptor, bytes, done);
  }

  /** Once for each batch: rows survive the loss of power. */
  sync(): void {
    fsyncSync(this.#descriptor);
  }

  close(): void {
    this.sync();
    closeSync(this.#descriptor);
  }
}

export function shardName(session: number, worker: number): string {
  return `${String(session).padStart(4, "0")}-${String(worker).padStart(3, "0")}.rows`;
}

/** The number of the next session: one more than any that left a shard. */
export function nextSession(directory: string): number {
  return shardFiles(directory).reduce((most, name) => Math.max(most, Number(name.slice(0, 4))), 0) + 1;
}

/** Names of the shards in a directory, in the order in which they were begun. */
export function shardFiles(directory: string): string[] {
  const folder = join(directory, FileName.shards);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^\d{4}-\d{3}\.rows$/.test(name))
    .sort();
}

/**
 * All rows by index. A torn last line of a shard is left out: its experiment is run again.
 * @throws InputError for a line that is damaged otherwise, or two different rows of one index.
 */
export function readShards(directory: string): Map<number, Row> {
  const rows = new Map<number, Row>();
  for (const name of shardFiles(directory)) {
    const file = join(directory, FileName.shards, name);
    const lines = readFileSync(file, "utf8").split("\n");
    // What is behind the last line feed is empty, or torn.
    lines.pop();
    lines.forEach((line, i) => {
      const row = decodeLine(line);
      if (row === undefined) {
        const mend = "remove the file: `quorum86 campaign resume` runs its experiments again";
        throw new InputError({ file, line: i + 1, problem: "the row is damaged", mend });
      }
      const known = rows.get(row.index);
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(row)) {
        const problem = `experiment ${row.index} has another outcome than in an earlier shard`;
        throw new InputError({ file, line: i + 1, problem, mend: "report this: experiments must be reproducible" });
      }
      rows.set(row.index, row);
    });
  }
  return rows;
}

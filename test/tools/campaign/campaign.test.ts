import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { campaignStatus, loadCampaign, resumeCampaign, startCampaign } from "../../../tools/campaign/campaign.ts";
import { ExperimentRunner } from "../../../tools/campaign/experiment-runner.ts";
import { type FaultSpace, pointAt, positionsOf, spaceSize } from "../../../tools/campaign/fault-space.ts";
import { placesOf } from "../../../tools/campaign/places.ts";
import { locateInTime } from "../../../tools/campaign/presence.ts";
import { decodeLine, encodeLine, type Row } from "../../../tools/campaign/row.ts";
import { samplePosition } from "../../../tools/campaign/sample.ts";
import { parseSpecification } from "../../../tools/campaign/specification.ts";
import { type GoldenRun, recordGolden } from "../../../tools/faults/golden-run.ts";
import { MAIN, quorum86 } from "../cli/command-line.ts";
import { readParquet } from "../parquet/read-parquet.ts";
import { Random } from "../support/random.ts";
import { killAndResume } from "./kill-and-resume.ts";
import { SMALL_SPECIFICATION, smallPlan, workplace } from "./small-campaign.ts";
import { lastUsesOf } from "./truth.ts";

/** Every file of rows, as lines. */
function shardLines(directory: string): string[] {
  const folder = join(directory, "shards");
  return readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1));
}

/** What a row says of its draw, whether or not the draw had an experiment of its own. */
function comparable({ index, fault, outcome, detection, cycles, instructions }: Row) {
  // What was read first comes from the trace; how far a wrong word came is not known of an experiment that nobody watched.
  const { activation: _, containment: __, ...axes } = outcome;
  return { index, fault, axes, detection, cycles, instructions };
}

describe("a campaign", () => {
  const place = workplace();
  const whole = place.path("whole");
  /** The same sample, longer: long enough to be interrupted. */
  const longer = place.path("longer.yaml");
  let results = "";
  let golden: GoldenRun;
  let space: FaultSpace;

  beforeAll(async () => {
    writeFileSync(longer, SMALL_SPECIFICATION.replace("size: 40", "size: 300"));
    const status = await startCampaign(place.file, whole, { workers: 2 });
    expect(status).toMatchObject({ draws: 40, complete: true });
    expect(status.done).toBe(status.asked);
    // Some of the draws are never read, or fall into one class.
    expect(status.asked).toBeLessThan(40);
    results = readFileSync(join(whole, "results.jsonl"), "utf8");
    golden = recordGolden(smallPlan(), { snapshots: 96 });
    space = loadCampaign(whole).space;
  }, 120_000);
  afterAll(place.remove);

  /** A longer sample of one seed begins with the shorter one. */
  const expectLonger = (directory: string) => {
    const lines = readFileSync(join(directory, "results.jsonl"), "utf8").split("\n");
    expect(lines).toHaveLength(301);
    expect(lines.slice(0, 40)).toEqual(results.trim().split("\n"));
  };

  it("gives one row an index, in order, none of them a tool error, of several classes", () => {
    const rows = results
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Row);
    expect(rows.map(({ index }) => index)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(rows.filter(({ outcome }) => outcome.class === "TOOL_ERROR")).toEqual([]);
    expect(new Set(rows.map(({ outcome }) => outcome.class)).size).toBeGreaterThan(2);
  });

  it("exports its rows as Parquet", async () => {
    const file = place.path("rows.parquet");
    expect(quorum86(["campaign", "report", whole, "--parquet", file]).status).toBe(0);
    const { names, rows } = await readParquet(file);
    const lines = results
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Row);
    const column = (name: string) => rows.map((row) => row[names.indexOf(name)]);
    expect(column("fault")).toEqual(lines.map(({ fault }) => fault));
    expect(column("class")).toEqual(lines.map(({ outcome }) => outcome.class));
  });

  it("makes each row again from seed and index alone, and the same ones without def/use pruning", () => {
    const runner = new ExperimentRunner(golden, space);
    const rows = results
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Row);
    const kinds = new Set(
      rows.map(({ like, stop }) => (stop === "pruned" ? "pruned" : like === undefined ? "own" : "like")),
    );
    expect(kinds.size).toBeGreaterThan(1);
    for (const row of rows) {
      const point = pointAt(space, samplePosition(5, row.index, spaceSize(space)));
      const again = runner.run(row.index, point);
      expect(comparable(again)).toEqual(comparable(row));
    }
  });

  it("finds the same space again", () => {
    const { value } = parseSpecification(SMALL_SPECIFICATION, "s");
    const places = placesOf(parseSpecification(SMALL_SPECIFICATION, "s"), golden.plan);
    expect(locateInTime(golden, places, value.window.from, value.window.to)).toEqual(space);
  });

  it("applies the fault at the first and the last clock of every region", () => {
    const runner = new ExperimentRunner(golden, space);
    let before = 0n;
    for (const region of space.regions) {
      const cycles = BigInt(region.lastCycle - region.firstCycle + 1);
      for (const position of [before, before + cycles - 1n]) {
        const { injection } = runner.run(0, pointAt(space, position));
        expect("cycle" in injection, `${region.component} ${region.name}: ${JSON.stringify(injection)}`).toBe(true);
      }
      before += cycles * BigInt(positionsOf(region, space.model));
    }
    expect(before).toBe(spaceSize(space));
  });

  it("gives the same results killed at random moments and resumed", async () => {
    const killed = place.path("killed");
    const outcome = await killAndResume(MAIN, longer, killed, 3, 900, new Random(4));
    expect(outcome.killed).toBeGreaterThan(0);
    expectLonger(killed);
  });

  it("goes on after an abort, loses a torn last line only, and repeats no experiment", async () => {
    const directory = place.path("aborted");
    const abort = new AbortController();
    const first = await startCampaign(longer, directory, {
      workers: 2,
      signal: abort.signal,
      onRow: (done) => {
        if (done === 10) abort.abort();
      },
    });
    expect(first.complete).toBe(false);
    expect(first.done).toBeGreaterThanOrEqual(10);
    expect(first.done).toBeLessThan(first.asked);
    expect(existsSync(join(directory, "results.jsonl"))).toBe(false);
    // A worker that was aborted before its first batch leaves an empty shard.
    const shard = readdirSync(join(directory, "shards"))
      .map((name) => join(directory, "shards", name))
      .find((path) => statSync(path).size > 0);
    truncateSync(shard!, statSync(shard!).size - 5);
    expect(campaignStatus(directory).done).toBe(first.done - 1);
    const second = await resumeCampaign(directory, { workers: 1 });
    expect(second.complete).toBe(true);
    expectLonger(directory);
    expect(shardLines(directory).filter((line) => decodeLine(line) !== undefined)).toHaveLength(second.asked);
    // Nothing is left to do: no new shard.
    const shards = readdirSync(join(directory, "shards")).length;
    await resumeCampaign(directory);
    expect(readdirSync(join(directory, "shards"))).toHaveLength(shards);
  });

  it("rests at Ctrl-C with exit code 130 and goes on afterwards", async () => {
    const directory = place.path("interrupted");
    const child = spawn(process.execPath, [MAIN, "campaign", "run", longer, "--out", directory], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
    const shards = join(directory, "shards");
    // When a first row is there, the workers are at it.
    while (!existsSync(shards) || readdirSync(shards).every((name) => statSync(join(shards, name)).size === 0))
      await setTimeout(5);
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(existsSync(join(directory, "lock"))).toBe(false);
    const rested = campaignStatus(directory);
    expect(rested.done).toBeLessThan(rested.asked);
    await resumeCampaign(directory);
    expectLonger(directory);
  });

  it("does not write into a directory of other things, nor two processes into one campaign", () => {
    const other = quorum86(["campaign", "run", place.file, "--out", place.directory]);
    expect(other.status).toBe(2);
    expect(other.stderr.toString()).toMatch(
      /the directory holds .*, which is no part of a campaign; name a new directory/,
    );
    writeFileSync(join(whole, "lock"), `${process.pid}\n`);
    const second = quorum86(["campaign", "resume", whole]);
    expect(second.status).toBe(2);
    expect(second.stderr.toString()).toMatch(/process \d+ is working on this campaign; wait for it/);
    writeFileSync(join(whole, "lock"), "4194305\n");
    expect(quorum86(["campaign", "resume", whole]).status).toBe(0);
  });

  it("refuses a changed specification and a changed image, and says which", async () => {
    const other = workplace();
    const directory = other.path("out");
    const abort = new AbortController();
    abort.abort();
    await startCampaign(other.file, directory, { signal: abort.signal });
    const refused = async () => {
      const { status, stderr } = quorum86(["campaign", "resume", directory]);
      expect(status).toBe(2);
      return stderr.toString();
    };
    const scenario = readFileSync(other.path("small.yaml"), "utf8");
    writeFileSync(other.path("small.yaml"), scenario.replace("5 ms", "6 ms"));
    expect(await refused()).toMatch(
      /other inputs; changed: image small\.yaml \([0-9a-f]{12} -> [0-9a-f]{12}\); put them back/,
    );
    writeFileSync(other.path("small.yaml"), scenario);
    writeFileSync(other.file, SMALL_SPECIFICATION.replace("seed: 5", "seed: 6"));
    expect(await refused()).toMatch(/changed: specification campaign\.yaml/);
    const again = quorum86(["campaign", "run", other.file, "--out", directory]);
    expect(again.status).toBe(2);
    expect(again.stderr.toString()).toMatch(/changed: specification campaign\.yaml/);
    rmSync(other.file);
    expect(await refused()).toMatch(/its specification .* is gone/);
    other.remove();
  });

  it("refuses a damaged shard, two outcomes of one experiment, and a golden run that is not the same", async () => {
    const shard = join(whole, "shards", "0001-001.rows");
    const before = readFileSync(shard, "utf8");
    const lines = before.split("\n");
    const refused = () => quorum86(["campaign", "status", whole]).stderr.toString();
    writeFileSync(shard, before.replace('"class":"', '"class":"X'));
    expect(refused()).toMatch(/0001-001\.rows:\d+: the row is damaged; remove the file/);
    const row = decodeLine(lines[0]!)!;
    writeFileSync(shard, before + encodeLine({ ...row, simulated: row.simulated + 1 }));
    expect(refused()).toMatch(/experiment \d+ has another outcome than in an earlier shard/);
    writeFileSync(shard, before);
    const file = join(whole, "golden.json");
    const stored = readFileSync(file, "utf8");
    writeFileSync(file, stored.replace(/"eventHash": "./, '"eventHash": "x'));
    writeFileSync(shard, lines.slice(1).join("\n"));
    await expect(resumeCampaign(whole)).rejects.toThrow(/golden\.json: eventHash: the golden run has changed/);
    writeFileSync(file, stored);
    writeFileSync(shard, before);
  });

  it("ends early with the outcome of the whole run", () => {
    const early = new ExperimentRunner(golden, space, { lastUses: lastUsesOf(golden) });
    const toTheEnd = new ExperimentRunner(golden, space, { earlyStop: false });
    const strip = ({ stop: _, simulated: __, ...row }: Row) => row;
    const stops = { converged: 0, dead: 0, end: 0, pruned: 0, error: 0 };
    for (let index = 0; index < 100; index++) {
      const point = pointAt(space, samplePosition(77, index, spaceSize(space)));
      const row = early.run(index, point);
      stops[row.stop]++;
      expect(strip(row)).toEqual(strip(toTheEnd.run(index, point)));
    }
    expect(stops.converged).toBeGreaterThan(5);
    expect(stops.dead).toBeGreaterThan(2);
  });
});

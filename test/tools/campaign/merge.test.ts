import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCampaign, resumeCampaign, startCampaign } from "../../../tools/campaign/campaign.ts";
import { mergeCampaigns } from "../../../tools/campaign/merge.ts";
import { placesOf } from "../../../tools/campaign/places.ts";
import { openDirectory, readInputs } from "../../../tools/campaign/store.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { quorum86 } from "../cli/command-line.ts";
import { SMALL_SPECIFICATION, workplace } from "./small-campaign.ts";

describe("a campaign in parts", () => {
  const place = workplace(SMALL_SPECIFICATION.replace("size: 40", "size: 60"));
  const whole = place.path("whole");
  const parts = [1, 2].map((part) => place.path(`part-${part}`));
  const campaign = (...words: string[]) => quorum86(["campaign", ...words, "--quiet"]);

  beforeAll(async () => {
    await startCampaign(place.file, whole, { workers: 2 });
    await startCampaign(place.file, parts[0]!, { workers: 1, share: { part: 1, of: 2 } });
    const { status, stderr } = campaign("run", place.file, "--out", parts[1]!, "--shard", "2/2");
    expect(status, stderr.toString()).toBe(0);
  }, 120_000);
  afterAll(place.remove);

  it("runs every experiment in one part, and merges to the results of the whole", () => {
    const asked = JSON.parse(quorum86(["campaign", "status", whole, "--json"]).stdout.toString()).asked;
    const shares = parts.map((part) => JSON.parse(quorum86(["campaign", "status", part, "--json"]).stdout.toString()));
    expect(shares.map(({ share }) => share)).toEqual([1, 2].map((part) => ({ part, of: 2 })));
    expect(shares.every(({ complete, asked: wanted, done }) => complete && wanted === done)).toBe(true);
    expect(shares.reduce((sum, share) => sum + share.asked, 0)).toBe(asked);
    const merged = place.path("merged");
    expect(campaign("merge", ...parts, "--out", merged).status).toBe(0);
    const results = (directory: string) => readFileSync(join(directory, "results.jsonl"), "utf8");
    expect(results(merged)).toBe(results(whole));
    expect(loadCampaign(merged).resultsSha256).toBe(loadCampaign(whole).resultsSha256);
  });

  it("merges what there is, and resume runs the rest", async () => {
    const merged = place.path("half");
    expect(mergeCampaigns([parts[1]!], merged).complete).toBe(false);
    expect(readdirSync(merged)).not.toContain("results.jsonl");
    await resumeCampaign(merged);
    expect(readFileSync(join(merged, "results.jsonl"))).toEqual(readFileSync(join(whole, "results.jsonl")));
  });

  it("refuses parts of different campaigns, wrong shares, and a part that is started as another one", () => {
    const message = (...words: string[]) => campaign(...words).stderr.toString();
    const other = workplace();
    const seed = other.path("other");
    openDirectory(seed, readInputs(other.file, { part: 1, of: 40 }));
    expect(message("merge", parts[0]!, seed, "--out", place.path("x"))).toMatch(
      /other inputs; changed: .*specification/,
    );
    other.remove();
    for (const share of ["0/3", "4/3", "1", "a/b"])
      expect(message("run", place.file, "--out", place.path("y"), "--shard", share)).toMatch(/--shard: .*write I\/N/);
    expect(message("run", place.file, "--out", parts[0]!, "--shard", "2/2")).toMatch(
      /changed: the part that is run here \(1 of 2 -> 2 of 2\)/,
    );
    expect(message("merge", ...parts, "--out", whole)).toMatch(/it is not empty; name a new directory/);
    expect(message("merge", "--out", place.path("z"))).toMatch(/no campaigns are given/);
  });

  it("says in which format an older campaign was stored", () => {
    const file = join(parts[1]!, "campaign.json");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, before.replace('"version": 2', '"version": 1'));
    const { status, stderr } = campaign("status", parts[1]!);
    expect(status).toBe(2);
    expect(stderr.toString()).toMatch(
      /campaign\.json: this campaign was stored in format 1; this build of quorum86 knows format 2 only; run it again/,
    );
    writeFileSync(file, before);
  });
});

describe("specifications that come with quorum86", () => {
  it("are all right", () => {
    for (const name of ["first", "kernel"]) {
      const { specification, image } = readInputs(`bundled:${name}`);
      expect(specification.value.name).toBe(name);
      expect(placesOf(specification, planBoot(image)).length).toBeGreaterThan(0);
    }
    expect(() => readInputs("bundled:frist")).toThrow(/use one of bundled:first, bundled:kernel/);
  });
});

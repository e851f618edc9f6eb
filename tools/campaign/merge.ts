/** The parts of one campaign that were run in several directories (`--shard`), put together in a new one. */
import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileError } from "../files.ts";
import { InputError } from "../input-error.ts";
import { type CampaignStatus, campaignStatus, resultsStep } from "./campaign.ts";
import { shardFiles, shardName } from "./shards.ts";
import { type CampaignInputs, FileName, openDirectory, refuseChanges, reopenDirectory, writeText } from "./store.ts";

/** Steps that all parts have made for themselves, and alike. */
const COMMON = [FileName.golden, FileName.space, FileName.classes, FileName.draws];

/**
 * Copies the rows of all parts; what a part has not run yet is missing in the whole too.
 * @throws InputError if a directory is no campaign, or not a part of the same one.
 */
export function mergeCampaigns(sources: readonly string[], directory: string): CampaignStatus {
  const [first, ...others] = sources.map((source) => ({ source, inputs: reopenDirectory(source) }));
  const inputs = whole(first!.inputs);
  for (const other of others) refuseChanges(other.source, inputs.identity, whole(other.inputs).identity);
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new InputError({ file: directory, problem: "it is not empty", mend: "name a new directory" });
  }
  openDirectory(directory, inputs);
  for (const name of COMMON) copyCommon(sources, name, directory);
  let session = 0;
  for (const source of sources) {
    const bySession = new Map<string, number>();
    for (const shard of shardFiles(source)) {
      const [own, worker] = shard.replace(".rows", "").split("-") as [string, string];
      if (!bySession.has(own)) bySession.set(own, ++session);
      const name = shardName(bySession.get(own)!, Number(worker));
      try {
        copyFileSync(join(source, FileName.shards, shard), join(directory, FileName.shards, name));
      } catch (error) {
        throw fileError(error, join(source, FileName.shards, shard));
      }
    }
  }
  resultsStep(directory, inputs);
  return campaignStatus(directory);
}

function whole(inputs: CampaignInputs): CampaignInputs {
  const { share: _, ...identity } = inputs.identity;
  return { ...inputs, identity };
}

function copyCommon(sources: readonly string[], name: string, directory: string): void {
  let known: { readonly text: string; readonly source: string } | undefined;
  for (const source of sources) {
    const file = join(source, name);
    if (!existsSync(file)) continue;
    const text = readFileSync(file, "utf8");
    if (known !== undefined && known.text !== text) {
      const problem = `it is not what ${join(known.source, name)} is: the parts were run by different builds of quorum86`;
      throw new InputError({ file, problem, mend: `leave ${basename(source)} out, and run its part again` });
    }
    known = { text, source };
  }
  if (known !== undefined) writeText(directory, name, known.text);
}

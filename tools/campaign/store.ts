/**
 * The directory of a campaign:
 *
 *     campaign.json        what it was made from: specification and image, file by file, with SHA-256 sums
 *     specification.yaml   a copy
 *     golden.json          step 1: the run without faults
 *     space.json           step 2: the fault space
 *     classes.json         step 3, complete campaigns: what def/use pruning made of it
 *     draws.json           step 3, sampled campaigns: which experiment answers for each draw
 *     shards/*.rows        step 4: rows as they come, one file a worker and session, append-only
 *     results.jsonl        step 5: all rows in canonical order, once every one is there
 *     lock                 the process that works on it
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { fileError, readInput, writeWhole } from "../files.ts";
import { bundledScenario, type Image, loadImage } from "../image/image.ts";
import { InputError, printable } from "../input-error.ts";
import type { YamlInput } from "../yaml-input.ts";
import { parseSpecification, type Specification } from "./specification.ts";

const sum = z.string().regex(/^[0-9a-f]{64}$/);
/** Of what a directory holds; raised when it changes. */
const FORMAT_VERSION = 2;

const shareSchema = z.strictObject({ part: z.int().min(1), of: z.int().min(1) });
/** One part of several, from 1, of a campaign that is run in several directories. */
export type Share = z.output<typeof shareSchema>;

const identitySchema = z.strictObject({
  format: z.literal("quorum86-campaign"),
  version: z.literal(FORMAT_VERSION),
  quorum86: z.string(),
  specification: z.strictObject({ file: z.string(), sha256: sum }),
  image: z.strictObject({
    file: z.string(),
    sha256: sum,
    files: z.array(z.strictObject({ name: z.string(), sha256: sum })),
  }),
  share: shareSchema.exactOptional(),
});
export type CampaignIdentity = z.output<typeof identitySchema>;

export const FileName = {
  identity: "campaign.json",
  specification: "specification.yaml",
  golden: "golden.json",
  space: "space.json",
  classes: "classes.json",
  draws: "draws.json",
  shards: "shards",
  results: "results.jsonl",
  lock: "lock",
} as const;

/** A campaign whose inputs have been read and checked. */
export interface CampaignInputs {
  readonly specification: YamlInput<Specification>;
  readonly text: string;
  readonly image: Image;
  readonly identity: CampaignIdentity;
}

/** The specification that comes with quorum86 under this name. */
function bundledSpecification(name: string): string {
  const folder = fileURLToPath(new URL("../../../tools/campaign/examples/", import.meta.url));
  const file = join(folder, `${name}.yaml`);
  if (existsSync(file)) return file;
  const names = readdirSync(folder).map((each) => `bundled:${basename(each, ".yaml")}`);
  const problem = "no such specification comes with quorum86";
  throw new InputError({ file: `bundled:${name}`, problem, mend: `use one of ${names.sort().join(", ")}` });
}

/**
 * @param reference the specification, or `bundled:NAME`; paths in it are relative to it.
 * @throws InputError for what is wrong with it or its image.
 */
export function readInputs(reference: string, share?: Share): CampaignInputs {
  const file = reference.startsWith("bundled:") ? bundledSpecification(reference.slice(8)) : reference;
  const path = resolve(file);
  const text = new TextDecoder().decode(readInput(file));
  const specification = parseSpecification(text, file);
  const { image: imageName } = specification.value;
  const bundled = imageName.startsWith("bundled:");
  const imageFile = bundled ? bundledScenario(imageName.slice(8)) : resolve(dirname(path), imageName);
  if (!existsSync(imageFile)) {
    const mend = bundled ? "use bundled:aes-tmr" : "correct the path";
    throw specification.problem(["image"], `there is no image ${bundled ? `"${imageName}"` : imageFile}`, mend);
  }
  const image = loadImage(imageFile);
  const files = [...image.files].map(([name, data]) => ({ name, sha256: sha256(data) }));
  const identity: CampaignIdentity = {
    format: "quorum86-campaign",
    version: FORMAT_VERSION,
    quorum86: packageVersion(),
    specification: { file: path, sha256: sha256(new TextEncoder().encode(text)) },
    image: { file: bundled ? imageName : imageFile, sha256: sha256(readInput(imageFile)), files },
    ...(share === undefined ? {} : { share }),
  };
  return { specification, text, image, identity };
}

/**
 * Makes the directory, or checks that the one that is there was made from the same inputs.
 * @throws InputError naming what has changed.
 */
export function openDirectory(directory: string, inputs: CampaignInputs): void {
  const known = readIdentity(directory);
  if (known !== undefined) {
    refuseChanges(directory, known, inputs.identity);
    return;
  }
  refuseOthersFiles(directory);
  try {
    mkdirSync(join(directory, FileName.shards), { recursive: true });
  } catch (error) {
    throw fileError(error, directory);
  }
  writeText(directory, FileName.specification, inputs.text);
  writeText(directory, FileName.identity, `${JSON.stringify(inputs.identity, undefined, 2)}\n`);
}

/** A directory that holds something else is not written into; what a start that was killed left is no obstacle. */
function refuseOthersFiles(directory: string): void {
  if (!existsSync(directory)) return;
  try {
    const own: readonly string[] = Object.values(FileName);
    const other = readdirSync(directory).find((name) => !own.includes(name) && !name.endsWith(".part"));
    if (other === undefined) return;
    const problem = `the directory holds ${printable(other)}, which is no part of a campaign`;
    throw new InputError({ file: directory, problem, mend: "name a new directory" });
  } catch (error) {
    throw fileError(error, directory);
  }
}

/**
 * The inputs of a campaign that is there. Its specification is read from where it came, if that file still exists, else
 * from the copy.
 * @throws InputError if this is no campaign, or naming what has changed.
 */
export function reopenDirectory(directory: string): CampaignInputs {
  const known = readIdentity(directory);
  if (known === undefined) {
    const mend = "start one with `quorum86 campaign run SPEC.yaml --out DIR`";
    throw new InputError({ file: directory, problem: "there is no campaign here", mend });
  }
  const { file } = known.specification;
  if (!existsSync(file)) {
    const mend = "put the specification back to where the campaign was started from";
    throw new InputError({ file: directory, problem: `its specification ${file} is gone`, mend });
  }
  const inputs = readInputs(file, known.share);
  refuseChanges(directory, known, inputs.identity);
  return inputs;
}

function readIdentity(directory: string): CampaignIdentity | undefined {
  const file = join(directory, FileName.identity);
  if (!existsSync(file)) return undefined;
  const { version } = readJson(file, z.object({ version: z.int() }));
  if (version !== FORMAT_VERSION) {
    const problem = `this campaign was stored in format ${version}; this build of quorum86 knows format ${FORMAT_VERSION} only`;
    throw new InputError({ file, problem, mend: "run it again in another directory, or use the build that made it" });
  }
  return readJson(file, identitySchema);
}

/** @throws InputError naming everything in which two campaigns differ. */
export function refuseChanges(directory: string, before: CampaignIdentity, now: CampaignIdentity): void {
  const changed: string[] = [];
  const compare = (what: string, one: string | undefined, other: string | undefined) => {
    if (one === other) return;
    const short = (value: string | undefined) => (value === undefined ? "absent" : value.slice(0, 12));
    changed.push(`${what} (${short(one)} -> ${short(other)})`);
  };
  const part = ({ share }: CampaignIdentity) => (share === undefined ? "all of it" : `${share.part} of ${share.of}`);
  compare("the part that is run here", part(before), part(now));
  compare("the version of quorum86", before.quorum86, now.quorum86);
  compare(`specification ${basename(now.specification.file)}`, before.specification.sha256, now.specification.sha256);
  compare(`image ${basename(now.image.file)}`, before.image.sha256, now.image.sha256);
  const names = new Set([...before.image.files, ...now.image.files].map(({ name }) => name));
  const sumOf = (identity: CampaignIdentity, name: string) =>
    identity.image.files.find((each) => each.name === name)?.sha256;
  for (const name of names) compare(`file ${name}`, sumOf(before, name), sumOf(now, name));
  if (changed.length === 0) return;
  const problem = `this campaign was started with other inputs; changed: ${changed.join(", ")}`;
  throw new InputError({
    file: directory,
    problem,
    mend: "put them back, or start a new campaign in another directory",
  });
}

/** One process at a time; a lock whose process is dead does not count. Returns the function that gives it back. */
export function lockDirectory(directory: string): () => void {
  const file = join(directory, FileName.lock);
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw fileError(error, directory);
    }
    const holder = Number(readFileSync(file, "utf8"));
    if (holder !== process.pid && isAlive(holder)) {
      const problem = `process ${holder} is working on this campaign`;
      throw new InputError({ file: directory, problem, mend: `wait for it, or remove ${file} if that is not so` });
    }
    rmSync(file, { force: true });
  }
  throw new InputError({ file: directory, problem: "it cannot be locked", mend: `remove ${file}` });
}

function isAlive(process_: number): boolean {
  if (!Number.isInteger(process_) || process_ <= 0) return false;
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export function writeText(directory: string, name: string, text: string): void {
  writeWhole(join(directory, name), new TextEncoder().encode(text));
}

/** @throws InputError if the file is not JSON of that shape. */
export function readJson<S extends z.ZodType>(file: string, schema: S): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(readInput(file)));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError({ file, problem: "it is not JSON", mend: "remove it, or put back the original" });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const key = result.error.issues[0]!.path.map(String).join(".");
  throw new InputError({ file, key, problem: "not what a campaign holds", mend: "put back the original" });
}

export function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

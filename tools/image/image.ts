/**
 * Images: a scenario with every file that it names. Either a packed one, an ordinary tar of scenario.yaml, modules/,
 * data/ and a manifest.json with SHA-256 sums, or a scenario file whose references are read from disk.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { z } from "zod";
import type { Fault } from "../faults/fault.ts";
import { readInput } from "../files.ts";
import { GUESTS, PREBUILT, readManifest } from "../guests/manifest.ts";
import { InputError, printable } from "../input-error.ts";
import { BUNDLED, replicaModule, type Scenario } from "./scenario.ts";
import { type ParsedScenario, parseScenario } from "./scenario-yaml.ts";
import { readTar, type TarMember, writeTar } from "./tar.ts";

const SCENARIO_MEMBER = "scenario.yaml";
const MANIFEST_MEMBER = "manifest.json";
const REPACK = "make the image again with `quorum86 image pack`";

/** A scenario and the bytes of every file that it references. */
export interface Image {
  /** Path that it was read from. */
  readonly file: string;
  readonly scenario: Scenario;
  readonly faults: readonly Fault[];
  /** By reference, as the scenario writes it. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const manifestSchema = z.strictObject({
  format: z.literal("quorum86-image"),
  version: z.literal(1),
  members: z.array(
    z.strictObject({ name: z.string(), bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
});
export type ImageManifest = z.output<typeof manifestSchema>;

/** The scenario that comes with the package under that name. */
export function bundledScenario(name: string): string {
  return resolve(GUESTS, "scenarios", `${name}.yaml`);
}

/**
 * Reads a packed image or a scenario file, told apart by content.
 * @throws InputError naming the file and the place in it.
 */
export function loadImage(file: string): Image {
  const bytes = readInput(file);
  if (looksLikeTar(bytes)) return openPacked(bytes, file);
  return collect(parseScenario(decodeText(bytes, file), file), file);
}

/** An image from the text of a scenario; references are relative to the directory of `file`. */
export function imageFromScenario(text: string, file: string): Image {
  return collect(parseScenario(text, file), file);
}

function collect(parsed: ParsedScenario, file: string): Image {
  const files = new Map<string, Uint8Array>();
  for (const { reference, key } of references(parsed.scenario)) {
    if (!files.has(reference)) files.set(reference, readReference(reference, key, file));
  }
  return { file, scenario: parsed.scenario, faults: parsed.faults, files };
}

/**
 * The packed form of a scenario file. References become members `modules/…` and `data/…`; the scenario keeps its
 * comments.
 * @throws InputError as `loadImage`.
 */
export function packImage(file: string): Uint8Array {
  const bytes = readInput(file);
  if (looksLikeTar(bytes)) throw new InputError({ file, problem: "this is a packed image", mend: "give a scenario" });
  const parsed = parseScenario(decodeText(bytes, file), file);
  const names = new Map<string, string>();
  const members: TarMember[] = [];
  for (const { reference, key, path } of references(parsed.scenario)) {
    let name = names.get(reference);
    if (name === undefined) {
      name = memberName(reference, path[0] === "workload" ? "data" : "modules", new Set(names.values()));
      names.set(reference, name);
      members.push({ name, data: readReference(reference, key, file) });
    }
    parsed.document.setIn(path, name);
  }
  const scenario = new TextEncoder().encode(parsed.document.toString({ lineWidth: 0 }));
  parseScenario(parsed.document.toString({ lineWidth: 0 }), SCENARIO_MEMBER);
  members.sort((a, b) => (a.name < b.name ? -1 : 1));
  members.unshift({ name: SCENARIO_MEMBER, data: scenario });
  const manifest: ImageManifest = {
    format: "quorum86-image",
    version: 1,
    members: members.map(({ name, data }) => ({ name, bytes: data.length, sha256: sha256(data) })),
  };
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
  return writeTar([{ name: MANIFEST_MEMBER, data: new TextEncoder().encode(text) }, ...members]);
}

/**
 * The members of a packed image, every sum checked.
 * @throws InputError naming the member.
 */
export function verifyMembers(bytes: Uint8Array, file: string): { members: TarMember[]; manifest: ImageManifest } {
  const members = readTar(bytes, file);
  const listed = members.find((member) => member.name === MANIFEST_MEMBER);
  if (listed === undefined) throw damaged(file, MANIFEST_MEMBER, "the image does not hold it");
  const manifest = parseManifest(listed.data, file);
  const sums = new Map(manifest.members.map((entry) => [entry.name, entry]));
  for (const { name, data } of members) {
    if (name === MANIFEST_MEMBER) continue;
    const entry = sums.get(name);
    if (entry === undefined) throw damaged(file, name, "the manifest does not list it");
    if (entry.bytes !== data.length)
      throw damaged(file, name, `${data.length} bytes, the manifest says ${entry.bytes}`);
    if (entry.sha256 !== sha256(data)) throw damaged(file, name, "its SHA-256 sum differs from the manifest's");
    sums.delete(name);
  }
  const [missing] = sums.keys();
  if (missing !== undefined) throw damaged(file, missing, "the manifest lists it, but it is not there");
  return { members, manifest };
}

function openPacked(bytes: Uint8Array, file: string): Image {
  const { members } = verifyMembers(bytes, file);
  const contents = new Map(members.map((member) => [member.name, member.data]));
  const scenario = contents.get(SCENARIO_MEMBER);
  if (scenario === undefined) throw damaged(file, SCENARIO_MEMBER, "the image does not hold it");
  const inside = `${file}(${SCENARIO_MEMBER})`;
  const parsed = parseScenario(decodeText(scenario, inside), inside);
  const files = new Map<string, Uint8Array>();
  for (const { reference, key } of references(parsed.scenario)) {
    const data = contents.get(reference);
    if (data === undefined) {
      const problem = `the image has no member ${printable(reference)}`;
      throw new InputError({ file: inside, key, problem, mend: REPACK });
    }
    files.set(reference, data);
  }
  return { file, scenario: parsed.scenario, faults: parsed.faults, files };
}

/** Every file that a scenario names, with the path of the key that names it. */
function references(scenario: Scenario): { reference: string; key: string; path: (string | number)[] }[] {
  const found: { reference: string; key: string; path: (string | number)[] }[] = [];
  for (const [name, reference] of Object.entries(scenario.modules)) {
    found.push({ reference, key: `modules.${name}`, path: ["modules", name] });
  }
  scenario.replicas.forEach((group, i) => {
    const reference = replicaModule(group);
    found.push({ reference, key: `replicas[${i}].module`, path: ["replicas", i, "module"] });
  });
  const { data } = scenario.workload;
  if ("file" in data) {
    found.push({ reference: data.file, key: "workload.data.file", path: ["workload", "data", "file"] });
  }
  return found;
}

function readReference(reference: string, key: string, file: string): Uint8Array {
  if (!reference.startsWith(BUNDLED)) {
    const path = resolve(dirname(file), reference);
    if (!existsSync(path)) {
      throw new InputError({ file, key, problem: `there is no file ${printable(path)}`, mend: "correct the path" });
    }
    return readInput(path);
  }
  const name = reference.slice(BUNDLED.length);
  const path = resolve(PREBUILT, name);
  if (name !== basename(name) || !existsSync(path)) {
    const problem = `no module "${printable(name)}" comes with quorum86`;
    throw new InputError({ file, key, problem, mend: "correct the name, or give the path of a file" });
  }
  const data = readInput(path);
  if (bundledSum(name) !== sha256(data)) {
    const problem = `the bundled module "${name}" is not what its manifest says`;
    throw new InputError({ file: path, problem, mend: "install quorum86 again, or run `npm run guests`" });
  }
  return data;
}

function bundledSum(name: string): string | undefined {
  try {
    return readManifest(PREBUILT).programs[name]?.sha256;
  } catch {
    return undefined;
  }
}

function memberName(reference: string, folder: string, taken: ReadonlySet<string>): string {
  const base = basename(reference.slice(reference.startsWith(BUNDLED) ? BUNDLED.length : 0)).slice(-60);
  let name = `${folder}/${base}`;
  for (let i = 2; taken.has(name); i++) name = `${folder}/${i}-${base}`;
  return name;
}

function parseManifest(data: Uint8Array, file: string): ImageManifest {
  try {
    return manifestSchema.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data)));
  } catch {
    throw damaged(file, MANIFEST_MEMBER, "it is not the manifest of an image (format quorum86-image, version 1)");
  }
}

function looksLikeTar(bytes: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(bytes.subarray(257, 262)) === "ustar";
}

function decodeText(bytes: Uint8Array, file: string): string {
  const text = new TextDecoder("utf-8").decode(bytes);
  if (!/[\0\ufffd]/.test(text)) return text;
  const mend = "give a scenario (.yaml) or a packed image (.tar)";
  throw new InputError({ file, problem: "neither UTF-8 text nor a tar archive", mend });
}

function damaged(file: string, member: string, problem: string): InputError {
  return new InputError({ file, key: `member ${printable(member)}`, problem, mend: REPACK });
}

function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

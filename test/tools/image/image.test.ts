import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadImage, packImage, verifyMembers } from "../../../tools/image/image.ts";
import { readTar, type TarMember, writeTar } from "../../../tools/image/tar.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { buildElf } from "../../emulator/loader/elf-builder.ts";
import { clearErrorOrSuccess, inputError } from "../support/input-errors.ts";
import { damage, Random } from "../support/random.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-image-"));
const scenario = join(directory, "test.yaml");
const packed = join(directory, "test.tar");
const elf = buildElf().bytes;

const YAML = `# kept in the image
name: packed
modules: { sigma0: programs/a.elf, root: programs/b.elf, console: programs/a.elf, voter: programs/a.elf, client: programs/a.elf }
replicas:
  - module: programs/a.elf # one of ours
    implementation: ttable
  - module: other/a.elf
    count: 2
workload: { mode: ctr, key: "00112233445566778899aabbccddeeff", iv: "00112233445566778899aabbccddeeff", data: { file: text } }
`;

beforeAll(() => {
  mkdirSync(join(directory, "programs"));
  mkdirSync(join(directory, "other"));
  for (const path of ["programs/a.elf", "programs/b.elf"]) writeFileSync(join(directory, path), elf);
  writeFileSync(join(directory, "other/a.elf"), Buffer.concat([elf, Buffer.from("other")]));
  writeFileSync(join(directory, "text"), "eleven byte");
  writeFileSync(scenario, YAML);
  writeFileSync(packed, packImage(scenario));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** The image with one member changed and everything else as it was. */
function altered(change: (members: TarMember[]) => TarMember[]): string {
  const file = join(directory, "altered.tar");
  writeFileSync(file, writeTar(change(readTar(packImage(scenario), packed))));
  return file;
}

describe("an image", () => {
  it("holds the scenario, each module once under a name of its own, the data and the sums", () => {
    const { manifest } = verifyMembers(packImage(scenario), packed);
    expect(manifest.members.map(({ name, bytes }) => [name, bytes])).toEqual([
      ["scenario.yaml", expect.any(Number)],
      ["data/text", 11],
      ["modules/2-a.elf", elf.length + 5],
      ["modules/a.elf", elf.length],
      ["modules/b.elf", elf.length],
    ]);
  });

  it("boots the same as the scenario that it was packed from", () => {
    const [fromYaml, fromTar] = [planBoot(loadImage(scenario)), planBoot(loadImage(packed))];
    expect(fromTar.workload).toEqual(fromYaml.workload);
    expect(fromTar.outputBytes).toBe(11);
    expect(fromTar.components.map(({ name }) => name)).toEqual(fromYaml.components.map(({ name }) => name));
    expect(fromTar.modules.map(({ data }) => Buffer.from(data).toString("hex").length)).toEqual(
      fromYaml.modules.map(({ data }) => Buffer.from(data).toString("hex").length),
    );
  });

  it("keeps the scenario's comments", () => {
    const [, member] = readTar(packImage(scenario), packed);
    expect(new TextDecoder().decode(member!.data)).toMatch(/^# kept in the image\n[\s\S]*# one of ours/);
  });

  it("is the same bytes each time", () => {
    expect(Buffer.from(packImage(scenario)).equals(packImage(scenario))).toBe(true);
  });

  it("is a tar that tar lists", () => {
    let listing: string;
    try {
      listing = execFileSync("tar", ["tf", packed], { encoding: "utf8" });
    } catch {
      return;
    }
    expect(listing.split("\n").slice(0, 2)).toEqual(["manifest.json", "scenario.yaml"]);
  });
});

describe("a damaged image is refused by member", () => {
  const replace = (name: string, data: Uint8Array | undefined) => (members: TarMember[]) =>
    members.flatMap((member) => (member.name !== name ? [member] : data === undefined ? [] : [{ name, data }]));
  it.each<[string, (members: TarMember[]) => TarMember[], RegExp]>([
    [
      "changed",
      replace(
        "modules/a.elf",
        elf.map((byte, i) => (i === 60 ? byte ^ 1 : byte)),
      ),
      /member modules\/a\.elf: its SHA-256/,
    ],
    ["shorter", replace("modules/b.elf", elf.subarray(1)), /member modules\/b\.elf: \d+ bytes, the manifest says \d+/],
    ["missing", replace("data/text", undefined), /member data\/text: the manifest lists it, but/],
    ["no manifest", replace("manifest.json", undefined), /member manifest\.json: the image does not hold it/],
    ["bad manifest", replace("manifest.json", new Uint8Array(3)), /member manifest\.json: it is not the manifest/],
    ["added", (members) => [...members, { name: "extra", data: elf }], /member extra: the manifest does not list it/],
  ])("%s", (_, change, problem) => {
    const file = altered(change);
    const error = inputError(() => loadImage(file));
    expect(error.message).toMatch(problem);
    expect(error.detail.file).toBe(file);
  });

  it("10,000 times, by any damage at all", () => {
    const random = new Random(5);
    const bytes = packImage(scenario);
    let accepted = 0;
    for (let i = 0; i < 10_000; i++) {
      const damaged = damage(bytes, random);
      if (Buffer.from(damaged).equals(bytes)) continue;
      if (clearErrorOrSuccess(() => verifyMembers(damaged, "x.tar")) === undefined) accepted++;
    }
    // Only bytes that mean nothing (owner names, zeros after a name or the archive's end) may change unseen.
    expect(accepted).toBeLessThan(500);
  });
});

describe("a scenario is refused", () => {
  const write = (text: string) => {
    const file = join(directory, "bad.yaml");
    writeFileSync(file, text);
    return file;
  };
  it.each<[string, string, RegExp]>([
    [
      "without its module",
      YAML.replace("programs/b.elf", "gone.elf"),
      /bad\.yaml: modules\.root: there is no file .*gone\.elf/,
    ],
    [
      "with an unknown bundled module",
      YAML.replace("programs/b.elf", "bundled:nope.elf"),
      /no module "nope\.elf" comes with/,
    ],
    ["with a way out of the bundle", YAML.replace("programs/b.elf", "bundled:../manifest.json"), /comes with quorum86/],
    [
      "with a module that is no ELF file",
      YAML.replace("programs/b.elf", "text"),
      /modules\.root: text: ELF header: the file has 11/,
    ],
    [
      "with data that fill no block",
      YAML.replace("ctr", "ecb"),
      /workload\.data: 11 bytes, but mode ecb needs a multiple of 16/,
    ],
    [
      "with too little memory",
      YAML.replace("replicas:", "machine: {memory: 4 MiB}\nreplicas:"),
      /machine\.memory: .* need about 6 MiB/,
    ],
  ])("%s", (_, text, problem) => {
    const file = write(text);
    expect(inputError(() => planBoot(loadImage(file))).message).toMatch(problem);
  });

  it("when it is neither text nor a tar", () => {
    const file = join(directory, "noise");
    writeFileSync(
      file,
      Uint8Array.from({ length: 2000 }, (_, i) => 0x80 | (i & 0x3f)),
    );
    expect(inputError(() => loadImage(file)).message).toMatch(/noise: neither UTF-8 text nor a tar archive/);
    expect(inputError(() => loadImage(join(directory, "nothing"))).message).toMatch(/nothing: there is no such file/);
    expect(inputError(() => loadImage(directory)).message).toMatch(/this is a directory/);
  });
});

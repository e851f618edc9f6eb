import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { bundledScenario } from "../../../tools/image/image.ts";
import { parseScenario } from "../../../tools/image/scenario-yaml.ts";
import { damage, Random } from "../support/random.ts";
import { quorum86 } from "./command-line.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-bad-"));
afterAll(() => rmSync(directory, { recursive: true }));
const KEY = "000102030405060708090a0b0c0d0e0f";

/** Exit code 2, one clear line on standard error, nothing on standard output. */
function expectRefused(words: readonly string[], message: RegExp): void {
  const { status, stdout, stderr } = quorum86(words);
  const text = stderr.toString();
  expect(text).toMatch(message);
  expect(text).toMatch(/^quorum86: .+; .+\n$/);
  expect(text).not.toMatch(/\bat .*\.js:\d/);
  expect(stdout.toString()).toBe("");
  expect(status).toBe(2);
}

describe("a mistake on the command line", () => {
  it.each<[string[], RegExp]>([
    [[], /a command is needed/],
    [["bot"], /no command or option "bot"/],
    [["boot", "--no-such-option"], /no command or option/],
    [["boot", "/nowhere.yaml"], /\/nowhere\.yaml: there is no such file/],
    [["boot", "--cycles", "many"], /--cycles: "many" is not a whole number/],
    [["boot", "--cycles"], /needs a value/],
    [["boot", "--timing", "fast"], /timing/],
    [["boot", "--fault", "replica-2:eax"], /--fault:14: there is no @TRIGGER/],
    [["boot", "--fault", "replica-9:eax:flip:1@cycle=1"], /no component "replica-9"; use one of console, voter/],
    [["boot", "--fault", "replica-1:nothing:flip:1@cycle=1"], /has no symbol "nothing"; it has for example/],
    [["encrypt", "in"], /an argument is missing/],
    [["encrypt", "in", "out", "--key", "zz", "--mode", "ecb"], /--key: there is a character that is no hexadecimal/],
    [["encrypt", "in", "out", "--key", "0011", "--mode", "ecb"], /--key: 4 hexadecimal digits; give 16, 24 or 32/],
    [["encrypt", "in", "out", "--key", KEY, "--key", KEY], /--key: given more than once/],
    [["encrypt", "in", "out", "--key", KEY], /--iv: mode ctr needs it/],
    [["encrypt", "in", "out", "--key", KEY, "--mode", "ecb", "--iv", KEY], /--iv: mode ecb has no initial vector/],
    [["encrypt", "in", "out", "--key", KEY, "--mode", "ecb", "--replicas", "0"], /--replicas: "0" is not/],
    [["encrypt", "in", "out", "--key", KEY, "--mode", "ecb", "--implementation", "x"], /--implementation: "x"/],
    [
      ["encrypt", "/nowhere", join(directory, "out"), "--key", KEY, "--mode", "ecb"],
      /\/nowhere: there is no such file/,
    ],
    [["image", "pack", "x.yaml"], /image pack: no output is given; add -o FILE\.tar/],
    [["image", "ls", "/nowhere"], /\/nowhere: there is no such file/],
  ])("%j", (words, message) => {
    expectRefused(words, message);
  });

  it("leaves nothing behind", () => {
    expect(readdirSync(directory)).toEqual([]);
  });

  it("with --json is one JSON object on standard output", () => {
    const { status, stdout } = quorum86(["boot", "/nowhere.yaml", "--json"]);
    expect(JSON.parse(stdout.toString())).toMatchObject({ error: { file: "/nowhere.yaml", mend: "check the path" } });
    expect(status).toBe(2);
  });
});

/** Damage in a comment or in the text to encrypt harms nobody: more, until it does. */
function damagedForGood(yaml: Uint8Array, random: Random): Uint8Array {
  for (let bytes = yaml; ; bytes = damage(bytes, random)) {
    try {
      parseScenario(new TextDecoder().decode(bytes), "damaged");
    } catch {
      return bytes;
    }
  }
}

describe("damaged files, through the program itself", () => {
  const yaml = readFileSync(bundledScenario("aes-tmr"));
  const packed = join(directory, "good.tar");
  const random = new Random(23);

  it("image pack, ls and unpack work on good ones", () => {
    expect(quorum86(["image", "pack", bundledScenario("aes-tmr"), "-o", packed]).status).toBe(0);
    expect(quorum86(["image", "ls", packed]).stdout.toString()).toMatch(/ modules\/voter\.elf\n[\s\S]*verified/);
    const target = join(directory, "unpacked");
    expect(quorum86(["image", "unpack", packed, "-o", target]).status).toBe(0);
    expect(readdirSync(target).sort()).toEqual(["manifest.json", "modules", "scenario.yaml"]);
    const again = quorum86(["image", "unpack", packed, "-o", target]);
    expect([again.status, again.stderr.toString()]).toEqual([2, expect.stringMatching(/the directory is not empty/)]);
  });

  it("tar, YAML and ELF files", () => {
    const tar = readFileSync(packed);
    const elf = readFileSync(join(directory, "unpacked/modules/voter.elf"));
    for (let i = 0; i < 4; i++) {
      const file = join(directory, `damaged-${i}`);
      writeFileSync(`${file}.tar`, damage(tar.subarray(0, tar.length - 1024), random));
      expectRefused(["boot", `${file}.tar`], /damaged-\d\.tar/);
      writeFileSync(`${file}.yaml`, damagedForGood(yaml, random));
      expectRefused(["boot", `${file}.yaml`], /damaged-\d\.yaml/);
      writeFileSync(`${file}.elf`, elf.subarray(0, random.below(elf.length - 64)));
      writeFileSync(
        `${file}-elf.yaml`,
        yaml.toString().replace("voter:", `modules: {voter: damaged-${i}.elf}\nvoter:`),
      );
      expectRefused(["boot", `${file}-elf.yaml`], /modules\.voter: damaged-\d\.elf: /);
    }
  });
});

it.each([["--help"], ["boot", "--help"], ["encrypt", "--help"], ["decrypt", "--help"], ["image", "--help"]])(
  "%s %s teaches by example, in 80 columns",
  (...words) => {
    const { status, stdout } = quorum86(words.filter((word) => word !== undefined));
    expect(status).toBe(0);
    expect(stdout.toString()).toMatch(/^Examples\n {2}quorum86 /m);
    expect(stdout.toString()).toMatch(/^Exit codes\n {2}0 /m);
    expect(
      stdout
        .toString()
        .split("\n")
        .filter((line) => line.length > 80),
    ).toEqual([]);
  },
);

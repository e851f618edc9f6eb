import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nameProblem, readTar, writeTar } from "../../../tools/image/tar.ts";
import { clearErrorOrSuccess, inputError } from "../support/input-errors.ts";
import { damage, Random } from "../support/random.ts";

const random = new Random(3);
const members = [
  { name: "manifest.json", data: new TextEncoder().encode("{}\n") },
  { name: "modules/a.elf", data: random.bytes(1500) },
  { name: "modules/empty", data: new Uint8Array(0) },
  { name: "data/block", data: random.bytes(512) },
];

const tarExists = (() => {
  try {
    execFileSync("tar", ["--version"]);
    return true;
  } catch {
    return false;
  }
})();

/** A header byte changed, with the checksum made to agree again. */
function forged(change: (block: Uint8Array) => void): Uint8Array {
  const archive = writeTar(members).slice();
  change(archive.subarray(0, 512));
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : archive[i]!;
  archive.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return archive;
}

const put = (block: Uint8Array, offset: number, room: number, text: string) => {
  block.fill(0, offset, offset + room);
  block.set(new TextEncoder().encode(text), offset);
};

describe("an archive", () => {
  it("gives back its members", () => {
    expect(readTar(writeTar(members), "a.tar").map(({ name, data }) => [name, Buffer.from(data)])).toEqual(
      members.map(({ name, data }) => [name, Buffer.from(data)]),
    );
  });

  it("is the same bytes for the same members", () => {
    expect(Buffer.from(writeTar(members)).equals(writeTar(members))).toBe(true);
  });

  it.skipIf(!tarExists)("is one for the system's tar, and the system's tar's archives are read", () => {
    const directory = mkdtempSync(join(tmpdir(), "quorum86-tar-"));
    try {
      writeFileSync(join(directory, "a.tar"), writeTar(members));
      execFileSync("tar", ["xf", "a.tar"], { cwd: directory });
      for (const { name, data } of members) expect(readFileSync(join(directory, name)).equals(data)).toBe(true);
      execFileSync("tar", ["cf", "b.tar", "--format=ustar", "modules", "data"], { cwd: directory });
      const read = readTar(readFileSync(join(directory, "b.tar")), "b.tar");
      expect(read.map(({ name }) => name).sort()).toEqual(["data/block", "modules/a.elf", "modules/empty"]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("an archive is refused", () => {
  it.each(["/etc/passwd", "../up", "a/../../up", "a\\b", "C:/x", "line\nbreak", ""])(
    "with the member name %j",
    (name) => {
      expect(nameProblem(name)).toBeDefined();
      const archive = forged((block) => put(block, 0, 100, name));
      const { detail } = inputError(() => readTar(archive, "a.tar"));
      expect(detail.file).toBe("a.tar");
      expect(detail.key).toMatch(/^member /);
    },
  );

  it("with a symbolic link", () => {
    const archive = forged((block) => put(block, 156, 1, "2"));
    expect(inputError(() => readTar(archive, "a.tar")).message).toMatch(/a\.tar: member manifest\.json: type "2"/);
  });

  it("with a size beyond its end", () => {
    const archive = forged((block) => put(block, 124, 12, "77777777777"));
    expect(inputError(() => readTar(archive, "a.tar")).message).toMatch(/8589934591 bytes, but the archive ends/);
  });

  it("with a member twice", () => {
    const twice = writeTar([members[0]!, members[0]!]);
    expect(inputError(() => readTar(twice, "a.tar")).message).toMatch(/holds it twice/);
  });

  it("with a header that was changed", () => {
    const archive = writeTar(members).slice();
    archive[3]! ^= 1;
    expect(inputError(() => readTar(archive, "a.tar")).message).toMatch(/byte 0: the header's checksum/);
  });

  it("cut off anywhere", () => {
    const archive = writeTar(members);
    for (let length = 0; length < archive.length; length += 61) {
      inputError(() => readTar(archive.subarray(0, length), "a.tar"));
    }
  });
});

it("10,000 damaged archives are read or refused with a clear error", () => {
  const archive = writeTar(members);
  let refused = 0;
  for (let i = 0; i < 10_000; i++) {
    if (clearErrorOrSuccess(() => readTar(damage(archive, random), "a.tar")) !== undefined) refused++;
  }
  expect(refused).toBeGreaterThan(3_000);
});

/** Parts of the guests that need no kernel, compiled for the host and compared with something that we did not write. */
import { spawnSync } from "node:child_process";
import { createCipheriv, createDecipheriv } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GUESTS } from "../../tools/guests/manifest.ts";
import { byteStream } from "./byte-stream.ts";

const folder = mkdtempSync(join(tmpdir(), "guests-"));
afterAll(() => rmSync(folder, { recursive: true }));

const FLAGS = ["-m32", "-O2", "-Wall", "-Wextra", "-Werror", "-fno-strict-aliasing", "-Iinclude", "-Ireplicas/common"];

function compile(name: string, sources: readonly string[]): string {
  const output = join(folder, name);
  const { status, stderr } = spawnSync("gcc", [...FLAGS, "-o", output, ...sources], { cwd: GUESTS, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return output;
}

function run(program: string, input = ""): string {
  return spawnSync(program, { input, encoding: "utf8", maxBuffer: 1 << 26 }).stdout.trim();
}

function canCompile(): boolean {
  const { status } = spawnSync("gcc", ["-m32", "-x", "c", "-", "-o", join(folder, "probe")], {
    input: '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n',
  });
  return status === 0;
}

const compilerThere = canCompile() || process.env.QUORUM86_REQUIRE_ORACLES === "1";

const MODES = ["ecb", "ctr", "cbc"] as const;
const CASES = 3000;

/** Every mode, operation, key size and number of blocks from 1 to 14; one counter in five is about to overflow. */
function vectors(): string {
  const bytes = byteStream("aes");
  const lines: string[] = [];
  for (let i = 0; i < CASES; i++) {
    const keyBytes = [16, 24, 32][i % 3]!;
    const mode = Math.floor(i / 3) % 3;
    const operation = Math.floor(i / 9) % 2;
    const key = bytes(keyBytes);
    const iv = Buffer.from(bytes(16));
    if (i % 5 === 0) iv.fill(0xff, i % 16);
    const input = bytes(16 * (1 + (Math.floor(i / 18) % 14)));
    const name = `aes-${keyBytes * 8}-${MODES[mode]!}`;
    const cipher = (operation === 0 ? createCipheriv : createDecipheriv)(name, key, mode === 0 ? null : iv);
    cipher.setAutoPadding(false);
    const output = Buffer.concat([cipher.update(input), cipher.final()]);
    lines.push([mode, operation, ...[key, iv, input, output].map((part) => part.toString("hex"))].join(" "));
  }
  return lines.join("\n");
}

describe.skipIf(!compilerThere)("AES replicas, native", () => {
  let cases = "";
  beforeAll(() => {
    cases = vectors();
  });

  it.each(["bytewise", "ttable", "bitslice"])("%s agrees with node:crypto", (name) => {
    const sources = name === "ttable" ? ["aes.c"] : ["aes.c", "sbox.c"];
    const program = compile(name, ["test/aes-test.c", ...sources.map((file) => `replicas/${name}/${file}`)]);
    expect(run(program, cases)).toBe(`${CASES} of ${CASES}`);
    expect(
      run(
        program,
        cases.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")),
      ),
    ).toBe(`${CASES - 1} of ${CASES}`);
  });
});

describe.skipIf(!compilerThere)("guest logic, native", () => {
  it("sigma0's region lists agree with one owner for each unit", () => {
    expect(run(compile("regions", ["test/regions-test.c", "sigma0/regions.c"]))).toBe("ok");
  });

  it("the vote agrees with a count by definition for every pattern of up to five answers", () => {
    expect(run(compile("vote", ["test/vote-test.c", "voter/vote.c"]))).toMatch(/^ok \d+$/);
  });
});

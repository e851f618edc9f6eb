/** The guests as each compiler makes them: they build from the sources as they are, and they run. */
import { spawnSync } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { PREBUILT, PROJECT, readManifest } from "../../tools/guests/manifest.ts";
import { COMPILERS } from "../../tools/guests/programs.ts";
import { decodeVoteLog, decodeWorkloadResult } from "../../tools/image/boot-config.ts";
import { bootGuests } from "./boot.ts";

const REQUIRED = process.env.QUORUM86_REQUIRE_ORACLES === "1";
const folder = mkdtempSync(join(tmpdir(), "guests-"));
afterAll(() => rmSync(folder, { recursive: true }));

function build(compiler: string, ...options: string[]): { status: number | null; stderr: string; output: string } {
  const output = join(folder, `${compiler}${options.length}`);
  const program = join(PROJECT, "dist", "tools", "guests", "build.js");
  const parameters = [program, "--compiler", compiler, "--output", output, ...options];
  const { status, stderr } = spawnSync(process.execPath, parameters, { encoding: "utf8" });
  return { status, stderr, output };
}

describe.each(COMPILERS)("%s", (compiler) => {
  const { status, stderr, output } = build(compiler);
  /** Exit code 2: the compiler is not here. */
  const here = status !== 2 || REQUIRED;

  it.skipIf(!here)("compiles every program without a warning", () => {
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it.skipIf(!here)("gives the committed programs bit for bit, when it is the compiler that made them", (context) => {
    const [built, committed] = [readManifest(output), readManifest(PREBUILT)];
    const maker = `${built.compiler}, ${built.linker}`;
    if (maker !== `${committed.compiler}, ${committed.linker}`) context.skip(`this is ${maker}`);
    expect(built).toEqual(committed);
  });

  it.skipIf(!here)("makes programs that agree with each other and with node:crypto", () => {
    const key = Buffer.alloc(32, 0x5a);
    const iv = Buffer.alloc(16, 0xa5);
    const input = Buffer.alloc(1600, "both compilers ");
    const guests = bootGuests({
      replicas: ["replica-bytewise", "replica-ttable", "replica-bitslice"],
      workload: { operation: "encrypt", mode: "cbc", key, iv, input, iterations: 0 },
      folder: output,
    });
    expect(guests.machine.run({ cycle: 1_000_000_000 })).toEqual({ kind: "power-off", code: 0 });
    const expected = createCipheriv("aes-256-cbc", key, iv).setAutoPadding(false).update(input);
    expect(Buffer.from(decodeWorkloadResult(guests.workload()).output)).toEqual(expected);
    expect(decodeVoteLog(guests.voteLog())).toMatchObject({ rounds: 8, unanimous: 8 });
    expect(guests.console()).toBe(
      "voter: 8 rounds: 8 unanimous, 0 by majority, 0 without majority\nroot: workload done, power off\n",
    );
  });
});

describe("npm run guests", () => {
  it("names what it knows when it is asked for another compiler, exit code 2", () => {
    expect(build("tcc")).toMatchObject({
      status: 2,
      stderr: 'guests: --compiler: "tcc" is not known; use gcc or clang\n',
    });
  });

  it("refuses unknown options, exit code 2", () => {
    expect(build("gcc", "--fast")).toMatchObject({ status: 2, stderr: expect.stringContaining("--fast") });
  });
});

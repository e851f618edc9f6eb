import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { KERNEL_COSTS } from "../../../kernel/index.ts";
import { bundledScenario } from "../../../tools/image/image.ts";
import { MAIN, quorum86 } from "./command-line.ts";

const directory = mkdtempSync(join(tmpdir(), "quorum86-boot-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("quorum86 boot", () => {
  const { status, stdout, stderr } = quorum86(["boot"]);
  const text = stdout.toString();

  it("shows the scenario, the serial line, the votes, who was outvoted and that the output is right", () => {
    expect(status).toBe(0);
    expect(text).toMatch(/^quorum86 {2}aes-tmr/);
    expect(text).toMatch(/voter: round 1: unanimous/);
    expect(text).toMatch(/root: workload done, power off/);
    expect(text).toMatch(/^ {2}injected {3}replica-\d:/m);
    expect(text).toMatch(/^ {2}votes {6}\d+ rounds: \d+ unanimous and \d+ by majority$/m);
    expect(text).toMatch(/^ {2}outvoted {3}replica-\d in round/m);
    expect(text).toMatch(/^ {2}output {5}right: [\d,]+ bytes, equal to node:crypto's$/m);
    expect(text).toMatch(/^ {2}event log {2}[0-9a-f]{16}$/m);
    expect(stderr.toString()).toBe("");
  });

  it("--kernel-costs prints the table that is charged, with a derivation for each path", () => {
    const printed = quorum86(["boot", "--kernel-costs"]);
    expect(printed.status).toBe(0);
    for (const [name, { clocks }] of Object.entries(KERNEL_COSTS))
      expect(printed.stdout.toString()).toMatch(new RegExp(`^${name} +${clocks}  [LSKC]  \\S`, "m"));
    expect(JSON.parse(quorum86(["boot", "--kernel-costs", "--json"]).stdout.toString())).toEqual(KERNEL_COSTS);
  });

  it("fits 80 columns and has no escape sequence when it is not for a terminal", () => {
    expect(text.split("\n").filter((line) => [...line].length > 80)).toEqual([]);
    expect(text).not.toContain("\x1b");
  });

  it("is the same twice, host time apart", () => {
    const timeless = (output: string) => output.replace(/ in [\d.]+ m?s here.*/g, "");
    expect(timeless(quorum86(["boot"]).stdout.toString())).toBe(timeless(text));
  });

  it("--json prints one object and nothing else; the serial line goes to a file", () => {
    const serial = join(directory, "serial");
    const run = quorum86(["boot", "--json", "--serial", serial]);
    const result = JSON.parse(run.stdout.toString());
    expect(run.stderr.toString()).toBe("");
    expect(result).toMatchObject({
      scenario: "aes-tmr",
      outcome: { kind: "power-off", code: 0 },
      workload: { status: "done", outputRight: true },
    });
    expect(text).toContain(result.eventHash);
    expect(readFileSync(serial, "latin1")).toMatch(/root: workload done, power off/);
  });

  it("--quiet leaves the serial line alone; --fault none runs without the scenario's fault", () => {
    const { stdout: quiet } = quorum86(["boot", "--quiet", "--fault", "none"]);
    expect(quiet.toString()).not.toMatch(/outvoted|injected|quorum86/);
    expect(quiet.toString()).toMatch(/voter: round 1: unanimous/);
  });

  it("--cycles stops there", () => {
    const run = quorum86(["boot", "--cycles", "2_000_000", "--json", "--quiet"]);
    const result = JSON.parse(run.stdout.toString());
    expect(result.outcome).toEqual({ kind: "cycle-limit" });
    expect(result.cycles).toBeGreaterThanOrEqual(2_000_000);
    expect(result.cycles).toBeLessThan(2_000_100);
    expect(run.status).toBe(0);
  });

  it("--stats prints the kernel's accounts", () => {
    expect(quorum86(["boot", "--stats"]).stdout.toString()).toMatch(/kernel path +cycles +times/);
  });

  it("a packed image is the same run as the scenario", () => {
    const packed = join(directory, "aes.tar");
    expect(quorum86(["image", "pack", bundledScenario("aes-tmr"), "-o", packed]).status).toBe(0);
    const run = quorum86(["boot", packed]);
    const hash = /event log {2}([0-9a-f]{16})/;
    expect(hash.exec(run.stdout.toString())![1]).toBe(hash.exec(text)![1]);
  });

  it("exit code 1 without a majority: two of three replicas struck in their keys", () => {
    const fault = (replica: number, bit: number) => [
      "--fault",
      `replica-${replica}:aes_round_keys+64:flip:${bit}@instruction=90000`,
    ];
    const run = quorum86(["boot", ...fault(1, 2), ...fault(2, 9)]);
    expect(run.stdout.toString()).toMatch(/without a majority/);
    expect(run.status).toBe(1);
  });
});

describe("Ctrl-C", () => {
  const endless = join(directory, "endless.yaml");
  const scenario = {
    name: "endless",
    machine: { memory: "64 MiB" },
    replicas: [{ implementation: "ttable" }],
    voter: { verbose: true },
    workload: { mode: "chain", iterations: 1_000_000, key: "00".repeat(16), data: { hex: "00".repeat(16) } },
  };
  writeFileSync(endless, JSON.stringify(scenario));

  /** Starts the program, sends SIGINT as often as told once it runs, and waits for its end. */
  function interrupted(times: number): Promise<{ code: number | null; stdout: string; milliseconds: number }> {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [MAIN, "boot", endless]);
      let stdout = "";
      let sent = 0;
      let started = 0;
      child.stdout.on("data", (data: Buffer) => {
        stdout += data.toString();
        if (sent > 0 || !stdout.includes("round 1:")) return;
        started = performance.now();
        for (; sent < times; sent++) child.kill("SIGINT");
      });
      child.on("close", (code) => resolve({ code, stdout, milliseconds: performance.now() - started }));
    });
  }

  it("once: stops in order, with a summary, exit code 130", async () => {
    const { code, stdout, milliseconds } = await interrupted(1);
    expect(code).toBe(130);
    expect(stdout).toMatch(/ended +interrupted/);
    expect(stdout).toMatch(/votes +\d+ rounds/);
    expect(milliseconds).toBeLessThan(5_000);
  });
});

it("a reader that goes away ends the program quietly", async () => {
  const ended = await new Promise<{ code: number | null; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [MAIN, "boot"]);
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString();
    });
    child.stdout.destroy();
    child.on("close", (code) => resolve({ code, stderr }));
  });
  expect(ended).toEqual({ code: 0, stderr: "" });
});

/** The protocol against the real gdb, over TCP, with the toy target. Skipped, with the reason printed, without gdb. */
import { spawn, spawnSync } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import { type GdbServer, startGdbServer } from "../../../tools/debug/gdb/server.ts";
import { LOOP_PROGRAM, MockTarget } from "./mock-target.ts";

const missing = spawnSync("gdb", ["--version"]).status !== 0;
if (missing) console.info("gdb is not installed: the tests against the real gdb are skipped");

let server: GdbServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function gdb(target: MockTarget, commands: readonly string[]): Promise<string> {
  server = await startGdbServer(target, { port: 0 });
  const all = ["set pagination off", "set confirm off", "set height 0", "set architecture i386"];
  all.push(`target remote 127.0.0.1:${server.port}`, ...commands);
  const process = spawn("gdb", ["-nx", "-batch", ...all.flatMap((command) => ["-ex", command])]);
  let output = "";
  process.stdout.on("data", (data: Buffer) => {
    output += data.toString();
  });
  process.stderr.on("data", (data: Buffer) => {
    output += data.toString();
  });
  const timer = setTimeout(() => process.kill("SIGKILL"), 30_000);
  await new Promise((resolve) => process.on("close", resolve));
  clearTimeout(timer);
  return output;
}

describe.skipIf(missing)("the real gdb", () => {
  it("sees two inferiors with named threads, and registers by name", async () => {
    const output = await gdb(new MockTarget(LOOP_PROGRAM), ["info inferiors", "info threads", "p/x $eip", "p $cr0"]);
    expect(output).toMatch(/process 1/);
    expect(output).toMatch(/process 2/);
    expect(output).toMatch(/"replica-1"/);
    expect(output).toMatch(/"replica-2"/);
    expect(output).toContain("$1 = 0x1000");
  });

  it("stops at a breakpoint in one space only, steps, and steps back to the same registers", async () => {
    const output = await gdb(new MockTarget(LOOP_PROGRAM), [
      "set schedule-multiple on",
      "inferior 2",
      "break *0x1006",
      "continue",
      "info threads",
      "p $eax",
      "p $cycle",
      "stepi 4",
      "p $eax",
      "reverse-stepi 4",
      "p $eax",
      "p $cycle",
      "p/x $eip",
    ]);
    expect(output).toContain("$1 = 1");
    expect(output).toContain("$3 = 2");
    expect(output).toContain("$4 = 1");
    expect(output).toContain("$6 = 0x1006");
    expect(/\$2 = (\d+)/.exec(output)?.[1]).toBe(/\$5 = (\d+)/.exec(output)?.[1]);
    expect(output).not.toMatch(/Thread 1.* hit Breakpoint/);
  });

  it("watches a word forwards and backwards, with the cycle of each hit", async () => {
    const output = await gdb(new MockTarget(LOOP_PROGRAM), [
      "set schedule-multiple on",
      "watch *(int *) 0x1800",
      "continue",
      "continue",
      "reverse-continue",
      "p *(int *) 0x1800",
      "monitor hello",
    ]);
    expect(output).toContain("watchpoint at 0x1800, cycle 3");
    expect(output).toMatch(/Old value = 0\s+New value = 1/);
    expect(output).toMatch(/Old value = 1\s+New value = 2/);
    expect(output).toMatch(/Old value = 2\s+New value = 1/);
    expect(output).toContain("$1 = 1");
    expect(output).toContain("hello from the mock");
  });
});

/** The real gdb on the real machine: three replicas of one program, a voter, a fault. Skipped, with the reason printed, without gdb. */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { monitorAnswer } from "../../../tools/debug/commands/registry.ts";
import { Debuggee } from "../../../tools/debug/debuggee.ts";
import { type GdbServer, startGdbServer } from "../../../tools/debug/gdb/server.ts";
import { MachineTarget } from "../../../tools/debug/machine-target.ts";
import { CommandSession } from "../../../tools/debug/session.ts";
import { bundledScenario, imageFromScenario } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";

const missing = spawnSync("gdb", ["--version"]).status !== 0;
if (missing) console.info("gdb is not installed: the debugging session of the real machine is skipped");

let server: GdbServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** The bundled scenario with the byte-oriented program in all replicas, and no fault of its own. */
function threeOfOneProgram(): Debuggee {
  const file = bundledScenario("aes-tmr");
  const text = readFileSync(file, "utf8").replace(/implementation: \w+/g, "implementation: bytewise");
  const debuggee = new Debuggee(planBoot(imageFromScenario(text, file)));
  debuggee.runUntilStarted();
  return debuggee;
}

async function gdb(debuggee: Debuggee, script: readonly string[]): Promise<string> {
  const session = new CommandSession(debuggee, await Disassembler.load());
  const target = new MachineTarget(debuggee, (line, thread) => {
    session.thread = thread;
    return monitorAnswer(session, line);
  });
  server = await startGdbServer(target, { port: 0 });
  const commands = ["set pagination off", "set confirm off", "set schedule-multiple on"];
  commands.push(`target remote 127.0.0.1:${server.port}`, ...script);
  const process = spawn("gdb", ["-nx", "-batch", ...commands.flatMap((command) => ["-ex", command])]);
  let output = "";
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("data", (data: Buffer) => {
      output += data.toString();
    });
  }
  const timer = setTimeout(() => process.kill("SIGKILL"), 100_000);
  await new Promise((resolve) => process.on("close", resolve));
  clearTimeout(timer);
  return output;
}

/** What was printed between two `echo`ed marks. */
function between(output: string, from: string, to: string): string {
  const start = output.indexOf(`@${from}@`);
  const end = output.indexOf(`@${to}@`);
  expect(start, `${from} in ${output}`).toBeGreaterThanOrEqual(0);
  expect(end, `${to} in ${output}`).toBeGreaterThan(start);
  return output.slice(start, end);
}

function mark(name: string): string {
  return `echo \\n@${name}@\\n`;
}

describe.skipIf(missing)("gdb on the machine", () => {
  it("debugs one replica of three forwards and backwards, injects a fault and reads the verdict", async () => {
    const output = await gdb(threeOfOneProgram(), [
      mark("start"),
      "info threads",
      "inferior 8",
      "break *&aes_encrypt_round",
      "continue",
      mark("hit"),
      "continue",
      "continue",
      mark("again"),
      "delete",
      "info registers",
      "monitor digest",
      mark("before"),
      "stepi 100",
      "monitor digest",
      mark("stepped"),
      "reverse-stepi 100",
      "info registers",
      "monitor digest",
      mark("back"),
      "bt",
      mark("watch"),
      "watch *(unsigned int *) ((char *) &aes_round_keys + 64)",
      "monitor goto 200000",
      "maintenance flush register-cache",
      "continue",
      mark("writer"),
      "continue",
      mark("second"),
      "reverse-continue",
      mark("earlier"),
      "delete",
      "monitor goto 700000",
      "maintenance flush register-cache",
      "inferior 8",
      "tbreak *&aes_encrypt_round",
      "continue",
      "monitor inject replica-2:aes_state+5:flip:2",
      "inferior 5",
      "monitor votes",
      mark("vote"),
      "continue",
      "monitor votes",
      "monitor diff replica-1 replica-3",
      mark("end"),
    ]);
    const threads = between(output, "start", "hit");
    for (const name of ["kernel", "voter", "replica-1", "replica-2", "replica-3"])
      expect(threads).toContain(`"${name}"`);
    // Every hit is in replica-2, although the other two run the same program at the same addresses.
    const hits = [...between(output, "start", "before").matchAll(/Thread (\S+) "(\S+)" hit Breakpoint/g)];
    expect(hits.map((hit) => hit[2])).toEqual(["replica-2", "replica-2", "replica-2"]);
    const registers = (text: string): string[] => text.match(/^(e[a-ds][xpi]|eip|eflags|cs|cr3)\s+\S+.*$/gm) ?? [];
    const before = between(output, "again", "before");
    const back = between(output, "stepped", "back");
    expect(registers(before).length).toBeGreaterThan(8);
    expect(registers(back)).toEqual(registers(before));
    const digest = (text: string): string | undefined => /state ([0-9a-f]{16})/.exec(text)?.[1];
    expect(digest(before)).toBeDefined();
    expect(digest(back)).toBe(digest(before));
    expect(digest(between(output, "before", "stepped"))).not.toBe(digest(before));
    expect(between(output, "back", "watch")).toMatch(/#0 +aes_encrypt_round[\s\S]*#\d+ +.*main/);
    const writes = ["writer", "second", "earlier"].map((name, index) => {
      const text = between(output, ["watch", "writer", "second"][index] ?? "", name);
      return { cycle: /cycle ([\d,]+), by (?:the kernel, called by )?replica-2/.exec(text)?.[1], text };
    });
    for (const { cycle, text } of writes) expect(cycle, text).toBeDefined();
    expect(writes[2]?.cycle).toBe(writes[1]?.cycle);
    expect(writes[0]?.cycle).not.toBe(writes[1]?.cycle);
    expect(between(output, "earlier", "vote")).toMatch(/fault .* struck at cycle [789]\d\d,\d\d\d/);
    const verdict = between(output, "vote", "end");
    expect(verdict).toMatch(/powered itself off with code 0/);
    expect(verdict).toMatch(/round \d: majority; otherwise: replica-2/);
    expect(verdict).toContain("its output is right");
  });
});

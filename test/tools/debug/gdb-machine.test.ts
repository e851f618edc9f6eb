/** The real gdb on the real machine: three replicas of one program, a voter, a fault. Skipped, with the reason printed, without gdb. */
import { spawn, spawnSync } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import { monitorAnswer } from "../../../tools/debug/commands/registry.ts";
import type { Debuggee } from "../../../tools/debug/debuggee.ts";
import { type GdbServer, startGdbServer } from "../../../tools/debug/gdb/server.ts";
import { MachineTarget } from "../../../tools/debug/machine-target.ts";
import { CommandSession } from "../../../tools/debug/session.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import type { InstructionEvent } from "../../../tools/trace/event.ts";
import { recordTrace } from "../../../tools/trace/trace-run.ts";
import { threeOfOneProgram } from "./debuggees.ts";

const missing = spawnSync("gdb", ["--version"]).status !== 0;
if (missing) console.info("gdb is not installed: the debugging session of the real machine is skipped");

/** Steps that gdb is made to do one by one; `npm run test:debugger` does 100,000. */
const STEPS = Number(process.env.QUORUM86_GDB_STEPS ?? "300");
/** Milliseconds for gdb, at 10 for each step on a busy machine. */
const PATIENCE = 100_000 + 10 * STEPS;

let server: GdbServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

function startedReplicas(): Debuggee {
  const debuggee = threeOfOneProgram();
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
  // One pipe for both streams: monitor's answers come on standard error, and their order matters.
  const words = ["-nx", "-batch", ...commands.flatMap((command) => ["-ex", command])];
  const child = spawn("sh", ["-c", 'exec gdb "$@" 2>&1', "sh", ...words]);
  let output = "";
  child.stdout.on("data", (data: Buffer) => {
    output += data.toString();
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
  await new Promise((resolve) => child.on("close", resolve));
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
    const output = await gdb(startedReplicas(), [
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
    const digest = (text: string): string | undefined => /state [0-9a-f]{16} .*/.exec(text)?.[0];
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

  it(
    "steps through the same instructions and registers as the trace of an undisturbed run",
    async () => {
      const steps = STEPS;
      const names = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip"];
      const output = await gdb(startedReplicas(), [
        "inferior 8",
        "tbreak *&aes_encrypt_block",
        "continue",
        "set print thread-events off",
        mark("steps"),
        "set $count = 0",
        `python
for i in range(${steps}):
    gdb.execute("stepi", to_string=True)
    f = gdb.newest_frame()
    print("R " + " ".join("%x" % (int(f.read_register(n).cast(gdb.lookup_type("unsigned int")))) for n in ${JSON.stringify(names)}))`,
        mark("end"),
      ]);
      const seen = [...between(output, "steps", "end").matchAll(/^R (.*)$/gm)].map((row) => row[1] ?? "");
      expect(seen).toHaveLength(steps);
      const debuggee = startedReplicas();
      const events: InstructionEvent[] = [];
      const entry = debuggee.view.programList
        .find(({ name }) => name === "replica-2")
        ?.symbols.find("aes_encrypt_block");
      await recordTrace(debuggee, await Disassembler.load(), {
        filter: { threads: new Set(["replica-2"]), kinds: new Set(["instruction"]) },
        sink: (event) => {
          if (event.kind !== "instruction" || events.length > steps) return;
          if (events.length > 0 || event.eip === entry?.value) events.push(event);
        },
        shouldStop: () => events.length > steps,
      });
      expect(events.length).toBeGreaterThan(steps);
      const registers = new Map<string, number>();
      const known = new Map<string, number>();
      for (const [index, event] of events.slice(0, steps).entries()) {
        for (const { name, new: value } of event.registers) registers.set(name, value);
        registers.set("eip", events[index + 1]?.eip ?? 0);
        const values = (seen[index] ?? "").split(" ").map((text) => Number.parseInt(text, 16));
        for (const [position, name] of names.entries()) {
          const expected = registers.get(name);
          const value = values[position] ?? -1;
          // A register that nothing has written yet keeps the value that gdb saw first.
          if (expected !== undefined) expect(value, `${name} after step ${index + 1}`).toBe(expected);
          else expect(value, `${name} after step ${index + 1}`).toBe(known.get(name) ?? value);
          known.set(name, value);
        }
      }
    },
    PATIENCE + 100_000,
  );
});

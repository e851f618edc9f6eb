/** The real gdb on the real machine: three replicas of one program, a voter, a fault. Skipped, with the reason printed, without gdb. */
import { spawn, spawnSync } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import { setPhysicalRegister } from "../../../emulator/cpu/x87/unit.ts";
import { Word } from "../../../emulator/index.ts";
import { monitorAnswer } from "../../../tools/debug/commands/registry.ts";
import type { Debuggee } from "../../../tools/debug/debuggee.ts";
import { type GdbServer, startGdbServer } from "../../../tools/debug/gdb/server.ts";
import { MachineTarget } from "../../../tools/debug/machine-target.ts";
import { CommandSession } from "../../../tools/debug/session.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
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
  debuggee.timeline.beginHere();
  return debuggee;
}

/** Registers before each of replica-2's instructions from its first block on, in a run that nobody stops. */
function registersOfPlainRun(count: number, names: readonly string[]): string[] {
  const { view, timeline } = startedReplicas();
  const replica = view.threadByName("replica-2");
  const entry = view.program(replica?.process ?? 0)?.symbols.find("aes_encrypt_block")?.value;
  const rows: string[] = [];
  let executing = 0;
  let retired = true;
  view.machine.observe({
    beforeInstruction: (linear) => {
      executing = view.userThread();
      if (rows.length >= count || executing !== replica?.id) return;
      // An instruction that faults is begun again, and is one all the same.
      if (retired && (rows.length > 0 || linear === entry)) {
        rows.push(names.map((name) => (view.register(replica.id, name) ?? 0).toString(16)).join(" "));
      }
      retired = false;
    },
    afterInstruction: () => {
      if (executing === replica?.id) retired = true;
      if (rows.length >= count) view.machine.stop("all there");
    },
  });
  while (rows.length < count && timeline.advance({ cycle: timeline.position.cycle + 100_000 }).kind !== "power-off");
  return rows;
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
  it("shows the x87 registers: the unit's as the kernel's, none of a thread that has never computed", async () => {
    const debuggee = startedReplicas();
    const { cpu } = debuggee.view.machine;
    setPhysicalRegister(cpu, 7, { sign: 0, exponent: 0x4000, significand: 0xc90f_daa2_2168_c235n });
    cpu.words[Word.X87Status] = 0x3800;
    cpu.words[Word.X87Empty] = 0x7f;
    const output = await gdb(debuggee, [
      "inferior 1",
      mark("kernel"),
      "info float",
      mark("replica"),
      "inferior 8",
      "p $st0",
      mark("end"),
    ]);
    const kernel = between(output, "kernel", "replica");
    expect(kernel).toMatch(/R7: Valid\s+0x4000c90fdaa22168c235 \+3\.14159265358979/);
    expect(kernel).toMatch(/Control Word:\s+0x037f|Control Word:\s+0x0040/);
    expect(between(output, "replica", "end")).toContain("<unavailable>");
  }, 60_000);

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
      "inferior 7",
      "tbreak *&aes_encrypt_last_round",
      "reverse-continue",
      "finish",
      mark("last"),
      "reverse-continue",
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
    expect(verdict).toMatch(/"replica-1" hit Temporary breakpoint[\s\S]*\naes_encrypt_block/);
    expect(between(output, "last", "end")).toContain("No more reverse-execution history");
  });

  it(
    "steps through the same instructions and registers as a run that nobody stops",
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
      const rows = registersOfPlainRun(steps + 1, names);
      expect(rows).toHaveLength(steps + 1);
      // gdb stops before the instruction that comes next.
      for (const [index, row] of seen.entries()) {
        if (row !== rows[index + 1]) expect(row, `after step ${index + 1}`).toBe(rows[index + 1]);
      }
    },
    PATIENCE + 100_000,
  );
});

import { Readable, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { completions, executeLine, findCommand, monitorAnswer } from "../../../tools/debug/commands/registry.ts";
import type { Debuggee } from "../../../tools/debug/debuggee.ts";
import { CommandError, CommandSession } from "../../../tools/debug/session.ts";
import { runTerminal } from "../../../tools/debug/terminal.ts";
import type { Position } from "../../../tools/debug/time/position.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { bundledDebuggee, threeOfOneProgram } from "./debuggees.ts";

async function session(debuggee: Debuggee = bundledDebuggee()): Promise<CommandSession> {
  debuggee.runUntilStarted();
  return new CommandSession(debuggee, await Disassembler.load());
}

function digest(of: CommandSession): string {
  return of.view.machine.stateDigest();
}

describe("running", () => {
  it("stops at a breakpoint in one space only, although three run the same program", async () => {
    const prompt = await session(threeOfOneProgram());
    await executeLine(prompt, "break replica-2:aes_encrypt_round");
    for (let count = 0; count < 3; count++) {
      expect(await executeLine(prompt, "continue")).toContain("breakpoint 1: replica-2");
    }
    await executeLine(prompt, "break replica-3:aes_encrypt_round");
    const stops = [await executeLine(prompt, "c"), await executeLine(prompt, "c"), await executeLine(prompt, "c")];
    expect(stops.every((text) => /breakpoint \d: replica-[23]/.test(text))).toBe(true);
  });

  it("stops only where a condition on registers and memory holds", async () => {
    const prompt = await session();
    // The round number is the function's argument, above the return address.
    await executeLine(prompt, "break replica-2:aes_encrypt_round if [esp+4] == 7 && byte[esp+5] == 0");
    for (let count = 0; count < 2; count++) {
      await executeLine(prompt, "c");
      expect(prompt.evaluate("[esp+4]")).toBe(7);
    }
    expect(await executeLine(prompt, "breakpoints")).toContain("if [esp+4] == 7 && byte[esp+5] == 0");
  });

  it.each(["simple", "p5"] as const)(
    "takes steps back to the same states, bit for bit, across system calls and other threads (%s)",
    async (timing) => {
      const prompt = await session(bundledDebuggee(undefined, timing));
      await executeLine(prompt, "tbreak replica-2:L4_Ipc");
      await executeLine(prompt, "continue");
      const states: string[] = [];
      for (let count = 0; count < 40; count++) {
        states.push(`${digest(prompt)} ${JSON.stringify(prompt.debuggee.timeline.position)}`);
        await executeLine(prompt, "step");
      }
      for (let index = states.length - 1; index >= 0; index--) {
        await executeLine(prompt, "back");
        expect(`${digest(prompt)} ${JSON.stringify(prompt.debuggee.timeline.position)}`, `step ${index}`).toBe(
          states[index],
        );
      }
    },
  );

  it("comes back to every place where it stopped, also where a fetch had just walked the page tables", async () => {
    const prompt = await session();
    // Where system calls return to: the first fetch in a space that has just been switched to.
    for (const name of ["replica-1", "replica-2", "voter"]) {
      const entry = prompt.view.program(prompt.findThread(name).process)?.symbols.find("L4_Ipc");
      await executeLine(prompt, `break ${name}:L4_Ipc+${(entry?.size ?? 0) - 23}`);
    }
    const stops: { state: string; position: Position }[] = [];
    for (let count = 0; count < 12; count++) {
      await executeLine(prompt, "continue");
      stops.push({ state: digest(prompt), position: prompt.debuggee.timeline.position });
    }
    expect(new Set(stops.map(({ state }) => state)).size).toBe(12);
    for (const { state, position } of [...stops].reverse()) {
      prompt.debuggee.timeline.seek(position);
      expect(digest(prompt)).toBe(state);
    }
    prompt.debuggee.timeline.seek(stops.at(-1)?.position ?? prompt.debuggee.timeline.start);
    for (const { state } of stops.slice(0, -1).reverse()) {
      await executeLine(prompt, "reverse-continue");
      expect(digest(prompt)).toBe(state);
    }
    // A change made there is made again.
    await executeLine(prompt, "set ecx = 0x1234");
    const changed = prompt.debuggee.timeline.position;
    const { id } = prompt.chosen;
    await executeLine(prompt, "goto +5000");
    prompt.debuggee.timeline.seek(prompt.debuggee.timeline.start);
    prompt.debuggee.timeline.seek(changed);
    expect(prompt.view.register(id, "ecx")).toBe(0x1234);
  });

  it("goes over calls, and out of a function to its caller", async () => {
    const prompt = await session();
    await executeLine(prompt, "tbreak replica-2:aes_encrypt_round");
    await executeLine(prompt, "continue");
    expect(await executeLine(prompt, "next")).toContain("aes_encrypt_round+3");
    expect(await executeLine(prompt, "next")).toContain("aes_encrypt_round+8");
    expect(await executeLine(prompt, "finish")).toContain("aes_encrypt_block+");
    expect(await executeLine(prompt, "bt")).toMatch(/^#0.*aes_encrypt_block[^\n]*\n#1.*aes_process[\s\S]*main/);
    expect(await executeLine(prompt, "until replica-1:aes_encrypt_block")).toContain("replica-1");
  });

  it("finds the writer of a word backwards, also when it was an injected fault", async () => {
    const prompt = await session();
    await executeLine(prompt, "continue");
    expect(await executeLine(prompt, "votes")).toMatch(/round 3: majority; otherwise: replica-2/);
    const strike = prompt.debuggee.timeline.editList()[0]?.position.cycle ?? 0;
    await executeLine(prompt, `goto ${strike + 10}`);
    await executeLine(prompt, "watch replica-2:aes_state+4, 4");
    const fault = await executeLine(prompt, "reverse-continue");
    expect(fault).toContain("by a change from outside");
    const before = await executeLine(prompt, "reverse-continue");
    expect(before).toMatch(/by replica-2 at .*<(aes_|memcpy|mix_columns|substitute)/);
  });

  it("says at the beginning of history that it is the beginning", async () => {
    const prompt = await session();
    await executeLine(prompt, "watch replica-2:aes_state");
    expect(await executeLine(prompt, "reverse-continue")).toContain("the beginning of history");
    expect(prompt.debuggee.timeline.position).toEqual(prompt.debuggee.timeline.start);
  });

  it("gives every watched access of a run backwards that it gave forwards", async () => {
    const prompt = await session();
    await executeLine(prompt, "tbreak replica-2:aes_set_key");
    await executeLine(prompt, "continue");
    await executeLine(prompt, "watch replica-2:aes_round_keys+32, 4");
    const start = prompt.debuggee.timeline.position.cycle;
    const forwards: string[] = [];
    const cycleOf = (text: string): string => /cycle ([\d,]+), by/.exec(text)?.[1] ?? "none";
    for (let count = 0; count < 4; count++) forwards.push(cycleOf(await executeLine(prompt, "continue")));
    const backwards: string[] = [];
    for (let count = 0; count < 4; count++) backwards.push(cycleOf(await executeLine(prompt, "rc")));
    expect(backwards).toEqual(forwards.reverse());
    expect(prompt.debuggee.timeline.position.cycle).toBeGreaterThan(start);
  });
});

describe("looking", () => {
  it("marks the registers that changed since they were last shown", async () => {
    const prompt = await session();
    await executeLine(prompt, "thread replica-1");
    expect(await executeLine(prompt, "regs")).not.toContain("*");
    await executeLine(prompt, "step");
    const changed = await executeLine(prompt, "regs");
    expect(changed).toMatch(/eip +0x[0-9a-f]{8}\*/);
    expect(changed).toMatch(/ebx +0x[0-9a-f]{8} /);
  });

  it("shows memory in gdb's formats", async () => {
    const prompt = await session();
    await executeLine(prompt, "tbreak replica-2:aes_encrypt_round");
    await executeLine(prompt, "continue");
    // The first round key is the cipher key: NIST SP 800-38A, F.5.1.
    expect(await executeLine(prompt, "x/4xw aes_round_keys")).toBe(
      "0x0804a260 <aes_round_keys>: 0x16157e2b 0xa6d2ae28 0x8815f7ab 0x3c4fcf09",
    );
    expect(await executeLine(prompt, "x/4xb aes_round_keys")).toContain("0x2b 0x7e 0x15 0x16");
    expect(await executeLine(prompt, "x/2i eip")).toMatch(/^=> .*sub +esp, 0xc[\s\S]*call/);
    await expect(executeLine(prompt, "x/4xw 0x1000")).rejects.toThrow("no memory at 0x00001000");
  });

  it("tells whose a word is, and lists what the machine's state is made of", async () => {
    const prompt = await session();
    expect(await executeLine(prompt, "owner CR3")).toMatch(/^CR3 0x[0-9a-f]{8}: the processor's control registers$/);
    expect(await executeLine(prompt, "owner eax")).toMatch(/^EAX 0x[0-9a-f]{8}: [\w-]+'s \(general registers/);
    const list = await executeLine(prompt, "structures");
    for (const name of ["1024 of 512 bytes    tcb", "page directory of space", "ready queue", "TLB", "uart0"])
      expect(list).toContain(name);
    const [directory, ...rest] = (await executeLine(prompt, "structures page directory of space 6")).split("\n");
    expect(directory).toMatch(/page-table 4096 bytes .*\(replica-2\)$/);
    expect(rest.join()).toMatch(/^ +\+0 +4096 bytes +entries$/);
    const address = Number(directory!.slice(0, 10)) + 4 * 32;
    expect(await executeLine(prompt, `owner ${address}`)).toMatch(/page directory of space 6, field entries\[32\]$/);
    expect(await executeLine(prompt, "structures control registers")).toMatch(/^ {2}0x[0-9a-f]{8} {2}CR3$/m);
    expect(await executeLine(prompt, "structures pit")).toMatch(/^ {2}counter0\[0\] = \d+$/m);
    await expect(executeLine(prompt, "structures nonsense")).rejects.toThrow("nothing is called");
    await expect(executeLine(prompt, "owner 0xffffffff")).rejects.toThrow("outside RAM");
  });

  it("shows whose a page is and how it is found", async () => {
    const prompt = await session();
    await executeLine(prompt, "tbreak replica-2:aes_encrypt_round");
    await executeLine(prompt, "continue");
    const walk = await executeLine(prompt, "pagetable aes_state");
    expect(walk).toMatch(/directory entry at 0x[0-9a-f]{8}: 0x[0-9a-f]{8} \[P .*U\/S/);
    expect(walk).toMatch(/physical 0x[0-9a-f]{8} in a 4 KiB page, user, read and write; owner: /);
    expect(await executeLine(prompt, "spaces replica-2")).toContain(".text");
    expect(await executeLine(prompt, "tlb")).toMatch(/code: [1-9]\d* of 32 entries/);
    expect(await executeLine(prompt, "ipc 3")).toMatch(/voter -> replica-\d +label/);
    expect(await executeLine(prompt, "check")).toContain("consistent");
  });
});

describe("changing", () => {
  it("makes a new future, in which a fault that had struck strikes again", async () => {
    const prompt = await session();
    await executeLine(prompt, "continue");
    const { timeline } = prompt.debuggee;
    const hash = prompt.view.machine.eventLog.hash;
    await executeLine(prompt, "goto 400000");
    await executeLine(prompt, "thread replica-3");
    await executeLine(prompt, "set edx = edx");
    expect(timeline.horizon).toEqual(timeline.position);
    await executeLine(prompt, "continue");
    // Writing a register's own value changes nothing: the run repeats itself, fault included.
    expect(prompt.view.machine.eventLog.hash).toBe(hash);
    expect(await executeLine(prompt, "faults")).toContain("struck at cycle");
  });

  it("names positions and comes back to them", async () => {
    const prompt = await session();
    await executeLine(prompt, "goto 300000");
    await executeLine(prompt, "snapshot here");
    const state = digest(prompt);
    await executeLine(prompt, "goto +50000");
    await executeLine(prompt, "goto -20000");
    await executeLine(prompt, "goto here");
    expect(digest(prompt)).toBe(state);
    await executeLine(prompt, "goto start");
    expect(prompt.debuggee.timeline.position).toEqual(prompt.debuggee.timeline.start);
  });

  it("does not go to a moment that a change has made impossible", async () => {
    const prompt = await session();
    await executeLine(prompt, "goto 400000");
    await executeLine(prompt, "snapshot late");
    await executeLine(prompt, "goto 300000");
    await executeLine(prompt, "thread replica-1");
    await executeLine(prompt, "set ebx = 0x77");
    const state = digest(prompt);
    await expect(executeLine(prompt, "goto late")).rejects.toThrow("no longer in history");
    expect(digest(prompt)).toBe(state);
  });

  it("injects a fault now, which the vote outvotes", async () => {
    const prompt = await session(bundledDebuggee([]));
    await executeLine(prompt, "tbreak replica-1:aes_encrypt_block");
    await executeLine(prompt, "continue");
    expect(await executeLine(prompt, "inject replica-1:aes_round_keys+20:flip:4")).toContain("struck at cycle");
    await executeLine(prompt, "continue");
    expect(await executeLine(prompt, "votes")).toContain("otherwise: replica-1");
    expect(await executeLine(prompt, "diff replica-1 replica-3")).toContain("replica-1 | replica-3");
  });
});

describe("a mistaken line", () => {
  it.each([
    "nonsense",
    "break",
    "break nowhere",
    "break replica-9:main",
    "thread nobody",
    "goto yesterday",
    "goto 1",
    "inject replica-2:eax",
    "inject replica-9:eax:flip:1",
    "x",
    "print 1 +",
    "set cr3 = 0",
    "set 5",
    "delete 77",
    "diff replica-1",
    "step zero",
    "watch aes_state, 0",
    "ignore 1",
    "help nothing",
    "reverse-continue",
  ])("%s is answered with what is wrong and changes nothing", async (line) => {
    const prompt = await session();
    await executeLine(prompt, "thread replica-2");
    const state = digest(prompt);
    await expect(executeLine(prompt, line)).rejects.toThrow(CommandError);
    expect(digest(prompt)).toBe(state);
    expect(prompt.debuggee.points.list).toEqual([]);
  });
});

describe("the prompt", () => {
  it("executes a script, echoes it, and counts its mistakes", async () => {
    const prompt = await session();
    let output = "";
    const { mistakes } = await runTerminal(prompt, {
      input: Readable.from(["where\n# a remark\nbogus\n\nbreak replica-2:aes_encrypt_round\nc\nquit\nwhere\n"]),
      output: new Writable({
        write(chunk, _encoding, done) {
          output += String(chunk);
          done();
        },
      }),
      interactive: false,
    });
    expect(mistakes).toBe(1);
    expect(output).toMatch(/^\(quorum86\) where\ncycle /);
    expect(output).toContain('(quorum86) bogus\nthere is no command "bogus"');
    expect(output).toContain("breakpoint 1: replica-2");
    expect(output.match(/\(quorum86\) where/g)).toHaveLength(1);
  });

  it("completes commands, threads and symbols", async () => {
    const prompt = await session();
    await executeLine(prompt, "thread replica-2");
    expect(completions(prompt, "bre")[0]).toEqual(["break ", "breakpoints "]);
    expect(completions(prompt, "break replica-2:aes_en")[0]).toContain("aes_encrypt_round");
    expect(completions(prompt, "thread vo")[0]).toEqual(["voter"]);
  });

  it("finds a command by a beginning that only it has", () => {
    expect(findCommand("snap").names[0]).toBe("snapshot");
    expect(() => findCommand("re")).toThrow(/registers|regs/);
  });

  it("lets gdb's monitor look but not run", async () => {
    const prompt = await session();
    expect(monitorAnswer(prompt, "continue")).toContain("use gdb's own command");
    expect(monitorAnswer(prompt, "spaces")).toContain("replica-3");
    expect(monitorAnswer(prompt, "help")).not.toContain("continue");
    expect(monitorAnswer(prompt, "\x00\xff")).toContain("there is no command");
  });
});

/** Hostile packets against the real machine behind the protocol: whatever gdb asks to be read, written or run. `npm run test:debugger` sends 10,000. */
import { expect, it } from "vitest";
import { monitorAnswer } from "../../../tools/debug/commands/registry.ts";
import { encodePacket } from "../../../tools/debug/gdb/packet.ts";
import { GdbSession } from "../../../tools/debug/gdb/session.ts";
import { MachineTarget } from "../../../tools/debug/machine-target.ts";
import { CommandSession } from "../../../tools/debug/session.ts";
import { Disassembler } from "../../../tools/symbols/disassembler.ts";
import { bundledDebuggee } from "./debuggees.ts";

const PACKETS = Number(process.env.QUORUM86_HOSTILE_PACKETS ?? "600");

it(
  "survives packets that read, write and run anything anywhere",
  async () => {
    let seed = 0x1234;
    const random = (limit: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 0x1_0000_0000) * limit);
    };
    const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
    const debuggee = bundledDebuggee();
    debuggee.runUntilStarted();
    const start = debuggee.timeline.position;
    const prompt = new CommandSession(debuggee, await Disassembler.load());
    let sent = "";
    const waiting: (() => void)[] = [];
    const target = new MachineTarget(debuggee, (line, thread) => {
      prompt.thread = thread;
      return monitorAnswer(prompt, line);
    });
    const gdb = new GdbSession(target, {
      send: (bytes) => {
        sent += bytes;
      },
      schedule: (callback) => waiting.push(callback),
    });
    const ask = (payload: string): void => {
      sent = "";
      gdb.receive(Uint8Array.from(encodePacket(payload), (character) => character.charCodeAt(0)));
      for (let count = 0; count < 2; count++) waiting.shift()?.();
      if (!sent.includes("$")) gdb.receive(Uint8Array.of(3));
      waiting.length = 0;
      expect(sent, payload).toMatch(/\$[^#]*#..$/s);
    };
    const addresses = [
      0, 0x1000, 0x08048000, 0x08048bf0, 0x0804a260, 0x0804d000, 0xbf000100, 0xbff00000, 0xf0c00000, 0xffffffff,
    ];
    const address = (): string => (pick(addresses) + random(32)).toString(16);
    const thread = (): string =>
      pick(["p1.1", "p8.3e", "p7.3d", "p3.32", "p5.-1", "p0.0", "-1", "p9.3f", "p77.77", "3e"]);
    const bytes = (count: number): string =>
      Array.from({ length: count }, () => random(256).toString(16).padStart(2, "0")).join("");
    const lines = [
      "spaces",
      "ipc",
      "tlb",
      "history",
      "votes",
      "faults",
      "diff replica-1 replica-2",
      "pagetable esp",
      "check",
    ];
    lines.push(
      "goto 200000",
      "goto start",
      "goto -10000",
      "goto end",
      "inject replica-2:eax:flip:3",
      "snapshot",
      "goto fault",
    );
    lines.push(
      "set eip = 0",
      "regs",
      "x/8xw esp",
      "disas",
      "bt",
      "where",
      "owner 0x1000",
      "threads",
      "symbols",
      "digest",
    );
    const kinds: (() => string)[] = [
      () => `m${address()},${random(64).toString(16)}`,
      () => `M${address()},4:${bytes(4)}`,
      () => `P${random(60).toString(16)}=${bytes(4)}`,
      () => `p${random(60).toString(16)}`,
      () => "g",
      () => `H${pick(["g", "c"])}${thread()}`,
      () => `T${thread()}`,
      () => `${pick(["Z", "z"])}${random(5)},${address()},${pick([1, 4, 16])}`,
      () => `vCont;${pick(["s", "c", "r1000,2000"])}:${thread()};c`,
      () => pick(["bs", "bc", "s", "c", "?"]),
      () => `qRcmd,${Buffer.from(pick(lines)).toString("hex")}`,
      () => `qXfer:threads:read::${random(200).toString(16)},${random(400).toString(16)}`,
    ];
    ask("qSupported:multiprocess+");
    for (let count = 0; count < PACKETS; count++) {
      ask(pick(kinds)());
      // Whatever was broken, the beginning is still there.
      if (count % 500 === 499) {
        debuggee.timeline.seek(debuggee.timeline.start);
        debuggee.timeline.forgetFuture();
        debuggee.timeline.advance({ cycle: start.cycle });
      }
    }
    gdb.close();
    expect(debuggee.points.list).toEqual([]);
  },
  120_000 + 60 * PACKETS,
);

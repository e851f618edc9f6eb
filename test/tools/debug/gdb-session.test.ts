import { describe, expect, it } from "vitest";
import { textToHex } from "../../../tools/debug/gdb/hex.ts";
import { decodeBody, encodePacket } from "../../../tools/debug/gdb/packet.ts";
import { parseListenAddress } from "../../../tools/debug/gdb/server.ts";
import { GdbSession } from "../../../tools/debug/gdb/session.ts";
import { LOOP_PROGRAM, MockTarget } from "./mock-target.ts";

/** A session whose answers can be read at once: slices run until the target stops. */
class Conversation {
  readonly target = new MockTarget(LOOP_PROGRAM);
  private sent = "";
  private readonly waiting: (() => void)[] = [];
  ended: string | undefined;
  readonly session = new GdbSession(this.target, {
    send: (bytes) => {
      this.sent += bytes;
    },
    schedule: (callback) => this.waiting.push(callback),
    onEnd: (how) => {
      this.ended = how;
    },
  });

  raw(text: string): string {
    this.sent = "";
    this.session.receive(Uint8Array.from(text, (character) => character.charCodeAt(0)));
    return this.sent;
  }

  /** Payloads of the answers to one packet. */
  ask(payload: string): string[] {
    this.raw(encodePacket(payload));
    for (let count = 0; count < 4; count++) this.waiting.shift()?.();
    return [...this.sent.matchAll(/\$([^#]*)#../gs)].map((match) => decodeBody(match[1] ?? "") ?? "bad");
  }

  multiprocess(): this {
    this.ask("qSupported:multiprocess+;swbreak+;hwbreak+");
    return this;
  }
}

describe("a gdb session", () => {
  it("offers reverse execution, named threads and the target description", () => {
    const [features = ""] = new Conversation().ask("qSupported:multiprocess+;xmlRegisters=i386");
    for (const feature of ["ReverseStep+", "ReverseContinue+", "multiprocess+", "qXfer:features:read+"]) {
      expect(features.split(";")).toContain(feature);
    }
  });

  it("acknowledges until told not to", () => {
    const conversation = new Conversation();
    expect(conversation.raw(encodePacket("qC"))).toMatch(/^\+\$QC1#/);
    expect(conversation.raw("-")).toMatch(/^\$QC1#/);
    expect(conversation.raw("$qC#00")).toBe("-");
    conversation.ask("QStartNoAckMode");
    expect(conversation.raw(encodePacket("qC"))).toMatch(/^\$QC1#/);
  });

  it("answers an unknown command with the empty packet", () => {
    const conversation = new Conversation();
    for (const unknown of ["vMustReplyEmpty", "qTStatus", "QNonStop:1", "\x00", "~", "vRun;", "R00"]) {
      expect(conversation.ask(unknown)).toEqual([""]);
    }
  });

  it("reads the target description in pieces that add up", () => {
    const conversation = new Conversation();
    let text = "";
    for (;;) {
      const [piece = ""] = conversation.ask(`qXfer:features:read:target.xml:${text.length.toString(16)},100`);
      text += piece.slice(1);
      if (piece.startsWith("l")) break;
    }
    expect(text).toContain('<reg name="eip" bitsize="32" type="code_ptr" regnum="8"/>');
    expect(text).toContain('<reg name="cr3"');
  });

  it("steps one thread, and back", () => {
    const conversation = new Conversation().multiprocess();
    expect(conversation.ask("vCont;s:p2.2;c").at(-1)).toContain("thread:p2.2;");
    expect(conversation.ask("Hgp2.2")).toEqual(["OK"]);
    expect(conversation.ask("p8")).toEqual(["01100000"]);
    conversation.ask("Hcp2.2");
    conversation.ask("bs");
    expect(conversation.ask("p8")).toEqual(["00100000"]);
    expect(conversation.ask("bc").at(-1)).toContain("replaylog:begin");
  });

  it("keeps a breakpoint to the space of the thread chosen by Hg", () => {
    const conversation = new Conversation().multiprocess();
    conversation.ask("Hgp2.0");
    expect(conversation.ask("Z0,1006,1")).toEqual(["OK"]);
    const stop = conversation.ask("vCont;c:p1.-1").at(-1);
    expect(stop).toContain("thread:p2.2;");
    expect(stop).toContain("swbreak:;");
    conversation.ask("Hgp1.1");
    expect(conversation.ask("z0,1006,1")).toEqual(["E01"]);
  });

  it("reports a watchpoint's address and, on gdb's console, its cycle", () => {
    const conversation = new Conversation();
    conversation.ask("Z2,1800,4");
    const answers = conversation.ask("c");
    expect(answers.at(-1)).toContain("watch:1800;");
    expect(answers.some((answer) => answer === `O${textToHex("watchpoint at 0x1800, cycle 3\n")}`)).toBe(true);
  });

  it("stops on Ctrl-C while running", () => {
    const conversation = new Conversation();
    conversation.ask("c");
    expect(conversation.raw("\x03")).toContain("$T02");
    expect(conversation.ask("?").at(-1)).toContain("T02");
  });

  it("writes registers and memory, and refuses what is not there", () => {
    const conversation = new Conversation();
    expect(conversation.ask("P0=78563412")).toEqual(["OK"]);
    expect(conversation.ask("p0")).toEqual(["78563412"]);
    expect(conversation.ask("M1900,2:beef")).toEqual(["OK"]);
    expect(conversation.ask("X1902,2:#a")).toEqual(["OK"]);
    expect(conversation.ask("m1900,3")).toEqual(["beef23"]);
    expect(conversation.ask("m9000,4")).toEqual(["E0e"]);
    expect(conversation.ask("M1fff,2:0000")).toEqual(["E0e"]);
    expect(conversation.ask("P20=000000000000000000000000000000")).toEqual(["E16"]);
    const [all = ""] = conversation.ask("g");
    expect(conversation.ask(`G${all}`)).toEqual(["OK"]);
    expect(conversation.ask("mffffffffff,4")).toEqual(["E16"]);
  });

  it("serves the executable through host I/O", () => {
    const conversation = new Conversation().multiprocess();
    conversation.target.executables.set(1, "/replica.elf");
    conversation.target.files.set("/replica.elf", Uint8Array.from([0x7f, 0x45, 0x4c, 0x46]));
    expect(conversation.ask("qXfer:exec-file:read:1:0,100")).toEqual(["l/replica.elf"]);
    expect(conversation.ask(`vFile:open:${textToHex("/replica.elf")},0,0`)).toEqual(["F3"]);
    expect(conversation.ask("vFile:pread:3,10,1")).toEqual(["F3;ELF"]);
    expect(conversation.ask("vFile:fstat:3")[0]).toHaveLength("F40;".length + 64);
    expect(conversation.ask("vFile:close:3")).toEqual(["F0"]);
    expect(conversation.ask("vFile:pread:3,10,1")).toEqual(["F-1,9"]);
    expect(conversation.ask(`vFile:open:${textToHex("/etc/passwd")},0,0`)).toEqual(["F-1,2"]);
  });

  it("leaves no breakpoint behind when gdb detaches", () => {
    const conversation = new Conversation();
    conversation.ask("Z0,1006,1");
    expect(conversation.ask("D")).toEqual(["OK"]);
    expect(conversation.ended).toBe("detached");
    expect(conversation.target.points).toEqual([]);
  });

  it("survives 100,000 hostile packets and answers each that arrives whole", () => {
    let seed = 0x86;
    const random = (limit: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 0x1_0000_0000) * limit);
    };
    const stems = ["m", "M", "X", "g", "G", "p", "P", "Z0,", "z2,", "H", "T", "vCont;", "vFile:", "qXfer:", "qRcmd,"];
    stems.push("c", "s", "bs", "bc", "q", "Q", "v", "?", "", "C", "qThreadExtraInfo,", "vFile:pread:", "qSupported:");
    stems.push("vFile:open:", "qXfer:features:read:", "vCont;r", "vCont;s:p", "Z3,1000,", "k?", "D;", "vKill", "k");
    const alphabet = "0123456789abcdefp.-,;:=+*}#$x\x00\x03\xff~ ";
    let conversation = new Conversation();
    for (let count = 0; count < 100_000; count++) {
      if (conversation.ended !== undefined) conversation = new Conversation();
      let payload = stems[random(stems.length)] ?? "";
      for (let length = random(24); length > 0; length--) payload += alphabet.charAt(random(alphabet.length));
      if (random(4) === 0) {
        conversation.raw(random(2) === 0 ? payload : `$${payload}#${alphabet.charAt(random(16))}0`);
        conversation.raw("#00");
        conversation.raw("\x03");
      } else {
        const answers = conversation.ask(payload);
        // Without an answer it was a packet that lets the target run (which an interrupt answers) or ends the session.
        if (answers.length === 0 && conversation.ended === undefined) {
          expect(conversation.raw("\x03"), JSON.stringify(payload)).toMatch(/\$T02.*#..$/s);
        }
      }
    }
    const fresh = conversation.ended === undefined ? conversation : new Conversation();
    expect(fresh.ask("m1000,2").at(-1)).toMatch(/^([0-9a-f]{4}|E..)$/);
  });
});

describe("the address to listen on", () => {
  it("is the loopback interface unless the user names another", () => {
    expect(parseListenAddress("1234")).toEqual({ host: "127.0.0.1", port: 1234 });
    expect(parseListenAddress(":1234")).toEqual({ host: "127.0.0.1", port: 1234 });
    expect(parseListenAddress("0.0.0.0:1234")).toEqual({ host: "0.0.0.0", port: 1234 });
    expect(parseListenAddress("[::1]:1234")).toEqual({ host: "::1", port: 1234 });
    for (const wrong of ["", "x", "1:2:3", "70000", "host:"]) expect(parseListenAddress(wrong)).toBeUndefined();
  });
});

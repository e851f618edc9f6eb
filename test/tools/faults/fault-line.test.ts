import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type Fault, faultSchema, formatFault } from "../../../tools/faults/fault.ts";
import { parseFaultFile } from "../../../tools/faults/fault-file.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { clearErrorOrSuccess, inputError } from "../support/input-errors.ts";
import { anyFault } from "./any-fault.ts";

describe("the one-line form", () => {
  it.each<[string, Fault]>([
    [
      "replica-2:eax:flip:3@instruction=1000",
      { target: { component: "replica-2", register: "eax" }, model: { flip: [3] }, trigger: { instruction: 1000 } },
    ],
    [
      "replica-2:aes_round_keys+16:flip:0,31@cycle=5",
      {
        target: { component: "replica-2", symbol: "aes_round_keys", offset: 16 },
        model: { flip: [0, 31] },
        trigger: { cycle: 5 },
      },
    ],
    [
      "voter:0x0804a010:flip:7@cycle=0x10",
      { target: { component: "voter", address: 0x0804a010 }, model: { flip: [7] }, trigger: { cycle: 16 } },
    ],
    [
      "physical:0x123000:flip:7@instruction=0",
      { target: { physical: 0x123000 }, model: { flip: [7] }, trigger: { instruction: 0 } },
    ],
    [
      "replica-2:pte=0x0804a000:flip:12@instruction=9",
      { target: { component: "replica-2", pte: 0x0804a000 }, model: { flip: [12] }, trigger: { instruction: 9 } },
    ],
    [
      "replica-2:pde=0x0804a000:set:0@cycle=9",
      { target: { component: "replica-2", pde: 0x0804a000 }, model: { set: 0 }, trigger: { cycle: 9 } },
    ],
    [
      "voter:mr=63:set:0xffffffff@cycle=9",
      { target: { component: "voter", mr: 63 }, model: { set: 0xffff_ffff }, trigger: { cycle: 9 } },
    ],
    [
      "replica-2:ds:stuck0:3@execute=aes_encrypt#3",
      {
        target: { component: "replica-2", segment: "ds" },
        model: { stuckAt0: [3] },
        trigger: { execute: { symbol: "aes_encrypt", offset: 0 }, nth: 3 },
      },
    ],
    [
      "cpu:ds.attributes:stuck1:1,15/5000@read=voter:0x0804a010/16",
      {
        target: { cpu: "ds.attributes" },
        model: { stuckAt1: [1, 15], clocks: 5000 },
        trigger: { read: { component: "voter", address: 0x0804a010, bytes: 16 }, nth: 1 },
      },
    ],
    [
      "replica-2:cr3:flip:12@write=aes_state+4#2",
      {
        target: { component: "replica-2", control: "cr3" },
        model: { flip: [12] },
        trigger: { write: { symbol: "aes_state", offset: 4, bytes: 1 }, nth: 2 },
      },
    ],
    [
      "replica-2:skip@ipc=reply#3",
      {
        target: { component: "replica-2", register: "eip" },
        model: { skip: 1 },
        trigger: { ipc: { phase: "reply" }, nth: 3 },
      },
    ],
    [
      "cpu:eip:skip:2@ipc=voter:receive,with=client,round=3#2",
      {
        target: { cpu: "eip" },
        model: { skip: 2 },
        trigger: { ipc: { component: "voter", phase: "receive", with: "client", round: 3 }, nth: 2 },
      },
    ],
    [
      "tlb:data/5/2.frame:flip:12@interrupt=0x20#5",
      {
        target: { tlb: "data", set: 5, way: 2, part: "frame" },
        model: { flip: [12] },
        trigger: { interrupt: { vector: 0x20 }, nth: 5 },
      },
    ],
    [
      "tlb:code=0x0804a000.flags:flip:2@exception=voter:14",
      {
        target: { tlb: "code", linear: 0x0804a000, part: "flags" },
        model: { flip: [2] },
        trigger: { exception: { component: "voter", vector: 14 }, nth: 1 },
      },
    ],
    [
      "kernel:tcb/replica-2.state:flip:0@round=3",
      {
        target: { kernel: "tcb", of: "replica-2", field: "state", offset: 0 },
        model: { flip: [0] },
        trigger: { round: 3 },
      },
    ],
    [
      "kernel:page-table/replica-2/table=32+16:set:7@cycle=9",
      {
        target: { kernel: "page-table", of: "replica-2", table: 32, offset: 16 },
        model: { set: 7 },
        trigger: { cycle: 9 },
      },
    ],
    [
      "kernel:mapping-node/117.frame:flip:5@cycle=9",
      {
        target: { kernel: "mapping-node", of: 117, field: "frame", offset: 0 },
        model: { flip: [5] },
        trigger: { cycle: 9 },
      },
    ],
    [
      "replica-1:symbol=eax+4:flip:5@cycle=9",
      { target: { component: "replica-1", symbol: "eax", offset: 4 }, model: { flip: [5] }, trigger: { cycle: 9 } },
    ],
  ])("%s", (line, fault) => {
    expect(parseFault(line)).toEqual(fault);
    expect(faultSchema.parse(fault)).toEqual(fault);
  });

  it("is read back from what is written, for every fault", () => {
    fc.assert(
      fc.property(anyFault, (fault) => {
        const line = formatFault(fault);
        expect(parseFault(line)).toEqual(fault);
        expect(faultSchema.parse(fault)).toEqual(fault);
        // Shell words: bash, zsh and dash take every one of these characters literally inside a word.
        expect(line).toMatch(/^[a-z][\w:.,=+/#@-]*$/);
      }),
      { numRuns: 4000 },
    );
  });

  it("and YAML say the same: a fault written as a map reads as its line does", () => {
    fc.assert(
      fc.property(anyFault, (fault) => {
        expect(parseFaultFile(stringify({ faults: [fault, formatFault(fault)] }), "f.yaml")).toEqual([fault, fault]);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["", 1, /no @TRIGGER/],
    ["replica-2:eax:flip:3", 21, /no @TRIGGER/],
    ["@cycle=1", 1, /no target/],
    ["replica-2:mr=64:flip:3@cycle=1", 14, /no message register 64/],
    ["replica-2:pte=x:flip:3@cycle=1", 15, /no 32-bit number/],
    ["replica-2:eax:set:@cycle=1", 19, /no 32-bit number/],
    ["replica-2:eax:set@cycle=1", 18, /set has no value/],
    ["replica-2:eflags:set:0x20002@cycle=1", 22, /EFLAGS has no bit 17/],
    ["replica-2@cycle=1", 10, /target has no place/],
    ["replica-2:eax@cycle=1", 14, /no fault model/],
    ["replica-2:eax:flop:3@cycle=1", 15, /"flop" is no fault model/],
    ["replica-2:eax:flip@cycle=1", 19, /flip names no bit/],
    ["replica-2:eax:flip:32@cycle=1", 20, /"32" is no bit/],
    ["replica-2:eax:flip:1,1@cycle=1", 22, /bit 1 is named twice/],
    ["replica-2:eax:flip:1,@cycle=1", 22, /"" is no bit/],
    ["replica-2:eax:flip:1:2@cycle=1", 21, /more than TARGET:MODEL:VALUE/],
    ["Replica 2:eax:flip:1@cycle=1", 1, /no component name/],
    ["replica-2:e ax:flip:1@cycle=1", 11, /"e ax" is no place/],
    ["replica-2:sym+x:flip:1@cycle=1", 15, /"x" is no 32-bit number/],
    ["replica-2:0x1ffffffff:flip:1@cycle=1", 11, /no 32-bit number/],
    ["physical:eax:flip:1@cycle=1", 10, /no 32-bit number/],
    ["replica-2:eax:flip:1@cycles=1", 22, /"cycles" is no trigger/],
    ["replica-2:eax:flip:1@cycle", 28, /cycle has no number/],
    ["replica-2:eax:flip:1@cycle=-1", 28, /cycle has no number/],
    ["replica-2:eax:flip:1@cycle=99999999999999999", 28, /cycle has no number/],
    ["replica-2:act:omission@cycle=1", 11, /Byzantine acts are not there yet/],
    ["replica-2:eax:act:omission@cycle=1", 15, /Byzantine acts are not there yet/],
    ["replica-2:eflags:flip:17@cycle=1", 23, /no bit 17: this machine has no virtual-8086 mode/],
    ["replica-2:eflags:stuck1:17@cycle=1", 25, /no bit 17/],
    ["replica-2:ds:flip:16@cycle=1", 19, /no bit 16 \(it has 0-15\)/],
    ["cpu:cr0:flip:4@cycle=1", 14, /no bit 4 \(it has 0-3 5 16 18 29-31\)/],
    ["cpu:cr4:set:0x200@cycle=1", 13, /no bit 9/],
    ["cpu:cr5:flip:0@cycle=1", 5, /the CPU has no register "cr5"/],
    ["cpu:st0:flip:0@cycle=1", 5, /the CPU has no register "st0"/],
    ["cpu:x87.control:flip:6@cycle=1", 22, /no bit 6/],
    ["tlb:data/16/0.tag:flip:12@cycle=1", 10, /there is no set 16/],
    ["tlb:large/2/0.tag:flip:22@cycle=1", 11, /there is no set 2/],
    ["tlb:data/0/4.tag:flip:12@cycle=1", 12, /there is no way 4/],
    ["tlb:data/0/0.tag:flip:3@cycle=1", 23, /no bit 3 \(it has 12-31\)/],
    ["tlb:code/0/0.flags:flip:6@cycle=1", 25, /no bit 6 \(it has 0-3\)/],
    ["tlb:data/0.tag:flip:12@cycle=1", 5, /no TLB entry/],
    ["tlb:data/0/0:flip:12@cycle=1", 5, /a part of a TLB entry is needed/],
    ["tlb:l2/0/0.tag:flip:12@cycle=1", 5, /"l2" is no TLB/],
    ["kernel:tcb/re!.state:flip:0@cycle=1", 12, /neither a number nor a component/],
    ["kernel:tcb/1/2.state:flip:0@cycle=1", 14, /"2" leads nowhere/],
    ["kernel:page-table/1/table=1024:flip:0@cycle=1", 27, /no page table 1024/],
    ["kernel:TCB:flip:0@cycle=1", 8, /no kernel structure/],
    ["replica-2:eax:stuck0@cycle=1", 21, /stuck0 names no bit/],
    ["replica-2:eax:stuck1:3/0@cycle=1", 24, /no number of clocks/],
    ["replica-2:eax:skip@cycle=1", 15, /only EIP can skip/],
    ["replica-2:skip:0@cycle=1", 16, /no number of instructions/],
    ["replica-2:skip:1001@cycle=1", 16, /too many/],
    ["replica-2:eax:flip:1@execute=", 30, /execute has no value/],
    ["replica-2:eax:flip:1@execute=f#0", 32, /no count/],
    ["replica-2:eax:flip:1@execute=f/4", 30, /no place/],
    ["replica-2:eax:flip:1@read=f/0", 29, /no number of bytes/],
    ["cpu:eax:flip:1@execute=f", 16, /does not say whose it is/],
    ["cpu:eax:flip:1@ipc=send", 16, /does not say whose it is/],
    ["replica-2:eax:flip:1@ipc=sand", 26, /no phase of an IPC/],
    ["replica-2:eax:flip:1@ipc=send,with=a,with=b", 38, /no condition/],
    ["replica-2:eax:flip:1@interrupt=256", 32, /no vector/],
    ["replica-2:eax:flip:1@round=0", 28, /round has no number/],
    ["replica-2:eflags:flip:1@cycle=1", 23, /EFLAGS has no bit 1/],
  ])("%j is refused at column %i", (line, column, problem) => {
    const { detail } = inputError(() => parseFault(line));
    expect(detail).toMatchObject({ file: "--fault", column });
    expect(detail.problem).toMatch(problem);
    expect(detail.mend).not.toBe("");
  });

  it.each([
    ["model: {act: equivocation}", /Byzantine acts are not there yet/],
    ["model: {flip: [1]}, recovery: restart", /recovery is not there yet/],
    ["model: {stuckAt0: [17]}", /EFLAGS has no bit 17: this machine has no virtual-8086 mode/],
    ["model: {skip: 1}", /only EIP can skip/],
  ])("{target, %s, trigger} is refused", (model, problem) => {
    const text = `faults:\n  - {target: {component: voter, register: eflags}, ${model}, trigger: {cycle: 1}}\n`;
    const { detail } = inputError(() => parseFaultFile(text, "f.yaml"));
    expect(detail).toMatchObject({ file: "f.yaml", line: 2 });
    expect(detail.problem).toMatch(problem);
  });

  it("any text at all gives a fault or a clear error", () => {
    const token = fc.constantFrom(
      "replica-1",
      ":",
      "@",
      "flip",
      "eax",
      "kernel",
      "tlb",
      "data",
      "stuck0",
      "skip",
      "execute",
      "ipc",
      "send",
      "/",
      ".",
      "#",
      "cycle",
      "instruction",
      "=",
      ",",
      "+",
      "0x",
      "7",
      "\0",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(token).map((tokens) => tokens.join("")),
    );
    fc.assert(
      fc.property(text, (line) => {
        clearErrorOrSuccess(() => parseFault(line));
      }),
      { numRuns: 10_000 },
    );
  });
});

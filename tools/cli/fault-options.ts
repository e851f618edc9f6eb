/** The options that say which faults strike, the same for every command that takes faults. */
import type { Argv } from "yargs";
import type { Fault } from "../faults/fault.ts";
import { readFaultFile } from "../faults/fault-file.ts";
import { parseFault } from "../faults/fault-line.ts";
import { InputError } from "../input-error.ts";
import type { Text } from "./options.ts";

export interface FaultArguments {
  fault: Text;
  faultFile: Text;
}

/** Adds `--fault` and `--fault-file`. */
export function withFaultOptions<T>(argv: Argv<T>): Argv<T> {
  return argv
    .option("fault", {
      type: "string",
      requiresArg: true,
      describe: "a fault, TARGET:MODEL@TRIGGER, or none; may be repeated",
    })
    .option("fault-file", { type: "string", requiresArg: true, describe: "faults from a YAML file" });
}

/** The faults given, undefined if neither option was; `--fault none` stands for an empty list. */
export function givenFaults({ fault, faultFile }: FaultArguments): Fault[] | undefined {
  const lines = listOf(fault);
  const files = listOf(faultFile);
  if (lines.length + files.length === 0) return undefined;
  if (lines.includes("none") && lines.length + files.length > 1) {
    throw new InputError({ file: "--fault", problem: "none, and others", mend: "give none alone, or leave it out" });
  }
  const named = lines.filter((line) => line !== "none").map((line) => parseFault(line));
  return [...named, ...files.flatMap((file) => readFaultFile(file))];
}

function listOf(value: Text): readonly string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

export const FAULT_HELP = `Faults
  TARGET:MODEL@TRIGGER in place of the scenario's own; --fault none: no fault.
  TARGET  replica-2:eax             its registers: eax ... edi eip eflags
          replica-2:ds              its selectors es cs ss ds fs gs, and cr3
          replica-2:aes_state+4     memory by symbol, in its own space
          replica-2:0x0804a010      memory by virtual address
          physical:0x123000         memory by physical address
          replica-2:pte=0x804a000   its page-table entry; pde=: the directory's
          replica-2:mr=3            a message register
          cpu:cr0, cpu:ds.limit     the CPU's own, whoever runs
          tlb:data=0x804a000.frame  TLB (code data large): tag frame flags
          kernel:tcb/replica-2.tag  a kernel structure by name
  MODEL   flip:3,7                  bits of the 32-bit word
          set:0x1234                another word in its place
          stuck0:3                  bits that stay 0 (stuck1: 1) for good
          stuck1:3/5000             or for so many clocks
          replica-2:skip, skip:2    instructions that are not executed
  TRIGGER cycle=N                   clock of the machine
          instruction=N             user instructions of the target's own
          execute=aes_process#3     before it executes that for the third time
          read=aes_state/16#2       after it has read one of those bytes twice
          write=aes_state           after it has written there
          ipc=reply#3               send, reply, receive
          round=3                   of the voter
          interrupt=0x20#5          before the handler; exception=14
  "quorum86 faults" shows every name that there is, and a line as YAML.`;

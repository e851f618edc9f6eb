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
  TARGET:MODEL@TRIGGER, instead of the scenario's own; --fault none runs without any.
  TARGET  replica-2:eax             a register: eax ... edi eip eflags, es cs ss ds fs gs, cr3
          replica-2:aes_state+4     memory by symbol, in that replica's own space
          replica-2:0x0804a010      memory by virtual address; physical:0x123000 by physical
          replica-2:pte=0x804a000   its page-table entry of an address (pde=: directory)
          replica-2:mr=3            a message register
          cpu:cr0, cpu:ds.limit     the CPU's own, whoever runs
          tlb:data=0x804a000.frame  a TLB entry: code data large; tag frame flags
          kernel:tcb/replica-2.tag  a kernel structure by name
  MODEL   flip:3,7                  bits of the 32-bit word
          set:0x1234                another word in its place
          stuck0:3  stuck1:3/5000   bits that stay 0 or 1, for good or for so many clocks
          skip, skip:2              (replica-2:skip) instructions that are not executed
  TRIGGER cycle=N, instruction=N    clock of the machine; user instructions of the target's own
          execute=aes_process#3     before it executes that for the third time
          read=aes_state/16#2       after it has read (write=: written) one of those bytes
          ipc=reply#3, round=3      send, reply, receive; rounds of the voter
          interrupt=0x20#5          delivered (exception=14), before the handler
  quorum86 faults shows every name that there is, and how a line looks in YAML.`;

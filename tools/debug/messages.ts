/** Sentences about what happened, for people. */
import type { StopReason } from "../../emulator/index.ts";
import { grouped, hex } from "../report/format.ts";
import type { InjectionReport } from "../run/run-result.ts";
import { type GuestView, KERNEL_THREAD } from "./guest-view.ts";
import type { Position } from "./time/position.ts";
import type { Hit } from "./watcher.ts";

/** "0x08048c10 <aes_encrypt_round+16>" */
export function place(view: GuestView, process: number, address: number): string {
  const symbol = view.symbolAt(process, address);
  return symbol === undefined ? hex(address) : `${hex(address)} <${symbol}>`;
}

export function describeHit(view: GuestView, hit: Hit): string {
  const { point } = hit;
  const value = view.readWord(point.process, point.address, Math.min(point.length, 4));
  const shown = value === undefined ? "" : `, now ${hex(value, 2 * Math.min(point.length, 4))}`;
  const what = `${hit.write ? "write to" : "read of"} ${place(view, point.process, hit.address)}${shown}`;
  return `${what}: cycle ${grouped(hit.position.cycle)}, by ${author(view, hit)}`;
}

function author(view: GuestView, hit: Hit): string {
  if (hit.by === "edit") return "a change from outside (an injected fault or a debugger)";
  const thread = view.thread(hit.thread);
  const name = thread?.name ?? `thread ${hit.thread}`;
  const eip = place(view, thread?.process ?? 1, hit.eip);
  if (hit.by === "kernel")
    return hit.thread === KERNEL_THREAD ? "the kernel" : `the kernel, called by ${name} at ${eip}`;
  return `${name} at ${eip}`;
}

export function describeEnd(reason: StopReason, position: Position): string {
  const when = `at cycle ${grouped(position.cycle)}`;
  switch (reason.kind) {
    case "power-off":
      return `the machine powered itself off with code ${reason.code} ${when}`;
    case "shutdown":
      return `the machine shut down after a triple fault ${when}`;
    case "panic":
      return `${reason.text} ${when}`;
    case "halted":
      return `the machine halted for ever ${when}`;
    default:
      return `the machine stopped ${when}`;
  }
}

export function describeInjection(report: InjectionReport): string {
  if (!report.applied) return `fault ${report.fault} was not applied: ${report.reason}`;
  const change = `${report.location}: ${hex(report.before ?? 0)} -> ${hex(report.after ?? 0)}`;
  return `fault ${report.fault} struck at cycle ${grouped(report.cycle ?? 0)}: ${change}`;
}

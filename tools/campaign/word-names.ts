/** What the words of a campaign's map are called: symbols of programs, fields of the kernel's structures. */
import type { ScenarioRun } from "../run/scenario-run.ts";
import { SymbolTable } from "../symbols/symbol-table.ts";
import type { WordCount } from "./report.ts";

/** `aes_state+4`, `tcb 53 timeslice`; undefined where nothing has a name. */
export type WordNames = (word: Pick<WordCount, "component" | "address" | "addressing">) => string | undefined;

/** @param booted the image, just booted: the kernel's words are named as they are then; most of its structures stay. */
export function wordNames(booted: ScenarioRun): WordNames {
  const tables = new Map(booted.plan.components.map(({ name, elf }) => [name, new SymbolTable(elf)]));
  return ({ component, address, addressing }) => {
    if (addressing === "virtual") return tables.get(component)?.format(address);
    if (address >= booted.machine.memory.byteLength) return undefined;
    const { kind, name, field } = booted.kernel.owner(address);
    return kind === "kernel" || kind === "page-table" ? `${name} ${field ?? ""}`.trim() : undefined;
  };
}

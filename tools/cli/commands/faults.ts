/** `quorum86 faults [IMAGE]`: what a fault can strike in an image, by name; and faults as lines and as YAML. */

import type { ArgumentsCamelCase, Argv } from "yargs";
import type { KernelStructure } from "../../../kernel/index.ts";
import { CPU_REGISTERS } from "../../faults/cpu-registers.ts";
import { formatFault, TLB_NAMES, TLB_SETS } from "../../faults/fault.ts";
import { faultFileJsonSchema, faultFileText } from "../../faults/fault-file.ts";
import { placeName, structureNames } from "../../faults/kernel-places.ts";
import { bundledScenario, loadImage } from "../../image/image.ts";
import { InputError } from "../../input-error.ts";
import { planBoot } from "../../run/boot-plan.ts";
import { ScenarioRun } from "../../run/scenario-run.ts";
import { EXIT_CODES, ExitCode } from "../exit-codes.ts";
import { FAULT_HELP, type FaultArguments, givenFaults, withFaultOptions } from "../fault-options.ts";
import { single, type Text } from "../options.ts";
import { row } from "../run-report.ts";
import { coloursFor } from "../terminal.ts";

interface FaultsArguments extends FaultArguments {
  image: string | undefined;
  structure: Text;
  schema: boolean;
  json: boolean;
}

const EXAMPLES = `Examples
  quorum86 faults
      names for faults in the bundled image
  quorum86 faults --structure tcb
      the fields of a kernel structure
  quorum86 faults --fault replica-2:eax:stuck1:3/9000@ipc=reply#2
      checks a fault, and shows it as YAML for a scenario or a --fault-file`;

export function options(argv: Argv): Argv<FaultsArguments> {
  return withFaultOptions(argv)
    .positional("image", {
      type: "string",
      describe: "a packed image (.tar) or a scenario (.yaml); the bundled aes-tmr if left out",
    })
    .option("structure", { type: "string", requiresArg: true, describe: "show the fields of a kernel structure" })
    .option("schema", { type: "boolean", default: false, describe: "print the JSON schema of a fault file" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object, nothing else" })
    .epilogue(`${EXAMPLES}\n\n${FAULT_HELP}\n\n${EXIT_CODES}`) as unknown as Argv<FaultsArguments>;
}

export async function run(argv: ArgumentsCamelCase<FaultsArguments>): Promise<number> {
  if (argv.schema) {
    process.stdout.write(`${JSON.stringify(faultFileJsonSchema(), undefined, 2)}\n`);
    return ExitCode.Right;
  }
  const image = loadImage(argv.image ?? bundledScenario("aes-tmr"));
  const given = givenFaults(argv);
  const machineRun = new ScenarioRun(planBoot(image), { faults: given ?? [] });
  const structure = single(argv.structure, "structure");
  if (given !== undefined) {
    if (argv.json) print({ faults: given.map((fault) => ({ line: formatFault(fault), ...fault })) });
    else process.stdout.write(faultFileText(given));
  } else if (structure !== undefined) describeStructure(machineRun, structure, argv.json);
  else if (argv.json) print(names(machineRun));
  else process.stdout.write(`${nameText(machineRun)}\n`);
  return ExitCode.Right;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function names({ plan, kernel }: ScenarioRun) {
  return {
    components: plan.components.map(({ name, elf }) => ({
      name,
      variables: symbols(elf.symbols, "object"),
      functions: symbols(elf.symbols, "function"),
    })),
    cpu: CPU_REGISTERS,
    tlb: TLB_NAMES.map((name) => ({ name, sets: TLB_SETS[name], ways: 4 })),
    kernel: kernelNames(kernel.structures(), structureNames(kernel)),
  };
}

function symbols(all: readonly { readonly name: string; readonly kind: string }[], kind: string): string[] {
  return [...new Set(all.filter((symbol) => symbol.kind === kind).map(({ name }) => name))].sort();
}

interface KernelName {
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
  readonly fields: KernelStructure["fields"];
}

function kernelNames(structures: readonly KernelStructure[], wanted: readonly string[]): KernelName[] {
  const general: Readonly<Record<string, string>> = {
    "page-directory": "page directory of space",
    "page-table": "page table of space",
    utcb: "utcb of thread",
  };
  return wanted.flatMap((name) => {
    const start = general[name];
    const like = structures.filter((one) =>
      start === undefined ? placeName(one.name) === name : one.name.startsWith(start),
    );
    const first = like[0];
    if (first === undefined) return [];
    const count = start === undefined ? first.count : like.length;
    return [{ name, count, bytes: first.bytes, fields: first.fields }];
  });
}

function describeStructure({ kernel }: ScenarioRun, wanted: string, json: boolean): void {
  const [found] = kernelNames(kernel.structures(), [wanted]);
  if (found === undefined) {
    const problem = `the kernel has no structure "${wanted}"`;
    throw new InputError({ file: "--structure", problem, mend: `use one of ${structureNames(kernel).join(", ")}` });
  }
  if (json) {
    print(found);
    return;
  }
  const { name, count, bytes, fields } = found;
  const lines = fields.map(
    (field) => `  .${field.name.padEnd(22)} +${field.offset}${field.bytes === 4 ? "" : `, ${field.bytes} bytes`}`,
  );
  const elements = count > 1 ? `/0 to /${count - 1}` : "";
  process.stdout.write(`kernel:${name}${elements}, ${bytes} bytes\n${lines.join("\n")}\n`);
}

function nameText(machineRun: ScenarioRun): string {
  const { components, kernel } = names(machineRun);
  const colours = coloursFor(process.stdout);
  const rows = [
    ...components.map(({ name, variables }) => row(name, wrap(variables), colours)),
    row("cpu:", wrap([...CPU_REGISTERS]), colours),
    row("tlb:", wrap(TLB_NAMES.map((name) => `${name}/0/0 to ${name}/${TLB_SETS[name] - 1}/3`)), colours),
    row("kernel:", wrap(kernel.map(({ name, count }) => (count > 1 ? `${name}/N` : name))), colours),
  ];
  return `${rows.join("\n")}\n\n  Functions for execute= are in --json; fields of kernel structures: --structure NAME.\n\n${FAULT_HELP}`;
}

/** Words in lines of at most 66 columns, the first ones at least. */
function wrap(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 66) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.length === 0 ? ["nothing"] : lines;
}

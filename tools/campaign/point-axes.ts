/** What the golden run's def/use trace tells of a fault without running it, exact as far as it goes. */
import { Flag } from "../../emulator/index.ts";
import { EFLAGS_BITS } from "../faults/fault.ts";
import type { OutcomeAxes } from "../faults/outcome.ts";
import type { BootPlan } from "../run/boot-plan.ts";
import { SymbolTable } from "../symbols/symbol-table.ts";
import { bitsAt, type SpaceModel, type SpacePoint } from "./fault-space.ts";
import type { ClassUse } from "./pruning.ts";

const PAGE = 4096;
const GENERAL = /^cpu:e(ax|bx|cx|dx|sp|bp|si|di)$/;

/** @param use undefined if the trace does not follow the bit, or the model is no flip. */
export function activationOf(
  point: SpacePoint,
  model: SpaceModel,
  use: ClassUse | undefined,
): OutcomeAxes["activation"] {
  if (steers(point, model)) return "control";
  if (use === undefined || use === "perhaps") return "unobserved";
  return ({ read: "read", overwritten: "overwritten", unread: "never-read" } as const)[use];
}

/** EIP, flags that are no results of arithmetic, segment and control registers, TLB entries: nobody need read them. */
function steers(point: SpacePoint, model: SpaceModel): boolean {
  const { register, target, physical } = point.region;
  if (register === "eip") return true;
  if (register === "eflags") return bitsAt(point, model).some((bit) => isSystemFlag(EFLAGS_BITS[bit]!));
  if (target === undefined || physical !== undefined || GENERAL.test(target)) return false;
  return target !== "cpu:eflags" || isSystemFlag(point.bit);
}

function isSystemFlag(bit: number): boolean {
  return ((Flag.Arithmetic >>> bit) & 1) === 0;
}

/** How far a wrong word has come that nobody has read: as far as the place itself. */
export function containmentOf({ region, address }: SpacePoint, { components }: BootPlan): OutcomeAxes["containment"] {
  if (region.component === "physical") return "unobserved";
  // Words of a thread control block may be registers of a thread.
  if (region.addressing === "physical") return region.name.startsWith("tcb") ? "unobserved" : "kernel-state";
  if (region.register !== undefined) return "registers";
  if (region.target !== undefined && region.physical !== undefined) return "own-utcb";
  const elf = components.find(({ name }) => name === region.component)?.elf;
  if (elf === undefined || address === undefined) return "unobserved";
  const symbols = new SymbolTable(elf);
  const bottom = symbols.find("stack_bottom")?.value ?? 0;
  const top = symbols.find("stack_top")?.value ?? 0;
  if (address >= bottom - (bottom % PAGE) && address < top) return "own-stack";
  const isProgram = elf.sections.some(
    (section) => address >= section.address && address < section.address + section.size,
  );
  return isProgram ? "own-space" : "unobserved";
}

/** The emulator on the system stage. */

import { writeEflags } from "../../../emulator/cpu/flags.ts";
import {
  createMachine,
  loadPageDirectory,
  type Machine,
  SegmentRegister,
  setSegmentFromDescriptor,
  Word,
} from "../../../emulator/index.ts";
import { Layout } from "../../../emulator/memory/layout.ts";
import { findChanges } from "../memory-changes.ts";
import type { Outcome, Patch, TestCase, TestDriver } from "../test-driver.ts";
import { asSystemCase, outcomeOf, type SystemCase } from "./system-case.ts";
import {
  BASE,
  HANDLER_BYTES,
  LDT_SELECTOR,
  Offset,
  physicalOf,
  SYSTEM_PAGES,
  type SystemPage,
  TSS_SELECTOR,
  WINDOW,
} from "./system-stage.ts";

const HLT = 0xf4;
const MOST_CYCLES = 2_000_000;
/** The emulator has one byte of handler where the monitor has sixteen. */
const HANDLERS = WINDOW + Offset.Handlers;

export class EmulatorSystemDriver implements TestDriver {
  readonly name = "emulator";
  readonly machine: Machine;

  /** Pages whose contents are a case's, and how the emulator holds them. */
  private readonly pages: readonly SystemPage[];
  private readonly views: readonly Uint8Array[];

  /** @param more pages beside the stage's that cases patch and change */
  constructor(memoryBytes = BASE + Offset.End, more: readonly SystemPage[] = [], timing: "simple" | "p5" = "simple") {
    this.machine = createMachine({ memoryBytes, timing });
    this.pages = [...SYSTEM_PAGES, ...more];
    this.views = this.pages.map(({ physical, bytes }) => {
      const from = Layout.GuestRam + physical;
      return this.machine.linear.bytes.subarray(from, from + bytes.length);
    });
    for (let vector = 0; vector < 256; vector++) {
      this.machine.memory.write8(BASE + Offset.Handlers + vector * HANDLER_BYTES, HLT);
    }
  }

  run(cases: readonly TestCase[]): (Outcome | undefined)[] {
    return cases.map((test) => this.runOne(asSystemCase(test)));
  }

  close(): void {
    // Nothing outside memory.
  }

  private runOne(test: SystemCase): Outcome | undefined {
    const { machine } = this;
    const before = this.setStage(test.patches);
    this.setState(test);
    const stop = machine.run({ cycle: machine.cycles + MOST_CYCLES });
    const { cpu, memory } = machine;
    const vector = (cpu.eip - 1 - HANDLERS) / HANDLER_BYTES;
    if (stop.kind !== "halted" || !Number.isInteger(vector) || vector < 0 || vector > 255) return undefined;
    const changes: Patch[] = [];
    this.pages.forEach((page, i) => {
      findChanges(page.linear, before[i] as Uint8Array, this.views[i] as Uint8Array, changes);
    });
    const registers = Array.from({ length: 8 }, (_, i) => cpu.register(i));
    const segments = Array.from({ length: 6 }, (_, i) => cpu.words[Word.Segments + 4 * i] as number);
    const cr2 = (cpu.words[Word.Cr2] as number) >>> 0;
    const before8 = (physical: number): number => {
      const index = this.pages.findIndex(
        (page) => physical >= page.physical && physical < page.physical + page.bytes.length,
      );
      return before[index]?.[physical - (this.pages[index]?.physical ?? 0)] ?? 0;
    };
    const state = { registers, segments, vector, cr2, changes };
    return outcomeOf(test, state, (physical) => memory.read32(physical), before8);
  }

  /** Writes the stage and the patches; returns what each page holds then. */
  private setStage(patches: readonly Patch[]): Uint8Array[] {
    const { memory } = this.machine;
    this.pages.forEach((page, i) => {
      if (Buffer.compare(page.bytes, this.views[i] as Uint8Array) !== 0) memory.writeBytes(page.physical, page.bytes);
    });
    for (const { address, bytes } of patches) {
      bytes.forEach((byte, i) => {
        const physical = physicalOf(address + i);
        if (physical !== undefined) memory.write8(physical, byte);
      });
    }
    return this.pages.map((page, i) =>
      Buffer.compare(page.bytes, this.views[i] as Uint8Array) === 0
        ? page.bytes
        : Uint8Array.from(this.views[i] as Uint8Array),
    );
  }

  private setState(test: SystemCase): void {
    const { cpu } = this.machine;
    const { words } = cpu;
    words[Word.GdtrBase] = WINDOW + Offset.Gdt;
    words[Word.GdtrLimit] = 16 * 8 - 1;
    words[Word.IdtrBase] = WINDOW + Offset.Idt;
    words[Word.IdtrLimit] = 256 * 8 - 1;
    words[Word.Cr0] = test.cr0;
    words[Word.Cr4] = test.cr4;
    words[Word.Cr2] = 0;
    words[Word.Dr0 + 6] = 0;
    words[Word.Halted] = 0;
    words[Word.InterruptShadow] = 0;
    words[Word.Shutdown] = 0;
    this.loadSegment(SegmentRegister.Tr, TSS_SELECTOR);
    this.loadSegment(SegmentRegister.Ldtr, LDT_SELECTOR);
    test.segments.forEach((selector, i) => {
      this.loadSegment(i as SegmentRegister, selector);
    });
    cpu.setCpl((test.segments[1] as number) & 3);
    cpu.stateReplaced();
    loadPageDirectory(cpu, BASE + Offset.Directory);
    test.registers.forEach((value, i) => {
      words[i] = value;
    });
    words[Word.Eip] = test.eip;
    writeEflags(words, test.eflags);
    cpu.requestAttention();
  }

  /** Loads a segment register from its descriptor without any check. */
  private loadSegment(register: SegmentRegister, selector: number): void {
    const { memory, cpu } = this.machine;
    const at = BASE + ((selector & 4) !== 0 ? Offset.Ldt : Offset.Gdt) + (selector & ~7);
    const none = (selector & ~3) === 0;
    setSegmentFromDescriptor(
      cpu,
      register,
      selector,
      none ? 0 : memory.read32(at) | 0,
      none ? 0 : memory.read32(at + 4) | 0,
    );
  }
}

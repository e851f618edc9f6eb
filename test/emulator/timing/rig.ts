import { ONE } from "../../../emulator/cpu/x87/format.ts";
import { setPhysicalRegister } from "../../../emulator/cpu/x87/unit.ts";
import { createMachine, enterFlatProtectedMode, type Machine, Word } from "../../../emulator/index.ts";
import type { P5Configuration } from "../../../emulator/timing/configuration.ts";

export const CODE = 0x1_0000;
export const STACK = 0x2_8900;
/** ESI and EDI: different lines, banks and sets. */
export const SOURCE = 0x2_0000;
export const DESTINATION = 0x2_1424;

/** A machine with the P5 model in flat protected mode at CPL 0, caches on, paging off. */
export class TimingRig {
  readonly machine: Machine;

  constructor(p5: Partial<P5Configuration> = {}, memoryBytes = 4 << 20) {
    this.machine = createMachine({ memoryBytes, timing: "p5", p5 });
    enterFlatProtectedMode(this.machine.cpu, CODE, STACK);
  }

  get cycles(): number {
    return this.machine.cycles;
  }

  /** Writes code (hexadecimal or bytes) at an address. */
  load(code: string | Uint8Array, address = CODE): void {
    this.machine.memory.writeBytes(address, typeof code === "string" ? Buffer.from(code, "hex") : code);
  }

  /**
   * Goes to an address with the list's registers: EAX 1, EBX 1, ECX many, EDX 0, ESI and EDI at data, ESP at the stack; all x87
   * registers 1.0, exceptions masked, 64-bit precision unless `control` (the control word) says otherwise.
   */
  restart(registers: { eip?: number; ebx?: number; ecx?: number; esp?: number; control?: number } = {}): void {
    const { cpu } = this.machine;
    cpu.words[Word.Eax] = 1;
    cpu.words[Word.Ebx] = registers.ebx ?? 1;
    cpu.words[Word.Ecx] = registers.ecx ?? 1_000_000;
    cpu.words[Word.Edx] = 0;
    cpu.words[Word.Ebp] = 0;
    cpu.words[Word.Esi] = SOURCE;
    cpu.words[Word.Edi] = DESTINATION;
    cpu.words[Word.Esp] = registers.esp ?? STACK;
    cpu.words[Word.Eip] = registers.eip ?? CODE;
    cpu.words[Word.Halted] = 0;
    cpu.words[Word.X87Control] = registers.control ?? 0x37f;
    cpu.words[Word.X87Status] = 0;
    cpu.words[Word.X87Empty] = 0;
    for (let n = 0; n < 8; n++) setPhysicalRegister(cpu, n, ONE);
    cpu.stateReplaced();
  }

  /** Brings lines into the data cache: the P5 does not do that for stores. */
  readLines(address: number, bytes: number): void {
    const timing = this.machine.timing;
    if (timing === undefined) throw new Error("a machine without the P5 model");
    for (let offset = 0; offset < bytes; offset += 32) timing.data.read(this.cycles, address + offset, 0);
  }

  /** Runs some instructions; result: the clocks they took. */
  run(instructions: number): number {
    const before = this.machine.cycles;
    const reason = this.machine.run({ instructions: this.machine.instructions + instructions });
    if (reason.kind !== "instructions") throw new Error(`the machine stopped: ${JSON.stringify(reason)}`);
    return this.machine.cycles - before;
  }

  /** Clocks of one of `count` repetitions in the steady state: two passes, the second one measured after its first 16. */
  steady(
    body: string,
    instructionsInBody: number,
    loop: boolean,
    count = 40,
    registers: { ebx?: number; control?: number } = {},
  ): number {
    const repetitions = 16 + count + 8;
    this.load(loop ? body : body.repeat(repetitions));
    const esp = STACK;
    for (const address of [SOURCE, DESTINATION, STACK - 0x200, STACK + 0x200]) this.readLines(address - 32, 0x300);
    this.restart({ ...registers, esp });
    this.run(repetitions * instructionsInBody);
    this.restart({ ...registers, esp });
    this.run(16 * instructionsInBody);
    return this.run(count * instructionsInBody) / count;
  }
}

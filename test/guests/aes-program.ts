import { BareProgram } from "./bare-program.ts";
import { prebuilt } from "./boot.ts";

/** Numbers of guests/include/boot-config.h. */
export const Mode = { ecb: 0, ctr: 1, cbc: 2 } as const;
export const Operation = { encrypt: 0, decrypt: 1 } as const;

/** One AES replica's functions on the emulated CPU, without a kernel. */
export class AesProgram {
  readonly program: BareProgram;

  constructor(implementation: string) {
    this.program = new BareProgram(prebuilt(`replica-${implementation}`));
    this.program.call("aes_start");
  }

  /** False when the program refuses the key. */
  setKey(key: Uint8Array): boolean {
    this.program.release();
    return this.program.call("aes_set_key", this.program.place(key), key.length) !== 0;
  }

  process(mode: keyof typeof Mode, operation: keyof typeof Operation, iv: Uint8Array, input: Uint8Array): Buffer {
    const { program } = this;
    program.release();
    const output = program.place(new Uint8Array(input.length));
    const blocks = input.length / 16;
    program.call(
      "aes_process",
      Mode[mode],
      Operation[operation],
      program.place(iv),
      program.place(input),
      output,
      blocks,
    );
    return Buffer.from(program.machine.memory.readBytes(output, input.length));
  }
}

/**
 * Flipped bits in the byte-oriented replica against the algebra of AES: every bit of the state before every round, every
 * bit of every round key. The replica is alone, so that what it answers is the output.
 */
import { createCipheriv } from "node:crypto";
import { findSymbol } from "../../../emulator/loader/elf.ts";
import { Experimenter } from "../../../tools/faults/experiment.ts";
import type { Fault } from "../../../tools/faults/fault.ts";
import { recordGolden } from "../../../tools/faults/golden-run.ts";
import { imageFromScenario } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";
import { ScenarioRun } from "../../../tools/run/scenario-run.ts";
import { encryptBlock, expandKey, ROUNDS } from "./reference-aes.ts";

const KEY = Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex");
const BLOCK = Buffer.from("3243f6a8885a308d313198a2e0370734", "hex");
const BITS = 128;

export interface AesFault {
  readonly kind: "state" | "key";
  /** State: before this round, 1 to 10. Key: round key 0 to 10. */
  readonly round: number;
  readonly bit: number;
}

/** All of them: 1,280 and 1,408. */
export const AES_FAULTS: readonly AesFault[] = [
  ...(["state", "key"] as const).flatMap((kind) =>
    Array.from({ length: kind === "state" ? ROUNDS : ROUNDS + 1 }, (_, i) => (kind === "state" ? i + 1 : i)).flatMap(
      (round) => Array.from({ length: BITS }, (_, bit) => ({ kind, round, bit })),
    ),
  ),
];

export interface AesVerdict {
  readonly wrongBytes: number;
  readonly wrongBits: number;
  readonly output: string;
  /** What FIPS-197 gives with the same bit flipped. */
  readonly expected: string;
}

export class AesOracle {
  readonly plan = planBoot(
    imageFromScenario(
      JSON.stringify({
        name: "aes-oracle",
        machine: { timing: "simple" },
        replicas: [{ implementation: "bytewise" }],
        workload: { mode: "ecb", key: KEY.toString("hex"), data: { hex: BLOCK.toString("hex") } },
      }),
      "aes oracle",
    ),
  );
  readonly golden = recordGolden(this.plan);
  readonly right: Buffer;
  /** User instructions of the replica's own at which round 1 to 10 begins. */
  readonly #rounds: readonly number[];
  readonly #experimenter = new Experimenter(this.golden);

  constructor() {
    const cipher = createCipheriv("aes-128-ecb", KEY, null).setAutoPadding(false);
    this.right = cipher.update(BLOCK);
    this.#rounds = this.#findRounds();
  }

  fault({ kind, round, bit }: AesFault): Fault {
    const symbol = kind === "state" ? "aes_state" : "aes_round_keys";
    const byte = (kind === "state" ? 0 : 16 * round) + (bit >> 3);
    return {
      target: { component: "replica-1", symbol, offset: byte & ~3 },
      model: { flip: [8 * (byte & 3) + (bit & 7)] },
      // A round key is flipped before the first of them is used: where the block's encryption begins.
      trigger: { instruction: kind === "state" ? this.#rounds[round]! : this.#rounds[0]! },
    };
  }

  judge(fault: AesFault): AesVerdict {
    const { result } = this.#experimenter.run(this.fault(fault));
    const output = Buffer.from(result.workload.output);
    const wrong = this.right.map((byte, i) => byte ^ output[i]!);
    return {
      wrongBytes: wrong.filter((byte) => byte !== 0).length,
      wrongBits: wrong.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0),
      output: output.toString("hex"),
      expected: Buffer.from(this.#expected(fault)).toString("hex"),
    };
  }

  #expected({ kind, round, bit }: AesFault): Uint8Array {
    const keys = expandKey(KEY);
    if (kind === "key") keys[16 * round + (bit >> 3)]! ^= 1 << (bit & 7);
    return encryptBlock(keys, BLOCK, (now, state) => {
      if (kind === "state" && now === round) state[bit >> 3]! ^= 1 << (bit & 7);
    });
  }

  #findRounds(): number[] {
    const run = new ScenarioRun(this.plan);
    const { elf, threadNumber } = this.plan.components.find(({ name }) => name === "replica-1")!;
    const entries = ["aes_encrypt_block", "aes_encrypt_round", "aes_encrypt_last_round"].map(
      (name) => findSymbol(elf, name)!.value,
    );
    const found: number[] = [];
    run.machine.observe({
      beforeInstruction: (linear) => {
        if (entries.includes(linear) && (run.kernel.currentThread() ?? 0) >>> 14 === threadNumber)
          found.push(run.kernel.thread(threadNumber)!.userInstructions);
      },
    });
    run.advance(Number.POSITIVE_INFINITY);
    return found;
  }
}

/** A short scenario for tests of faults: three byte-oriented replicas, three rounds. */
import { findSymbol } from "../../../emulator/loader/elf.ts";
import { imageFromScenario } from "../../../tools/image/image.ts";
import { type BootPlan, planBoot } from "../../../tools/run/boot-plan.ts";

export const smallPlan = (timing: "simple" | "p5" = "simple"): BootPlan =>
  planBoot(
    imageFromScenario(
      JSON.stringify({
        name: "small",
        machine: { timing },
        replicas: [{ implementation: "bytewise", count: 3 }],
        voter: { deadline: "10 ms" },
        workload: {
          mode: "ecb",
          key: "2b7e151628aed2a6abf7158809cf4f3c",
          data: { random: { seed: 9, bytes: 30 * 16 } },
        },
      }),
      "small",
    ),
  );

export function symbolOf({ components }: BootPlan, component: string, symbol: string): number {
  const { elf } = components.find(({ name }) => name === component)!;
  return findSymbol(elf, symbol)!.value;
}

export function threadOf({ components }: BootPlan, component: string): number {
  return components.find(({ name }) => name === component)!.threadNumber;
}

/** Debuggees for tests: the bundled image, and one with the same program in all replicas. */
import { readFileSync } from "node:fs";
import { Debuggee } from "../../../tools/debug/debuggee.ts";
import { parseFault } from "../../../tools/faults/fault-line.ts";
import { bundledScenario, imageFromScenario, loadImage } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";

/** With its own fault, or with the faults given. */
export function bundledDebuggee(faults?: readonly string[], timing: "simple" | "p5" = "simple"): Debuggee {
  const image = loadImage(bundledScenario("aes-tmr"));
  return new Debuggee(planBoot(image), { faults: faults?.map((line) => parseFault(line)) ?? image.faults, timing });
}

/** The bundled image as `quorum86 debug` opens it. */
export function shippedDebuggee(faults = true): Debuggee {
  const image = loadImage(bundledScenario("aes-tmr"));
  return new Debuggee(planBoot(image), { faults: faults ? image.faults : [] });
}

/** The bundled scenario with the byte-oriented program in all replicas, and no fault of its own. */
export function threeOfOneProgram(faults: readonly string[] = []): Debuggee {
  const file = bundledScenario("aes-tmr");
  const text = readFileSync(file, "utf8").replace(/implementation: \w+/g, "implementation: bytewise");
  return new Debuggee(planBoot(imageFromScenario(text, file)), { faults: faults.map((line) => parseFault(line)) });
}

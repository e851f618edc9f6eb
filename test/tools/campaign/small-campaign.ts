import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageFromScenario } from "../../../tools/image/image.ts";
import { planBoot } from "../../../tools/run/boot-plan.ts";

/** Three bytewise replicas and one round; they work from clock 400,000 to 545,000 or so. */
export const SMALL_SCENARIO = JSON.stringify({
  name: "small",
  machine: { memory: "8 MiB" },
  replicas: [{ implementation: "bytewise", count: 3 }],
  voter: { deadline: "5 ms" },
  workload: {
    mode: "ecb",
    key: "2b7e151628aed2a6abf7158809cf4f3c",
    data: { random: { seed: 9, bytes: 4 * 16 } },
  },
});

export function smallPlan() {
  return planBoot(imageFromScenario(SMALL_SCENARIO, "small"));
}

export const SMALL_SPECIFICATION = `name: small
image: small.yaml
targets:
  - component: replica-2
    registers: all
    symbols: [aes_round_keys, aes_state]
  - component: voter
    registers: [eax, esp, eip]
window: {from: 370000, to: 560000}
sample: {size: 40, seed: 5}
snapshots: 96
`;

/** A directory with the small image and a specification; `remove` deletes it. */
export function workplace(specification = SMALL_SPECIFICATION) {
  const directory = mkdtempSync(join(tmpdir(), "quorum86-campaign-"));
  const file = join(directory, "campaign.yaml");
  writeFileSync(join(directory, "small.yaml"), SMALL_SCENARIO);
  writeFileSync(file, specification);
  const path = (name: string) => join(directory, name);
  return { directory, file, path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

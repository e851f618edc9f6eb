import { type Effect, FaultExperiments } from "../tools/run/fault-experiments.ts";
import { Random } from "../tools/support/random.ts";

const FAULTS = 10_000;

/** 10,000 random single-bit faults in registers and memory of one of three replicas. */
export async function randomFaults(): Promise<boolean> {
  const started = performance.now();
  const experiments = new FaultExperiments();
  const random = new Random(86);
  const effects: Record<Effect, number> = { none: 0, "wrong-reply": 0, silent: 0, "not-applied": 0 };
  let bad = 0;
  for (let applied = 0; applied < FAULTS; ) {
    const { fault, effect, violations } = experiments.run(random);
    effects[effect]++;
    if (effect !== "not-applied") applied++;
    if (violations.length === 0) continue;
    bad++;
    process.stdout.write(`${fault}: ${violations.join("; ")}\n`);
  }
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(
    `${FAULTS} faults applied: ${effects.none} without effect on a reply, ${effects["wrong-reply"]} wrong replies, ` +
      `${effects.silent} silent (trap, hang); ${effects["not-applied"]} more not applied (no page there at that time); ${bad} broke a rule; ` +
      `${seconds.toFixed(0)} s (${(FAULTS / seconds).toFixed(1)} a second, two runs each)\n`,
  );
  return bad === 0;
}

/** Plays x87 cases on any driver of the stage. */
import type { TestDriver } from "../test-driver.ts";
import { toTestCase, toX87Outcome, type X87Case, type X87Outcome } from "./x87-case.ts";

/** One outcome a case; undefined where the driver cannot say. */
export function playX87(driver: TestDriver, cases: readonly X87Case[]): (X87Outcome | undefined)[] {
  const played = cases.map(toTestCase);
  const outcomes = driver.run(played);
  return cases.map((test, i) => {
    const outcome = outcomes[i];
    const one = played[i];
    return outcome === undefined || one === undefined ? undefined : toX87Outcome(test, one, outcome);
  });
}

/** Counts of points: estimates of large numbers, four digits of them. */
import { grouped } from "../../report/format.ts";

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** `12,345`, or `2.820 × 10¹¹`. */
export function points(value: number): string {
  if (value < 1e6) return grouped(Math.round(value));
  const [digits, power] = value.toExponential(3).split("e+");
  return `${digits} × 10${[...power!].map((digit) => RAISED[Number(digit)]).join("")}`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Where an axis has its numbers. */

/** About so many steps of 1, 2 or 5 times a power of ten, whole numbers, up to `most`. */
export function evenTicks(most: number, wanted: number): number[] {
  const raw = Math.max(1, most / wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const far = (step: number): number => Math.abs(Math.log(step / raw));
  const step = [1, 2, 5, 10]
    .map((factor) => factor * power)
    .reduce((best, each) => (far(each) < far(best) ? each : best));
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
}

/** Powers of ten between two values, and 0 if it is among them. */
export function powerTicks(from: number, to: number): number[] {
  const ticks = from <= 0 ? [0] : [];
  for (let tick = 1; tick <= to; tick *= 10) if (tick >= from) ticks.push(tick);
  return ticks;
}

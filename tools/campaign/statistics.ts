/** Confidence intervals of a proportion, and what they say about a whole fault space. */

export type IntervalKind = "wilson" | "clopper-pearson";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Interval of a proportion from `hits` in `trials`. With no trials nothing is known: 0 to 1.
 * @param confidence such as 0.95, two-sided.
 */
export function proportionInterval(kind: IntervalKind, hits: number, trials: number, confidence: number): Interval {
  if (trials === 0) return { low: 0, high: 1 };
  return kind === "wilson" ? wilson(hits, trials, confidence) : clopperPearson(hits, trials, confidence);
}

/** A stratum's part of the population, and what was found in its part of the sample. */
export interface StratumCount {
  /** Share of the population; they add up to 1. */
  readonly weight: number;
  readonly hits: number;
  readonly trials: number;
}

/**
 * Estimate and interval of a proportion from a stratified sample: the strata's estimates by their weights, and their
 * intervals put together by recovery of variances (MOVER: Zou and Donner, Statistics in Medicine 27, 2008, eq. 4). With one
 * stratum it is `proportionInterval`.
 */
export function stratifiedInterval(
  kind: IntervalKind,
  strata: readonly StratumCount[],
  confidence: number,
): Interval & { readonly share: number } {
  let share = 0;
  let below = 0;
  let above = 0;
  for (const { weight, hits, trials } of strata) {
    const own = trials === 0 ? 0 : hits / trials;
    const { low, high } = proportionInterval(kind, hits, trials, confidence);
    share += weight * own;
    below += (weight * (own - low)) ** 2;
    above += (weight * (high - own)) ** 2;
  }
  return { share, low: Math.max(0, share - Math.sqrt(below)), high: Math.min(1, share + Math.sqrt(above)) };
}

/** Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001, formula 4). */
export function wilson(hits: number, trials: number, confidence: number): Interval {
  const z = normalQuantile((1 + confidence) / 2);
  const share = hits / trials;
  const weight = 1 + (z * z) / trials;
  const centre = (share + (z * z) / (2 * trials)) / weight;
  const half = (z / weight) * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials));
  // The formula gives these exactly; the arithmetic need not.
  return { low: hits === 0 ? 0 : centre - half, high: hits === trials ? 1 : centre + half };
}

/** The exact interval (Clopper and Pearson 1934), from quantiles of the beta distribution. */
export function clopperPearson(hits: number, trials: number, confidence: number): Interval {
  const tail = (1 - confidence) / 2;
  return {
    low: hits === 0 ? 0 : betaQuantile(tail, hits, trials - hits + 1),
    high: hits === trials ? 1 : betaQuantile(1 - tail, hits + 1, trials - hits),
  };
}

/** Inverse of the standard normal distribution, by bisection on the error function. */
export function normalQuantile(probability: number): number {
  return bisect((x) => normalDistribution(x), probability, -10, 10);
}

/** By the regularised incomplete gamma function: Φ(x) = (1 ± P(1/2, x²/2)) / 2. */
function normalDistribution(x: number): number {
  const half = lowerGamma(0.5, (x * x) / 2) / 2;
  return x < 0 ? 0.5 - half : 0.5 + half;
}

/** P(a, x), by its series (Abramowitz and Stegun 6.5.29); good for the x needed here. */
function lowerGamma(a: number, x: number): number {
  if (x === 0) return 0;
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < 1000 && term > sum * 1e-17; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * Math.exp(a * Math.log(x) - x - logGamma(a));
}

function betaQuantile(probability: number, a: number, b: number): number {
  return bisect((x) => incompleteBeta(x, a, b), probability, 0, 1);
}

/** I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8) in Lentz's way. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // It converges fast on this side; the other follows from symmetry.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const apart = (value: number): number => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1;
  let d = 1 / apart(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / apart(1 + even * d);
    c = apart(1 + even / c);
    fraction *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / apart(1 + odd * d);
    c = apart(1 + odd / c);
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return front * fraction;
}

/** ln Γ(x), x > 0, by Lanczos's approximation (g = 7, n = 9). */
function logGamma(x: number): number {
  const coefficients = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  let sum = 0.9999999999998099;
  coefficients.forEach((coefficient, i) => {
    sum += coefficient / (x + i);
  });
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Where a rising function takes a value. */
function bisect(rising: (x: number) => number, value: number, from: number, to: number): number {
  let low = from;
  let high = to;
  for (let i = 0; i < 200 && high - low > 1e-15 * Math.abs(high); i++) {
    const middle = (low + high) / 2;
    if (rising(middle) < value) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

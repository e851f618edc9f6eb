/** Numbers as people read them, in terminals and in pages: on both sides of these, when one is made and when it is looked at. */

/** A whole number: `1,234,567`. */
export function grouped(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A 32-bit number: `0x0804a010`. */
export function hex(value: number, digits = 8): string {
  return `0x${hexDigits(value, digits)}`;
}

export function hexDigits(value: number, digits = 8): string {
  return (value >>> 0).toString(16).padStart(digits, "0");
}

/** Three digits and a unit: `9.5 k`, `1.24 M`. */
export function short(value: number): string {
  const sizes: [number, string][] = [
    [1e9, " G"],
    [1e6, " M"],
    [1e4, " k"],
  ];
  for (const [size, unit] of sizes) {
    if (Math.abs(value) < size) continue;
    const scaled = value / (unit === " k" ? 1e3 : size);
    return `${digits(scaled)}${unit}`;
  }
  return grouped(Math.round(value));
}

/** Clocks as time. @param hertz clocks a second. */
export function duration(cycles: number, hertz: number): string {
  const seconds = cycles / hertz;
  if (Math.abs(seconds) < 1e-3) return `${digits(seconds * 1e6)} µs`;
  return Math.abs(seconds) < 1 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds)} s`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  return String(Number(value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)));
}

/** `1 word`, `2 words`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

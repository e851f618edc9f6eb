/// <reference lib="dom" />
/** A scale of colours from early to late (or few to many): five stops, mixed in between. */
import { colour, onTheme } from "./theme.ts";

const STOPS = ["ramp0", "ramp1", "ramp2", "ramp3", "ramp4"] as const;
const STEPS = 64;
let cache: string[] = [];
onTheme(() => {
  cache = [];
});

/** @param share 0 to 1. */
export function rampColour(share: number): string {
  if (cache.length === 0) {
    const stops = STOPS.map((name) => channels(colour(name)));
    cache = Array.from({ length: STEPS + 1 }, (_, i) => {
      const at = (i / STEPS) * (stops.length - 1);
      const low = Math.min(Math.floor(at), stops.length - 2);
      const mixed = stops[low]!.map((value, c) => Math.round(value + (stops[low + 1]![c]! - value) * (at - low)));
      return `rgb(${mixed.join(" ")})`;
    });
  }
  return cache[Math.round(Math.max(0, Math.min(1, share)) * STEPS)]!;
}

function channels(hex: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

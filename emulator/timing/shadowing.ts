/**
 * Prefix clocks and what hides them (Agner Fog, "How to optimize for the Pentium family", chapter 12): a group that spends N clocks
 * lets the decoder work through up to N - 1 prefixes of the next two groups; waiting for prefixes itself gives nothing.
 */
import type { P5Configuration } from "./configuration.ts";
import { MAXIMUM_CREDIT, PipelineState } from "./timing-state.ts";

const CREDIT_TO_CARRY = PipelineState.CarryShift - PipelineState.CreditShift;

/** Clocks that `prefixes` cost in a group that begins in `state`. */
export function prefixStall(state: number, prefixes: number): number {
  const credit = (state & PipelineState.CreditMask) >> PipelineState.CreditShift;
  const carry = (state & PipelineState.CarryMask) >> PipelineState.CarryShift;
  return Math.max(0, prefixes - credit - carry);
}

/** What is left of the last group's credit for the group after this one: the older credit is used up first. */
export function carryAfter(state: number, prefixes: number): number {
  const credit = (state & PipelineState.CreditMask) >> PipelineState.CreditShift;
  const carry = (state & PipelineState.CarryMask) >> PipelineState.CarryShift;
  return Math.max(0, credit - Math.max(0, prefixes - carry));
}

/** State after a group. `clocks`: all that it spent but prefix clocks. */
export function stateAfter(written: number, clocks: number, carry: number, string: boolean): number {
  const credit = Math.min(MAXIMUM_CREDIT, Math.max(0, clocks - 1));
  return (
    written |
    (credit << PipelineState.CreditShift) |
    (carry << PipelineState.CarryShift) |
    (string ? PipelineState.String : 0)
  );
}

/** `state` with more clocks spent by the last group, or by the one before it. */
export function withCredit(state: number, clocks: number, groupBefore: boolean): number {
  const shift = groupBefore ? PipelineState.CarryShift : PipelineState.CreditShift;
  const value = Math.min(MAXIMUM_CREDIT, ((state >> shift) & MAXIMUM_CREDIT) + clocks);
  return (state & ~(MAXIMUM_CREDIT << shift)) | (value << shift);
}

/** `state` after a group without prefixes, with the credit of the state before that group as its carry. */
export function withCarryOf(state: number, before: number, configuration: P5Configuration): number {
  if (!configuration.prefixShadowing) return state;
  return (state & ~PipelineState.CarryMask) | ((before & PipelineState.CreditMask) << CREDIT_TO_CARRY);
}

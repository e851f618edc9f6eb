/**
 * A point in a machine's history. Instructions and clocks never go back and every step of the machine moves at least
 * one of them (an instruction in the V pipe takes no clock of its own; an interrupt's delivery retires nothing), so the
 * pair names one boundary. `edits` counts the changes made from outside (by a person or an injected fault) so far,
 * which happen between two steps.
 */
export interface Position {
  /** Instructions retired since reset. */
  readonly instructions: number;
  /** Core clocks since reset. */
  readonly cycle: number;
  readonly edits: number;
}

/** Negative when `one` comes first, 0 when they are the same. */
export function comparePositions(one: Position, other: Position): number {
  return one.instructions - other.instructions || one.cycle - other.cycle || one.edits - other.edits;
}

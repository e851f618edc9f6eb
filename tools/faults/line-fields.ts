/** Pieces of a fault's one-line form, each with the column at which it stands, for errors. */
import { printable } from "../input-error.ts";

export interface Field {
  readonly text: string;
  /** From 0. */
  readonly column: number;
}

/** Refuses the line: what is wrong at a column (from 0), and the mend. */
export type Fail = (at: number, problem: string, mend: string) => never;

export function split({ text, column }: Field, separator: string): Field[] {
  const fields: Field[] = [];
  let at = column;
  for (const piece of text.split(separator)) {
    fields.push({ text: piece, column: at });
    at += piece.length + separator.length;
  }
  return fields;
}

export function parseWord(field: Field, fail: Fail): number {
  const value = parseNumber(field.text);
  if (value !== undefined && value <= 0xffff_ffff) return value;
  return fail(field.column, `"${shorten(field.text)}" is no 32-bit number`, "write for example 0x0804a010");
}

/** Decimal or 0x…, undefined for anything else or beyond 2^53 - 1. */
export function parseNumber(text: string): number | undefined {
  if (!/^(0x[0-9a-f]{1,14}|[0-9]{1,16})$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

export function shorten(text: string): string {
  const clean = printable(text);
  return clean.length > 60 ? `${clean.slice(0, 57)}...` : clean;
}

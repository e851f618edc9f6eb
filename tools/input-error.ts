/** Where an input is wrong, what is wrong with it, and what to do about it. */
export interface InputProblem {
  /** File, or the option that the text came from, such as `--fault`. */
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1; only where the line alone does not show the place. */
  readonly column?: number;
  /** Key path or part of the file: `voter.faulty`, `member modules/root.elf`. */
  readonly key?: string;
  readonly problem: string;
  /** One step that the reader can take. */
  readonly mend: string;
}

/** Bad input from a user: reported in one line, exit code 2, never with a stack trace. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly detail: InputProblem;

  constructor(detail: InputProblem) {
    super(describe(detail));
    this.detail = detail;
  }

  /** The same problem, seen from the file or option that contains it. */
  within(outer: Partial<InputProblem>): InputError {
    return new InputError({ ...this.detail, ...outer });
  }
}

function describe({ file, line, column, key, problem, mend }: InputProblem): string {
  let place = file ?? "";
  if (line !== undefined) place += `${place === "" ? "line " : ":"}${line}`;
  if (column !== undefined) place += `${place === "" ? "column " : ":"}${column}`;
  const parts = [place, key ?? "", `${problem}; ${mend}`].filter((part) => part !== "");
  return parts.join(": ");
}

/** Text from a file or an option, safe to show: control characters never reach the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}

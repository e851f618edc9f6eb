import { expect } from "vitest";
import { InputError } from "../../../tools/input-error.ts";

/** The InputError that the function throws; fails the test on success or any other error. */
export function inputError(action: () => unknown): InputError {
  try {
    action();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  return expect.unreachable("no InputError was thrown");
}

/** Undefined if the function succeeds; else the InputError, checked to be one that a person can act on. */
export function clearErrorOrSuccess(action: () => unknown): InputError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if (error.detail.problem === "" || error.detail.mend === "") throw new Error(`unclear: ${error.message}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is in the message is what is tested
    if (/[\u0000-\u001f\u007f-\u009f]|\bat .*\.js:/.test(error.message)) throw new Error(`unclean: ${error.message}`);
    return error;
  }
}

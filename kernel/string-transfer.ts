import { IpcError } from "./error-code.ts";

/**
 * String items (ABI 7.5). Not implemented: a message with a string item ends in message overflow on both sides, exactly as
 * if the receiver had not accepted strings. The item's first word has reached the receiver by then, as on the real kernel.
 */
export function transferString(): IpcError {
  return IpcError.MessageOverflow;
}

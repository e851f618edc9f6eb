/** `quorum86 decrypt IN OUT`. */
import type { ArgumentsCamelCase, Argv } from "yargs";
import { type CryptArguments, cryptOptions, runCrypt } from "../crypt-command.ts";

export function options(argv: Argv): Argv<CryptArguments> {
  return cryptOptions(argv, "decrypt");
}

export function run(argv: ArgumentsCamelCase<CryptArguments>): Promise<number> {
  return runCrypt(argv, "decrypt");
}

/** `quorum86 image pack|ls|unpack|schema`. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ArgumentsCamelCase, Argv } from "yargs";
import { fileError, readInput, writeWhole } from "../../files.ts";
import { packImage, verifyMembers } from "../../image/image.ts";
import { scenarioJsonSchema } from "../../image/scenario.ts";
import { InputError } from "../../input-error.ts";
import { grouped, plural } from "../../report/format.ts";
import { EXIT_CODES, ExitCode } from "../exit-codes.ts";
import { single, type Text } from "../options.ts";
import { coloursFor } from "../terminal.ts";

interface ImageArguments {
  action: string;
  file: string | undefined;
  output: Text;
  json: boolean;
}

const ACTIONS = ["pack", "ls", "unpack", "schema"] as const;

const EXAMPLES = `Examples
  quorum86 image pack my.yaml -o my.tar
      a scenario and every file that it names, in an ordinary tar
  quorum86 image ls my.tar
      list and verify it
  quorum86 image unpack my.tar -o my
      verify and extract it into a new directory
  quorum86 image schema
      JSON schema of a scenario, for editors

An image holds manifest.json (SHA-256 sums), scenario.yaml, modules/ and data/.`;

export function options(argv: Argv): Argv<ImageArguments> {
  return argv
    .positional("action", { choices: ACTIONS, describe: "what to do" })
    .positional("file", { type: "string", describe: "scenario or image" })
    .option("output", {
      alias: "o",
      type: "string",
      requiresArg: true,
      describe: "file (pack) or new directory (unpack)",
    })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on standard output" })
    .epilogue(`${EXAMPLES}

${EXIT_CODES}`) as unknown as Argv<ImageArguments>;
}

export async function run(argv: ArgumentsCamelCase<ImageArguments>): Promise<number> {
  const output = single(argv.output, "output");
  if (argv.action === "schema") {
    process.stdout.write(`${JSON.stringify(scenarioJsonSchema(), undefined, 2)}\n`);
    return ExitCode.Right;
  }
  const { file } = argv;
  if (file === undefined) {
    const mend = argv.action === "pack" ? "name a scenario (.yaml)" : "name an image (.tar)";
    throw new InputError({ file: `image ${argv.action}`, problem: "no file is given", mend });
  }
  if (argv.action === "pack") pack(file, needed(output, "pack", "FILE.tar"), argv.json);
  else if (argv.action === "ls") listMembers(file, argv.json);
  else unpack(file, needed(output, "unpack", "DIRECTORY"), argv.json);
  return ExitCode.Right;
}

function needed(output: string | undefined, action: string, what: string): string {
  if (output !== undefined) return output;
  throw new InputError({ file: `image ${action}`, problem: "no output is given", mend: `add -o ${what}` });
}

function pack(file: string, output: string, json: boolean): void {
  const bytes = packImage(file);
  writeWhole(output, bytes);
  if (json) print({ image: output, bytes: bytes.length });
  else process.stdout.write(`${output}: ${plural(bytes.length, "byte")}\n`);
}

function listMembers(file: string, json: boolean): void {
  const { manifest } = verifyMembers(readInput(file), file);
  if (json) {
    print(manifest);
    return;
  }
  const colours = coloursFor(process.stdout);
  for (const { name, bytes, sha256 } of manifest.members) {
    process.stdout.write(`${grouped(bytes).padStart(12)}  ${colours.dim(sha256.slice(0, 16))}  ${name}\n`);
  }
  process.stdout.write(
    `${colours.green("verified")}: ${plural(manifest.members.length, "member")}, every SHA-256 sum agrees\n`,
  );
}

function unpack(file: string, directory: string, json: boolean): void {
  const { members } = verifyMembers(readInput(file), file);
  try {
    mkdirSync(directory, { recursive: true });
    if (readdirSync(directory).length > 0) {
      throw new InputError({ file: directory, problem: "the directory is not empty", mend: "name a new one" });
    }
    for (const { name, data } of members) {
      const path = join(directory, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, data, { flag: "wx" });
    }
  } catch (error) {
    throw fileError(error, directory);
  }
  if (json) print({ directory, members: members.map(({ name }) => name) });
  else process.stdout.write(`${directory}: ${plural(members.length, "file")}\n`);
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

#!/usr/bin/env node
/** `npm run guests`: compiles the guest programs with gcc or clang and writes them with their manifest. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { GUESTS, hashOf, hashSources, MANIFEST, type Manifest, PREBUILT, PROJECT } from "./manifest.ts";
import {
  COMMON_INCLUDE,
  COMPILERS,
  type CompilerName,
  compileFlags,
  LINKER_SCRIPT,
  linkFlags,
  PROGRAMS,
  type Program,
} from "./programs.ts";

const USAGE = `Usage: npm run guests -- [--compiler gcc|clang] [--output FOLDER]
Compiles the guest programs. Without --compiler: gcc if it is there, else clang.
Without --output: guests/prebuilt, the programs that quorum86 comes with.`;

const EXIT_FAILED = 1;
const EXIT_BAD_INPUT = 2;

class BuildError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** First line of `command --version`, or undefined when there is no such command. */
function versionOf(command: string): string | undefined {
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.split("\n", 1)[0] : undefined;
}

function linkerOf(compiler: CompilerName): string {
  return compiler === "clang" ? "ld.lld" : "ld";
}

function isUsable(compiler: CompilerName): boolean {
  return versionOf(compiler) !== undefined && versionOf(linkerOf(compiler)) !== undefined;
}

function chooseCompiler(wanted: string | undefined): CompilerName {
  const known = COMPILERS.find((name) => name === wanted);
  if (wanted !== undefined && known === undefined)
    throw new BuildError(`--compiler: "${wanted}" is not known; use ${COMPILERS.join(" or ")}`, EXIT_BAD_INPUT);
  const found = known === undefined ? COMPILERS.find(isUsable) : isUsable(known) ? known : undefined;
  if (found !== undefined) return found;
  const missing = (known === undefined ? COMPILERS : [known]).map((name) => `${name} with ${linkerOf(name)}`);
  throw new BuildError(
    `${missing.join(" or ")} is needed to compile the guests and was not found; on Debian: apt install gcc binutils, or clang lld`,
    EXIT_BAD_INPUT,
  );
}

function sourcesOf(program: Program): string[] {
  return program.folders.flatMap((folder) =>
    readdirSync(join(GUESTS, folder))
      .filter((file) => /\.[cS]$/.test(file))
      .sort()
      .map((file) => join("guests", folder, file)),
  );
}

/** Runs in the project's folder with relative paths, and maps that folder away: the same file wherever it is built. */
function build(program: Program, compiler: CompilerName, output: string): Uint8Array {
  const path = join(output, program.file);
  const includes = [COMMON_INCLUDE, ...(program.includes ?? [])].map((folder) => `-I${join("guests", folder)}`);
  const parameters = [
    ...compileFlags(compiler),
    `-ffile-prefix-map=${PROJECT}=.`,
    ...includes,
    ...linkFlags(compiler),
    `-Wl,-T,${join("guests", LINKER_SCRIPT)}`,
    `-Wl,--defsym=IMAGE_BASE=0x${program.imageBase.toString(16)}`,
    "-o",
    path,
    ...sourcesOf(program),
  ];
  const { status, stdout, stderr } = spawnSync(compiler, parameters, { cwd: PROJECT, encoding: "utf8" });
  if (status !== 0) throw new BuildError(`${program.file} does not compile:\n${stdout}${stderr}`, EXIT_FAILED);
  return readFileSync(path);
}

function buildAll(compiler: CompilerName, output: string): void {
  mkdirSync(output, { recursive: true });
  const manifest: Manifest = {
    version: 1,
    compiler: versionOf(compiler)!,
    linker: versionOf(linkerOf(compiler))!,
    flags: [...compileFlags(compiler), ...linkFlags(compiler)],
    sources: hashSources(),
    programs: {},
  };
  for (const program of PROGRAMS) {
    const bytes = build(program, compiler, output);
    manifest.programs[program.file] = { bytes: bytes.length, sha256: hashOf(bytes) };
    process.stdout.write(`${join(relative(process.cwd(), output), program.file)}  ${bytes.length} bytes\n`);
  }
  writeFileSync(join(output, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function main(): number {
  try {
    const { values } = parseArgs({
      options: { compiler: { type: "string" }, output: { type: "string" }, help: { type: "boolean" } },
    });
    if (values.help === true) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    buildAll(chooseCompiler(values.compiler), resolve(values.output ?? PREBUILT));
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stderr.write(`guests: ${error.message}\n`);
    return error instanceof BuildError ? error.exitCode : EXIT_BAD_INPUT;
  }
}

process.exitCode = main();

/** The guest programs and how they are compiled. */

/** One ELF file: where it is linked and which folders of `guests/` its sources are in. */
export interface Program {
  readonly file: string;
  /** Address of its first page. sigma0 and the root task run where they are loaded, one to one. */
  readonly imageBase: number;
  /** Folders whose .c and .S files are compiled, relative to `guests/`. */
  readonly folders: readonly string[];
  /** Folders searched for headers besides `include`. */
  readonly includes?: readonly string[];
}

const SIGMA0_BASE = 0x2_0000;
const ROOT_BASE = 0x40_0000;
const TASK_BASE = 0x0804_8000;

function task(name: string): Program {
  return { file: `${name}.elf`, imageBase: TASK_BASE, folders: ["lib", name] };
}

function replica(name: string): Program {
  const folders = ["lib", "replicas/common", `replicas/${name}`];
  return { file: `replica-${name}.elf`, imageBase: TASK_BASE, folders, includes: ["replicas/common"] };
}

export const PROGRAMS: readonly Program[] = [
  { file: "sigma0.elf", imageBase: SIGMA0_BASE, folders: ["lib", "sigma0"] },
  { file: "root.elf", imageBase: ROOT_BASE, folders: ["lib", "root"] },
  task("console"),
  task("voter"),
  task("client"),
  replica("bytewise"),
  replica("ttable"),
  replica("bitslice"),
  { file: "attacker.elf", imageBase: TASK_BASE, folders: ["lib", "attack"] },
  {
    file: "byzantine.elf",
    imageBase: TASK_BASE,
    folders: ["lib", "byzantine", "replicas/ttable"],
    includes: ["replicas/common"],
  },
];

export const LINKER_SCRIPT = "link/program.ld";

/** Header folder of every program. */
export const COMMON_INCLUDE = "include";

export type CompilerName = "gcc" | "clang";

/** In the order of preference. */
export const COMPILERS: readonly CompilerName[] = ["gcc", "clang"];

/**
 * Flags for the compilers. A Pentium has no MMX, SSE or CMOV; the guests use no x87 either. `-gdwarf-4` is for debuggers;
 * location lists (`-fno-var-tracking`) would double the files.
 */
const COMMON_FLAGS = [
  "-std=gnu11",
  "-m32",
  "-march=pentium",
  "-O2",
  "-gdwarf-4",
  "-ffreestanding",
  "-fcf-protection=none",
  "-fno-pic",
  "-fno-stack-protector",
  "-fno-asynchronous-unwind-tables",
  "-fno-strict-aliasing",
  "-fomit-frame-pointer",
  "-Wall",
  "-Wextra",
  "-Werror",
];

const COMPILER_FLAGS: Record<CompilerName, readonly string[]> = {
  gcc: ["-mno-80387", "-fno-var-tracking"],
  clang: ["-mno-x87", "-mno-mmx", "-mno-sse"],
};

/** `-n`: the file need not be laid out in pages, since loaders copy it; that keeps it small. */
const LINK_FLAGS = ["-nostdlib", "-static", "-Wl,-n", "-Wl,--build-id=none"];

export function compileFlags(compiler: CompilerName): readonly string[] {
  return [...COMMON_FLAGS, ...COMPILER_FLAGS[compiler]];
}

export function linkFlags(compiler: CompilerName): readonly string[] {
  return compiler === "clang" ? [...LINK_FLAGS, "-fuse-ld=lld"] : LINK_FLAGS;
}

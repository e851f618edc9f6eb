#!/usr/bin/env node
/** The program `quorum86`: checks the Node version before anything that needs it is loaded. */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  const found = process.versions.node;
  process.stderr.write(
    `quorum86: Node 20.19 or newer is needed, this is ${found}; install it from https://nodejs.org\n`,
  );
  process.exitCode = 2;
} else {
  const { runCommandLine } = await import("./command-line.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2));
}

export {};

import { existsSync } from "node:fs";
import { dirname, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vitest/config";

const root = dirname(fileURLToPath(import.meta.url));

/**
 * Tests import `emulator/…`, `kernel/…` and `tools/…` as TypeScript paths; this maps them to the compiled files in
 * `dist/`, so that the tests run exactly the code that users run (const enums inlined, worker URLs valid).
 */
function useCompiledRooms(): Plugin {
  return {
    name: "use-compiled-rooms",
    enforce: "pre",
    resolveId(source, importer) {
      if (!source.endsWith(".ts") || !source.startsWith(".") || importer === undefined) return null;
      const path = relative(root, resolve(dirname(importer), source));
      if (!/^(emulator|kernel|tools)[\\/]/.test(path)) return null;
      const compiled = resolve(root, "dist", path.split(sep).join("/").replace(/\.ts$/, ".js"));
      if (!existsSync(compiled)) throw new Error(`${path} is not compiled: run "npm run build" first`);
      return compiled;
    },
  };
}

export default defineConfig({
  plugins: [useCompiledRooms()],
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    coverage: {
      provider: "v8",
      include: ["dist/{emulator,kernel,tools}/**/*.js"],
      reporter: ["text-summary", "html"],
    },
  },
});

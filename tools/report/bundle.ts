/**
 * A page's script: the compiled module for the browser and what it imports, as one text that needs nothing else. Each module
 * becomes a function's result; imports become the names taken from it.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const IMPORT = /^import \{([^}]*)\} from "(\.[^"]+)";\n/gm;
const EXPORT = /^export (?=(?:async )?(?:function\*?|const|let|class) (\w+))/gm;

/** @param entry of the compiled module, such as `new URL("./browser/main.js", import.meta.url)`. */
export function bundle(entry: URL): string {
  const modules = new Map<string, string>();
  const parts: string[] = ['"use strict";'];
  const add = (url: URL, importers: readonly string[]): string => {
    const known = modules.get(url.href);
    if (known !== undefined) return known;
    if (importers.includes(url.href)) throw new Error(`${url.href} imports itself`);
    let text = readFileSync(fileURLToPath(url), "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, "");
    const imports = [...text.matchAll(IMPORT)].map(([, names, from]) => {
      const renamed = names!.replace(/(\w+) as (\w+)/g, "$1: $2").trim();
      return `const { ${renamed} } = ${add(new URL(from!, url), [...importers, url.href])};\n`;
    });
    const exported = [...text.matchAll(EXPORT)].map(([, name]) => name!);
    text = text
      .replace(IMPORT, "")
      .replace(EXPORT, "")
      .replace(/^export \{\};\n/m, "");
    const other = /^(?:import|export)\b.*/m.exec(text)?.[0];
    if (other !== undefined) throw new Error(`${url.href}: this cannot be put into a page: ${other}`);
    const name = `module${modules.size}`;
    modules.set(url.href, name);
    parts.push(`const ${name} = (() => {\n${imports.join("")}${text}\nreturn { ${exported.join(", ")} };\n})();`);
    return name;
  };
  add(entry, []);
  return parts.join("\n");
}

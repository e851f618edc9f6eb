import { describe, expect, it } from "vitest";
import { PREBUILT, readManifest, staleness } from "../../tools/guests/manifest.ts";
import { PROGRAMS } from "../../tools/guests/programs.ts";

describe("prebuilt guests", () => {
  const manifest = readManifest(PREBUILT);

  it("come from the sources as they are: otherwise run npm run guests and commit the result", () => {
    expect(staleness(manifest, PREBUILT)).toEqual([]);
  });

  it("are all there", () => {
    expect(Object.keys(manifest.programs)).toEqual(PROGRAMS.map(({ file }) => file));
  });

  it("would be noticed if a source or a program changed", () => {
    const [path = ""] = Object.keys(manifest.sources);
    const changed = { ...manifest, sources: { ...manifest.sources, [path]: "0".repeat(64) } };
    expect(staleness(changed, PREBUILT)).toEqual([`source changed since the build: ${path}`]);
    const [file = ""] = Object.keys(manifest.programs);
    const replaced = { ...manifest, programs: { [file]: { bytes: 1, sha256: "0".repeat(64) } } };
    expect(staleness(replaced, PREBUILT)).toEqual([`not what was built: ${file}`]);
  });
});

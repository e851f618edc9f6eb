/** A trace's filter from the texts of the command line. */
import type { Debuggee } from "../debug/debuggee.ts";
import { InputError } from "../input-error.ts";
import { EVENT_KINDS, type EventKind } from "./event.ts";
import type { AddressRange, TraceFilter } from "./filter.ts";
import type { FormatName } from "./formats.ts";

type Texts = string | readonly string[] | undefined;

export interface FilterTexts {
  readonly kind: Texts;
  readonly thread: Texts;
  readonly space: Texts;
  readonly symbol: Texts;
  readonly address: Texts;
  readonly cycles: Texts;
}

function list(value: Texts): readonly string[] | undefined {
  if (value === undefined) return undefined;
  return (typeof value === "string" ? [value] : value).flatMap((text) => text.split(",")).filter((text) => text !== "");
}

/** @throws InputError for a name that nothing has and a number that is none. */
export function parseFilter(texts: FilterTexts, debuggee: Debuggee, format: FormatName): TraceFilter {
  const threads = knownNames("thread", list(texts.thread), debuggee);
  const spaces = knownNames("space", list(texts.space), debuggee);
  const symbols = knownSymbols(list(texts.symbol), debuggee);
  const addresses = list(texts.address)?.map(parseAddress);
  const kinds = parseKinds(list(texts.kind)) ?? (format === "chrome" ? allButInstructions() : undefined);
  return {
    ...(kinds !== undefined && { kinds }),
    ...(threads !== undefined && { threads }),
    ...(spaces !== undefined && { spaces }),
    ...(symbols !== undefined && { symbols }),
    ...(addresses !== undefined && { addresses }),
    ...parseCycles(texts.cycles),
  };
}

function allButInstructions(): ReadonlySet<EventKind> {
  return new Set(EVENT_KINDS.filter((kind) => kind !== "instruction"));
}

function parseKinds(names: readonly string[] | undefined): ReadonlySet<EventKind> | undefined {
  if (names === undefined) return undefined;
  return new Set(
    names.map((name) => {
      const kind = EVENT_KINDS.find((known) => known === name);
      if (kind !== undefined) return kind;
      throw new InputError({
        file: "--kind",
        problem: `"${name}" is no kind of event`,
        mend: `use some of ${EVENT_KINDS.join(", ")}`,
      });
    }),
  );
}

/** Threads that exist from the start have the names of components; others ("root/55", "thread-70") can't be checked yet. */
function knownNames(
  option: string,
  names: readonly string[] | undefined,
  debuggee: Debuggee,
): ReadonlySet<string> | undefined {
  if (names === undefined) return undefined;
  const known = ["kernel", ...debuggee.components.map(({ name }) => name)];
  for (const name of names) {
    if (known.includes(name) || /\/\d+$|^thread-\d+$|^interrupt \d+$/.test(name)) continue;
    const mend = `use one of ${known.join(", ")}`;
    throw new InputError({ file: `--${option}`, problem: `there is no ${option} "${name}"`, mend });
  }
  return new Set(names);
}

function knownSymbols(names: readonly string[] | undefined, debuggee: Debuggee): ReadonlySet<string> | undefined {
  if (names === undefined) return undefined;
  for (const name of names) {
    if (debuggee.view.programList.some(({ symbols }) => symbols.find(name) !== undefined)) continue;
    const problem = `no program has a symbol "${name}"`;
    throw new InputError({ file: "--symbol", problem, mend: '"symbols" in quorum86 debug lists them' });
  }
  return new Set(names);
}

function parseAddress(text: string): AddressRange {
  const match = /^(0x[0-9a-f]{1,8}|\d{1,10})(?:-(0x[0-9a-f]{1,8}|\d{1,10}))?$/i.exec(text);
  const start = Number(match?.[1]);
  const end = match?.[2] === undefined ? start + 1 : Number(match[2]) + 1;
  if (match !== null && start < end && end <= 0x1_0000_0000) return { start, end };
  throw new InputError({
    file: "--address",
    problem: `"${text}" is no address and no range`,
    mend: "write for example --address 0x0804a260-0x0804a34f",
  });
}

function parseCycles(value: Texts): { fromCycle?: number; toCycle?: number } {
  if (value === undefined) return {};
  const text = (typeof value === "string" ? value : value.join(" ")).replace(/[_,]/g, "");
  const match = /^(\d*)-(\d*)$/.exec(text);
  const [, from = "", to = ""] = match ?? [];
  if (match === null || (from === "" && to === "") || (from !== "" && to !== "" && Number(from) > Number(to))) {
    throw new InputError({
      file: "--cycles",
      problem: `"${text}" is no range of cycles`,
      mend: "write for example --cycles 300000-310000",
    });
  }
  return { ...(from !== "" && { fromCycle: Number(from) }), ...(to !== "" && { toCycle: Number(to) }) };
}

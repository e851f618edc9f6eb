/** A propagation as the page's data: dictionaries of texts, and columns of numbers that refer to them. */
import { type Corruption, type Place, registerOf } from "../corruption.ts";
import type { Describer, WriterText } from "../describe.ts";
import type { PlaceName } from "../owner-names.ts";
import type { Propagation } from "../propagation.ts";
import type { PropagationSummary } from "../record.ts";
import {
  COLUMN_NAMES,
  type ColumnName,
  type Moment,
  type OwnerData,
  type PageData,
  type SpaceData,
} from "./page-data.ts";

/** Wrong writes that the page holds; the files hold all of them. */
const LARGEST_PAGE = 1_000_000;
/** Pages of memory whose contents are named. */
const NAMED_PAGES = 64;
/** Clocks that are shown at least, if the run is that long. */
const SHORTEST = 10_000;
const PAGE = 4096;
const WORDS = PAGE / 4;

/** Hues of components in turn: the victim's is the first. */
const HUES = [28, 255, 300, 160, 75, 345, 120, 210, 52];

type Columns = Record<ColumnName, number[]>;

/**
 * The first wrong writes, up to a clock: no other is earlier. What lasts longer than that has no end on the page.
 * @returns `limit` is infinite if all are held.
 */
function held(byFault: readonly Corruption[], most: number): { history: Corruption[]; limit: number } {
  const limit = byFault.slice(most).reduce((first, { cycle }) => Math.min(first, cycle), Number.POSITIVE_INFINITY);
  const history = byFault.slice(0, most).filter(({ cycle }) => cycle < limit);
  if (limit === Number.POSITIVE_INFINITY) return { history, limit };
  const open = { endCycle: undefined, healed: false };
  return { history: history.map((each) => ((each.endCycle ?? 0) >= limit ? { ...each, ...open } : each)), limit };
}

export interface ReportData {
  readonly data: PageData;
  readonly columns: Columns;
}

/** @param most wrong writes that the page may hold. */
export function reportData(
  propagation: Propagation,
  summary: PropagationSummary,
  describer: Describer,
  most = LARGEST_PAGE,
): ReportData {
  const { experiment, injectionCycle: start, names } = propagation;
  const { latency } = summary;
  const byFault = propagation.history.filter(({ root }) => root === "fault");
  const { history, limit } = held(byFault, most);
  const owners = ownersOf(propagation, summary);
  const columns = Object.fromEntries(COLUMN_NAMES.map((name) => [name, [] as number[]])) as Columns;
  const spaces = new Spaces(experiment.victim);
  const symbols = new Dictionary();
  const areas = new Dictionary();
  const places = new Places(columns, owners, spaces, symbols);
  const index = new Map(history.map(({ id }, i) => [id, i]));
  for (const corruption of history) {
    const place = places.add(corruption.place, names[corruption.id]!);
    addCorruption(columns, corruption, { place, start, index });
  }
  const writers = addWriters(columns, history, describer);
  addSpans(columns, history, start);
  addPages(columns, propagation, spaces, areas, symbols);

  const moments: Moment[] = [
    { name: "fault", at: 0 },
    { name: "leaves its victim", at: (latency.leavesVictim ?? Number.NaN) - start },
    { name: "vote mismatch", at: (latency.voteMismatch ?? Number.NaN) - start },
    { name: "excluded", at: (latency.verdict ?? Number.NaN) - start },
  ].filter(({ at }) => at < limit - start);
  const lastChange = history.reduce((last, { cycle, endCycle }) => Math.max(last, endCycle ?? cycle), start + 1);
  const busy = Math.max(lastChange, latency.verdict ?? 0) - start;
  return {
    data: {
      hertz: experiment.result.coreHertz,
      start,
      end: Math.max(1, Math.min(limit - start, latency.end - start, Math.max(SHORTEST, Math.ceil(busy * 1.1)))),
      owners,
      spaces: spaces.list,
      areas: areas.texts,
      symbols: symbols.texts,
      writers,
      moments,
      path: summary.chain.flatMap(({ corruption }) => index.get(corruption) ?? []),
      goal: summary.chain.every(({ corruption }) => index.has(corruption))
        ? goalOf(summary)
        : "the last step that is here",
      total: byFault.length,
      held: history.length,
    },
    columns,
  };
}

function goalOf({ latency, chain }: PropagationSummary): string {
  if (latency.voteMismatch !== undefined) return "the vote";
  return latency.leavesVictim !== undefined
    ? "the first word of another program"
    : chain.length > 1
      ? "the last wrong word"
      : "";
}

interface OnPage {
  readonly place: number;
  /** Clock of the injection. */
  readonly start: number;
  /** Numbers of corruptions on the page, by their ids. */
  readonly index: ReadonlyMap<number, number>;
}

function addCorruption(columns: Columns, corruption: Corruption, { place, start, index }: OnPage): void {
  const { id, cycle, endCycle, healed, golden, faulty } = corruption;
  const sources = corruption.sources.flatMap((source) => index.get(source) ?? []);
  columns.id.push(id);
  columns.place.push(place);
  columns.at.push(cycle - start);
  columns.lasted.push(endCycle === undefined ? -1 : endCycle - cycle);
  columns.healed.push(healed ? 1 : 0);
  columns.golden.push(golden >>> 0);
  columns.wrongBits.push((golden ^ faulty) >>> 0);
  columns.sourceCount.push(sources.length);
  for (const source of sources) columns.sourceBack.push(index.get(id)! - source);
}

/** Every writer once. */
function addWriters(columns: Columns, history: readonly Corruption[], describer: Describer): WriterText[] {
  const numbers = new Dictionary();
  const texts: WriterText[] = [];
  for (const corruption of history) {
    const writer = describer.writer(corruption);
    const number = numbers.add(`${writer.kind} ${describer.sentence(writer)}`);
    if (number === texts.length) texts.push(writer);
    columns.writer.push(number);
  }
  return texts;
}

/** Texts by number. */
class Dictionary {
  readonly #numbers = new Map<string, number>();

  get texts(): string[] {
    return [...this.#numbers.keys()];
  }

  add(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

/** Words and registers. A word that changes hands is a place for each owner. */
class Places {
  readonly #known = new Dictionary();

  constructor(
    private readonly columns: Columns,
    private readonly owners: readonly OwnerData[],
    private readonly spaces: Spaces,
    private readonly symbols: Dictionary,
  ) {}

  add(place: Place, name: PlaceName): number {
    const { columns, owners, spaces, symbols } = this;
    const number = this.#known.add(`${place} ${name.owner} ${name.symbol}`);
    if (number < columns.placeOwner.length) return number;
    const [symbol, distance] = splitSymbol(name, symbols);
    columns.placeOwner.push(owners.findIndex((owner) => owner.name === name.owner));
    columns.placeSpace.push(spaces.of(name));
    columns.placeVirtual.push(name.virtual ?? -1);
    columns.placePhysical.push(name.physical ?? -1);
    columns.placeRegister.push(registerOf(place)?.index ?? -1);
    columns.placeSymbol.push(symbol);
    columns.placeDistance.push(distance);
    return number;
  }
}

/** Spaces by program; the kernel's memory and memory of nobody are two more. */
class Spaces {
  readonly list: SpaceData[] = [];

  constructor(victim: string | undefined) {
    if (victim !== undefined) this.list.push({ name: victim, kind: "virtual" });
  }

  of({ kind, component, space, owner }: PlaceName): number {
    if (kind === "register") return this.#find(component ?? owner, "virtual");
    if (kind === "kernel" || kind === "page-table") return this.#find("kernel memory", "kernel");
    if (kind === "free" || (component === undefined && space === undefined)) return this.#find("free memory", "free");
    return this.#find(component ?? `space ${space}`, "virtual");
  }

  #find(name: string, kind: SpaceData["kind"]): number {
    const known = this.list.findIndex((space) => space.name === name);
    return known >= 0 ? known : this.list.push({ name, kind }) - 1;
  }
}

/** Areas of one component are shades of one hue, side by side in the stack. */
function ownersOf({ names, experiment }: Propagation, { tracking }: PropagationSummary): OwnerData[] {
  const component = new Map(names.map((name) => [name.owner, name.component]));
  const programs = [experiment.victim, ...tracking.owners.map(({ owner }) => component.get(owner))];
  const order = [...new Set(programs.filter((name) => name !== undefined))];
  const rank = (owner: string): number => {
    const program = component.get(owner);
    return program === undefined ? order.length : order.indexOf(program);
  };
  const shades = new Map<number, number>();
  return [...tracking.owners]
    .sort((a, b) => rank(a.owner) - rank(b.owner))
    .map(({ owner }) => {
      const hue = rank(owner) === order.length ? -1 : HUES[rank(owner) % HUES.length]!;
      const shade = shades.get(rank(owner)) ?? 0;
      shades.set(rank(owner), shade + 1);
      return { name: owner, hue, shade: shade % 5 };
    });
}

/** `aes_state+4` as a number of `aes_state` and 4. */
function splitSymbol({ symbol, virtual }: PlaceName, symbols: Dictionary): [symbol: number, distance: number] {
  if (virtual !== undefined && symbol === `0x${virtual.toString(16)}`) return [-1, -1];
  const [, base, distance] = /^(.+)\+(\d{1,9})$/.exec(symbol) ?? [];
  return base === undefined ? [symbols.add(symbol), -1] : [symbols.add(base), Number(distance)];
}

/** A place that goes from wrong to wrong is one span all the while. */
function addSpans(columns: Columns, history: readonly Corruption[], start: number): void {
  const latest = new Map<number, { span: number; before: Corruption }>();
  const spans: { place: number; at: number; end: number }[] = [];
  for (const [i, corruption] of history.entries()) {
    const { cycle, endCycle } = corruption;
    const place = columns.place[i]!;
    const end = endCycle === undefined ? -1 : endCycle - start;
    const known = latest.get(place);
    if (known !== undefined && !known.before.healed && known.before.endCycle === cycle) {
      spans[known.span]!.end = end;
      known.before = corruption;
    } else {
      latest.set(place, { span: spans.length, before: corruption });
      spans.push({ place, at: cycle - start, end });
    }
  }
  spans.sort((a, b) => a.place - b.place || a.at - b.at);
  for (const { place, at, end } of spans) {
    columns.spanPlace.push(place);
    columns.spanAt.push(at);
    columns.spanLasted.push(end < 0 ? -1 : end - at);
  }
}

/** Every page that somebody owns, and what lies in those with wrong words. */
function addPages(
  columns: Columns,
  { owners, history }: Propagation,
  spaces: Spaces,
  areas: Dictionary,
  symbols: Dictionary,
): void {
  const wrong = new Set(
    history.filter(({ place, root }) => place >= 0 && root === "fault").map(({ place }) => place >>> 12),
  );
  let named = 0;
  for (const [frame, name] of owners.pages().entries()) {
    if (name.kind === "free" && !wrong.has(frame)) continue;
    columns.pageSpace.push(spaces.of(name));
    columns.pageAddress.push(name.virtual ?? frame * PAGE);
    columns.pagePhysical.push(frame * PAGE);
    columns.pageArea.push(areas.add(name.area.replace(/^kernel: /, "")));
    if (!wrong.has(frame) || named++ >= NAMED_PAGES) continue;
    let before = "";
    for (let word = 0; word < WORDS; word++) {
      const here = owners.name(frame * PAGE + word * 4);
      const content = contentOf(here);
      if (`${here.owner} ${content}` === before) continue;
      before = `${here.owner} ${content}`;
      columns.runPage.push(columns.pageSpace.length - 1);
      columns.runWord.push(word);
      columns.runSymbol.push(symbols.add(content));
    }
  }
}

/** The symbol without the distance from it, the kernel's structure without the field; "" for neither. */
function contentOf({ kind, symbol }: PlaceName): string {
  if (kind === "kernel" || kind === "page-table") return symbol.replace(/ \S+$/, "");
  return /^0x[0-9a-f]+$/.test(symbol) ? "" : symbol.replace(/\+\d+$|\[\d+\]$/, "");
}

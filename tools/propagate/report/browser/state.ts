/// <reference lib="dom" />
/** Where the reader is: place on the map, step of the graph, moment in time. Place and step are in the address, so back and links work. */
import type { PropagationRecord, SpaceOfMemory } from "./record.ts";

export interface Position {
  /** Undefined: the whole machine. */
  readonly space: SpaceOfMemory | undefined;
  /** Address of a page of the space. */
  readonly page: number | undefined;
  /** Of the word or register whose card is open. */
  readonly place: number | undefined;
}

/** What a reader changes. */
export type Change = "position" | "step" | "time" | "owners";

const MACHINE: Position = { space: undefined, page: undefined, place: undefined };

export class ReaderState {
  readonly record: PropagationRecord;
  position: Position = MACHINE;
  /** The wrong write that the graph stands at. */
  step: number;
  /** Clocks since the injection; undefined: the whole run at once. */
  time: number | undefined;
  /** Owners that are left out of the chart. */
  readonly hidden = new Set<number>();
  readonly #listeners: { readonly of: readonly Change[]; readonly listener: () => void }[] = [];

  constructor(record: PropagationRecord) {
    this.record = record;
    this.step = this.#firstStep();
    addEventListener("popstate", () => {
      this.#read();
      this.#tell("position", "step");
    });
    this.#read();
  }

  /** Calls the listener now and whenever one of these changes. */
  onChange(of: readonly Change[], listener: () => void): void {
    this.#listeners.push({ of, listener });
    listener();
  }

  go(position: Partial<Position>): void {
    this.position = { ...MACHINE, ...position };
    this.#write();
    this.#tell("position");
  }

  /** The word's card on the map. */
  goToPlace(place: number): void {
    const { record } = this;
    const space = record.spaces[record.columns.placeSpace[place]!]!;
    const address = record.address(place);
    this.go({ space, page: record.isRegister(place) ? undefined : address - (address % 4096), place });
  }

  /** One level out. */
  out(): void {
    const { space, page, place } = this.position;
    if (place !== undefined) this.go({ space, page });
    else if (page !== undefined) this.go({ space });
    else this.go({});
  }

  walk(step: number): void {
    this.step = step;
    this.#write();
    this.#tell("step");
  }

  setTime(time: number | undefined): void {
    this.time = time;
    this.#tell("time");
  }

  toggleOwner(owner: number): void {
    if (!this.hidden.delete(owner)) this.hidden.add(owner);
    this.#tell("owners");
  }

  /** The end of the path that the page begins with. */
  #firstStep(): number {
    const { path } = this.record.data;
    return path.at(-1) ?? 0;
  }

  #write(): void {
    const { space, page, place } = this.position;
    const parts = new URLSearchParams();
    if (space !== undefined) parts.set("space", space.name);
    if (page !== undefined) parts.set("page", page.toString(16).padStart(8, "0"));
    if (place !== undefined) parts.set("word", this.record.symbol(place));
    if (this.step !== this.#firstStep()) parts.set("step", String(this.step));
    const text = String(parts);
    if (location.hash.slice(1) !== text) history.pushState(null, "", `#${text}`);
  }

  #read(): void {
    const parts = new URLSearchParams(location.hash.slice(1));
    const { record } = this;
    const space = record.spaces.find(({ name }) => name === parts.get("space"));
    const address = Number.parseInt(parts.get("page") ?? "", 16);
    const page = space?.pages.get(address);
    const word = parts.get("word");
    const within = page === undefined ? space?.registers : page.places;
    const place = word === null ? undefined : within?.find((each) => record.symbol(each) === word);
    this.position = { space, page: page?.address, place };
    const step = Number.parseInt(parts.get("step") ?? "", 10);
    this.step = step >= 0 && step < record.count ? step : this.#firstStep();
  }

  #tell(...changes: Change[]): void {
    for (const { of, listener } of this.#listeners) if (changes.some((change) => of.includes(change))) listener();
  }
}

/// <reference lib="dom" />
/** A table that is searched, narrowed down and sorted in the page, some rows at a time: it stays quick with 100,000. */
import { grouped } from "../format.ts";
import { type Child, h, replace } from "./dom.ts";

export interface TableColumn<Row> {
  readonly title: string;
  readonly cell: (row: Row) => Child;
  /** What the column is sorted by; text to the left, numbers to the right. */
  readonly key: (row: Row) => number | string;
  readonly text?: boolean;
}

export interface Choice<Row> {
  readonly label: string;
  readonly options: readonly { readonly name: string; readonly test: (row: Row) => boolean }[];
}

export interface TableOptions<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: readonly TableColumn<Row>[];
  /** What the search looks at, in small letters. */
  readonly search: (row: Row) => string;
  readonly choices?: readonly Choice<Row>[];
  /** What a click on a row's first cell does. */
  readonly open?: (row: Row) => void;
}

const SHOWN = 20;
const PATIENCE = 120;

export function filterTable<Row>(root: HTMLElement, options: TableOptions<Row>): void {
  const { columns, rows, search, choices = [], open, label } = options;
  let order = { column: 0, down: false, given: true };
  let from = 0;
  let found: readonly Row[] = rows;

  const box = h("input", { type: "search", placeholder: "search", "aria-label": `search ${label}` });
  const selects = choices.map((choice) =>
    h("select", { "aria-label": choice.label }, ...choice.options.map(({ name }) => h("option", {}, name))),
  );
  const count = h("span", { class: "soft", role: "status" });
  const back = h("button", { class: "button", type: "button", onclick: () => turn(-SHOWN) }, "←");
  const on = h("button", { class: "button", type: "button", onclick: () => turn(SHOWN) }, "→");
  back.setAttribute("aria-label", "rows before these");
  on.setAttribute("aria-label", "rows after these");
  const heads = columns.map((column, i) => {
    const sort = h("button", { class: "sort", type: "button", onclick: () => sortBy(i) }, column.title);
    return h("th", { class: column.text ? "text" : undefined, scope: "col" }, sort);
  });
  const body = h("tbody");

  const filter = (): void => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tests = choices.map((choice, i) => choice.options[selects[i]!.selectedIndex]!.test);
    found = rows.filter((row) => {
      if (!tests.every((test) => test(row))) return false;
      if (words.length === 0) return true;
      const text = search(row);
      return words.every((word) => text.includes(word));
    });
    from = 0;
    sort();
  };
  const sort = (): void => {
    if (!order.given) {
      const { key } = columns[order.column]!;
      const sign = order.down ? -1 : 1;
      const keyed = found.map((row) => ({ row, value: key(row) }));
      keyed.sort((a, b) => (a.value < b.value ? -sign : a.value > b.value ? sign : 0));
      found = keyed.map(({ row }) => row);
    }
    heads.forEach((head, i) => {
      const now = !order.given && order.column === i;
      head.setAttribute("aria-sort", now ? (order.down ? "descending" : "ascending") : "none");
    });
    show();
  };
  const sortBy = (column: number): void => {
    const same = !order.given && order.column === column;
    order = { column, down: same ? !order.down : !columns[column]!.text, given: false };
    from = 0;
    sort();
  };
  const turn = (by: number): void => {
    from = Math.max(0, from + by);
    show();
  };
  const show = (): void => {
    const until = Math.min(from + SHOWN, found.length);
    count.textContent =
      found.length === 0 ? "nothing found" : `${grouped(from + 1)} to ${grouped(until)} of ${grouped(found.length)}`;
    back.disabled = from === 0;
    on.disabled = until === found.length;
    replace(body, ...found.slice(from, until).map(line));
  };
  const line = (row: Row): HTMLElement =>
    h(
      "tr",
      {},
      ...columns.map((column, i) => {
        const content = column.cell(row);
        const inner =
          i === 0 && open !== undefined
            ? h("button", { class: "link", type: "button", onclick: () => open(row) }, content)
            : content;
        return h("td", { class: column.text ? "text" : undefined }, inner);
      }),
    );

  let waiting = 0;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = Number(setTimeout(filter, PATIENCE));
  });
  for (const select of selects) select.addEventListener("change", filter);
  const grow = h("span", { class: "grow" });
  replace(
    root,
    h("div", { class: "tools" }, box, ...selects, grow, count, back, on),
    h("div", { class: "wide" }, h("table", { "aria-label": label }, h("thead", {}, h("tr", {}, ...heads)), body)),
  );
  filter();
}

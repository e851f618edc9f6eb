/// <reference lib="dom" />
import { pageColumns, pageData } from "../../../report/browser/data.ts";
import { byId, h, replace } from "../../../report/browser/dom.ts";
import { filterTable } from "../../../report/browser/table.ts";
import { startTheme } from "../../../report/browser/theme.ts";
import { grouped, hexDigits } from "../../../report/format.ts";
import { points } from "../numbers.ts";
import { type CampaignPageData, COLUMN_NAMES } from "../page-data.ts";
import { cellText, startHeatMap } from "./heat-map.ts";
import { type Struck, struckOf } from "./struck.ts";

async function start(): Promise<void> {
  startTheme();
  const data = pageData<CampaignPageData>();
  const struck = struckOf(data, await pageColumns(COLUMN_NAMES));
  if (struck.length > 0) {
    startHeatMap(struck, data.unit);
    wordTable(struck, data);
  }
  document.documentElement.dataset.ready = "true";
}

/** The same as a table, the most harmful first. */
function wordTable(struck: readonly Struck[], data: CampaignPageData): void {
  const rows = [...struck].sort(
    (a, b) => b.failurePoints - a.failurePoints || b.correctedPoints - a.correctedPoints || b.sampled - a.sampled,
  );
  const name = ({ address, place, bit, symbol }: Struck): string =>
    address === undefined ? `${place} bit ${bit}` : symbol === "" ? place : symbol;
  const address = (row: Struck): string => (row.address === undefined ? "" : hexDigits(row.address));
  filterTable(byId("words"), {
    label: "words and bits that were struck",
    rows,
    search: (row) => `${row.component} ${row.place} ${name(row)} ${address(row)}`.toLowerCase(),
    choices: [
      {
        label: "component",
        options: [
          { name: "every component", test: () => true },
          ...data.components.map((component) => ({
            name: component,
            test: (row: Struck) => row.component === component,
          })),
        ],
      },
      {
        label: "harm",
        options: [
          { name: "harmful or not", test: () => true },
          { name: "failed", test: ({ failures }) => failures > 0 },
          { name: "outvoted", test: ({ corrected }) => corrected > 0 },
        ],
      },
    ],
    columns: [
      { title: "word or bit", text: true, cell: (row) => h("code", {}, name(row)), key: name },
      {
        title: "of",
        text: true,
        cell: (row) => `${row.component} ${row.place}`,
        key: (row) => `${row.component} ${row.place}`,
      },
      { title: "address", text: true, cell: (row) => h("code", {}, address(row)), key: (row) => row.address ?? -1 },
      { title: "struck", cell: ({ sampled }) => grouped(sampled), key: ({ sampled }) => sampled },
      { title: "outvoted", cell: ({ corrected }) => grouped(corrected), key: ({ corrected }) => corrected },
      { title: "failed", cell: ({ failures }) => grouped(failures), key: ({ failures }) => failures },
      { title: "points with failures", cell: (row) => points(row.failurePoints), key: (row) => row.failurePoints },
    ],
    open: (row) => {
      replace(byId("heat-chosen"), ...cellText(row, data.unit));
      byId("heat-chosen").scrollIntoView({ block: "center" });
    },
  });
}

start().catch((error: unknown) => {
  const problem = byId("problem");
  problem.hidden = false;
  problem.textContent = `This browser cannot draw the map (${error}).`;
  throw error;
});

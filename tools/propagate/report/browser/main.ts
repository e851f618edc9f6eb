/// <reference lib="dom" />
import { pageColumns, pageData } from "../../../report/browser/data.ts";
import { byId } from "../../../report/browser/dom.ts";
import { startTheme } from "../../../report/browser/theme.ts";
import { COLUMN_NAMES, type PageData } from "../page-data.ts";
import { startChart } from "./chart.ts";
import { startMap } from "./map.ts";
import { startPath } from "./path.ts";
import { PropagationRecord } from "./record.ts";
import { seriesOf } from "./series.ts";
import { ReaderState } from "./state.ts";
import { startTables } from "./tables.ts";
import { startTimeBar } from "./time-bar.ts";
import { startWalk } from "./walk.ts";

async function start(): Promise<void> {
  startTheme();
  const data = pageData<PageData>();
  const record = new PropagationRecord(data, await pageColumns(COLUMN_NAMES));
  if (record.count > 0) {
    const state = new ReaderState(record);
    const series = seriesOf(record);
    startChart(state, series);
    startTimeBar(state, series);
    startMap(state);
    startPath(state);
    startWalk(state);
    startTables(state);
  }
  document.documentElement.dataset.ready = "true";
}

start().catch((error: unknown) => {
  const problem = byId("problem");
  problem.hidden = false;
  problem.textContent = `This browser cannot draw the page (${error}). The tables beside this file hold everything.`;
  throw error;
});

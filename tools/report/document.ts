/** A page in one file: style, script and data in it, nothing fetched from anywhere, to be opened without a server. */
import { deflateSync } from "node:zlib";
import { type Columns, encodeColumns } from "./columns.ts";
import { escapeHtml } from "./html.ts";
import { STYLE } from "./style.ts";

export interface Page {
  readonly title: string;
  /** Beside what all pages share (style.ts). */
  readonly style: string;
  /** HTML of the main part. */
  readonly body: string;
  /** From bundle.ts. */
  readonly script: string;
  /** Found again by `pageData` of browser/data.ts. */
  readonly data: object;
  readonly columns: Columns;
  /** In the order in which the script asks for them. */
  readonly columnNames: readonly string[];
}

export function htmlDocument({ title, style, body, script, data, columns, columnNames }: Page): string {
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  const bytes = deflateSync(encodeColumns(columns, columnNames), { level: 9 }).toString("base64");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escapeHtml(title)}</title><style>${STYLE}${style}</style></head>
<body><button id="theme" class="button" type="button" hidden></button>
<main>${body}</main><div id="tip" role="status" hidden></div>
<noscript><p class="soft">The pictures of this page are drawn by its script, which is switched off.</p></noscript>
<script type="application/json" id="data">${json}</script>
<script type="text/plain" id="columns">${bytes}</script>
<script>${script.replaceAll("</script", "<\\/script")}</script></body></html>
`;
}

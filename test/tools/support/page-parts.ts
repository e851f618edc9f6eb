/** What a page in one file brings with it, as its script sees it. */
import { inflateSync } from "node:zlib";
import { decodeColumns } from "../../../tools/report/columns.ts";

export function pageParts<Data, Name extends string>(html: string, names: readonly Name[]) {
  const element = (id: string): string => new RegExp(`id="${id}">(.*?)</script>`, "s").exec(html)![1]!;
  const bytes = inflateSync(Buffer.from(element("columns"), "base64"));
  return { data: JSON.parse(element("data")) as Data, columns: decodeColumns(bytes, names) };
}

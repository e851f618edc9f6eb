/// <reference lib="dom" />
/** What a page brings with it (document.ts). */
import { decodeColumns } from "../columns.ts";

export function pageData<Data>(): Data {
  return JSON.parse(document.getElementById("data")!.textContent!);
}

/** The columns, unpacked: some hundred thousand rows take some hundredths of a second. */
export async function pageColumns<Name extends string>(names: readonly Name[]): Promise<Record<Name, Float64Array>> {
  const text = atob(document.getElementById("columns")!.textContent!);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return decodeColumns(new Uint8Array(await new Response(inflated).arrayBuffer()), names);
}

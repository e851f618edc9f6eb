/** Names of addresses and addresses of names, from a program's static symbol table (ELF 1.2, book I, "Symbol Table"). */
import type { ElfFile, ElfSymbol } from "../../emulator/loader/elf.ts";

/** An address as a person would name it. */
export interface SymbolicAddress {
  readonly symbol: ElfSymbol;
  /** Bytes from the symbol's address. */
  readonly offset: number;
}

/** Absolute symbols (section 0xfff1) are constants, not places. */
const ABSOLUTE_SECTION = 0xfff1;
/** A symbol without a size (from assembly) reaches to the next symbol, but no further than this. */
const UNSIZED_REACH = 4096;

function isPlace(symbol: ElfSymbol): boolean {
  const named = symbol.kind === "function" || symbol.kind === "object" || symbol.kind === "none";
  return named && symbol.section !== 0 && symbol.section !== ABSOLUTE_SECTION;
}

/** Of two symbols at one address, the one whose name says more: sized before unsized, global before local. */
function preferred(one: ElfSymbol, other: ElfSymbol): number {
  if (one.size > 0 !== other.size > 0) return one.size > 0 ? -1 : 1;
  if (one.binding !== other.binding) return one.binding === "global" ? -1 : other.binding === "global" ? 1 : 0;
  return one.name < other.name ? -1 : 1;
}

export class SymbolTable {
  /** Places in ascending order of address, the preferred name first. */
  private readonly places: readonly ElfSymbol[];
  private readonly byName = new Map<string, ElfSymbol>();

  constructor(elf: ElfFile) {
    this.places = elf.symbols.filter(isPlace).sort((a, b) => a.value - b.value || preferred(a, b));
    for (const symbol of this.places) {
      const known = this.byName.get(symbol.name);
      if (known === undefined || preferred(symbol, known) < 0) this.byName.set(symbol.name, symbol);
    }
  }

  get symbols(): readonly ElfSymbol[] {
    return this.places;
  }

  find(name: string): ElfSymbol | undefined {
    return this.byName.get(name);
  }

  /** The symbol that an address is in; undefined when it is in none. */
  at(address: number): SymbolicAddress | undefined {
    let low = 0;
    let high = this.places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.places[middle] as ElfSymbol).value <= address) low = middle + 1;
      else high = middle;
    }
    for (let index = low - 1; index >= 0; index--) {
      const symbol = this.places[index] as ElfSymbol;
      const start = this.firstAt(symbol.value, index);
      const reach = start.size > 0 ? start.size : UNSIZED_REACH;
      if (address < start.value + reach) return { symbol: start, offset: address - start.value };
      // A larger symbol may begin earlier and still hold the address; none does beyond the nearest two.
      if (low - index > 2) return undefined;
    }
    return undefined;
  }

  private firstAt(value: number, from: number): ElfSymbol {
    let index = from;
    while (index > 0 && (this.places[index - 1] as ElfSymbol).value === value) index--;
    return this.places[index] as ElfSymbol;
  }

  /** "aes_round_keys+16", or undefined. */
  format(address: number): string | undefined {
    const found = this.at(address);
    if (found === undefined) return undefined;
    return found.offset === 0 ? found.symbol.name : `${found.symbol.name}+${found.offset}`;
  }
}

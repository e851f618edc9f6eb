/** The 32 bits of a word, bit 31 first, as class names of small squares: ones are darker, wrong ones stand out. */
export function bitClasses(golden: number, wrongBits: number): string[] {
  return Array.from({ length: 32 }, (_, i) => {
    const is = (word: number): boolean => ((word >>> (31 - i)) & 1) === 1;
    return [is(golden ^ wrongBits) ? "one" : "", is(wrongBits) ? "wrong" : ""].filter(Boolean).join(" ");
  });
}

/** `wrong bits: 2, 17`. */
export function bitLabel(wrongBits: number): string {
  const wrong = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((wrongBits >>> bit) & 1) === 1);
  return `wrong ${wrong.length === 1 ? "bit" : "bits"}: ${wrong.join(", ")}`;
}

/** The sixteen conditions of Jcc and SETcc in encoding order (Intel SDM vol. 2, B.1.4.7) and the flags that each reads. */
export const CONDITIONS: readonly { readonly suffix: string; readonly reads: string }[] = [
  { suffix: "o", reads: "o" },
  { suffix: "no", reads: "o" },
  { suffix: "b", reads: "c" },
  { suffix: "ae", reads: "c" },
  { suffix: "e", reads: "z" },
  { suffix: "ne", reads: "z" },
  { suffix: "be", reads: "cz" },
  { suffix: "a", reads: "cz" },
  { suffix: "s", reads: "s" },
  { suffix: "ns", reads: "s" },
  { suffix: "p", reads: "p" },
  { suffix: "np", reads: "p" },
  { suffix: "l", reads: "so" },
  { suffix: "ge", reads: "so" },
  { suffix: "le", reads: "zso" },
  { suffix: "g", reads: "zso" },
];

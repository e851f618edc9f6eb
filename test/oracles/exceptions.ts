/** Which exceptions push an error code (Intel SDM vol. 3, table 6-1): #DF #TS #NP #SS #GP #PF #AC. */
const WITH_ERROR_CODE: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17]);

export const PAGE_FAULT_VECTOR = 14;

export function pushesErrorCode(vector: number): boolean {
  return WITH_ERROR_CODE.has(vector);
}

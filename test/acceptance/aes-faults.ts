import { AES_FAULTS, AesOracle } from "../tools/propagate/aes-oracle.ts";

/** Every bit of the AES state before every round, and of every round key: 2,688 faults, each against FIPS-197. */
export async function aesFaults(): Promise<boolean> {
  const oracle = new AesOracle();
  const bytes = new Map<string, Map<number, number>>();
  let wrong = 0;
  for (const fault of AES_FAULTS) {
    const { output, expected, wrongBytes } = oracle.judge(fault);
    if (output !== expected) {
      wrong++;
      process.stdout.write(`${JSON.stringify(fault)}: ${output}, not ${expected}\n`);
    }
    const key = `${fault.kind} ${fault.round}`;
    const counts = bytes.get(key) ?? new Map<number, number>();
    counts.set(wrongBytes, (counts.get(wrongBytes) ?? 0) + 1);
    bytes.set(key, counts);
  }
  for (const [key, counts] of bytes) {
    const text = [...counts].sort((a, b) => a[0] - b[0]).map(([count, faults]) => `${count} bytes × ${faults}`);
    process.stdout.write(`${key}: ${text.join(", ")}\n`);
  }
  process.stdout.write(`${AES_FAULTS.length} faults, ${wrong} not as FIPS-197 says\n`);
  return wrong === 0;
}

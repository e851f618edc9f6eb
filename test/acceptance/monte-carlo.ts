import { AesProgram } from "../guests/aes-program.ts";
import { byteStream } from "../guests/byte-stream.ts";
import { type MonteCarlo, monteCarlo, opensslCipher } from "../guests/monte-carlo.ts";

const OUTER = 100;

/** All Monte Carlo tests of AESAVS, 100 chains of 1000 each, by each AES implementation on the emulated CPU, against OpenSSL. */
export async function aesMonteCarlo(): Promise<boolean> {
  let right = true;
  for (const name of ["bytewise", "ttable", "bitslice"]) {
    const aes = new AesProgram(name);
    const started = performance.now();
    const before = aes.program.machine.instructions;
    for (const mode of ["ecb", "cbc"] as const)
      for (const operation of ["encrypt", "decrypt"] as const)
        for (const keyBytes of [16, 24, 32]) {
          const bytes = byteStream(`${mode} ${operation} ${keyBytes}`);
          const test: MonteCarlo = { mode, operation, key: bytes(keyBytes), iv: bytes(16), block: bytes(16) };
          let keySet: Uint8Array | undefined;
          const results = monteCarlo(test, OUTER, (key, iv, block) => {
            if (key !== keySet) aes.setKey(key);
            keySet = key;
            return aes.process(mode, operation, iv, block);
          });
          const expected = monteCarlo(test, OUTER, opensslCipher(test));
          const wrong = results.findIndex((result, i) => result !== expected[i]);
          if (wrong < 0) continue;
          right = false;
          process.stdout.write(`${name}: ${mode} ${operation}, ${keyBytes} bytes of key: chain ${wrong} differs\n`);
        }
    const seconds = (performance.now() - started) / 1000;
    const millions = (aes.program.machine.instructions - before) / 1e6;
    process.stdout.write(
      `${name}: 12 tests of ${OUTER} chains of 1000 blocks, ${millions.toFixed(0)} million instructions, ${seconds.toFixed(0)} s\n`,
    );
  }
  return right;
}

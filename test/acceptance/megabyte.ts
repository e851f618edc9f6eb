import { createCipheriv } from "node:crypto";
import { IMPLEMENTATIONS } from "../../tools/image/scenario.ts";
import { cryptImage } from "../../tools/run/crypt-image.ts";
import { cryptStream } from "../../tools/run/crypt-stream.ts";
import { randomBytes } from "../../tools/run/random-bytes.ts";

const BYTES = 1 << 20;
const RSS_LIMIT = 300e6;

/** 1 MiB in CTR mode through three different replicas, and where the time goes. */
export async function megabyte(): Promise<boolean> {
  const input = randomBytes(1, BYTES);
  const key = randomBytes(2, 16);
  const iv = randomBytes(3, 16);
  const output: Uint8Array[] = [];
  const started = performance.now();
  const cpuStarted = process.cpuUsage();
  async function* source() {
    yield input;
  }
  const result = await cryptStream(
    { image: cryptImage(3, IMPLEMENTATIONS), operation: "encrypt", mode: "ctr", key, iv },
    source(),
    (bytes) => output.push(bytes.slice()),
  );
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpuStarted);
  const cpuSeconds = (user + system) / 1e6;
  const right = createCipheriv("aes-128-ctr", key, iv).update(input).equals(Buffer.concat(output));
  const rss = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(
    `${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of CPU time), ${result.cycles} cycles (${(result.cycles / BYTES).toFixed(0)} a byte), ` +
      `${result.instructions} instructions (${(result.instructions / cpuSeconds / 1e6).toFixed(0)} million a CPU second), ` +
      `${result.rounds} rounds, ${(rss / 1e6).toFixed(0)} MB of memory at most, output ${right ? "right" : "WRONG"}\n`,
  );
  for (const { part, cycles } of result.shares) {
    process.stdout.write(`  ${part.padEnd(16)} ${((100 * cycles) / result.cycles).toFixed(1).padStart(5)} %\n`);
  }
  return right && result.unanimous === result.rounds && rss < RSS_LIMIT;
}

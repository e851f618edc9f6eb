import { createCipheriv } from "node:crypto";
import { cryptImage } from "../../tools/run/crypt-image.ts";
import { cryptStream, type FileMode } from "../../tools/run/crypt-stream.ts";
import { Random } from "../tools/support/random.ts";

const FILES = 300;

/** Random sizes, keys, modes, implementations, numbers of replicas and chunk sizes, there and back, against node:crypto. */
export async function manyFiles(): Promise<boolean> {
  const random = new Random(7);
  let wrong = 0;
  let bytes = 0;
  for (let i = 0; i < FILES; i++) {
    const mode = random.pick<FileMode>(["ecb", "ctr", "cbc"]);
    const key = random.bytes(random.pick([16, 24, 32]));
    const iv = random.bytes(16);
    const input = random.bytes(random.below(3000));
    bytes += input.length;
    const image = cryptImage(1 + random.below(5), [random.pick(["bytewise", "ttable", "bitslice"] as const), "ttable"]);
    const options = { image, mode, key, iv, chunkBytes: 16 * (1 + random.below(200)) };
    const cipher = createCipheriv(`aes-${key.length * 8}-${mode}`, key, mode === "ecb" ? null : iv);
    const expected = Buffer.concat([cipher.update(input), cipher.final()]);
    const encrypted = await through({ ...options, operation: "encrypt" }, input);
    const decrypted = await through({ ...options, operation: "decrypt" }, expected);
    if (!encrypted.equals(expected) || !decrypted.equals(input)) wrong++;
  }
  process.stdout.write(`${FILES} files of ${bytes} bytes in all, encrypted and decrypted: ${wrong} wrong\n`);
  return wrong === 0;
}

async function through(options: Parameters<typeof cryptStream>[0], input: Uint8Array): Promise<Buffer> {
  const output: Uint8Array[] = [];
  async function* source() {
    yield input;
  }
  await cryptStream(options, source(), (piece) => output.push(piece.slice()));
  return Buffer.concat(output);
}

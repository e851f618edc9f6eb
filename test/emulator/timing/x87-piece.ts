import { Random } from "../../oracles/random.ts";
import { DATA } from "../../oracles/stage.ts";
import { X87_CATALOGUE } from "../../oracles/x87/catalogue.ts";

/** What reloads the exception masks stays out: a program goes on, whatever its operands are. */
const PIECES = X87_CATALOGUE.filter(({ mnemonic }) => !/^(fldcw|fldenv|frstor)$/.test(mnemonic));

/** One to four random x87 instructions, memory operands in the stage's data, most of them aligned. */
export function x87PieceOf(seed: number): number[] {
  const random = new Random(seed);
  const code: number[] = [];
  for (let count = random.between(1, 4); count > 0; count--) {
    // Every other one an exchange, so that pairs are common.
    if (random.chance(0.3)) code.push(0xd9, 0xc8 + random.below(8));
    const { opcode, digit, second, stackRegister } = random.pick(PIECES);
    if (digit < 0) {
      code.push(opcode, second + (stackRegister ? random.below(8) : 0));
      continue;
    }
    const address = DATA + 8 * random.below(200) + (random.chance(0.2) ? random.below(8) : 0);
    code.push(opcode, 0x05 | (digit << 3), address & 0xff, (address >> 8) & 0xff, (address >> 16) & 0xff, 0);
  }
  return code;
}

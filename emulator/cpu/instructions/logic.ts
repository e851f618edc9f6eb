/** Logical instructions and TEST (Intel SDM vol. 1, 5.1.4, 5.1.6). */
import { Micro } from "../interpreter-micro.ts";
import { aluRows } from "./alu-rows.ts";
import { Pairing } from "./form.ts";
import { flags, type Row, row } from "./row.ts";

const LOGIC = flags("oszpc", "", "a", "AF clear");
const UV = Pairing.UV;

export const LOGIC_ROWS: readonly Row[] = [
  ...aluRows("or", 1, Micro.Or8, LOGIC, UV),
  ...aluRows("and", 4, Micro.And8, LOGIC, UV),
  ...aluRows("xor", 6, Micro.Xor8, LOGIC, UV),
  row("test", "84 /r", "r:Eb r:Gb", { micro: Micro.Test8, flags: LOGIC, pairing: UV, clocks: [1, 2] }),
  row("test", "85 /r", "r:Ev r:Gv", { micro: Micro.Test8, flags: LOGIC, pairing: UV, clocks: [1, 2] }),
  row("test", "A8 ib", "r:AL r:Ib", { micro: Micro.Test8, flags: LOGIC, pairing: UV, clocks: 1 }),
  row("test", "A9 iv", "r:eAX r:Iv", { micro: Micro.Test8, flags: LOGIC, pairing: UV, clocks: 1 }),
  row("test", "F6 /0 ib", "r:Eb r:Ib", { micro: Micro.Test8, flags: LOGIC, clocks: [1, 2] }),
  row("test", "F7 /0 iv", "r:Ev r:Iv", { micro: Micro.Test8, flags: LOGIC, clocks: [1, 2] }),
  // Undocumented aliases of the two rows above.
  row("test", "F6 /1 ib", "r:Eb r:Ib", { micro: Micro.Test8, flags: LOGIC, clocks: [1, 2] }),
  row("test", "F7 /1 iv", "r:Ev r:Iv", { micro: Micro.Test8, flags: LOGIC, clocks: [1, 2] }),
  row("not", "F6 /2", "rw:Eb", { micro: Micro.Not8, clocks: [1, 3], lockable: true }),
  row("not", "F7 /2", "rw:Ev", { micro: Micro.Not8, clocks: [1, 3], lockable: true }),
];

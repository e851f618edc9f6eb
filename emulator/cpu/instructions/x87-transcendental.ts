/** Trigonometry, logarithms, exponentials (Intel SDM vol. 1, 8.3.7 to 8.3.10). Clocks: p5-timing 7.8. */
import type { Cpu } from "../cpu.ts";
import { type Extended, INDEFINITE, ONE, type Operand } from "../x87/format.ts";
import type { Conditions } from "../x87/rounding.ts";
import {
  arctangent,
  cosineOf,
  isAngleTooLarge,
  powerMinusOne,
  sine,
  tangent,
  timesLogarithm,
  timesLogarithmPlusOne,
} from "../x87/transcendental.ts";
import {
  begin,
  deliver,
  isEmpty,
  moveTop,
  operand,
  pop,
  StatusBit,
  setConditionCodes,
  setRegister,
  settle,
  underflow,
} from "../x87/unit.ts";
import type { Handler } from "./form.ts";
import type { Row } from "./row.ts";
import { unary } from "./x87-arithmetic.ts";
import { x87Row } from "./x87-row.ts";

/** ST(1) := operation of ST and ST(1), then a pop. */
function intoNext(operation: (conditions: Conditions, x: Operand, y: Operand) => Extended): Handler {
  return (cpu) => {
    const conditions = begin(cpu);
    const empty = isEmpty(cpu, 0) || isEmpty(cpu, 1);
    const result = empty ? underflow(conditions) : operation(conditions, operand(cpu, 0), operand(cpu, 1));
    if (!settle(cpu)) return;
    setRegister(cpu, 1, result);
    pop(cpu);
  };
}

/** FSIN and FCOS: C2 says that the angle is too large and nothing was done. */
function angle(operation: (conditions: Conditions, a: Operand) => Extended): Handler {
  return (cpu) => {
    const conditions = begin(cpu);
    setConditionCodes(cpu, 0, StatusBit.C2);
    if (isEmpty(cpu, 0)) deliver(cpu, 0, underflow(conditions));
    else if (isAngleTooLarge(operand(cpu, 0))) setConditionCodes(cpu, StatusBit.C2, StatusBit.C2);
    else deliver(cpu, 0, operation(conditions, operand(cpu, 0)));
  };
}

/** FPTAN and FSINCOS: the first result into ST, the second one pushed. */
function angleAndPush(
  first: (conditions: Conditions, a: Operand) => Extended,
  second: (conditions: Conditions, a: Operand, first: Extended) => Extended,
): Handler {
  return (cpu) => {
    const conditions = begin(cpu);
    setConditionCodes(cpu, 0, StatusBit.C2);
    const empty = isEmpty(cpu, 0);
    const overflow = !empty && !isEmpty(cpu, 7);
    if (!empty && !overflow && isAngleTooLarge(operand(cpu, 0))) {
      setConditionCodes(cpu, StatusBit.C2, StatusBit.C2);
      return;
    }
    let results = [INDEFINITE, INDEFINITE] as const;
    if (empty || overflow) underflow(conditions);
    else {
      const value = operand(cpu, 0);
      const other = first(conditions, value);
      results = [other, second(conditions, value, other)];
    }
    if (settle(cpu)) pushBoth(cpu, results);
    if (overflow) setConditionCodes(cpu, StatusBit.C1, StatusBit.C1);
  };
}

function pushBoth(cpu: Cpu, [first, second]: readonly [Extended, Extended]): void {
  setRegister(cpu, 0, first);
  moveTop(cpu, -1);
  setRegister(cpu, 0, second);
}

/** FPTAN pushes 1.0 for compatibility with the 8087; with what is no number, that again. */
function one(_conditions: Conditions, _a: Operand, first: Extended): Extended {
  return first.exponent === 0x7fff ? first : ONE;
}

export const X87_TRANSCENDENTAL_ROWS: readonly Row[] = [
  // Where a range of clocks is published, its middle: what of the operand decides is not.
  x87Row("f2xm1", "D9 F0", "rw:ST", { run: unary(powerMinusOne), clocks: 56, overlap: [2, 2] }),
  x87Row("fyl2x", "D9 F1", "r:ST rw:ST1", { run: intoNext(timesLogarithm), clocks: 103, overlap: [2, 2], stack: -1 }),
  x87Row("fptan", "D9 F2", "rw:ST", { run: angleAndPush(tangent, one), clocks: 133, overlap: [36, 0], stack: 1 }),
  x87Row("fpatan", "D9 F3", "r:ST rw:ST1", { run: intoNext(arctangent), clocks: 123, overlap: [2, 2], stack: -1 }),
  x87Row("fyl2xp1", "D9 F9", "r:ST rw:ST1", {
    run: intoNext(timesLogarithmPlusOne),
    clocks: 105,
    overlap: [2, 2],
    stack: -1,
  }),
  x87Row("fsincos", "D9 FB", "rw:ST", {
    run: angleAndPush(sine, cosineOf),
    clocks: 100,
    overlap: [2, 2],
    stack: 1,
  }),
  x87Row("fsin", "D9 FE", "rw:ST", { run: angle(sine), clocks: 82, overlap: [2, 2] }),
  x87Row("fcos", "D9 FF", "rw:ST", { run: angle(cosineOf), clocks: 82, overlap: [2, 2] }),
];

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ExpressionContext, ExpressionError, parseExpression } from "../../../tools/debug/expression.ts";

const context: ExpressionContext = {
  register: (name) => ({ eax: 5, esp: 0x1000, eflags: 0x202 })[name],
  symbol: (name) => ({ aes_state: 0x804a350 })[name],
  read: (address, bytes) => (address < 0x2000 ? ((address * 0x01010101) >>> 0) % 2 ** (8 * bytes) : undefined),
};

function value(text: string): number {
  return parseExpression(text).evaluate(context);
}

describe("expressions", () => {
  it("have C's precedence on unsigned words", () => {
    expect(value("1 + 2 * 3")).toBe(7);
    expect(value("(1 + 2) * 3")).toBe(9);
    expect(value("1 << 4 | 3 & 1")).toBe(17);
    expect(value("-1")).toBe(0xffffffff);
    expect(value("0 - 1 > 5")).toBe(1);
    expect(value("~0 >> 28")).toBe(15);
    expect(value("1 == 1 && 2 != 3 || 0")).toBe(1);
    expect(value("!eax")).toBe(0);
    expect(value("0x10 % 7 / 2")).toBe(1);
  });

  it("know registers, symbols and memory", () => {
    expect(value("$eax + eax")).toBe(10);
    expect(value("aes_state+4")).toBe(0x804a354);
    expect(value("&aes_state")).toBe(0x804a350);
    expect(value("byte[3]")).toBe(3);
    expect(value("[2]")).toBe(0x02020202);
    expect(value("*(1 + 1)")).toBe(0x02020202);
    expect(value("half[1] == 0x0101")).toBe(1);
  });

  it("say what is wrong", () => {
    for (const wrong of ["", "1 +", "(1", "1 2", "0x1g", "a$b", "[1", "4294967296", "1 ? 2 : 3"]) {
      expect(() => value(wrong), wrong).toThrow(ExpressionError);
    }
    expect(() => value("nothing")).toThrow('no register or symbol "nothing"');
    expect(() => value("[0x3000]")).toThrow("no memory at 0x3000");
    expect(() => value("1 / (eax - 5)")).toThrow("division by zero");
    // && and || do not look at their right side when the left decides.
    expect(value("0 && [0x3000]")).toBe(0);
  });

  it("agree with JavaScript on random arithmetic", () => {
    const leaf = fc.nat(0xffffffff).map((number) => ({ text: String(number), value: number }));
    const operators: Record<string, (a: number, b: number) => number> = {
      "+": (a, b) => a + b,
      "-": (a, b) => a - b,
      "&": (a, b) => a & b,
      "|": (a, b) => a | b,
      "^": (a, b) => a ^ b,
      "<": (a, b) => Number(a < b),
      "==": (a, b) => Number(a === b),
    };
    const { tree } = fc.letrec<{ tree: { text: string; value: number } }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        leaf,
        fc.tuple(tie("tree"), fc.constantFrom(...Object.keys(operators)), tie("tree")).map(([a, operator, b]) => ({
          text: `(${a.text} ${operator} ${b.text})`,
          value: (operators[operator]?.(a.value, b.value) ?? 0) >>> 0,
        })),
      ),
    }));
    fc.assert(
      fc.property(tree, (expression) => {
        expect(value(expression.text)).toBe(expression.value);
      }),
    );
  });

  it("never throw anything but their own error", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), (text) => {
        try {
          value(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ExpressionError);
        }
      }),
    );
  });
});

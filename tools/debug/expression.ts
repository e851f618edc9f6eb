/**
 * Expressions over a stopped thread: `eax == 3 && [esp+8] > 0x20`, `aes_round_keys+16`, `byte[request+2] & 0x80`.
 *
 * C's operators and precedence on unsigned 32-bit words; registers by name (with or without `$`), symbols for their
 * addresses, `[address]` a word in the thread's space, `byte[…]` and `half[…]` smaller ones.
 */

export interface ExpressionContext {
  register(name: string): number | undefined;
  symbol(name: string): number | undefined;
  /** Little-endian word of 1, 2 or 4 bytes in the thread's space. */
  read(address: number, bytes: number): number | undefined;
}

/** What is wrong with an expression: its text, or what it asks for. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

type Evaluate = (context: ExpressionContext) => number;

/** A parsed expression; `evaluate` throws ExpressionError when a name or an address is not there. */
export interface Expression {
  readonly text: string;
  evaluate(context: ExpressionContext): number;
}

/** Binary operators by precedence, the weakest first. */
const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["|"],
  ["^"],
  ["&"],
  ["==", "!="],
  ["<", "<=", ">", ">="],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
];

const OPERATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  "|": (a, b) => a | b,
  "^": (a, b) => a ^ b,
  "&": (a, b) => a & b,
  "==": (a, b) => Number(a === b),
  "!=": (a, b) => Number(a !== b),
  "<": (a, b) => Number(a < b),
  "<=": (a, b) => Number(a <= b),
  ">": (a, b) => Number(a > b),
  ">=": (a, b) => Number(a >= b),
  "<<": (a, b) => (b > 31 ? 0 : a << b),
  ">>": (a, b) => (b > 31 ? 0 : a >>> b),
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => Math.imul(a, b),
  "/": (a, b) => Math.floor(a / divisor(b)),
  "%": (a, b) => a % divisor(b),
};

function divisor(value: number): number {
  if (value === 0) throw new ExpressionError("division by zero");
  return value;
}

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F]+|\d+)(?![\w.])|([$A-Za-z_.][\w.$]*)|(\|\||&&|==|!=|<=|>=|<<|>>|[-+*/%&|^~!<>()[\]]))/y;

class Parser {
  private readonly tokens: { kind: "number" | "name" | "operator"; text: string }[] = [];
  private next = 0;

  constructor(private readonly text: string) {
    TOKEN.lastIndex = 0;
    const end = text.trimEnd().length;
    while (TOKEN.lastIndex < end) {
      const at = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (match === null) throw new ExpressionError(`"${text.slice(at).trim()}" is no expression`);
      if (match[1] !== undefined) this.tokens.push({ kind: "number", text: match[1] });
      else if (match[2] !== undefined) this.tokens.push({ kind: "name", text: match[2] });
      else this.tokens.push({ kind: "operator", text: match[3] ?? "" });
    }
  }

  parse(): Evaluate {
    const result = this.binary(0);
    const rest = this.tokens[this.next];
    if (rest !== undefined) throw new ExpressionError(`"${rest.text}" is not expected in "${this.text}"`);
    return result;
  }

  private accept(...texts: string[]): string | undefined {
    const token = this.tokens[this.next];
    if (token?.kind !== "operator" || !texts.includes(token.text)) return undefined;
    this.next++;
    return token.text;
  }

  private expect(text: string): void {
    if (this.accept(text) === undefined) throw new ExpressionError(`"${text}" is missing in "${this.text}"`);
  }

  private binary(level: number): Evaluate {
    const operators = LEVELS[level];
    if (operators === undefined) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = this.accept(...operators);
      if (operator === undefined) return left;
      left = combine(operator, left, this.binary(level + 1));
    }
  }

  private unary(): Evaluate {
    const operator = this.accept("-", "~", "!", "*", "&", "+");
    if (operator === undefined) return this.primary();
    const operand = this.unary();
    switch (operator) {
      case "-":
        return (context) => -operand(context) >>> 0;
      case "~":
        return (context) => ~operand(context) >>> 0;
      case "!":
        return (context) => Number(operand(context) === 0);
      case "*":
        return (context) => readMemory(context, operand(context), 4);
      default:
        return operand;
    }
  }

  private primary(): Evaluate {
    const token = this.tokens[this.next++];
    if (token === undefined) throw new ExpressionError(`"${this.text}" is not complete`);
    if (token.kind === "number") {
      const value = Number(token.text);
      if (value > 0xffffffff) throw new ExpressionError(`${token.text} does not fit in 32 bits`);
      return () => value;
    }
    if (token.kind === "name") return this.name(token.text);
    if (token.text === "(") {
      const inner = this.binary(0);
      this.expect(")");
      return inner;
    }
    if (token.text === "[") return this.memory(4);
    throw new ExpressionError(`"${token.text}" is not expected in "${this.text}"`);
  }

  private memory(bytes: number): Evaluate {
    const address = this.binary(0);
    this.expect("]");
    return (context) => readMemory(context, address(context), bytes);
  }

  private name(name: string): Evaluate {
    const bytes = { byte: 1, half: 2, word: 4 }[name];
    if (bytes !== undefined && this.accept("[") !== undefined) return this.memory(bytes);
    const plain = name.startsWith("$") ? name.slice(1) : name;
    return (context) => {
      const value = context.register(plain) ?? (name.startsWith("$") ? undefined : context.symbol(name));
      if (value === undefined) throw new ExpressionError(`there is no register or symbol "${name}" here`);
      return value;
    };
  }
}

function readMemory(context: ExpressionContext, address: number, bytes: number): number {
  const value = context.read(address, bytes);
  if (value === undefined) throw new ExpressionError(`no memory at 0x${address.toString(16)}`);
  return value;
}

function combine(operator: string, left: Evaluate, right: Evaluate): Evaluate {
  if (operator === "||") return (context) => Number(left(context) !== 0 || right(context) !== 0);
  if (operator === "&&") return (context) => Number(left(context) !== 0 && right(context) !== 0);
  const operation = OPERATIONS[operator] as (a: number, b: number) => number;
  return (context) => operation(left(context), right(context)) >>> 0;
}

/** Throws ExpressionError with the place when the text is no expression. */
export function parseExpression(text: string): Expression {
  const evaluate = new Parser(text).parse();
  return { text: text.trim(), evaluate };
}

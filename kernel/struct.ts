/**
 * C-like structures in guest memory, each described once: name, fields in order, their types. Everything that reads a
 * structure by name (the kernel's code, the checker, the owner map, a fault injector) uses this one description.
 *
 * Words are 32 bits, little endian. Nothing here holds a value: values are in guest memory only.
 */

/** What a field's word means. `double` is 64 bits, low word first. */
export type FieldType =
  | "word"
  | "double"
  | "pointer"
  | "thread-id"
  | "flexpage"
  | "time"
  | "register"
  /** Unused words that keep later fields where the hardware or the ABI wants them. */
  | "padding";

/** A field: its type, or its type and number of elements. */
export type FieldSpecification = FieldType | readonly [FieldType, number];

export interface StructField {
  readonly name: string;
  /** Byte offset from the start of the structure. */
  readonly offset: number;
  readonly type: FieldType;
  readonly count: number;
  /** Bytes of all elements. */
  readonly bytes: number;
}

export interface Struct<Name extends string> {
  readonly name: string;
  /** Bytes of one structure. */
  readonly bytes: number;
  readonly fields: readonly StructField[];
  /** Byte offset of each field. */
  readonly at: Readonly<Record<Name, number>>;
}

/** Lays fields out in the order given, without gaps. `bytes`, when given, pads the structure to that size. */
export function defineStruct<const Name extends string>(
  name: string,
  specification: Readonly<Record<Name, FieldSpecification>>,
  bytes?: number,
): Struct<Name> {
  const fields: StructField[] = [];
  const at = {} as Record<Name, number>;
  let offset = 0;
  for (const field of Object.keys(specification) as Name[]) {
    const given: FieldSpecification = specification[field];
    const [type, count] = typeof given === "string" ? [given, 1] : given;
    const fieldBytes = count * (type === "double" ? 8 : 4);
    fields.push({ name: field, offset, type, count, bytes: fieldBytes });
    at[field] = offset;
    offset += fieldBytes;
  }
  if (bytes !== undefined && offset > bytes) throw new RangeError(`${name}: ${offset} bytes do not fit in ${bytes}`);
  return { name, bytes: bytes ?? offset, fields, at };
}

/** The field that holds the byte at `offset`, or undefined in padding at the end. */
export function fieldAt(struct: Struct<string>, offset: number): StructField | undefined {
  return struct.fields.find((field) => offset >= field.offset && offset < field.offset + field.bytes);
}

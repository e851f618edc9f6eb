/** Hexadecimal as the GDB remote protocol writes it: two digits a byte, words in target (little-endian) order. */

export function bytesToHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Undefined unless the text is an even number of hexadecimal digits. */
export function hexToBytes(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++)
    bytes[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  return bytes;
}

export function textToHex(text: string): string {
  return bytesToHex(new TextEncoder().encode(text));
}

/** A number written big-endian in hexadecimal, as addresses and lengths are; undefined when it is none or above 2^48. */
export function parseHexNumber(text: string): number | undefined {
  return /^[0-9a-fA-F]{1,12}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}

/** One byte per character. */
export function bytesToBinary(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

export function binaryToBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

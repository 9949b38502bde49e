// Bytes and their texts: hexadecimal, base64, big-endian integers.
//
// Decides that every text has one valid form: a text that would not be written so for the same bytes is refused.
// Leaves the meaning of the bytes to the other modules.

import { ClientError } from "./errors.ts";

/** Bytes of their own memory, as the platform's interfaces ask for. */
export type Bytes = Uint8Array<ArrayBuffer>;

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function hex(data: Uint8Array): string {
  let text = "";
  for (const byte of data) text += DIGITS[byte];
  return text;
}

/** Hexadecimal in groups of eight, so that people can compare it. */
export function groupedHex(hexText: string): string {
  return hexText.replace(/(.{8})(?=.)/g, "$1 ");
}

/** Lower case, two digits a byte. Throws `encoding`. */
export function fromHex(text: string): Bytes {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text))
    throw new ClientError("encoding", "not lower-case hexadecimal");
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** Throws `encoding` for anything but UTF-8. A byte-order mark is kept, for the caller to refuse. */
/** In the order of code points, as UTF-8 sorts; that of UTF-16 differs beyond U+FFFF. */
export function byCodePoints(a: string, b: string): number {
  return hex(utf8(a)) < hex(utf8(b)) ? -1 : 1;
}

export function fromUtf8(data: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new ClientError("encoding", "not UTF-8");
  }
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function bigEndian(value: number, width: number): Bytes {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** width)
    throw new RangeError(`${value} does not fit in ${width} bytes`);
  return fromHex(value.toString(16).padStart(2 * width, "0"));
}

export const u16 = (value: number): Bytes => bigEndian(value, 2);
export const u32 = (value: number): Bytes => bigEndian(value, 4);
export const u64 = (value: number): Bytes => bigEndian(value, 8);

export function toBig(data: Uint8Array): bigint {
  return BigInt(`0x0${hex(data)}`);
}

/** Throws RangeError when the value is wider. */
export function fromBig(value: bigint, width: number): Bytes {
  const text = value.toString(16).padStart(2 * width, "0");
  if (value < 0n || text.length > 2 * width) throw new RangeError(`a number that does not fit in ${width} bytes`);
  return fromHex(text);
}

/** Of public values: stops at the first difference. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Lexicographic: below, at or above zero. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function base64(data: Uint8Array): string {
  let binary = "";
  for (const byte of data) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Standard alphabet with padding. Throws `encoding` for every spelling but one. */
export function fromBase64(text: string): Bytes {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw new ClientError("encoding", "not base64");
  }
  const data = Uint8Array.from(binary, (symbol) => symbol.charCodeAt(0));
  if (base64(data) !== text) throw new ClientError("encoding", "loose base64");
  return data;
}

/** The alphabet for addresses, without padding. */
export function base64url(data: Uint8Array): string {
  return base64(data).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

/** Throws `encoding`. */
export function fromBase64url(text: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new ClientError("encoding", "not base64url");
  const standard = text.replace(/-/g, "+").replace(/_/g, "/");
  return fromBase64(standard.padEnd(4 * Math.ceil(text.length / 4), "="));
}

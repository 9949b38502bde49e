// Strict JSON: one valid encoding for each record, and readers that demand exact fields and types.
//
// Decides how JSON is read: it is decoded, encoded again and compared byte for byte. So white space, other escapes,
// duplicate keys, -0 and a byte-order mark are all refused. Leaves to other modules which records exist.

import { byCodePoints, equal, fromUtf8, utf8 } from "./bytes.ts";
import { ClientError } from "./errors.ts";
import { ORDER } from "./group.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const ORDER_HEX = ORDER.toString(16);

function refuse(problem: string): never {
  throw new ClientError("encoding", problem);
}

/** The canonical text of a value. Throws `encoding` for what has none. */
export function encodeCanonical(value: unknown): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return /\p{Surrogate}/u.test(value) ? refuse("not JSON") : JSON.stringify(value);
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : refuse("not JSON");
  if (Array.isArray(value)) return `[${value.map(encodeCanonical).join(",")}]`;
  if (typeof value !== "object") return refuse("not JSON");
  const fields = Object.entries(value).sort(([a], [b]) => byCodePoints(a, b));
  return `{${fields.map(([key, item]) => `${encodeCanonical(key)}:${encodeCanonical(item)}`).join(",")}}`;
}

/** Throws `encoding` for anything but a canonical encoding. */
export function parseCanonical(data: Uint8Array): Json {
  let value: Json;
  let again: string;
  try {
    value = JSON.parse(fromUtf8(data)) as Json;
    again = encodeCanonical(value);
  } catch {
    return refuse("not canonical JSON"); // a nesting too deep for the stack ends here too
  }
  return equal(utf8(again), data) ? value : refuse("not canonical JSON");
}

// Readers: from unknown to a type, or `encoding`.

export type Reader<T> = (value: unknown) => T;
export type Read<R> = R extends Reader<infer T> ? T : never;

/** An object of exactly these fields. */
export function record<F extends Readonly<Record<string, Reader<unknown>>>>(
  fields: F,
): Reader<{ readonly [K in keyof F]: Read<F[K]> }> {
  const names = Object.keys(fields);
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse("not an object");
    if (Object.keys(value).length !== names.length) return refuse("other fields");
    const given = value as Readonly<Record<string, unknown>>;
    const read = names.map((name) => [
      name,
      Object.hasOwn(given, name) ? fields[name]?.(given[name]) : refuse(`no field ${name}`),
    ]);
    return Object.fromEntries(read) as { readonly [K in keyof F]: Read<F[K]> };
  };
}

export function list<T>(item: Reader<T>, least = 0, most = Infinity): Reader<readonly T[]> {
  return (value) =>
    Array.isArray(value) && value.length >= least && value.length <= most ? value.map(item) : refuse("another list");
}

export function integer(least: number, most: number): Reader<number> {
  return (value) => (typeof value === "number" && value >= least && value <= most ? value : refuse("another number"));
}

export function oneOf<const T>(...allowed: readonly T[]): Reader<T> {
  return (value) => allowed.find((item) => item === value) ?? refuse("not allowed");
}

export function matching(pattern: RegExp): Reader<string> {
  return (value) => (typeof value === "string" && pattern.test(value) ? value : refuse("another text"));
}

export function nullOr<T>(reader: Reader<T>): Reader<T | null> {
  return (value) => (value === null ? null : reader(value));
}

export const text: Reader<string> = (value) => (typeof value === "string" ? value : refuse("not a text"));
export const bool: Reader<boolean> = (value) => (typeof value === "boolean" ? value : refuse("not a boolean"));

/** A map from language to text. */
export const texts: Reader<Readonly<Record<string, string>>> = (value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse("not texts");
  return Object.fromEntries(Object.entries(value).map(([language, item]) => [language, text(item)]));
};

export const count = integer(0, Number.MAX_SAFE_INTEGER);
export const index = integer(1, 2 ** 31 - 1);
export const hash = matching(/^[0-9a-f]{64}$/);
/** 32 bytes as a number below the group's order q. Equally long texts of digits compare as their numbers do. */
export const scalarHex: Reader<string> = (value) => {
  const digits = hash(value);
  return digits < ORDER_HEX ? digits : refuse("not a scalar");
};
/** An X25519 key: below 2^255 - 19, little-endian, and none of the five points of small order. */
export const receivingKey = matching(
  new RegExp(
    "^(?!(00){32}|01(00){31}|e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800|" +
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157|(e[c-f]|f[0-9a-f])(ff){30}7f)" +
      "[0-9a-f]{62}[0-7][0-9a-f]$",
  ),
);
export const pointHex = matching(/^0[23][0-9a-f]{64}$/);
export const signatureHex = matching(/^[0-9a-f]{128}$/);

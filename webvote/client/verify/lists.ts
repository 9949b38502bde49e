// The published lists beside the log, read line by line: strictly ascending, each line in its one form.

import { fromHex, hex, type Bytes } from "../core/bytes.ts";
import { leafHash } from "../core/merkle.ts";
import { RecordInvalid, tooLong, type Place } from "./place.ts";
import { Tree } from "./tree.ts";

export const CREDENTIALS = "credentials";
export const SPARES = "spares";
export const KEY_LINE = 65;
export const ISSUED_LINE = 388;
export const issuancePath = (registrar: number): string => `issuance/${registrar}`;
export const struckPath = (registrar: number): string => `struck/${registrar}`;

/** That a credential asked for one blind signature, and whether its device said that the token was used. */
export interface Issued {
  readonly credential: Bytes;
  readonly request: Bytes;
  readonly signature: Bytes;
  readonly acknowledgement: Bytes;
}

const LINE_BYTES = 1024;

/** Lines as they stand, each up to and with its newline; an over-long line ends where the bound is. */
function* linesOf(data: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < data.length; ) {
    const newline = data.indexOf(10, start);
    const end = Math.min(newline < 0 ? data.length : newline + 1, start + LINE_BYTES);
    yield data.subarray(start, end);
    start = end;
  }
}

/** Throws PlaceError, CannotRead or RecordInvalid with the line's number, after what comes before it. */
export async function* readKeys(place: Place, path: string, limit: number): AsyncGenerator<Bytes> {
  for await (const { number, text } of readLines(place, path, limit, /^[0-9a-f]{64}\n$/)) {
    if (text === null) throw new RecordInvalid(`line ${number} is not 64 hexadecimal digits and a newline`);
    yield fromHex(text.slice(0, -1));
  }
}

/** Throws as `readKeys` does. */
export async function* readIssued(place: Place, path: string, limit: number): AsyncGenerator<Issued> {
  const form = /^[0-9a-f]{64} [0-9a-f]{64} [0-9a-f]{128}( [0-9a-f]{128})?\n$/;
  for await (const { number, text } of readLines(place, path, limit, form)) {
    if (text === null)
      throw new RecordInvalid(`line ${number} is not credential, hash and one or two signatures in hexadecimal`);
    const [credential = "", request = "", signature = "", acknowledgement = ""] = text.slice(0, -1).split(" ");
    yield {
      credential: fromHex(credential),
      request: fromHex(request),
      signature: fromHex(signature),
      acknowledgement: fromHex(acknowledgement),
    };
  }
}

async function* readLines(
  place: Place,
  path: string,
  limit: number,
  form: RegExp,
): AsyncGenerator<{ readonly number: number; readonly text: string | null }> {
  let [number, previous] = [0, ""];
  let total = 0;
  for (const line of linesOf(await place.begin(path, limit + 1))) {
    number += 1;
    total += line.length;
    if (total > limit) throw tooLong(path, limit);
    const text = String.fromCharCode(...line);
    if (!form.test(text)) {
      yield { number, text: null };
      return;
    }
    if (text.slice(0, 64) <= previous) throw new RecordInvalid(`line ${number} is not above the one before`);
    previous = text.slice(0, 64);
    yield { number, text };
  }
}

/** Length and root of a list, line by line. */
export class ListRoot {
  private readonly tree = new Tree();

  add(leaf: Uint8Array): void {
    this.tree.append(leafHash(leaf));
  }

  is(count: number, root: string): boolean {
    return this.tree.size === count && hex(this.tree.root()) === root;
  }
}

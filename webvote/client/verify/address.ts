// A bundle at a web address: each file is fetched when it is needed, and no more of it than its bound.

import { CannotRead, FileMissing, missing, type Place } from "./place.ts";
import { HEAD } from "./tiles.ts";

const TIMEOUT_MS = 60_000;
const MISSING = [404, 410];

/** No published file begins like this, documents aside. */
function isWebPage(data: Uint8Array): boolean {
  return /^\s*<(!doctype html|html)/i.test(new TextDecoder().decode(data.subarray(0, 200)));
}

export class AddressPlace implements Place {
  private readonly base: string;

  constructor(address: string) {
    this.base = address.endsWith("/") ? address : `${address}/`;
  }

  /** A server tells nobody which other files it has. */
  paths(): null {
    return null;
  }

  async begin(path: string, most: number): Promise<Uint8Array> {
    let response: Response;
    try {
      response = await fetch(this.base + path, {
        cache: "no-store",
        credentials: "omit",
        referrerPolicy: "no-referrer",
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch {
      throw new CannotRead(`${path} cannot be fetched: no answer, or that site lets no other page read its files`);
    }
    if (MISSING.includes(response.status)) {
      // A site that is gone answers so for every file: only one that still shows its head says that this one is missing.
      if (path === HEAD) throw missing(path);
      try {
        await this.begin(HEAD, 1);
      } catch (error) {
        if (error instanceof FileMissing) throw new CannotRead(`the log is not at its address any more: ${path}`);
        throw error;
      }
      throw missing(path);
    }
    if (response.status !== 200 || response.body === null)
      throw new CannotRead(`${path} cannot be fetched: ${response.status}`);
    let data: Uint8Array;
    try {
      data = await firstBytes(response.body.getReader(), most);
    } catch {
      throw new CannotRead(`${path} cannot be fetched: it was cut off`);
    }
    if (isWebPage(data) && !path.startsWith("documents/"))
      throw new CannotRead(`a web page answers for ${path}, such as a login page or an error`);
    return data;
  }
}

/** Up to `most` bytes of a stream; what follows is not read. */
export async function firstBytes(reader: ReadableStreamDefaultReader<Uint8Array>, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  while (total < most) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    total += value.length;
  }
  await reader.cancel();
  const data = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data.subarray(0, most);
}

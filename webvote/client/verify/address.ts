// A bundle at a web address: each file is fetched when it is needed, and no more of it than its bound.

import { CannotRead, missing, type Place } from "./place.ts";

const TIMEOUT_MS = 60_000;

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
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch {
      throw new CannotRead(`${path} cannot be fetched: no answer, or that site lets no other page read its files`);
    }
    if (response.status === 404) throw missing(path);
    if (!response.ok || response.body === null) throw new CannotRead(`${path} cannot be fetched: ${response.status}`);
    try {
      return await firstBytes(response.body.getReader(), most);
    } catch {
      throw new CannotRead(`${path} cannot be fetched: it was cut off`);
    }
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

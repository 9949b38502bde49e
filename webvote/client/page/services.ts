// Talks to registrars, ballot box and published log.
//
// Decides how failures are named. Sends no cookie, no referrer, and nothing that a step does not need. Leaves checking
// the answers to its callers.

import { ClientError } from "../core/errors.ts";
import { concat, fromHex, utf8 } from "../core/bytes.ts";
import type { Signposts } from "../core/find-ballot.ts";
import { isVotingOver } from "../core/manifest-rules.ts";
import type { Manifest } from "../core/manifest.ts";
import type { Acknowledgement, TokenRequest } from "../core/token.ts";

const TIMEOUT_MS = 30_000;

export class ServiceError extends ClientError {
  constructor(
    code: string,
    readonly detail: Readonly<Record<string, unknown>> = {},
  ) {
    super(code, String(detail.message ?? code));
  }
}

async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...init,
    });
  } catch {
    throw new ServiceError("network");
  }
}

/** The fields of a JSON answer; none when it was cut off, or is not the service's (a proxy's page, for example). */
async function readFields(response: Response): Promise<Readonly<Record<string, unknown>>> {
  try {
    return { ...(await response.json()) };
  } catch {
    return {};
  }
}

async function errorFrom(response: Response): Promise<ServiceError> {
  const fields = await readFields(response);
  return typeof fields.error === "string" ? new ServiceError(fields.error, fields) : new ServiceError("broken");
}

async function readBody(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch {
    throw new ServiceError("network");
  }
}

let [served, heard] = [0, 0];

/** The time by the site's clock, in Unix seconds; 0 before it has stated any. A device's own clock may be wrong, and a
 * file from the browser's cache states an earlier time, never a later one. */
export function servedTime(): number {
  return served === 0 ? 0 : served + (performance.now() - heard) / 1000;
}

function hear(response: Response): void {
  const stated = Date.parse(response.headers.get("date") ?? "") / 1000 || 0;
  if (stated > servedTime()) [served, heard] = [stated, performance.now()];
}

/** Asks this page's own address, which leads to the start page once the referendum is cancelled. True for that answer;
 * a network that leads elsewhere says nothing about the referendum. */
export async function leadsToStart(path: string): Promise<boolean> {
  const response = await request(path, { method: "HEAD" });
  hear(response);
  return response.redirected && response.url === new URL("./", new URL(path, location.href)).href;
}

/** Reads a published file; `base` ends with a slash. */
export function publishedLog(base: string): (path: string) => Promise<Uint8Array> {
  return async (path) => {
    const response = await request(base + path, { method: "GET", cache: "default" });
    if (!response.ok) throw new ServiceError("network", { message: `${path} is not there` });
    hear(response);
    return readBody(response);
  };
}

/** Signposts to a batch, as the site gives them; none when it does not answer. A false one is noticed later. */
export async function fetchSignposts(url: string, batch: number): Promise<Signposts> {
  try {
    const found: unknown = await (await request(`${url}${batch}`, { method: "GET" })).json();
    const isPair = (pair: unknown): pair is [number, number] =>
      Array.isArray(pair) && pair.length === 2 && pair.every(Number.isSafeInteger);
    return Array.isArray(found) ? found.filter(isPair) : [];
  } catch {
    return [];
  }
}

async function postTokenRequest(url: string, wire: TokenRequest & { others?: readonly string[] }): Promise<Response> {
  const response = await request(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wire),
  });
  if (!response.ok) throw await errorFrom(response);
  return response;
}

/** Asks whether this letter may vote. The first registrar gives a voucher for each of the requests to the `others`, of
 * which it is told the hashes. */
export async function checkLetter(
  url: string,
  wire: TokenRequest,
  others: readonly string[] = [],
): Promise<readonly string[]> {
  const response = await postTokenRequest(`${url}/check`, others.length > 0 ? { ...wire, others } : wire);
  if (others.length === 0) return [];
  const { vouchers } = await readFields(response);
  const isWhole = Array.isArray(vouchers) && vouchers.length === others.length;
  if (!isWhole || !vouchers.every((one) => typeof one === "string")) throw new ServiceError("broken");
  return vouchers;
}

export async function requestToken(url: string, wire: TokenRequest): Promise<Uint8Array> {
  const response = await postTokenRequest(`${url}/token`, wire);
  const { signature } = await readFields(response);
  try {
    if (typeof signature === "string") return fromHex(signature);
  } catch {
    // malformed: the same request may be sent again
  }
  throw new ServiceError("network");
}

/** Tells a registrar that the letter's token was used; also while the page is being left. */
export async function sendAcknowledgement(url: string, said: Acknowledgement): Promise<void> {
  const response = await request(`${url}/acknowledge`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(said),
    keepalive: true,
  });
  if (!response.ok) throw await errorFrom(response);
}

/** Hands a ballot in once more. After the voting, the box asks for its own word that it had it before. */
export function castAgain(
  manifest: Manifest,
  raw: Uint8Array<ArrayBuffer>,
  promises: readonly string[],
): Promise<Uint8Array> {
  const earlier = isVotingOver(manifest) ? (promises.at(-1) ?? "") : "";
  return castBallot(manifest.box.url, concat(raw, utf8(earlier)));
}

/** What a tester says of a device. */
export async function reportTest(url: string, held: boolean): Promise<void> {
  const response = await request(`${url}/tested`, { method: "POST", body: held ? "held" : "failed" });
  if (!response.ok) throw await errorFrom(response);
}

export async function castBallot(url: string, raw: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const response = await request(`${url}/cast`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: raw,
  });
  if (!response.ok) throw await errorFrom(response);
  return readBody(response);
}

// What a voter keeps: the box's promise, and the receipt, a C2SP tlog-proof (docs/protocol.md, 12); and how a
// ballot is found in the log without any request that says which one is meant.
import { sha256 } from "@noble/hashes/sha2.js";
import { base64, equal, fromBase64, fromHex, hex, utf8 } from "./bytes.ts";
import { parseCanonical } from "./canonical.ts";
import { ClientError } from "./errors.ts";
import { LogReader, type Fetch } from "./log.ts";
import type { Manifest } from "./manifest.ts";
import { leafHash, rootFromProof } from "./merkle.ts";
import { checkLogSignature, countWitnesses, parseCheckpoint, verifyEd25519, type Checkpoint } from "./note.ts";
import { parseEntry, type Setup } from "./setup.ts";
import { Transcript } from "./transcript.ts";

const HEADER = "c2sp.org/tlog-proof@v1";

export interface PromiseRecord {
  readonly type: "promise";
  readonly referendum: string;
  readonly ballot_id: string;
  readonly cast_hash: string;
  readonly batch: number;
  readonly signature: string;
}

/** Throws promise-invalid unless the box of this referendum signed it. */
export function checkPromise(manifest: Manifest, referendum: Uint8Array, raw: Uint8Array): PromiseRecord {
  try {
    const promise = parseCanonical(raw) as unknown as PromiseRecord;
    const digest = Transcript.of("promise")
      .add("referendum", referendum)
      .add("cast", fromHex(promise.cast_hash))
      .add("ballot-id", fromHex(promise.ballot_id))
      .addInt("batch", promise.batch)
      .digest();
    if (promise.type !== "promise" || promise.referendum !== hex(referendum)) throw new Error("another referendum");
    if (!verifyEd25519(manifest.box.key, digest, fromHex(promise.signature))) throw new Error("signature");
    return promise;
  } catch {
    throw new ClientError("promise-invalid", "the ballot box did not sign this promise");
  }
}

export function makeReceipt(index: number, proof: readonly Uint8Array[], checkpoint: Checkpoint): string {
  return [HEADER, `index ${index}`, ...proof.map(base64), "", ""].join("\n") + new TextDecoder().decode(checkpoint.raw);
}

function demandSeen(manifest: Manifest, checkpoint: Checkpoint): void {
  checkLogSignature(manifest, checkpoint);
  if (countWitnesses(manifest, checkpoint) < manifest.witnesses.quorum) throw new ClientError("receipt-waits", "too few witnesses yet");
}

/** That `entry` stands at the receipt's place of a log a quorum has seen. Throws receipt-invalid. */
export function checkReceipt(manifest: Manifest, receipt: string, entry: Uint8Array): void {
  try {
    const border = receipt.indexOf("\n\n");
    const [header, place, ...proof] = receipt.slice(0, border).split("\n");
    const index = /^index (0|[1-9][0-9]{0,14})$/.exec(place ?? "")?.[1];
    const checkpoint = parseCheckpoint(utf8(receipt.slice(border + 2)));
    demandSeen(manifest, checkpoint);
    const root = rootFromProof(leafHash(entry), Number(index), checkpoint.size, proof.map(fromBase64));
    if (header !== HEADER || index === undefined || !equal(root, checkpoint.root)) throw new Error("root");
  } catch {
    throw new ClientError("receipt-invalid", "the receipt does not show this ballot in the log");
  }
}

export type Found =
  | { readonly state: "waiting" | "missing" }
  | { readonly state: "found"; readonly index: number; readonly receipt: string; readonly superseded: boolean };

/** Looks for a ballot in its promised batch. Whole bundles from `open` on are fetched, whichever ballot is meant. */
export async function findBallot(fetch: Fetch, setup: Setup, ballotId: Uint8Array, castHash: Uint8Array | null, batch: number): Promise<Found> {
  const checkpoint = parseCheckpoint(await fetch("checkpoint"));
  checkLogSignature(setup.manifest, checkpoint);
  if (countWitnesses(setup.manifest, checkpoint) < setup.manifest.witnesses.quorum) return { state: "waiting" };
  const reader = new LogReader(fetch, checkpoint.size);
  const { context } = setup;
  let [number, closed] = [0, false];
  let own: { readonly index: number; readonly raw: Uint8Array } | null = null;
  let superseded = false;
  for (let index = setup.openSize; index < checkpoint.size; index++) {
    const raw = await reader.entry(index);
    if (raw[0] === 0x7b) {
      const entry = parseEntry(raw);
      if (entry.type === "batch") number = Number(entry.body["number"]);
      if (entry.type === "close") closed = true;
      continue;
    }
    if (own !== null) superseded ||= equal(tokenOf(context.bodyBytes, raw), tokenOf(context.bodyBytes, own.raw));
    else if (number === batch && equal(context.ballotId(raw.subarray(1, 1 + context.bodyBytes)), ballotId)) {
      if (castHash === null || equal(sha256(raw), castHash)) own = { index, raw };
    }
  }
  if (own === null) return { state: number > batch || closed || number === batch ? "missing" : "waiting" };
  const receipt = makeReceipt(own.index, await reader.inclusion(own.index), checkpoint);
  checkReceipt(setup.manifest, receipt, own.raw);
  return { state: "found", index: own.index, receipt, superseded };
}

function tokenOf(bodyBytes: number, raw: Uint8Array): Uint8Array {
  return raw.subarray(1 + bodyBytes + 32, 1 + bodyBytes + 64);
}

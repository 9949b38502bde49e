// What a voter keeps after voting: the ballot box's promise, and the receipt, a C2SP tlog-proof (docs/protocol.md, 12).
//
// Decides whether both are valid, and how a ballot is found in the log by requests that do not say which ballot is
// meant. Leaves to the pages when to look, and what to show.

import { sha256 } from "@noble/hashes/sha2.js";
import { base64, equal, fromBase64, fromHex, hex, utf8 } from "./bytes.ts";
import { count, hash, oneOf, parseCanonical, record, signatureHex, type Read } from "./canonical.ts";
import { verifyEd25519 } from "./ed25519.ts";
import { checkSignatures, entryType, parseEntry } from "./entries.ts";
import { ClientError, withErrorCode, withErrorCodeSync } from "./errors.ts";
import { LogReader, withLatestHead, type ReadLogFile } from "./log.ts";
import type { Manifest } from "./manifest.ts";
import { leafHash, rootFromProof } from "./merkle.ts";
import { checkLogSignature, countWitnesses, parseCheckpoint, type Checkpoint } from "./note.ts";
import type { Setup } from "./setup.ts";
import { Transcript } from "./transcript.ts";

const HEADER = "c2sp.org/tlog-proof@v1";

const readPromise = record({
  ballot_id: hash,
  batch: count,
  cast_hash: hash,
  referendum: hash,
  signature: signatureHex,
  type: oneOf("promise"),
});

/** The box's signed word that this ballot will stand in this batch. */
export type PromiseRecord = Read<typeof readPromise>;

/** Throws `promise-invalid` unless the box of this referendum signed it. */
export function checkPromise(manifest: Manifest, referendum: Uint8Array, raw: Uint8Array): PromiseRecord {
  const promise = withErrorCodeSync("promise-invalid", () => readPromise(parseCanonical(raw)));
  const digest = Transcript.of("promise")
    .add("referendum", referendum)
    .add("cast", fromHex(promise.cast_hash))
    .add("ballot-id", fromHex(promise.ballot_id))
    .addInt("batch", promise.batch)
    .digest();
  if (promise.referendum !== hex(referendum)) throw new ClientError("promise-invalid");
  if (!verifyEd25519(fromHex(manifest.box.key), digest, fromHex(promise.signature)))
    throw new ClientError("promise-invalid");
  return promise;
}

export function makeReceipt(index: number, proof: readonly Uint8Array[], checkpoint: Checkpoint): string {
  return [HEADER, `index ${index}`, ...proof.map(base64), "", ""].join("\n") + new TextDecoder().decode(checkpoint.raw);
}

function checkWitnessed(manifest: Manifest, checkpoint: Checkpoint): void {
  checkLogSignature(manifest, checkpoint);
  if (countWitnesses(manifest, checkpoint) < manifest.witnesses.quorum) throw new ClientError("receipt-waits");
}

/** That `entry` stands at the receipt's place of a log a quorum has seen. Throws receipt-invalid. */
export function checkReceipt(manifest: Manifest, receipt: string, entry: Uint8Array): void {
  try {
    const border = receipt.indexOf("\n\n");
    const [header, place, ...proof] = receipt.slice(0, border).split("\n");
    const index = /^index (0|[1-9][0-9]{0,14})$/.exec(place ?? "")?.[1];
    const checkpoint = parseCheckpoint(utf8(receipt.slice(border + 2)));
    checkWitnessed(manifest, checkpoint);
    const root = rootFromProof(leafHash(entry), Number(index), checkpoint.size, proof.map(fromBase64));
    if (header !== HEADER || index === undefined || !equal(root, checkpoint.root)) throw new Error("root");
  } catch {
    throw new ClientError("receipt-invalid");
  }
}

export type Found =
  | { readonly state: "waiting" | "missing" }
  | { readonly state: "found"; readonly index: number; readonly receipt: string; readonly superseded: boolean };

/** What is looked for: a ballot id, and the batch and the hash of the whole cast ballot where they are known. */
export interface Wanted {
  readonly ballotId: Uint8Array;
  readonly castHash: Uint8Array | null;
  readonly batch: number | null;
}

/** (batch, index of its header), ascending: where the server says that batches stand. Only a place to begin. */
export type Signposts = readonly (readonly [number, number])[];

/** Looks for a ballot in its promised batch, or in all batches. Which files are asked for follows from log and batch,
 * never from the ballot: headers are followed to the batch, then all of it is read and searched here. */
export function findBallot(
  readFile: ReadLogFile,
  setup: Setup,
  wanted: Wanted,
  signposts: Signposts = [],
): Promise<Found> {
  return withLatestHead(readFile, (head) =>
    withErrorCode("setup-log", () => findUnderHead(readFile, head, setup, wanted, signposts)),
  );
}

async function findUnderHead(
  readFile: ReadLogFile,
  head: Uint8Array,
  setup: Setup,
  { ballotId, castHash, batch }: Wanted,
  signposts: Signposts,
): Promise<Found> {
  const { manifest, context } = setup;
  const checkpoint = parseCheckpoint(head);
  checkLogSignature(manifest, checkpoint);
  if (countWitnesses(manifest, checkpoint) < manifest.witnesses.quorum) return { state: "waiting" };
  const reader = new LogReader(readFile, checkpoint.size, checkpoint.root);
  const start = batch === null ? setup.openSize : await followSignposts(reader, setup, batch, signposts);
  const { ranges, absent } = await findBatches(reader, setup, batch, start);
  const ballots: { readonly index: number; readonly raw: Uint8Array }[] = [];
  for (const { first, end } of ranges)
    for (let index = first; index < end; index++) {
      const raw = await reader.entry(index);
      if (raw.length === context.castBytes) ballots.push({ index, raw });
    }
  const own = ballots.find(
    ({ raw }) =>
      equal(context.ballotId(context.bodyOf(raw)), ballotId) && (castHash === null || equal(sha256(raw), castHash)),
  );
  if (own === undefined) return { state: absent };
  // Every bundle was checked when it was read, so the tiles of this proof were read already: no file is requested now.
  const receipt = makeReceipt(own.index, await reader.inclusion(own.index), checkpoint);
  checkReceipt(manifest, receipt, own.raw);
  const superseded = ballots.some(
    ({ raw }) => equal(context.tokenOf(raw), context.tokenOf(own.raw)) && context.seqOf(raw) > context.seqOf(own.raw),
  );
  return { state: "found", index: own.index, receipt, superseded };
}

/** The nearest header at or before the batch, or else the opening. A signpost counts only where the box's own signed
 * header stands; so a false one costs time and hides nothing. */
async function followSignposts(reader: LogReader, setup: Setup, batch: number, signposts: Signposts): Promise<number> {
  const [number, index] = signposts.filter(([candidate]) => candidate <= batch).at(-1) ?? [0, 0];
  if (index < setup.openSize || index >= reader.size) return setup.openSize;
  const raw = await reader.entry(index);
  if (raw[0] !== 0x7b || entryType(raw) !== "batch") return setup.openSize;
  const entry = parseEntry(raw);
  checkSignatures(setup.manifest, setup.referendum, entry);
  return entry.type === "batch" && entry.body.number === number ? index : setup.openSize;
}

/** Where the ballots of the wanted batch stand, or of all batches. `absent` says what is to be thought of a ballot that
 * is not among them: `waiting` while it may still come, `missing` once it cannot. */
async function findBatches(
  reader: LogReader,
  setup: Setup,
  wanted: number | null,
  start: number,
): Promise<{ ranges: { first: number; end: number }[]; absent: "waiting" | "missing" }> {
  const ranges: { first: number; end: number }[] = [];
  for (let index = start; index < reader.size; index++) {
    const raw = await reader.entry(index);
    if (raw[0] !== 0x7b) continue;
    const type = entryType(raw);
    if (type === "close" || type === "cancel") return { ranges, absent: "missing" };
    if (type !== "batch") continue;
    const entry = parseEntry(raw);
    if (entry.type !== "batch") continue;
    checkSignatures(setup.manifest, setup.referendum, entry);
    const { number, size } = entry.body;
    const [first, end] = [index + 1, index + 1 + size];
    if (end > reader.size) break;
    if (wanted === null || number === wanted) ranges.push({ first, end });
    if (wanted !== null && number >= wanted) return { ranges, absent: "missing" };
    index += size;
  }
  return { ranges, absent: "waiting" };
}

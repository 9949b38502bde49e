// What a voter keeps after voting: the ballot box's promise, and the receipt, a C2SP tlog-proof (docs/protocol.md, 12).
//
// Decides whether both are valid. Leaves finding a ballot in the log to `find-ballot`, and what became of a promised one
// to `ballot-fate`.

import { sha256 } from "@noble/hashes/sha2.js";
import { base64, equal, fromBase64, fromHex, hex, utf8 } from "./bytes.ts";
import { count, hash, oneOf, parseCanonical, record, signatureHex, type Read } from "./canonical.ts";
import { verifyEd25519 } from "./ed25519.ts";
import type { BallotContext } from "./context.ts";
import { ClientError, withErrorCodeSync } from "./errors.ts";
import type { Manifest } from "./manifest.ts";
import { leafHash, rootFromProof } from "./merkle.ts";
import { checkLogSignature, countWitnesses, parseCheckpoint, type Checkpoint } from "./note.ts";
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
export async function checkPromise(
  manifest: Manifest,
  referendum: Uint8Array,
  raw: Uint8Array,
): Promise<PromiseRecord> {
  const promise = withErrorCodeSync("promise-invalid", () => readPromise(parseCanonical(raw)));
  const digest = Transcript.of("promise")
    .add("referendum", referendum)
    .add("cast", fromHex(promise.cast_hash))
    .add("ballot-id", fromHex(promise.ballot_id))
    .addInt("batch", promise.batch)
    .digest();
  if (promise.referendum !== hex(referendum)) throw new ClientError("promise-invalid");
  if (!(await verifyEd25519(fromHex(manifest.box.key), digest, fromHex(promise.signature))))
    throw new ClientError("promise-invalid");
  return promise;
}

/** A promise for the very ballot that was sent: these bytes, under this ballot id. Throws promise-invalid. */
export async function checkAnswer(
  manifest: Manifest,
  context: BallotContext,
  sent: Uint8Array,
  answer: Uint8Array,
): Promise<PromiseRecord> {
  const promise = await checkPromise(manifest, context.referendum, answer);
  const ballotId = context.ballotId(context.bodyOf(sent));
  if (!equal(fromHex(promise.cast_hash), sha256(sent)) || !equal(fromHex(promise.ballot_id), ballotId))
    throw new ClientError("promise-invalid");
  return promise;
}

export function makeReceipt(index: number, proof: readonly Uint8Array[], checkpoint: Checkpoint): string {
  return [HEADER, `index ${index}`, ...proof.map(base64), "", ""].join("\n") + new TextDecoder().decode(checkpoint.raw);
}

export async function checkWitnessed(manifest: Manifest, checkpoint: Checkpoint): Promise<void> {
  await checkLogSignature(manifest, checkpoint);
  if ((await countWitnesses(manifest, checkpoint)) < manifest.witnesses.quorum) throw new ClientError("receipt-waits");
}

/** That `entry` stands at the receipt's place of a log a quorum has seen. Throws receipt-invalid. */
export async function checkReceipt(manifest: Manifest, receipt: string, entry: Uint8Array): Promise<void> {
  try {
    const border = receipt.indexOf("\n\n");
    const [header, place, ...proof] = receipt.slice(0, border).split("\n");
    const index = /^index (0|[1-9][0-9]{0,14})$/.exec(place ?? "")?.[1];
    const checkpoint = parseCheckpoint(utf8(receipt.slice(border + 2)));
    await checkWitnessed(manifest, checkpoint);
    const root = rootFromProof(leafHash(entry), Number(index), checkpoint.size, proof.map(fromBase64));
    if (header !== HEADER || index === undefined || !equal(root, checkpoint.root)) throw new Error("root");
  } catch {
    throw new ClientError("receipt-invalid");
  }
}

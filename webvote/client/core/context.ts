// What every ballot of one referendum has in common (docs/protocol.md, 11).
//
// Decides where each part of a ballot stands, which proofs it holds, and the hashes that bind it to its referendum and
// election key. Leaves making ballots to `ballot`, and checking them to `verify-ballot`.

import { sha256 } from "@noble/hashes/sha2.js";
import { encodeShape, proofsOf, questionBytes, valuesOf, type ProofShape, type QuestionShape } from "./ballot-shape.ts";
import { concat, fromHex, type Bytes } from "./bytes.ts";
import { POINT_BYTES, pointBytes, pointFrom, verifySchnorr, type Point } from "./group.ts";
import { shapeOf } from "./manifest-rules.ts";
import type { Manifest } from "./manifest.ts";
import { Transcript } from "./transcript.ts";

export const SIGNATURE_BYTES = 384;
export const CIPHERTEXT_BYTES = 2 * POINT_BYTES;

export class BallotContext {
  /** What each ciphertext of a ballot may hold. */
  readonly values: readonly (readonly bigint[])[];
  readonly proofs: readonly ProofShape[];
  readonly commitmentsAt: number;
  readonly scalarsAt: number;
  readonly bodyBytes: number;
  readonly castBytes: number;
  private readonly shape: Bytes;

  constructor(
    readonly referendum: Uint8Array,
    readonly electionKey: Uint8Array,
    readonly jointKey: Point,
    readonly registrars: readonly Uint8Array[],
    readonly questions: readonly QuestionShape[],
    readonly maxCasts: number,
  ) {
    const proofs: ProofShape[] = [];
    const values: (readonly bigint[])[] = [];
    for (const question of questions) {
      proofs.push(...proofsOf(question, values.length));
      values.push(...valuesOf(question));
    }
    this.values = values;
    this.proofs = proofs;
    this.shape = concat(...proofs.map(encodeShape));
    const branches = proofs.reduce((total, proof) => total + proof.values.length, 0);
    this.commitmentsAt = 32 + CIPHERTEXT_BYTES * values.length;
    this.scalarsAt = this.commitmentsAt + 2 * POINT_BYTES * branches;
    this.bodyBytes = 32 + questions.reduce((total, question) => total + questionBytes(question), 0);
    this.castBytes = 1 + this.bodyBytes + 64 + SIGNATURE_BYTES * registrars.length + 4 + 64;
  }

  private bound(tag: string): Transcript {
    return Transcript.of(tag).add("referendum", this.referendum).add("election-key", this.electionKey);
  }

  tokenMessage(tokenKey: Uint8Array): Bytes {
    return this.bound("token").add("token-key", tokenKey).digest();
  }

  tokenCommitment(tokenKey: Uint8Array, nonce: Uint8Array): Bytes {
    return Transcript.of("token-commitment").add("token-key", tokenKey).add("nonce", nonce).digest();
  }

  ballotId(body: Uint8Array): Bytes {
    return this.bound("ballot-id").add("body", body).digest();
  }

  /** One challenge for each proof, by position, from one hash over the whole statement. */
  challenges(commitment: Uint8Array, ciphertexts: Uint8Array, commitments: Uint8Array): bigint[] {
    const statement = this.bound("ballot-proof")
      .add("joint-key", pointBytes(this.jointKey))
      .add("shape", this.shape)
      .add("token-commitment", commitment)
      .add("ciphertexts", ciphertexts)
      .add("commitments", commitments)
      .digest();
    return this.proofs.map((_, position) =>
      Transcript.of("ballot-challenge").add("statement", statement).addInt("position", position).scalar(),
    );
  }

  /** What the token key signs: everything before the signature. */
  castDigest(unsigned: Uint8Array): Bytes {
    return this.bound("cast").add("ballot", unsigned).digest();
  }

  // Parts of a cast ballot of the right length, not checked yet.

  bodyOf(raw: Uint8Array): Uint8Array {
    return raw.slice(1, 1 + this.bodyBytes);
  }

  tokenOf(raw: Uint8Array): Uint8Array {
    return raw.slice(1 + this.bodyBytes + 32, 1 + this.bodyBytes + 64);
  }

  seqOf(raw: Uint8Array): number {
    return new DataView(raw.buffer, raw.byteOffset).getUint32(raw.length - 68);
  }

  /** Whether the ballot's own token signed it. */
  signedByToken(raw: Uint8Array): boolean {
    return verifySchnorr(this.tokenOf(raw), this.castDigest(raw.slice(0, -64)), raw.slice(-64));
  }
}

export function contextOf(
  manifest: Manifest,
  referendum: Uint8Array,
  electionKeyRaw: Uint8Array,
  jointKey: string,
): BallotContext {
  return new BallotContext(
    referendum,
    sha256(electionKeyRaw),
    pointFrom(fromHex(jointKey)),
    manifest.registrars.map((registrar) => fromHex(registrar.blind_key)),
    manifest.questions.map(shapeOf),
    manifest.max_casts,
  );
}

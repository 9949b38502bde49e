// The sums that trustees decrypt: their digest, and what stands in a token's place on paper (docs/protocol.md, 14.1, 14.7).

import { concat, hex } from "../core/bytes.ts";
import type { BallotContext } from "../core/context.ts";
import { IDENTITY, pointFrom, type Point } from "../core/group.ts";
import { Transcript } from "../core/transcript.ts";
import type { Pair } from "../core/verify-ballot.ts";

export const hasIdentity = (pair: Pair): boolean => pair.some((point) => point.is0());

export function addPairs(a: Pair, b: Pair): Pair {
  return [a[0].add(b[0]), a[1].add(b[1])];
}

export function unpack(data: Uint8Array): Point {
  return data.length === 0 ? IDENTITY : pointFrom(data);
}

/** In hexadecimal; empty where nothing can be decrypted. */
export function sumsDigest(referendum: Uint8Array, sums: readonly Pair[]): string {
  if (sums.length === 0 || sums.some(hasIdentity)) return "";
  const joined = concat(...sums.flatMap((pair) => pair.map((point) => point.toBytes(true))));
  return hex(Transcript.of("sums").add("referendum", referendum).add("ciphertexts", joined).digest());
}

export function paperCommitment(context: BallotContext): Uint8Array {
  return Transcript.of("paper-commitment")
    .add("referendum", context.referendum)
    .add("election-key", context.electionKey)
    .digest();
}

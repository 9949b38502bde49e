// The proofs of many ballots in one multi-scalar multiplication.
//
// Each equation, a + c*A - r*G = 0 and b + c*(B - v*G) - r*H = 0, is multiplied by a fresh random 128-bit weight of its
// own, and the sum of all must vanish; a set with a false equation passes with probability at most 2^-128 (Bellare, Garay,
// Rabin, EUROCRYPT 1998). Weights are drawn here, after everything was parsed.

import { pippenger } from "@noble/curves/abstract/curve.js";
import { schnorr } from "@noble/curves/secp256k1.js";
import { toBig } from "../core/bytes.ts";
import { G, mod, randomBytes, times, type Point } from "../core/group.ts";
import { proofsHold, type Elements } from "../core/verify-ballot.ts";

const WEIGHT_BYTES = 16;
const POOL_BYTES = 65_536; // as many as the platform gives at once
// Below this many ballots single checks are faster.
const THRESHOLD = 8;

class Weights {
  private pool = new Uint8Array();
  private at = 0;

  next(): bigint {
    if (this.at === this.pool.length) [this.pool, this.at] = [randomBytes(POOL_BYTES), 0];
    this.at += WEIGHT_BYTES;
    return toBig(this.pool.subarray(this.at - WEIGHT_BYTES, this.at));
  }
}

function allHold(joint: Point, ballots: readonly Elements[]): boolean {
  const weights = new Weights();
  const points: Point[] = [];
  const scalars: bigint[] = [];
  let [ofGenerator, ofKey] = [0n, 0n];
  for (const { ciphertexts, statements } of ballots) {
    const onNonce = ciphertexts.map(() => 0n);
    const onBlinded = ciphertexts.map(() => 0n);
    for (const { shape, commitments, challenges, responses } of statements) {
      let [nonce, blinded] = [0n, 0n];
      for (const [branch, [first, second]] of commitments.entries()) {
        const [value, challenge, response] = [shape.values[branch], challenges[branch], responses[branch]];
        if (value === undefined || challenge === undefined || response === undefined) return false;
        const [weight, other] = [weights.next(), weights.next()];
        points.push(first, second);
        scalars.push(weight, other);
        nonce += weight * challenge;
        blinded += other * challenge;
        ofGenerator += weight * response + other * challenge * value;
        ofKey += other * response;
      }
      for (const [place, factor] of shape.terms) {
        onNonce[place] = (onNonce[place] ?? 0n) + factor * nonce;
        onBlinded[place] = (onBlinded[place] ?? 0n) + factor * blinded;
      }
    }
    for (const [place, [nonce, blinded]] of ciphertexts.entries()) {
      points.push(nonce, blinded);
      scalars.push(mod(onNonce[place] ?? 0n), mod(onBlinded[place] ?? 0n));
    }
  }
  points.push(joint);
  scalars.push(mod(-ofKey));
  return pippenger(schnorr.Point, points, scalars).equals(times(G, mod(ofGenerator)));
}

/** The places of all ballots whose proofs fail, by halving; empty when all hold. */
export function findInvalid(joint: Point, ballots: readonly Elements[]): Set<number> {
  const found = new Set<number>();
  const search = (start: number, end: number): void => {
    if (end - start < THRESHOLD) {
      for (let place = start; place < end; place++) {
        const ballot = ballots[place];
        if (ballot === undefined || !proofsHold(joint, ballot)) found.add(place);
      }
    } else if (!allHold(joint, ballots.slice(start, end))) {
      const middle = Math.floor((start + end) / 2);
      search(start, middle);
      search(middle, end);
    }
  };
  search(0, ballots.length);
  return found;
}

// Proofs of single parties: that somebody knows a key, and that two logarithms are equal (docs/protocol.md, 13 and 14.4).
//
// Decides whether such a proof holds in the context that its caller binds. Leaves ballots to `batch`.

import { G, mod, pointBytes, times, type Point } from "../core/group.ts";
import type { Transcript } from "../core/transcript.ts";

/** Whether the prover knew the logarithm of `key`. */
export function knowsKey(key: Point, challenge: bigint, response: bigint, context: Transcript): boolean {
  const commitment = times(G, response).subtract(times(key, challenge));
  if (commitment.is0()) return false;
  const expected = context.copy().add("public", pointBytes(key)).add("commitment", pointBytes(commitment)).scalar();
  return mod(expected - challenge) === 0n;
}

/** Whether image = x*base for the x of key = x*G. Throws `encoding` where one of these is the identity. */
export function sameLogs(
  key: Point,
  base: Point,
  image: Point,
  challenge: bigint,
  response: bigint,
  context: Transcript,
): boolean {
  const first = times(G, response).subtract(times(key, challenge));
  const second = times(base, response).subtract(times(image, challenge));
  if (first.is0() || second.is0()) return false;
  const bound = context.copy();
  for (const [label, point] of Object.entries({ public: key, base, image, first, second }))
    bound.add(label, pointBytes(point));
  return mod(bound.scalar() - challenge) === 0n;
}

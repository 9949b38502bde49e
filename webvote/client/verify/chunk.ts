// Many ballots, each by itself (V16 to V20), and the sum of those that are valid. Runs in workers, on plain bytes.

import { sum, type Point } from "../core/group.ts";
import type { BallotContext } from "../core/context.ts";
import { BallotRefused, type BallotCheck } from "../core/errors.ts";
import { checkAllButProofs, type Pair, type UnprovenBallot } from "../core/verify-ballot.ts";
import { findInvalid } from "./batch.ts";
import { summed } from "./shape.ts";
import type { Placed } from "./work.ts";

export interface ValidBallot {
  readonly index: number;
  readonly id: Uint8Array;
  readonly token: Uint8Array;
  readonly seq: number;
}

export interface ChunkFault {
  readonly index: number;
  readonly check: BallotCheck;
  readonly message: string;
}

export interface ChunkResult {
  /** Of every ballot, also of invalid ones. */
  readonly ids: readonly Uint8Array[];
  readonly faults: readonly ChunkFault[];
  readonly valid: readonly ValidBallot[];
  /** Both components of each sum, empty for the identity: a voter who casts r and then -r must not stop the count. */
  readonly sums: readonly (readonly [Uint8Array, Uint8Array])[];
}

export async function checkChunk(context: BallotContext, ballots: readonly Placed[]): Promise<ChunkResult> {
  const faults: ChunkFault[] = [];
  const kept: (readonly [number, UnprovenBallot])[] = [];
  for (const [index, raw] of ballots) {
    try {
      kept.push([index, await checkAllButProofs(context, raw)]);
    } catch (error) {
      if (!(error instanceof BallotRefused)) throw error;
      faults.push({ index, check: error.check, message: error.message });
    }
  }
  const bad = findInvalid(
    context.jointKey,
    kept.map(([, { elements }]) => elements),
  );
  const good = kept.filter((_, k) => !bad.has(k));
  for (const [k, [index]] of kept.entries())
    if (bad.has(k)) faults.push({ index, check: "V19", message: "a ballot's proofs do not hold" });
  return {
    ids: ballots.map(([, raw]) => context.ballotId(context.bodyOf(raw))),
    faults,
    valid: good.map(([index, { ballotId, tokenKey, seq }]) => ({ index, id: ballotId, token: tokenKey, seq })),
    sums: addUp(
      context,
      good.map(([, { elements }]) => elements.ciphertexts),
    ).map(([nonce, blinded]) => [pack(nonce), pack(blinded)]),
  };
}

/** The sums that are counted, over these ballots. */
export function addUp(context: BallotContext, ballots: readonly (readonly Pair[])[]): Pair[] {
  return summed(context.questions).map((place): Pair => {
    const column = ballots.map((ciphertexts) => ciphertexts[place]).filter((pair) => pair !== undefined);
    return [sum(column.map(([nonce]) => nonce)), sum(column.map(([, blinded]) => blinded))];
  });
}

function pack(point: Point): Uint8Array {
  return point.is0() ? new Uint8Array() : point.toBytes(true);
}

// The ballots that left this device, and what it keeps of each: the signed ballot, which shows no vote, until it is found
// in the log; then the receipt in its place (docs/protocol.md, 11.6).
//
// Decides what is kept, how long, and which ballot is handed in again. Leaves where it is kept to the pages' storage, and
// what became of a ballot to `ballot-fate`.

import { sha256 } from "@noble/hashes/sha2.js";
import { fromHex, hex } from "./bytes.ts";
import type { Fate, Place, SentBytes } from "./ballot-fate.ts";
import type { BallotContext } from "./context.ts";
import type { PromiseRecord } from "./receipt.ts";

/** `unanswered`: it may have arrived. `refused`: the box called it faulty, and the voter made another one. `promised`: not
 * found yet. `found`: in the log. `replaced`: a later cast of the same token is in the log. `cancelled`: nothing will be
 * counted. */
export type SentState = "unanswered" | "refused" | "promised" | "found" | "replaced" | "cancelled";

export interface SentBallot {
  readonly cast_hash: string;
  readonly ballot_id: string;
  readonly seq: number;
  readonly state: SentState;
  /** The ballot in hexadecimal; null once nothing depends on it any more. */
  readonly raw: string | null;
  /** What the box signed for this ballot, oldest first: more than one, when it was handed in again. */
  readonly promises: readonly string[];
  readonly place: Place | null;
}

// A browser keeps some five million characters of a site; most ballots have a few thousand.
export const KEPT_CHARACTERS = 2_000_000;

export function newlySent(context: BallotContext, raw: Uint8Array): SentBallot {
  return {
    cast_hash: hex(sha256(raw)),
    ballot_id: hex(context.ballotId(context.bodyOf(raw))),
    seq: context.seqOf(raw),
    state: "unanswered",
    raw: hex(raw),
    promises: [],
    place: null,
  };
}

/** The promise's batches, oldest first. They were checked when they came. */
export function promisedBatches({ promises }: SentBallot): number[] {
  return promises.map((text) => (JSON.parse(text) as PromiseRecord).batch);
}

/** The ballots to look for in the log. */
export function unfound(ballots: readonly SentBallot[]): SentBallot[] {
  return ballots.filter(({ state, raw }) => raw !== null && (state === "promised" || state === "unanswered"));
}

export function sentBytes(ballot: SentBallot): SentBytes {
  return { raw: fromHex(ballot.raw ?? ""), batches: promisedBatches(ballot) };
}

/** The ballot of the highest turn: the one that counts, and the only one that is worth handing in again. */
export function newest(ballots: readonly SentBallot[]): SentBallot | null {
  return ballots.reduce<SentBallot | null>((last, one) => (last === null || one.seq > last.seq ? one : last), null);
}

/** One ballot changed, by its hash. */
export function changed(
  ballots: readonly SentBallot[],
  castHash: string,
  changes: Partial<SentBallot>,
): readonly SentBallot[] {
  return ballots.map((one) => (one.cast_hash === castHash ? { ...one, ...changes } : one));
}

/** The same promise again is kept once. */
export function withPromise(ballot: SentBallot, text: string): SentBallot {
  const promises = ballot.promises.includes(text) ? ballot.promises : [...ballot.promises, text];
  return { ...ballot, state: "promised", promises };
}

/** What is kept of a ballot after a look into the log: the ballot goes only when it was found, or when nothing that is
 * still to come depends on it. One whose promise was broken stays: it is evidence. */
export function settled(ballot: SentBallot, fate: Fate): SentBallot {
  switch (fate.state) {
    case "found":
      return {
        ...ballot,
        state: "found",
        raw: null,
        place: { index: fate.index, batch: fate.batch, receipt: fate.receipt },
      };
    case "superseded":
      return { ...ballot, state: "replaced", raw: null };
    case "cancelled":
      return { ...ballot, state: "cancelled", raw: null };
    default:
      return ballot;
  }
}

/** Where storage is short, the oldest promised ballots go first, and the newest ballot never does. */
export function bounded(ballots: readonly SentBallot[], characters: number = KEPT_CHARACTERS): readonly SentBallot[] {
  let left = characters;
  return [...ballots]
    .reverse()
    .map((one, age) => {
      left -= one.raw?.length ?? 0;
      return age === 0 || left >= 0 ? one : { ...one, raw: null };
    })
    .reverse();
}

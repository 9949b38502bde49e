// A log that was verified, and what the verification found in it: all that a trustee's steps rest on.
//
// Only the engine makes one, and only of a log in which nothing is wrong or unread. Leaves the steps to `trustee`.

import type { Manifest } from "../core/manifest.ts";
import type { Pair } from "../core/verify-ballot.ts";
import type { Body, Entry } from "./entries.ts";
import type { Phase } from "./order.ts";

/** `decided` is the size of the tree that is counted, 0 until close and paper votes stand in the log; `root` its root;
 * `decidedAt` when a quorum had seen it, in Unix seconds. `intents` are the sound ones, `partials` the trustees whose
 * decryptions are proven. */
export interface TallyState {
  readonly decided: number;
  readonly root: string;
  readonly decidedAt: number | null;
  readonly paperBallots: number;
  readonly intents: readonly Body<"tally-intent">[];
  readonly partials: ReadonlySet<number>;
}

/** `messages` are the entries of trustees with `roll` and `election-key`, in log order. `agreedRoot` is the log's root
 * after the last confirmation of the latest attempt, `rollRoot` that after the roll. `sums` are those that count, empty
 * before the close or without a ballot. */
export interface VerifiedLog {
  readonly manifest: Manifest;
  readonly referendum: Uint8Array;
  readonly phase: Phase;
  readonly messages: readonly Entry[];
  readonly agreedRoot: Uint8Array | null;
  readonly rollRoot: Uint8Array | null;
  readonly sums: readonly Pair[];
  readonly counted: number;
  readonly tally: TallyState;
}

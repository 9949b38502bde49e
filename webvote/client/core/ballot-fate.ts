// What became of ballots that left this device: in the log, still to come, missing, replaced or lost (docs/protocol.md, 12).
//
// Decides it from a head that a quorum has cosigned. Reads all batches from the first promised one on, and the earlier
// ones too where a ballot is not in these; so no request says which ballot is meant. Leaves to the pages
// what follows: a ballot that is missing is handed in again.

import { sha256 } from "@noble/hashes/sha2.js";
import { equal, hex } from "./bytes.ts";
import { BallotRefused, withErrorCode } from "./errors.ts";
import {
  followSignposts,
  readBallots,
  receiptFor,
  walkBatches,
  witnessedLog,
  type LoggedBallot,
  type Signposts,
  type WitnessedLog,
} from "./find-ballot.ts";
import { withLatestHead, type ReadLogFile } from "./log.ts";
import type { Setup } from "./setup.ts";
import { verifyBallot } from "./verify-ballot.ts";

/** A ballot as it was sent, and the batches for which it was promised, oldest promise first; none while the box has not
 * answered. */
export interface SentBytes {
  readonly raw: Uint8Array;
  readonly batches: readonly number[];
}

/** Where a ballot stands, with the proof of it. */
export interface Place {
  readonly index: number;
  readonly batch: number;
  readonly receipt: string;
}

/** `waiting`: the batch of the last promise is still to come. `missing`: it stands without the ballot (or there is no
 * promise), and voting goes on. `superseded`: a valid later cast of the same token is in the log instead. `broken`:
 * voting was closed without either. `cancelled`: the referendum was cancelled before the close. */
export type Fate =
  | ({ readonly state: "found" } & Place)
  | { readonly state: "waiting" | "missing" | "superseded" | "broken" | "cancelled" };

/** What became of each of these ballots, in their order. `signpostsTo` says where a batch may be found. */
export function findFates(
  readFile: ReadLogFile,
  setup: Setup,
  sent: readonly SentBytes[],
  signpostsTo: (batch: number) => Promise<Signposts>,
): Promise<readonly Fate[]> {
  return withLatestHead(readFile, (head) =>
    withErrorCode("setup-log", async () => {
      const log = await witnessedLog(readFile, setup, head);
      if (log === null) return sent.map(() => ({ state: "waiting" }) as const);
      const from = Math.min(...sent.map(({ batches }) => batches[0] ?? 0));
      const start =
        from === 0
          ? setup.openSize
          : await followSignposts(log.reader, setup, from, (await signpostsTo(from)) as Signposts);
      const fates = await judge(log, setup, sent, start);
      // What waited at the close may stand in an earlier batch than promised: that is seen before anything else is said.
      const isUnclear = ({ state }: Fate) => state === "broken" || state === "missing" || state === "superseded";
      if (start === setup.openSize || !fates.some(isUnclear)) return fates;
      return judge(log, setup, sent, setup.openSize);
    }),
  );
}

async function judge(
  log: WitnessedLog,
  setup: Setup,
  sent: readonly SentBytes[],
  start: number,
): Promise<readonly Fate[]> {
  const { batches, ended } = await walkBatches(log.reader, setup, start);
  const ballots = await readBallots(log.reader, setup, batches);
  const places = new Map(ballots.map((ballot) => [hex(sha256(ballot.raw)), ballot] as const).reverse());
  const newest = batches.at(-1)?.number ?? 0;
  const fates: Fate[] = [];
  for (const { raw, batches: promised } of sent) {
    const own = places.get(hex(sha256(raw)));
    if (own !== undefined) {
      fates.push({ state: "found", index: own.index, batch: own.batch, receipt: await receiptFor(log, setup, own) });
      continue;
    }
    const due = promised.at(-1) ?? 0;
    if (ended === null && newest < due) fates.push({ state: "waiting" });
    else if (ended === "cancel" && newest < due) fates.push({ state: "cancelled" });
    else if (await replaced(setup, raw, ballots)) fates.push({ state: "superseded" });
    else fates.push({ state: afterDue(ended) });
  }
  return fates;
}

function afterDue(ended: "close" | "cancel" | null): "missing" | "broken" | "cancelled" {
  if (ended === null) return "missing";
  return ended === "close" ? "broken" : "cancelled";
}

/** Whether one of these is a later cast of the same token. What is not valid counts for nothing, so it is checked. */
async function replaced(setup: Setup, own: Uint8Array, ballots: readonly LoggedBallot[]): Promise<boolean> {
  const { context } = setup;
  for (const { raw } of ballots) {
    if (!equal(context.tokenOf(raw), context.tokenOf(own)) || context.seqOf(raw) <= context.seqOf(own)) continue;
    try {
      await verifyBallot(context, raw);
      return true;
    } catch (error) {
      if (!(error instanceof BallotRefused)) throw error;
    }
  }
  return false;
}

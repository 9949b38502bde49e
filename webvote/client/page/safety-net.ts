// The device as the last safety net of a cast ballot: looks for it in the log, and hands it in again when the promised
// batch stands without it.
//
// Decides what follows from what the log shows, for one voter's ballots. Tells the registrars that the token was
// used, at each look until they heard it. Leaves the look into the log to
// `core/ballot-fate`, storing and sending to the session, and what is shown to `ballot-tracking`.

import { findFates, type Fate, type Place } from "../core/ballot-fate.ts";
import type { ReadLogFile } from "../core/log.ts";
import { isVotingOver } from "../core/manifest-rules.ts";
import { newest, promisedBatches, sentBytes, settled, unfound, type SentBallot } from "../core/sent-ballots.ts";
import { acknowledge } from "./acknowledging.ts";
import type { Session } from "./session.ts";
import { fetchSignposts } from "./services.ts";

/** Where the published log is read. */
export interface Published {
  readonly readLogFile: ReadLogFile;
  readonly signposts: string;
}

/** How it stands with a ballot. `again`: the batch `missed` came without it, and it is promised anew; `refused`: the box
 * did not take it again, for this reason. */
export type Standing =
  | ({ readonly state: "found"; readonly late: boolean } & Place)
  | { readonly state: Exclude<Fate["state"], "found" | "missing"> }
  | { readonly state: "again"; readonly missed: number; readonly batch: number }
  | { readonly state: "refused"; readonly missed: number; readonly error: unknown };

/** Looks after all ballots of a voter that were not found yet. Only the newest is handed in again: it is the one that
 * counts, and after it the box takes no earlier one; without `mayHandIn` none is. Returns how the newest stands; null if
 * nothing was sent. Throws what reading the log throws. */
export async function lookAfter(session: Session, published: Published, mayHandIn = true): Promise<Standing | null> {
  void acknowledge(session);
  const sent = unfound(session.ballots);
  if (sent.length > 0) {
    const fates = await findFates(published.readLogFile, session.setup, sent.map(sentBytes), (batch) =>
      fetchSignposts(published.signposts, batch),
    );
    for (const [k, { cast_hash }] of sent.entries()) {
      const fate = fates[k];
      if (fate !== undefined) session.keep(cast_hash, (ballot) => settled(ballot, fate));
    }
    const last = newest(session.ballots.filter(({ state }) => state !== "refused"));
    const fate = fates[sent.findIndex(({ cast_hash }) => cast_hash === last?.cast_hash)];
    if (last !== null && fate !== undefined && fate.state !== "found") {
      // Once the voting is over, the last batch may be in, with a lower number than the promised one.
      if (fate.state === "waiting" && mayHandIn && isVotingOver(session.setup.manifest))
        return handInLate(session, last);
      if (fate.state !== "missing") return { state: fate.state };
      return mayHandIn ? handIn(session, last) : { state: "waiting" };
    }
  }
  return session.last === null ? null : remembered(session.last);
}

async function handIn(session: Session, ballot: SentBallot): Promise<Standing> {
  const missed = promisedBatches(ballot).at(-1) ?? 0;
  try {
    return { state: "again", missed, batch: (await session.handInAgain(ballot)).batch };
  } catch (error) {
    return { state: "refused", missed, error };
  }
}

/** While the log heals, the box takes it again if the log lacks it; otherwise nothing has changed. */
async function handInLate(session: Session, ballot: SentBallot): Promise<Standing> {
  const standing = await handIn(session, ballot);
  return standing.state === "again" ? standing : { state: "waiting" };
}

/** What an earlier look has found. */
export function remembered(ballot: SentBallot): Standing {
  const [first] = promisedBatches(ballot);
  if (ballot.place !== null)
    return { state: "found", late: first !== undefined && ballot.place.batch > first, ...ballot.place };
  if (ballot.state === "replaced") return { state: "superseded" };
  return { state: ballot.state === "cancelled" ? "cancelled" : "waiting" };
}

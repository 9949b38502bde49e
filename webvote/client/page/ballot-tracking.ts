// After the cast: shows where the voter's ballot stands, and saves its receipt.
//
// Decides how often to look, and what each answer means to a voter. Leaves looking for the ballot, and handing it in
// again, to `safety-net`.

import { promisedBatches, type SentBallot } from "../core/sent-ballots.ts";
import { byId, button, message, saveFile, showNumber } from "./dom.ts";
import { lookAfter, remembered, type Published, type Standing } from "./safety-net.ts";
import type { Session } from "./session.ts";
import { errorCode, explain } from "./messages.ts";

// Then every five minutes, as long as the page is open.
const POLLS_MS = [1000, 2000, 4000, 8000, 15_000, 30_000, 60_000];
export const LATER_MS = 300_000;

/** Somewhat sooner or later, so that a thousand devices do not ask at the same moment, and a device is not known by its
 * rhythm. */
export function jittered(milliseconds: number): number {
  return milliseconds * (0.75 + Math.random() / 2);
}

// Of these nothing more is to come.
const FINAL = ["found", "superseded", "broken", "cancelled"];

// Of these a voter should know without looking.
const TROUBLE = ["again", "refused", "broken", "cancelled"];

// Only the latest call goes on looking.
let calls = 0;

/** Shows the number of this ballot, and looks for it in the log, as long as `isCurrent` says that it is the voter's
 * last one. */
export function trackBallot(
  ballot: SentBallot,
  session: Session,
  published: Published,
  isCurrent: () => boolean,
): void {
  showNumber(byId("tracking"), ballot.ballot_id);
  showBatch(ballot);
  button("save-receipt").hidden = true;
  show(remembered(ballot), ballot);
  if (FINAL.includes(remembered(ballot).state)) return;
  const call = ++calls;
  const look = async (round: number): Promise<void> => {
    if (call !== calls || !isCurrent()) return;
    try {
      const standing = await lookAfter(session, published);
      if (!isCurrent()) return;
      const now = session.last ?? ballot;
      if (standing !== null) show(standing, now);
      showBatch(now);
      if (standing !== null && FINAL.includes(standing.state)) return;
    } catch (error) {
      if (["receipt-invalid", "setup-log"].includes(errorCode(error))) showTrouble(message("receipt-invalid"));
    }
    setTimeout(() => void look(round + 1), jittered(POLLS_MS[round] ?? LATER_MS));
  };
  void look(0);
}

/** The number of the publication in which the ballot stands, or for which it is promised. */
export function batchOf(ballot: SentBallot): number | null {
  return ballot.place?.batch ?? promisedBatches(ballot).at(-1) ?? null;
}

function showBatch(ballot: SentBallot): void {
  const batch = batchOf(ballot);
  byId("publication").textContent = batch === null ? "" : message("publication", { batch });
}

function showTrouble(text: string): void {
  document.getElementById("checking")?.setAttribute("open", "");
  showState(text);
}

function showState(text: string): void {
  byId("batch-state").textContent = text;
}

function show(standing: Standing, ballot: SentBallot): void {
  // What is as it should be stays closed; what is not opens by itself.
  (TROUBLE.includes(standing.state) ? showTrouble : showState)(sentence(standing, ballot));
  const evidence = document.getElementById("save-missing");
  if (evidence !== null) evidence.hidden = !["again", "refused", "broken"].includes(standing.state);
  if (standing.state !== "found") return;
  const keep = button("save-receipt");
  keep.hidden = false;
  keep.onclick = () => saveFile("stembus-receipt.txt", standing.receipt, "text/plain");
}

function sentence(standing: Standing, ballot: SentBallot): string {
  switch (standing.state) {
    case "found":
      return message(standing.late ? "found-late" : "found", { index: standing.index });
    case "again":
      return message("handed-in-again", { missed: standing.missed, batch: standing.batch });
    case "refused":
      return ["out-of-turn", "cancelled"].includes(errorCode(standing.error))
        ? explain(standing.error)
        : message("not-taken-again", { missed: standing.missed });
    case "waiting":
      return promisedBatches(ballot).length > 1
        ? message("handed-in-again", {
            missed: promisedBatches(ballot).at(-2) ?? 0,
            batch: promisedBatches(ballot).at(-1) ?? 0,
          })
        : message("waiting", { batch: promisedBatches(ballot).at(-1) ?? 0 });
    case "broken":
      return message("promise-broken");
    default:
      return message(standing.state);
  }
}

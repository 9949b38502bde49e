// After the cast: shows where the promised ballot stands, and saves its receipt.
//
// Decides how often to look until the ballot's batch is in the log. Leaves finding the ballot, and checking its
// receipt, to `core/receipt`.

import { fromHex } from "../core/bytes.ts";
import { findBallot, type PromiseRecord } from "../core/receipt.ts";
import type { ReadLogFile } from "../core/log.ts";
import type { Setup } from "../core/setup.ts";
import { byId, button, message, saveFile, showNumber } from "./dom.ts";
import { fetchSignposts } from "./services.ts";
import { errorCode } from "./messages.ts";

const POLLS_MS = [1000, 2000, 4000, 8000, 15_000, 30_000, 60_000];

/** Shows the number of the ballot in a checked promise, and looks for it in the log, as long as `isCurrent` says that
 * this is the voter's last promise. Returns what the promise says. */
export function trackBallot(
  text: string,
  setup: Setup,
  readLogFile: ReadLogFile,
  signposts: string,
  isCurrent: () => boolean,
): PromiseRecord {
  const promise = JSON.parse(text) as PromiseRecord;
  showNumber(byId("tracking"), promise.ballot_id);
  byId("publication").textContent = message("publication", { batch: promise.batch });
  showState(message("waiting", { batch: promise.batch }));
  button("save-receipt").hidden = true;
  const wanted = { ballotId: fromHex(promise.ballot_id), castHash: fromHex(promise.cast_hash), batch: promise.batch };
  const search = async (round: number): Promise<void> => {
    if (!isCurrent()) return;
    try {
      const found = await findBallot(readLogFile, setup, wanted, await fetchSignposts(signposts, promise.batch));
      if (!isCurrent()) return;
      if (found.state === "found") return showFound(found.index, found.receipt);
      if (found.state === "missing") return showState(message("missing"));
    } catch (error) {
      if (["receipt-invalid", "setup-log"].includes(errorCode(error))) showState(message("receipt-invalid"));
    }
    const pause = POLLS_MS[round];
    if (pause !== undefined) setTimeout(() => void search(round + 1), pause);
  };
  void search(0);
  return promise;
}

function showState(text: string): void {
  byId("batch-state").textContent = text;
}

function showFound(index: number, receipt: string): void {
  showState(message("found", { index }));
  const keep = button("save-receipt");
  keep.hidden = false;
  keep.onclick = () => saveFile("stembus-receipt.txt", receipt, "text/plain");
}

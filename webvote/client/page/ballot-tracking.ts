// After the cast: looks for the promised ballot now and then, until its batch is in the log.
import { fromHex } from "../core/bytes.ts";
import { findBallot } from "../core/receipt.ts";
import type { Fetch } from "../core/log.ts";
import type { Setup } from "../core/setup.ts";
import { byId, button, message, save } from "./dom.ts";
import { trackingCode } from "./link-formats.ts";
import { askSignposts } from "./services.ts";
import { codeOf } from "./messages.ts";

const POLLS_MS = [1000, 2000, 4000, 8000, 15_000, 30_000, 60_000];

interface Promised {
  readonly ballot_id: string;
  readonly batch: number;
  readonly cast_hash: string;
}

/** Shows the tracking code of a checked promise, and follows its ballot while `current` says that it is this voter's
 * last. Returns the tracking code. */
export function follow(text: string, setup: Setup, readLog: Fetch, signposts: string, current: () => boolean): string {
  const promise = JSON.parse(text) as Promised;
  const tracking = trackingCode(promise.ballot_id, promise.batch);
  byId("tracking").textContent = tracking;
  showState(message("waiting", { batch: promise.batch }));
  button("save-receipt").hidden = true;
  const wanted = { ballotId: fromHex(promise.ballot_id), castHash: fromHex(promise.cast_hash), batch: promise.batch };
  const look = async (round: number): Promise<void> => {
    if (!current()) return;
    try {
      const found = await findBallot(readLog, setup, wanted, await askSignposts(signposts, promise.batch));
      if (!current()) return;
      if (found.state === "found") return showFound(found.index, found.receipt);
      if (found.state === "missing") return showState(message("missing"));
    } catch (error) {
      if (["receipt-invalid", "setup-log"].includes(codeOf(error))) showState(message("receipt-invalid"));
    }
    const pause = POLLS_MS[round];
    if (pause !== undefined) setTimeout(() => void look(round + 1), pause);
  };
  void look(0);
  return tracking;
}

function showState(text: string): void {
  byId("batch-state").textContent = text;
}

function showFound(index: number, receipt: string): void {
  showState(message("found", { index }));
  const keep = button("save-receipt");
  keep.hidden = false;
  keep.onclick = () => save("stembus-receipt.txt", receipt, "text/plain");
}

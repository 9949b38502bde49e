// The page that finds a ballot in the public log.
//
// Decides what each answer means to a voter. All ballots of the promised batch (or, for a number alone, of all batches)
// are fetched and searched here, so no request says which one is meant. Leaves the search to `core/find-ballot`.

import { findBallot } from "../core/find-ballot.ts";
import { fromHex, hex } from "../core/bytes.ts";
import { ClientError } from "../core/errors.ts";
import { loadSetup } from "../core/setup.ts";
import {
  announceStart,
  byId,
  reloadOnNewFragment,
  message,
  onSubmit,
  saveFile,
  showError,
  takeFragment,
} from "./dom.ts";
import { takeOver } from "./hand-over.ts";
import { formatTrackingCode, parseTrackingCode } from "./link-formats.ts";
import { fetchSignposts, publishedLog } from "./services.ts";

const app = byId("app");
const readLogFile = publishedLog(app.dataset.log ?? "/log/");

async function track(): Promise<void> {
  showError("");
  const outcome = byId("outcome");
  const receipt = byId<HTMLButtonElement>("save-receipt");
  outcome.textContent = "";
  receipt.hidden = true;
  let wanted: ReturnType<typeof parseTrackingCode> | null = null;
  let checked = false;
  try {
    const field = byId<HTMLTextAreaElement>("tracking");
    wanted = parseTrackingCode(field.value);
    field.value = formatTrackingCode(hex(wanted.ballotId), wanted.batch);
    const setup = await loadSetup(readLogFile, fromHex(app.dataset.referendum ?? ""));
    checked = true;
    let found = await findBallot(
      readLogFile,
      setup,
      { ...wanted, castHash: null },
      wanted.batch === null ? [] : await fetchSignposts(app.dataset.signposts ?? "", wanted.batch),
    );
    // It may have come in another batch than the promised one, and counts there as well.
    if (found.state === "missing" && wanted.batch !== null) {
      const anywhere = await findBallot(readLogFile, setup, { ...wanted, castHash: null, batch: null });
      if (anywhere.state === "found") found = anywhere;
    }
    if (found.state !== "found") {
      outcome.textContent = absence(found.state, wanted.batch);
      return;
    }
    outcome.textContent = message(found.superseded ? "found-superseded" : "found", { index: found.index });
    receipt.hidden = false;
    receipt.onclick = () => saveFile("stembus-receipt.txt", found.receipt, "text/plain");
  } catch (error) {
    const code = error instanceof ClientError ? error.code : "broken";
    if (code === "receipt-waits") outcome.textContent = absence("waiting", wanted?.batch ?? null);
    else if (code.startsWith("setup")) showError(message(checked ? "receipt-invalid" : "setup"));
    else showError(message(code));
  }
}

/** What a voter is told of a ballot that was looked for in one batch or, without its number, in all. */
function absence(state: "waiting" | "missing", batch: number | null): string {
  if (batch === null) return message(state === "missing" ? "not-in-log" : "not-in-log-yet");
  return message(state === "missing" ? "not-in-batch" : "waiting", { batch });
}

onSubmit("form-track", track);
const handed = takeOver("tracking");
const fragment = takeFragment().slice(1) || handed;
if (fragment !== "") {
  byId<HTMLTextAreaElement>("tracking").value = fragment;
  void track();
}
reloadOnNewFragment();
// Else the start script says that the browser is too old.
if ("subtle" in crypto) announceStart();

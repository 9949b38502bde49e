// The first step of every page where people vote.
//
// Decides whether this browser is able to vote, and shows a step of its own when voting is not possible. Leaves
// checking the referendum to `core/setup`.

import { fromHex, groupedHex, hex } from "../core/bytes.ts";
import type { ReadLogFile } from "../core/log.ts";
import { loadSetup, type Setup } from "../core/setup.ts";
import { byId, onClick, showStep } from "./dom.ts";
import { showStopped } from "./messages.ts";

/** The checked referendum of this id, as it stands in the letter; null when the page says why nobody can vote here. */
export async function loadReferendum(readLogFile: ReadLogFile, letterReferendumId: string): Promise<Setup | null> {
  if (!("subtle" in crypto)) {
    showStep("old");
    return null;
  }
  onClick("again", () => location.reload());
  const referendum = fromHex(letterReferendumId);
  byId("referendum").textContent = groupedHex(hex(referendum));
  try {
    return await loadSetup(readLogFile, referendum);
  } catch (error) {
    showStopped(error);
    return null;
  }
}

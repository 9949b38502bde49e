// The first thing on every page where people vote: is this browser able, and is this the letter's referendum?
import { fromHex, groupedHex, hex } from "../core/bytes.ts";
import type { ReadLogFile } from "../core/log.ts";
import { loadSetup, type Setup } from "../core/setup.ts";
import { byId, onClick, showStep } from "./dom.ts";
import { showStopped } from "./messages.ts";

/** Checks the referendum that `identity` names; null when the page has said why nobody can vote here now. */
export async function loadReferendum(readLogFile: ReadLogFile, letterReferendumId: string): Promise<Setup | null> {
  if (!("subtle" in crypto) || typeof BigInt === "undefined" || !("timeout" in AbortSignal)) {
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

// The first thing on every page where people vote: is this browser able, and is this the letter's referendum?
import { fromHex, hex } from "../core/bytes.ts";
import type { Fetch } from "../core/log.ts";
import { loadSetup, type Setup } from "../core/setup.ts";
import { byId, grouped, on, showStep } from "./dom.ts";
import { stop } from "./messages.ts";

/** Checks the referendum that `identity` names; null when the page has said why nobody can vote here now. */
export async function openBooth(readLog: Fetch, identity: string): Promise<Setup | null> {
  if (!("subtle" in crypto) || typeof BigInt === "undefined" || !("timeout" in AbortSignal)) {
    showStep("old");
    return null;
  }
  on("again", () => location.reload());
  const referendum = fromHex(identity);
  byId("referendum").textContent = grouped(hex(referendum));
  try {
    return await loadSetup(readLog, referendum);
  } catch (error) {
    stop(error);
    return null;
  }
}

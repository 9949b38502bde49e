// What happens to the referendum while somebody is on the page: the voting ends, or is cancelled.
//
// Decides when the page looks, and that only who has sent nothing yet is stopped: a vote on its way goes on. Leaves the
// words to `messages`.

import { ClientError } from "../core/errors.ts";
import { isVotingOver } from "../core/manifest-rules.ts";
import type { Manifest } from "../core/manifest.ts";
import { byId } from "./dom.ts";
import { showStopped } from "./messages.ts";
import { leadsToStart, servedTime } from "./services.ts";

const LOOK_MS = 60_000;
// Steps of somebody who has sent nothing yet.
const BEFORE = ["code", "ballot", "review", "test"];

/** By the site's own clock. */
export function isOver(manifest: Manifest): boolean {
  return isVotingOver(manifest, servedTime());
}

export function watchPhase(manifest: Manifest): void {
  const look = async (): Promise<void> => {
    const asked = document.visibilityState === "visible" && BEFORE.some(isShown);
    const cancelled = asked && (await leadsToStart(location.pathname).catch(() => false));
    // Asked again: meanwhile the vote may have been sent.
    if (BEFORE.some(isShown)) {
      if (cancelled) showStopped(new ClientError("cancelled"));
      else if (isOver(manifest)) showStopped(new ClientError("closed"));
    }
  };
  setInterval(() => void look(), LOOK_MS);
  document.addEventListener("visibilitychange", () => void look());
}

function isShown(step: string): boolean {
  return !byId(`step-${step}`).hidden;
}

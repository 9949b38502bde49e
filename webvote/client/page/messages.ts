// Failures in the voter's words: one sentence for each error code, from the page's own list of sentences.
//
// Decides which failures end the visit, which may pass by themselves, and how a step reports its failure. Leaves the
// sentences to the templates.

import { ClientError } from "../core/errors.ts";
import { byId, message, showStatus, showError, showStep } from "./dom.ts";

// After these errors nothing can be done on this page until later.
const BLOCKING = ["not-open-yet", "closed", "cancelled", "storage", "setup"];
// The last two: the box or the log came back from an older copy, and takes nothing until that is mended.
const TRANSIENT = ["network", "broken", "too-often", "unavailable", "database-behind", "log-behind", "registrar-away"];

export const errorCode = (error: unknown): string => (error instanceof ClientError ? error.code : "broken");

/** Whether the same step may succeed a moment later. */
export const isTransient = (error: unknown): boolean => TRANSIENT.includes(errorCode(error));

export const isBlocking = (error: unknown): boolean => BLOCKING.includes(errorCode(error));

function detail(error: unknown, name: string): unknown {
  const known =
    error instanceof ClientError && "detail" in error ? (error.detail as Readonly<Record<string, unknown>>) : {};
  return known[name];
}

export function explain(error: unknown): string {
  const code = errorCode(error);
  const left = detail(error, "left");
  if (code === "setup-not-open") return message("not-open-yet");
  if (["setup-id", "setup-witnesses", "setup-cancelled"].includes(code)) return message(code);
  if (code.startsWith("setup")) return message("setup");
  return message(code, typeof left === "number" ? { left } : {});
}

/** Says that nothing more can be done here now. A page that contradicts the letter, and a vote that was cancelled, offer no
 * second try. */
export function showStopped(error: unknown): void {
  const code = errorCode(error);
  byId("stop-reason").textContent = explain(error);
  showStatus("");
  const final = code.startsWith("setup-") && code !== "setup-witnesses" && code !== "setup-not-open";
  byId("other-places").hidden = ["closed", "cancelled", "setup-cancelled", "too-many-casts"].includes(code);
  byId("again").hidden = final || ["cancelled", "too-many-casts"].includes(code);
  showStep("stop");
}

/** When something was tried in vain: now, by this device's clock. */
export function showLastTry(language: string): void {
  const time = new Date().toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  byId("last-try").textContent = message("last-try", { time });
}

/** Runs the step of a button, unless it is running already; `failed` decides what is shown after an error. The button
 * is not disabled, because that would take the focus from it. */
export async function runOnce(
  button: HTMLButtonElement,
  busy: string,
  work: () => Promise<void>,
  failed: (error: unknown) => void,
): Promise<void> {
  if (button.getAttribute("aria-disabled") === "true") return;
  showError("");
  showStatus(message(busy));
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } catch (error) {
    failed(error);
  } finally {
    button.removeAttribute("aria-disabled");
    showStatus("");
  }
}

// Failures in the voter's words: one sentence for each stable name, on the page's own list of sentences.
import { ClientError } from "../core/errors.ts";
import { byId, message, say, showError, showStep } from "./dom.ts";

// After these nothing on this page can help until later.
const STOPS = ["not-open-yet", "closed", "storage", "setup"];
const PASSING = ["network", "broken", "too-often"];

export const codeOf = (error: unknown): string => (error instanceof ClientError ? error.code : "broken");

/** Whether the same thing may go well in a moment. */
export const isPassing = (error: unknown): boolean => PASSING.includes(codeOf(error));

export const stops = (error: unknown): boolean => STOPS.includes(codeOf(error));

function detail(error: unknown, name: string): unknown {
  const known =
    error instanceof ClientError && "detail" in error ? (error.detail as Readonly<Record<string, unknown>>) : {};
  return known[name];
}

export function explain(error: unknown): string {
  const code = codeOf(error);
  const left = detail(error, "left");
  if (code === "setup-not-open") return message("not-open-yet");
  if (code === "setup-witnesses" || code === "setup-cancelled") return message(code);
  if (code.startsWith("setup")) return message("setup");
  return message(code, typeof left === "number" ? { left } : {});
}

/** Nothing more can be done here now. A page that contradicts the letter offers no second try. */
export function stop(error: unknown): void {
  const code = codeOf(error);
  byId("stop-reason").textContent = explain(error);
  say("");
  byId("again").hidden = code.startsWith("setup-") && code !== "setup-witnesses" && code !== "setup-not-open";
  showStep("stop");
}

/** Runs a step once at a time; `failed` has the last word on what is shown. The button is not disabled, which would
 * take the focus from it. */
export async function attempt(
  button: HTMLButtonElement,
  busy: string,
  work: () => Promise<void>,
  failed: (error: unknown) => void,
): Promise<void> {
  if (button.ariaDisabled === "true") return;
  showError("");
  say(message(busy));
  button.ariaDisabled = "true";
  try {
    await work();
  } catch (error) {
    failed(error);
  } finally {
    button.ariaDisabled = null;
    say("");
  }
}

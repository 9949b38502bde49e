// The step in which a voter types the letter's code and the second factor.
//
// Decides how the code looks while it is typed, and which field a refusal belongs to. Leaves reading both to `core/code`
// and `core/factor`, and what follows to the booth.

import { parseCode } from "../core/code.ts";
import { normaliseFactor } from "../core/factor.ts";
import type { Manifest } from "../core/manifest.ts";
import { byId, button, fieldError, markTitle, message, showError } from "./dom.ts";
import { errorCode, explain, isBlocking, runOnce, showStopped } from "./messages.ts";

const GROUP = 4;

/** Writes a dash after each whole group. While somebody types in the middle, or takes something away, nothing jumps. */
export function groupCode(field: HTMLInputElement): void {
  field.addEventListener("input", (event) => {
    const { inputType = "" } = event as InputEvent;
    if (inputType.startsWith("delete") || field.selectionStart !== field.value.length) return;
    field.value = grouped(field.value);
  });
  field.addEventListener("change", () => {
    field.value = grouped(field.value);
  });
}

function grouped(typed: string): string {
  const symbols = [...typed.toUpperCase().replace(/[^\p{L}\p{N}]/gu, "")];
  const groups: string[] = [];
  for (let at = 0; at < symbols.length; at += GROUP) groups.push(symbols.slice(at, at + GROUP).join(""));
  return groups.join("-");
}

export interface TypedLetter {
  readonly symbols: string;
  readonly factor: string;
}

// The field to correct after a registrar's refusal.
const WRONG_FIELD = new Map([
  ["factor-wrong", "factor"],
  ["credential-unknown", "code"],
]);

/** Reads both fields, says what is wrong with them, and begins with what is right. */
export async function submitCode(
  kind: Manifest["second_factor"]["kind"],
  begin: (typed: TypedLetter) => Promise<void>,
): Promise<void> {
  const [code, factor] = [byId<HTMLInputElement>("code"), byId<HTMLInputElement>("factor")];
  const typed = { symbols: "", factor: "" };
  for (const [input, parse] of [
    [factor, () => (typed.factor = normaliseFactor(kind, factor.value))],
    [code, () => (typed.symbols = parseCode(code.value))],
  ] as const) {
    try {
      parse();
      fieldError(input, byId(`${input.id}-error`), "");
    } catch (error) {
      const count = [...code.value.replace(/[^\p{L}\p{N}]/gu, "")].length;
      const key = input === code && count === 0 ? "code-empty" : errorCode(error);
      fieldError(input, byId(`${input.id}-error`), message(key, { count }));
      input.focus();
    }
  }
  const wrong = typed.symbols === "" || typed.factor === "";
  markTitle(wrong);
  if (!wrong) await runOnce(button("submit-code"), "busy-letter", () => begin(typed), showRefusal);
}

function showRefusal(error: unknown): void {
  if (isBlocking(error)) return showStopped(error);
  const wrong = WRONG_FIELD.get(errorCode(error));
  if (wrong === undefined) return showError(explain(error));
  markTitle(true);
  fieldError(byId(wrong), byId(`${wrong}-error`), explain(error));
  byId(wrong).focus();
}

// What one page of this site hands to the next one on the same device: by the browser's storage and not by an address,
// which would stay in the browser's history.
//
// Decides that it is taken once. Leaves what it is to the pages. Without storage the next page asks for it.

import { PREFIX } from "./storage.ts";

type Kind = "test" | "tracking" | "removed";

/** A new tab of this site has a session of its own: a test is handed over by what all tabs share. */
function storeOf(kind: Kind): Storage {
  return kind === "test" ? localStorage : sessionStorage;
}

export function handOver(kind: Kind, text: string): void {
  try {
    storeOf(kind).setItem(`${PREFIX}/${kind}`, text);
  } catch {
    // the next page asks for it
  }
}

/** Empty where nothing was handed over. */
export function takeOver(kind: Kind): string {
  try {
    const text = storeOf(kind).getItem(`${PREFIX}/${kind}`) ?? "";
    storeOf(kind).removeItem(`${PREFIX}/${kind}`);
    return text;
  } catch {
    return "";
  }
}

// Key files on the trustees' page: making one, choosing one, and seeing that a copy opens.
//
// Decides how a passphrase is weighed, and that what was written is opened before anybody relies on it.

import { openWithPassphrase, sealWithPassphrase } from "../trustee/sealed.ts";
import { keyBytes, newTrusteeKey, parseTrusteeKey, publicKeyOf, type TrusteeKey } from "../trustee/key-file.ts";
import type { Bytes } from "../core/bytes.ts";
import { byId, button, fieldError, message, saveFile, showStatus } from "./dom.ts";
import { fingerprint } from "./trustee-view.ts";

const [SHORTEST, FEWEST] = [16, 6];

/** Also a text area, of which no more is used. */
export function field(id: string): HTMLInputElement {
  return byId<HTMLInputElement>(id);
}

export async function bytesOf(input: HTMLInputElement): Promise<Bytes | null> {
  const chosen = input.files?.[0];
  return chosen === undefined ? null : new Uint8Array(await chosen.arrayBuffer());
}

export const working = (key: string) => (part: number) => showStatus(`${message(key)} ${Math.round(100 * part)} %`);

export async function make(): Promise<void> {
  const [number, first, second] = [field("number"), field("new-passphrase"), field("again-passphrase")];
  const isNumber = /^([1-9]|[12][0-9]|3[0-2])$/.test(number.value.trim());
  fieldError(number, byId("number-error"), isNumber ? "" : message("number-wrong"));
  if (!isNumber) return number.focus();
  const weak = first.value.length < SHORTEST || new Set(first.value).size < FEWEST;
  const wrong = first.value === second.value ? "" : message("not-same");
  fieldError(first, byId("new-error"), weak ? message("too-weak") : wrong);
  if (weak || wrong !== "") return first.focus();
  const [key, name] = [newTrusteeKey(), `trustee-${number.value.trim()}`];
  const sealed = await sealWithPassphrase(keyBytes(key), first.value, working("sealing"));
  // What was written is opened before anybody relies on it.
  parseTrusteeKey(await openWithPassphrase(sealed, first.value, working("opening")));
  const known = { role: "trustee", name, key: publicKeyOf(key) };
  byId("made").hidden = false;
  byId("made-fingerprint").textContent = fingerprint(known.key);
  button("save-key").onclick = () => saveFile(`${name}.key`, sealed, "application/json");
  button("save-public").onclick = () =>
    saveFile(`${name}.json`, `${JSON.stringify(known, null, 1)}\n`, "application/json");
  for (const input of [first, second]) input.value = "";
  button("save-key").focus();
}

/** Before there is a referendum: that a copy of the key file opens. */
export function showOpened(key: TrusteeKey): void {
  byId("opens").hidden = false;
  byId("opens-fingerprint").textContent = fingerprint(publicKeyOf(key));
}

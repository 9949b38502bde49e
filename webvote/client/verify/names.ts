// Names and texts that people chose: documents, files of the client, incidents (docs/protocol.md, 3.7 and 6.2).

import type { Manifest, Texts } from "../core/manifest.ts";
import { isPlainText } from "../core/text.ts";

const TEXT_CHARACTERS = 4000;
const DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i;

export function isDocumentName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name) && !name.endsWith(".") && !DEVICE.test(name);
}

/** A path below the client's address. */
export function isClientPath(path: string): boolean {
  const plain = path.length <= 200 && /^[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*$/.test(path);
  return plain && !path.split("/").some((part) => part === "." || part === "..");
}

export function isRelease(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/.test(name);
}

/** What is wrong with something that people read. */
export function textProblem(text: string): string | null {
  return isPlainText(text, TEXT_CHARACTERS)
    ? null
    : "a text that is empty, too long, or has a character or a space too many";
}

/** Of an incident, a cancellation or an end; `before` is the text of the incident before this one. */
export function textsProblem({ languages }: Manifest, texts: Texts, before: Texts | null = null): string | null {
  const [main = ""] = languages;
  const given = Object.keys(texts);
  if (!given.includes(main) || !given.every((language) => languages.includes(language)))
    return `its text is in ${main}, and in languages of the manifest`;
  for (const language of given) {
    const problem = textProblem(texts[language] ?? "");
    if (problem !== null) return `${problem} (${language})`;
  }
  const same =
    before !== null &&
    Object.keys(before).length === given.length &&
    given.every((language) => before[language] === texts[language]);
  return same ? "the incident before it has the same text" : null;
}

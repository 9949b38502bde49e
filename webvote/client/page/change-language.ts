// Another language on the same page: its words take the place of these, and what was typed and chosen stays.
//
// Decides which words change: those that came with the page. What a script has written since is left to the caller, who
// writes it anew. Both pages come from one template, so they differ in words and not in shape; where they do, as where a
// script has added something, nothing is changed.

import { byId, message, showError, titleOf } from "./dom.ts";

// On these steps another language takes nothing away; elsewhere the page is loaded in it.
const STEPS = ["code", "ballot", "review", "test"];
const WORDS = ["aria-label", "lang", "dir", "alt", "href"];

/** Links to other languages change the words alone, on the steps where something could get lost; `speakAnew` writes what
 * scripts have written. */
export function keepOnLanguageChange(speakAnew: () => void): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>("[data-language-link]"))
    link.addEventListener("click", (event) => {
      const step = STEPS.find((name) => !byId(`step-${name}`).hidden);
      if (step === undefined) return;
      event.preventDefault();
      void change(link.href, step, speakAnew);
    });
}

async function change(address: string, step: string, speakAnew: () => void): Promise<void> {
  showError("");
  try {
    const other = await fetchPage(address);
    // Whoever went on meanwhile reads on in this language: what scripts have written by now is in it.
    if (byId(`step-${step}`).hidden) return;
    takeWords(other, address);
    speakAnew();
    titleOf(step);
  } catch {
    showError(message("network"));
  }
}

function takeWords(other: Document, address: string): void {
  const root = document.documentElement;
  const [app, otherApp] = [document.getElementById("app"), other.getElementById("app")];
  if (app === null || otherApp === null) return;
  copyAttributes(other.documentElement, root, WORDS);
  exchange(other.body, document.body);
  copyAttributes(otherApp, app, ["data-language", "data-check", "data-vote"]);
  for (const link of document.querySelectorAll<HTMLAnchorElement>("[data-language-link]"))
    if (link.lang === root.lang) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  const note = document.querySelector<HTMLElement>(".translation");
  if (note !== null) note.hidden = other.querySelector<HTMLElement>(".translation")?.hidden ?? true;
  document.title = other.title;
  history.replaceState(history.state, "", address);
}

/** Parsed by the browser as it parses any page, without running anything in it. Throws when the page cannot be had, or the
 * address leads to another one. */
function fetchPage(address: string): Promise<Document> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = 30_000;
    request.onload = () => {
      const page = request.responseURL === address ? request.responseXML : null;
      if (request.status === 200 && page !== null) resolve(page);
      else reject(new Error("page"));
    };
    request.onerror = request.ontimeout = () => reject(new Error("page"));
    request.send();
  });
}

function exchange(from: Node, into: Node): void {
  if (from.childNodes.length !== into.childNodes.length) return;
  for (const [k, fresh] of from.childNodes.entries()) {
    const old = into.childNodes[k];
    if (old === undefined || old.nodeName !== fresh.nodeName) continue;
    if (old instanceof Text) old.data = fresh.textContent ?? "";
    if (!(old instanceof Element)) continue;
    copyAttributes(fresh as Element, old, WORDS);
    exchange(fresh, old);
  }
}

function copyAttributes(from: Element, into: Element, names: readonly string[]): void {
  for (const name of names) {
    const value = from.getAttribute(name);
    if (value !== null) into.setAttribute(name, value);
  }
}

// The few things that the pages do to their document.
//
// Decides that text goes in as text and never as markup, and where the focus goes when a step is shown. Leaves all
// sentences to the templates: they stand in the page, in the voter's language.

import { numberGroups } from "./link-formats.ts";

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found as T;
}

export function button(id: string): HTMLButtonElement {
  return byId<HTMLButtonElement>(id);
}

/** Tells the start script that this page's own script runs. */
export function announceStart(): void {
  document.documentElement.setAttribute("data-started", "");
}

/** Runs `work` at a click on the element with this id. */
export function onClick(id: string, work: () => unknown): void {
  byId(id).addEventListener("click", () => void work());
}

/** Runs `work` when the form with this id is submitted, instead of a request to the site. */
export function onSubmit(id: string, work: () => unknown): void {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    void work();
  });
}

/** The translated sentence with this key, its {placeholders} filled in. */
export function message(key: string, values: Readonly<Record<string, string | number>> = {}): string {
  const item =
    document.querySelector(`#messages [data-key="${CSS.escape(key)}"]`) ??
    document.querySelector('#messages [data-key="broken"]');
  return (item?.textContent ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Shows one step of the page, moves the focus to its heading, and marks the progress. */
export function showStep(step: string, progress?: string): void {
  for (const section of document.querySelectorAll<HTMLElement>("section[id^=step-]"))
    section.hidden = section.id !== `step-${step}`;
  for (const part of document.querySelectorAll<HTMLElement>("[data-steps]"))
    part.hidden = !part.dataset.steps?.split(" ").includes(step);
  const list = document.getElementById("progress");
  if (list !== null) {
    list.hidden = progress === undefined;
    for (const item of list.querySelectorAll<HTMLElement>("[data-step]")) {
      if (item.dataset.step === progress) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
  }
  window.scrollTo(0, 0);
  titleOf(step)?.focus();
}

/** The heading of a step, which the page's title begins with from now on. */
export function titleOf(step: string): HTMLElement | null {
  const heading = document.querySelector<HTMLElement>(`#step-${step} h1`);
  document.title = [heading?.textContent, ...document.title.split(" - ").slice(-1)].join(" - ");
  return heading;
}

/** Says in the page's title that something is to be corrected; the next step has a title of its own. */
export function markTitle(wrong: boolean): void {
  const mark = `${message("error-title")} `;
  const title = document.title.startsWith(mark) ? document.title.slice(mark.length) : document.title;
  document.title = wrong ? mark + title : title;
}

export function showError(text: string): void {
  const box = byId("error");
  box.textContent = text;
  box.hidden = text === "";
  if (text !== "") box.focus();
}

/** Shows the number of a ballot: sixteen groups of four characters, read and compared one by one. */
export function showNumber(target: HTMLElement, ballotId: string): void {
  const groups = numberGroups(ballotId).map((group) => {
    const span = document.createElement("span");
    span.textContent = group;
    return span;
  });
  target.replaceChildren(...groups.flatMap((span) => [span, " "]));
}

export function showStatus(text: string): void {
  byId("status").textContent = text;
}

/** Marks a field as wrong, in words beside it; an empty text takes the mark away. */
export function fieldError(input: HTMLElement, error: HTMLElement, text: string): void {
  error.textContent = text;
  if (text === "") input.removeAttribute("aria-invalid");
  else input.setAttribute("aria-invalid", "true");
}

/** Offers bytes or text as a file. */
export function saveFile(name: string, content: string | Uint8Array<ArrayBuffer>, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Reads the data after the `#` of the address, and removes it there. The id of an element on the page is no data. */
export function takeFragment(): string {
  const fragment = carriesData() ? location.hash : "";
  history.replaceState(null, "", location.pathname);
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function carriesData(): boolean {
  return location.hash !== "" && document.getElementById(location.hash.slice(1)) === null;
}

/** A link that is scanned while the page is open changes only the fragment: loads the page again to read it. */
export function reloadOnNewFragment(): void {
  addEventListener("hashchange", () => carriesData() && location.reload());
}

// The page on which anybody checks a whole referendum: one file, which is its own worker as well.
//
// Decides what is asked, what is shown while it runs, and how the report is told: first for people, then line by line in
// the words of the command, then as data to keep. Leaves every judgment to `verify`.

import "./mldsa.ts";
import { fromHex } from "../core/bytes.ts";
import { ClientError } from "../core/errors.ts";
import type { Manifest } from "../core/manifest.ts";
import { AddressPlace } from "../verify/address.ts";
import { verify } from "../verify/engine.ts";
import { CannotRead, type Place } from "../verify/place.ts";
import type { Pool } from "../verify/pool.ts";
import { reportData, reportLines } from "../verify/report-text.ts";
import { Report } from "../verify/report.ts";
import { ZipPlace } from "../verify/zip.ts";
import { byId, button, fieldError, message, onClick, onSubmit, saveFile, showError, showStatus } from "./dom.ts";
import { serveAsWorker, startPool } from "./own-worker.ts";

const LOOKS: Readonly<Record<string, string>> = { "outcome-0": "good", "outcome-1": "error" };

if (typeof document === "undefined") serveAsWorker();
else openPage();

function openPage(): void {
  const [file, address, identity] = ["zip", "address", "identity"].map((id) => byId<HTMLInputElement>(id)) as [
    HTMLInputElement,
    HTMLInputElement,
    HTMLInputElement,
  ];
  let last: Report | null = null;

  async function start(): Promise<void> {
    showError("");
    byId("report").hidden = true;
    const asked = identityOf(identity);
    const chosen = file.files?.[0];
    if (asked === undefined) return identity.focus();
    if (chosen === undefined && address.value.trim() === "") return showError(message("nothing-chosen"));
    if (chosen === undefined && !/^https?:\/\//i.test(address.value.trim())) return showError(message("no-address"));
    const submit = button("start");
    if (submit.getAttribute("aria-disabled") === "true") return;
    submit.setAttribute("aria-disabled", "true");
    const pool = startPool();
    try {
      const began = Date.now();
      const once = (): Promise<Report> => judge(() => open(chosen, address.value.trim()), asked, pool);
      last = await once();
      // What came over a network is fetched once more before it is called wrong (6.3 of the protocol).
      if (chosen === undefined && last.established === false) last = await once();
      show(last, Math.max(1, Math.round((Date.now() - began) / 1000)));
    } finally {
      pool.end();
      submit.removeAttribute("aria-disabled");
      showStatus("");
    }
  }

  onSubmit("form-verify", start);
  file.addEventListener("change", () => {
    if (file.files?.length) address.value = "";
  });
  address.addEventListener("input", () => {
    if (address.value !== "") file.value = "";
  });
  onClick("save-report", () => {
    if (last !== null) saveFile("stembus-report.json", JSON.stringify(reportData(last), null, 1), "application/json");
  });
  takeDrops(file, () => {
    address.value = "";
  });
}

/** The id that was typed; null for none, undefined for what is none. */
function identityOf(field: HTMLInputElement): Uint8Array | null | undefined {
  const typed = field.value.replace(/\s/g, "").toLowerCase();
  const wrong = typed !== "" && !/^[0-9a-f]{64}$/.test(typed);
  fieldError(field, byId("identity-error"), wrong ? message("identity-wrong") : "");
  if (wrong) return undefined;
  return typed === "" ? null : fromHex(typed);
}

async function open(file: File | undefined, address: string): Promise<Place> {
  if (file === undefined) return new AddressPlace(address);
  const slice = async (from: number, to: number): Promise<Uint8Array> =>
    new Uint8Array(await file.slice(from, to).arrayBuffer());
  return ZipPlace.open({ size: file.size, slice });
}

async function judge(place: () => Promise<Place>, asked: Uint8Array | null, pool: Pool): Promise<Report> {
  const began = Date.now();
  showStatus(message("reading"));
  try {
    return await verify(await place(), asked, pool, (done, total) => {
      const left = done === 0 ? 0 : ((Date.now() - began) / 1000) * (total / done - 1);
      showStatus(message("progress", { done, total, left: Math.ceil(left) }));
    });
  } catch (error) {
    const failed = new Report();
    failed.anchored = asked !== null;
    const known = error instanceof CannotRead || error instanceof ClientError;
    failed.unchecked("place", known ? error.message : String(error));
    return failed;
  }
}

/** A file that is dropped anywhere on the page is the one to check. */
function takeDrops(field: HTMLInputElement, taken: () => void): void {
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const files = event.dataTransfer?.files;
    if (files === undefined || files.length === 0) return;
    field.files = files;
    taken();
  });
}

function show(report: Report, seconds: number): void {
  const { outcome } = report;
  const other = report.faults.some(({ check }) => check === "V2");
  const shownAs = other ? "other-referendum" : `outcome-${outcome.status}`;
  byId("outcome").textContent = message(shownAs);
  byId("verdict").className = LOOKS[shownAs] ?? "notice";
  byId("subject").textContent = told(report.manifest, report.manifest?.title);
  byId<HTMLDetailsElement>("details").open = report.faults.length > 0;
  byId("took").textContent = message("took", { seconds });
  byId("rehearsal").hidden = report.manifest?.binding !== false;
  showCounts(report);
  const lines = [...reportLines(report), [`${outcome.word}:`, outcome.sentence] as const];
  byId("lines").replaceChildren(
    ...lines.map(([label, text]) => {
      const [row, head, cell] = [element("tr"), element("th", label), element("td", text)];
      head.setAttribute("scope", "row");
      row.append(head, cell);
      return row;
    }),
  );
  byId("report").hidden = false;
  byId("outcome").focus();
}

function element(tag: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** In the page's language, if the definition has it. */
function told(manifest: Manifest | null, texts: Readonly<Record<string, string>> = {}): string {
  return texts[document.documentElement.lang] ?? texts[manifest?.languages[0] ?? ""] ?? "";
}

/** The votes, in the page's language where the definition has it. Nothing is shown of them that was not established. */
function showCounts({ result, manifest, established }: Report): void {
  const counted = result !== null && manifest !== null && established && result.status === "counted";
  byId("counts").hidden = !counted;
  if (!counted) return;
  const parts = result.questions.flatMap(({ total, outcome }, k) => {
    const [asked, list] = [manifest.questions[k], element("ul")];
    const items = total.map((count, place) =>
      element("li", message("votes", { option: told(manifest, asked?.options[place]?.text), count })),
    );
    if (asked?.max_choices === 1) {
      const blank = result.participants - total.reduce((sum, count) => sum + count, 0);
      items.push(element("li", message("votes", { option: message("blank"), count: blank })));
    }
    list.append(...items);
    return [element("h3", told(manifest, asked?.text)), element("p", message(`word-${outcome}`)), list];
  });
  byId("questions").replaceChildren(...parts);
  byId("participants").textContent = message("participants", {
    count: result.participants,
    all: manifest.eligibility.official_count,
  });
}

// The second device of a test: encrypts the revealed choice again, and says in words what the ballot contains.
//
// Decides whether both devices computed the same ballot id. The id of a first scan (#ballot=ID) is remembered, so that
// it can be compared after the second one (#test=...). What follows is said here too: one tap reports how the test ended,
// and whoever finds a device that cheats reads what to do. Leaves the computation to `core/ballot`.

import { rebuildBallotId } from "../core/ballot.ts";
import { fromBase64, fromHex, hex } from "../core/bytes.ts";
import { ClientError } from "../core/errors.ts";
import type { ReadLogFile } from "../core/log.ts";
import {
  announceStart,
  byId,
  reloadOnNewFragment,
  message,
  onClick,
  onSubmit,
  showError,
  showNumber,
  takeFragment,
} from "./dom.ts";
import { showChoice } from "./chosen.ts";
import { takeOver } from "./hand-over.ts";
import { errorCode, explain } from "./messages.ts";
import { loadSetup } from "../core/setup.ts";
import { decodeTest, formatTrackingCode } from "./link-formats.ts";
import { publishedLog, reportTest } from "./services.ts";

const EXPECTED = "stembus/expected";
const REMEMBERED_MS = 15 * 60_000;
const app = byId("app");
const saved = savedLog();
const readLogFile = saved ?? publishedLog(app.dataset.log ?? "/log/");
let box = "";
let [scanned, differs] = [false, false];
/** The number of the first scan: what is said of it stays said, however often the test is asked for. */
let first = "";

/** The log inside a saved page, by the paths of its files; null on a page of the site. */
function savedLog(): ReadLogFile | null {
  const text = document.getElementById("saved-log")?.textContent ?? null;
  if (text === null) return null;
  const files = JSON.parse(text) as Readonly<Record<string, string>>;
  return async (path) => {
    const file = files[path];
    if (file === undefined) throw new ClientError("setup-log");
    return fromBase64(file);
  };
}

async function check(): Promise<void> {
  showError("");
  byId("outcome").hidden = true;
  try {
    const test = decodeTest(byId<HTMLTextAreaElement>("test-code").value);
    const setup = await loadSetup(readLogFile, fromHex(app.dataset.referendum ?? ""));
    box = setup.manifest.box.url;
    const id = hex(rebuildBallotId(setup.context, test.commitment, test.choice, test.seed));
    showChoice(byId("chosen"), setup.manifest.questions, test.choice, app.dataset.language ?? "nl");
    showNumber(byId("ballot-id"), id);
    const field = byId<HTMLInputElement>("expected").value;
    const expected = notedNumber(field);
    // A number that was typed may be mistyped; one that was scanned may not.
    const typed = expected !== first;
    const comparison = byId("comparison");
    comparison.textContent = expected === "" ? "" : message(outcomeOf(expected === id, typed));
    comparison.className = expected === id ? "good" : "error";
    comparison.hidden = expected === "";
    byId("compare-yourself").hidden = expected !== "";
    byId("remembered").hidden = true;
    byId("report").hidden = false;
    byId("reported").textContent = "";
    differs = expected !== "" && expected !== id && !typed;
    byId("report-held").hidden = differs;
    byId("cheated").hidden = !differs;
    remember(""); // the next test is of another ballot
    // What was scanned, and came out right, needs no fields any more.
    byId("form-check").hidden = scanned && expected === id;
    byId("outcome").hidden = false;
    byId("outcome").querySelector("h2")?.focus();
  } catch (error) {
    const code = error instanceof ClientError ? error.code : "broken";
    if (error instanceof NumberLength) showError(message(code, { count: error.count }));
    else if (code.startsWith("setup")) showError(message("setup"));
    else showError(message(code === "choice-invalid" ? "test-format" : code));
  }
}

/** The tester's word goes to the box as a bare count. On a saved page it stays here; what to do now is told all the same. */
async function report(held: boolean): Promise<void> {
  // Numbers that differ are no matter of opinion.
  byId("cheated").hidden = held && !differs;
  byId("report").hidden = true;
  const next = held ? message("test-next") : "";
  byId("reported").textContent = next;
  if (saved !== null) return;
  try {
    await reportTest(box, held);
    byId("reported").textContent = `${message("report-thanks")} ${next}`;
  } catch (error) {
    byId("report").hidden = false;
    byId("reported").textContent = errorCode(error) === "closed" ? message("report-closed") : explain(error);
  }
}

function outcomeOf(same: boolean, typed: boolean): string {
  if (same) return "test-same";
  return typed ? "test-typed" : "test-differs";
}

/** The number as somebody noted it: with spaces or dashes, and with its publication behind it. Throws number-length. */
function notedNumber(text: string): string {
  const characters = text.toLowerCase().replace(/[^0-9a-z]/g, "");
  if (characters === "") return "";
  if (!/^[0-9a-f]{64}[0-9]*$/.test(characters)) throw new NumberLength(characters.length);
  return characters.slice(0, 64);
}

class NumberLength extends ClientError {
  constructor(readonly count: number) {
    super("number-length");
  }
}

/** The ballot id of the first scan, which opened in another tab; nothing once it is old. */
function remembered(): string {
  try {
    const [id, until] = (localStorage.getItem(EXPECTED) ?? "").split(" ");
    if (id !== undefined && Number(until) > Date.now()) return id;
    localStorage.removeItem(EXPECTED);
  } catch {
    // without storage the ballot id is compared by eye
  }
  return "";
}

function remember(id: string): void {
  try {
    if (id === "") localStorage.removeItem(EXPECTED);
    else localStorage.setItem(EXPECTED, `${id} ${Date.now() + REMEMBERED_MS}`);
  } catch {
    // as above
  }
}

onSubmit("form-check", check);
onClick("report-held", () => report(true));
onClick("report-failed", () => report(false));
byId("report-told").hidden = saved !== null;
const handed = takeOver("test");
const fragment = takeFragment() || handed;
const announced = /^#ballot=([0-9a-f]{64})$/.exec(fragment)?.[1];
if (announced !== undefined) {
  remember(announced);
  byId("remembered").textContent = message("test-remembered");
  byId("remembered").hidden = false;
  byId("form-check").hidden = true;
  byId("by-hand").hidden = false;
}
onClick("by-hand", () => {
  byId("form-check").hidden = false;
  byId("by-hand").hidden = true;
});
first = remembered();
byId<HTMLInputElement>("expected").value = formatTrackingCode(first, null);
if (fragment.startsWith("#test=")) {
  scanned = true;
  byId<HTMLTextAreaElement>("test-code").value = fragment.slice(1);
  void check();
}
reloadOnNewFragment();
// Else the start script says that the browser is too old.
if ("subtle" in crypto) announceStart();

// The voting page: shows one step at a time and hands every decision to the session.
import { fromHex, hex } from "../core/bytes.ts";
import { codeFromFragment, parseCode } from "../core/code.ts";
import { ClientError } from "../core/errors.ts";
import { normaliseFactor } from "../core/factor.ts";
import { findBallot } from "../core/receipt.ts";
import { loadSetup, type Setup } from "../core/setup.ts";
import { isComplete, passFromJson, passToJson, type VotingPass } from "../core/token.ts";
import type { PreparedBallot } from "../core/ballot.ts";
import { byId, fieldError, followFragments, grouped, listChoice, message, save, say, showError, showStep } from "./dom.ts";
import { decodePass, encodePass, encodeTest, trackingCode } from "./handover.ts";
import { drawQr } from "./qr.ts";
import { logAt } from "./services.ts";
import { Session } from "./session.ts";
import { current, forgetCurrent, forgetLetter, letterId, setLetter, storageWorks } from "./store.ts";

const app = byId("app");
const language = app.dataset["language"] ?? "nl";
const readLog = logAt(app.dataset["log"] ?? "/log/");
const POLLS_MS = [1000, 2000, 4000, 8000, 15_000, 30_000, 60_000];
// After these nothing on this page can help until later.
const STOPS = ["not-open-yet", "closed", "storage", "setup"];

const kiosk = app.dataset["mode"] === "kiosk";

let setup: Setup;
let session: Session | null = null;
let given: VotingPass | null = null;
let prepared: PreparedBallot | null = null;
let choice: readonly (readonly number[])[] = [];
// Between token and promise nothing may be wiped.
let guarded = false;

function explain(error: unknown): string {
  if (!(error instanceof ClientError)) return message("broken");
  const detail = "detail" in error && typeof error.detail === "object" && error.detail !== null ? (error.detail as Record<string, unknown>) : {};
  const left = detail["left"];
  if (error.code === "ballot-rejected" && detail["check"] === "V20") return message("too-many-casts");
  if (error.code === "setup-not-open") return message("not-open-yet");
  if (error.code === "setup-witnesses" || error.code === "setup-cancelled") return message(error.code);
  if (error.code.startsWith("setup")) return message("setup");
  return message(error.code, typeof left === "number" ? { left } : {});
}

function stop(error: unknown): void {
  byId("stop-reason").textContent = explain(error);
  say("");
  button("again").hidden = error instanceof ClientError && error.code.startsWith("setup-") && error.code !== "setup-witnesses" && error.code !== "setup-not-open";
  showStep("stop");
}

/** Runs a step with its button locked, and puts a failure into words. */
async function attempt(button: HTMLButtonElement, busy: string, work: () => Promise<void>, failed: (error: unknown) => void = () => undefined): Promise<void> {
  showError("");
  say(message(busy));
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    if (error instanceof ClientError && STOPS.includes(error.code) && !session?.waiting) stop(error);
    else {
      showError(explain(error));
      failed(error);
    }
  } finally {
    button.disabled = false;
    say("");
  }
}

function button(id: string): HTMLButtonElement {
  return byId<HTMLButtonElement>(id);
}

// Code and second factor

function showCode(): void {
  showStep("code", "code");
}

async function submitCode(): Promise<void> {
  const code = byId<HTMLInputElement>("code");
  const factor = byId<HTMLInputElement>("factor");
  let symbols = "";
  let normal = "";
  for (const [input, parse] of [
    [factor, () => (normal = normaliseFactor(setup.manifest.second_factor.kind, factor.value))],
    [code, () => (symbols = parseCode(code.value))],
  ] as const) {
    try {
      parse();
      fieldError(input, byId(`${input.id}-error`), "");
    } catch (error) {
      const count = code.value.replace(/[^0-9a-z]/gi, "").length;
      fieldError(input, byId(`${input.id}-error`), error instanceof ClientError ? message(error.code, { count }) : message("broken"));
      input.focus();
    }
  }
  if (symbols === "" || normal === "") return;
  await attempt(
    button("submit-code"),
    "busy-token",
    async () => {
      session = await Session.begin(setup, symbols, normal, given, kiosk);
      // A kiosk asks only when the vote is cast: who walks away before has used nothing up.
      if (!kiosk) {
        await session.fetchToken();
        code.value = factor.value = "";
      }
      await enter();
    },
    (error) => {
      if (!(error instanceof ClientError)) return;
      if (error.code === "factor-wrong") fieldError(factor, byId("factor-error"), explain(error));
      if (error.code === "credential-unknown") fieldError(code, byId("code-error"), explain(error));
    },
  );
}

async function takePassFile(file: File): Promise<void> {
  showError("");
  try {
    adopt(passFromJson(await file.text()));
    await enter();
  } catch (error) {
    showError(explain(error));
  }
}

function adopt(pass: VotingPass): void {
  if (hex(pass.referendum) !== hex(setup.referendum)) throw new ClientError("pass-other");
  if (isComplete(pass)) session = Session.adopt(setup, pass);
  else given = pass; // its token was asked and not answered: the code is needed once more
}

/** Where this voter stands: an unanswered ballot, a promise, or an empty ballot paper. */
async function enter(): Promise<void> {
  if (session === null) return showCode();
  if (session.waiting) await session.resend();
  if (session.promise !== null) showDone();
  else showStep("ballot", "ballot");
}

// Ballot

function readChoice(): readonly (readonly number[])[] | null {
  let whole = true;
  const found = setup.manifest.questions.map((question, number) => {
    const boxes = [...document.querySelectorAll<HTMLInputElement>(`input[name="q${number}"]:checked`)].map((input) => input.value);
    const chosen = boxes.filter((value) => value !== "blank").map(Number);
    const error = byId(`question-error-${number}`);
    error.textContent = "";
    if (boxes.length === 0) error.textContent = message("choose-one");
    if (chosen.length > question.max_choices || (chosen.length > 0 && boxes.length > chosen.length)) error.textContent = message("choose-fewer", { most: question.max_choices });
    if (error.textContent !== "" && whole) {
      whole = false;
      document.querySelector<HTMLInputElement>(`input[name="q${number}"]`)?.focus();
    }
    return chosen;
  });
  return whole ? found : null;
}

async function submitBallot(): Promise<void> {
  const found = readChoice();
  if (found === null || session === null) return;
  choice = found;
  await attempt(button("submit-ballot"), "busy-encrypt", async () => {
    if (!session?.mayCast) throw new ClientError("too-many-casts");
    // Lets the status be drawn before the device is busy.
    await new Promise((resolve) => setTimeout(resolve, 0));
    prepared = session.prepare(choice);
    showReview();
  });
}

function showReview(): void {
  if (prepared === null) return;
  listChoice(byId("chosen"), setup.manifest.questions, choice, language);
  const id = hex(prepared.ballotId);
  byId("ballot-id").textContent = grouped(id);
  byId("ballot-qr").replaceChildren();
  const test = byId<HTMLDetailsElement>("test-details");
  test.open = test.hidden = button("back").hidden = false;
  history.pushState(null, "");
  showStep("review", "review");
}

/** The browser's own way back leads to the ballot paper, the choice still on it. */
function wentBack(): void {
  if (byId("step-review").hidden || session?.waiting) return;
  prepared = null;
  showStep("ballot", "ballot");
}

async function castNow(): Promise<void> {
  await attempt(
    button("cast"),
    "busy-cast",
    async () => {
      if (session === null || prepared === null) return;
      guarded = true;
      byId("test-details").hidden = true; // what may have been cast is never tested
      await session.fetchToken();
      await session.cast(prepared);
      guarded = false;
      prepared = null;
      showDone();
    },
    afterRefusal,
  );
}

/** A ballot that was stored, sent and refused can be shown to others; one that got lost is simply sent again. */
function afterRefusal(error: unknown): void {
  button("back").hidden = session?.waiting ?? false;
  if (kiosk) return leaveKiosk(error);
  if (!(error instanceof ClientError) || !session?.waiting || ["network", "broken"].includes(error.code)) return;
  byId("refused-reason").textContent = explain(error);
  showStep("refused", "review");
}

function testBallot(): void {
  if (prepared === null) return;
  const fragment = encodeTest({ ...prepared, choice });
  const link = `${app.dataset["check"] ?? ""}${fragment}`;
  drawQr(byId("test-qr"), link, message("qr"));
  byId<HTMLAnchorElement>("test-link").href = link;
  prepared = null; // what was tested is never cast
  showStep("test", "review");
}

// Done

function showDone(): void {
  const text = session?.promise ?? null;
  if (session === null || text === null) return;
  const promise = JSON.parse(text) as { ballot_id: string; batch: number; cast_hash: string };
  const tracking = trackingCode(promise.ballot_id, promise.batch);
  byId("tracking").textContent = tracking;
  byId<HTMLAnchorElement>("track-link").href = `${app.dataset["track"] ?? ""}#${tracking.replace(/ /g, "")}`;
  byId("batch-state").textContent = message("waiting", { batch: promise.batch });
  button("save-receipt").hidden = true;
  const revote = document.getElementById("revote");
  if (revote !== null) revote.hidden = !session.mayCast;
  showStep("done", "done");
  void follow(text, promise, 0);
}

/** Looks for the ballot now and then until its batch is in the log. */
async function follow(text: string, promise: { ballot_id: string; batch: number; cast_hash: string }, round: number): Promise<void> {
  if (session?.promise !== text) return;
  try {
    const found = await findBallot(readLog, setup, fromHex(promise.ballot_id), fromHex(promise.cast_hash), promise.batch);
    if (session?.promise !== text) return;
    if (found.state === "found") {
      byId("batch-state").textContent = message("found", { index: found.index });
      const receipt = button("save-receipt");
      receipt.hidden = false;
      receipt.onclick = () => save("stembus-receipt.txt", found.receipt, "text/plain");
      return;
    }
    if (found.state === "missing") {
      byId("batch-state").textContent = message("missing");
      return;
    }
  } catch (error) {
    if (error instanceof ClientError && ["receipt-invalid", "setup-log"].includes(error.code)) byId("batch-state").textContent = message("receipt-invalid");
  }
  const pause = POLLS_MS[round];
  if (pause !== undefined) setTimeout(() => void follow(text, promise, round + 1), pause);
}

// Kiosk

/** A wrong factor sends the voter back; a token without a promise goes home on paper, as a pass. */
function leaveKiosk(error: unknown): void {
  if (session === null) return;
  if (!isComplete(session.pass)) {
    guarded = !(error instanceof ClientError) || ["network", "broken"].includes(error.code); // the token may be on its way
    if (!guarded) showCode();
    return;
  }
  const { pathname } = new URL(app.dataset["vote"] ?? "/", location.href);
  drawQr(byId("kiosk-pass"), `${location.origin}${pathname}${encodePass(session.pass)}`, message("qr"));
  byId("kiosk-unanswered").hidden = false;
}

/** Wipes the page after a minute of silence, but never between token and promise. */
function watchSilence(): void {
  let timer = 0;
  const wipe = (): void => (guarded ? restart() : location.replace(location.pathname));
  const restart = (): void => {
    clearTimeout(timer);
    timer = window.setTimeout(wipe, Number(app.dataset["silence"] ?? 60) * 1000);
  };
  for (const sign of ["pointerdown", "keydown", "input"]) addEventListener(sign, restart, { passive: true });
  restart();
}

/** Somebody else votes on this device: what was kept for the first stays kept. */
function other(): void {
  forgetCurrent();
  forgetLetter();
  location.reload();
}

// Wiring

function wire(): void {
  const on = (id: string, work: () => unknown): void => {
    byId(id).addEventListener("click", () => void work());
  };
  byId("form-code").addEventListener("submit", (event) => {
    event.preventDefault();
    void submitCode();
  });
  byId("form-ballot").addEventListener("submit", (event) => {
    event.preventDefault();
    void submitBallot();
  });
  byId<HTMLInputElement>("pass-file").addEventListener("change", (event) => {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (file !== undefined) void takePassFile(file);
  });
  byId("test-details").addEventListener("toggle", () => {
    if (prepared !== null) drawQr(byId("ballot-qr"), `${app.dataset["check"] ?? ""}#ballot=${hex(prepared.ballotId)}`, message("qr"));
  });
  on("cast", castNow);
  on("back", () => history.back());
  addEventListener("popstate", wentBack);
  on("test", testBallot);
  on("test-done", () => showStep("ballot", "ballot"));
  byId("other").addEventListener("click", other);
  document.getElementById("other-done")?.addEventListener("click", other);
  on("again", () => location.reload());
  on("retry", () =>
    attempt(
      button("retry"),
      "busy-cast",
      async () => {
        await session?.resend();
        showDone();
      },
      afterRefusal,
    ),
  );
  on("save-ballot", () => session !== null && save("stembus-ballot.bin", session.waitingBallot, "application/octet-stream"));
  on("save-promise", () => session !== null && session.promise !== null && save("stembus-promise.json", session.promise, "application/json"));
  on("save-pass", () => session !== null && save("stembus-voting-pass.json", passToJson(session.pass), "application/json"));
  on("show-pass", () => session !== null && drawQr(byId("pass-qr"), `${location.origin}${location.pathname}${encodePass(session.pass)}`, message("qr")));
  document.getElementById("print")?.addEventListener("click", () => window.print());
  document.getElementById("print-pass")?.addEventListener("click", () => {
    guarded = false; // it is on paper now
    window.print();
  });
  on("remove", () => {
    session?.remove();
    if (kiosk) return location.replace(location.pathname);
    session = null;
    byId<HTMLFormElement>("form-ballot").reset();
    showStep("removed");
  });
  document.getElementById("revote")?.addEventListener("click", () => {
    byId<HTMLFormElement>("form-ballot").reset();
    showStep("ballot", "ballot");
  });
}

async function start(): Promise<void> {
  if (!("subtle" in crypto) || typeof BigInt === "undefined" || !("timeout" in AbortSignal)) return showStep("old");
  const fragment = location.hash;
  history.replaceState(null, "", location.pathname);
  if (!kiosk && !storageWorks()) return stop(new ClientError("storage"));
  const letter = fragment.startsWith("#pass=") ? {} : codeFromFragment(fragment);
  // The letter's own number wins over the page's: a page of another referendum is found out here.
  if (letter.referendum !== undefined && !kiosk) setLetter(hex(letter.referendum));
  const identity = letter.referendum ?? fromHex((kiosk ? null : letterId()) ?? app.dataset["referendum"] ?? "");
  byId("referendum").textContent = grouped(hex(identity));
  try {
    setup = await loadSetup(readLog, identity);
    wire();
    if (fragment.startsWith("#pass=") && confirm(message("pass-confirm"))) adopt(decodePass(fragment, setup.referendum));
    const voter = kiosk ? null : current();
    if (kiosk) watchSilence();
    if (letter.code !== undefined) {
      byId<HTMLInputElement>("code").value = letter.code;
      forgetCurrent();
    } else if (session === null && voter !== null) session = Session.resume(setup, voter);
  } catch (error) {
    button("again").addEventListener("click", () => location.reload());
    return stop(error);
  }
  try {
    await enter();
  } catch (error) {
    if (error instanceof ClientError && STOPS.includes(error.code)) return stop(error);
    showError(explain(error));
    if (session !== null && !session.waiting) return showStep("ballot", "ballot");
    if (session?.waiting) {
      byId("refused-reason").textContent = explain(error);
      showStep("refused", "review");
    } else showCode();
  }
}

followFragments();
void start();

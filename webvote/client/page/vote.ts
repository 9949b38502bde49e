// The voting page on a voter's own device: what is kept there, and what follows a vote. The way to the vote itself is
// the booth's.
import { hex } from "../core/bytes.ts";
import { codeFromFragment } from "../core/code.ts";
import { ClientError } from "../core/errors.ts";
import { isComplete, passFromJson, passToJson, type VotingPass } from "../core/token.ts";
import { Booth } from "./booth.ts";
import { byId, button, followFragments, message, on, save, showError, showStep } from "./dom.ts";
import { follow } from "./follow.ts";
import { decodePass, encodePass } from "./handover.ts";
import { openBooth } from "./open.ts";
import { drawQr } from "./qr.ts";
import { logAt } from "./services.ts";
import { Session } from "./session.ts";
import { Store, current, forget, forgetCurrent, letterId, setLetter, storageWorks } from "./store.ts";
import { codeOf, explain, isPassing, stop } from "./words.ts";

const data = byId("app").dataset;
const readLog = logAt(data["log"] ?? "/log/");

async function start(): Promise<void> {
  const fragment = location.hash;
  history.replaceState(null, "", location.pathname);
  if (!storageWorks()) return stop(new ClientError("storage"));
  const letter = fragment.startsWith("#pass=") ? {} : codeFromFragment(fragment);
  // The letter's own number wins over the page's: a page of another referendum is found out here.
  if (letter.referendum !== undefined) setLetter(hex(letter.referendum));
  const setup = await openBooth(readLog, letterId() ?? data["referendum"] ?? "");
  if (setup === null) return;

  const booth = new Booth(
    setup,
    {
      shelfOf: (voter) => new Store(hex(setup.referendum), voter),
      arrived: async (session) => {
        try {
          if (session.waiting) await session.resend();
        } catch (error) {
          return showRefused(session, error);
        }
        if (session.promise === null) booth.showBallot();
        else showDone(session);
      },
      casting: () => undefined,
      nothingSent: () => undefined,
      done: showDone,
      unanswered: (session, error) => {
        // What got lost on the way is sent again from the same screen.
        if (isPassing(error) && !byId("step-review").hidden) showError(explain(error));
        else showRefused(session, error);
      },
    },
    data,
  );

  /** A ballot that was stored, sent and refused can be shown to others. */
  function showRefused(session: Session, error: unknown): void {
    if (!session.waiting) {
      booth.showBallot();
      return showError(explain(error));
    }
    byId("refused-reason").textContent = explain(error);
    byId("another-part").hidden = codeOf(error) !== "ballot-rejected" || !session.mayCast;
    showStep("refused", "review");
  }

  function showDone(session: Session): void {
    const text = session.promise;
    if (text === null || setup === null) return;
    const tracking = follow(text, setup, readLog, data["signposts"] ?? "", () => booth.session?.promise === text);
    byId<HTMLAnchorElement>("track-link").href = `${data["track"] ?? ""}#${tracking.replace(/ /g, "")}`;
    byId("revote").hidden = !session.mayCast;
    byId("pass-qr").replaceChildren();
    showStep("done", "done");
  }

  /** Goes on with a pass of another device. */
  function adopt(pass: VotingPass): void {
    if (hex(pass.referendum) !== hex(booth.setup.referendum)) throw new ClientError("pass-other");
    if (isComplete(pass)) booth.session = Session.adopt(booth.setup, pass);
    else booth.given = pass; // its token was asked and not answered: the code is needed once more
  }

  async function takePassFile(file: File): Promise<void> {
    showError("");
    try {
      adopt(passFromJson(await file.text()));
      await booth.enter();
    } catch (error) {
      showError(explain(error));
    }
  }

  /** Somebody else votes on this device: what was kept for the first stays kept. */
  function other(): void {
    forget();
    location.reload();
  }

  const withSession = (work: (session: Session) => void) => () => booth.session !== null && work(booth.session);
  byId<HTMLInputElement>("pass-file").addEventListener("change", (event) => {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (file !== undefined) void takePassFile(file);
  });
  on("other", other);
  on("other-done", other);
  on("retry", () => booth.retry(button("retry")));
  on("another", withSession((session) => {
    session.discard();
    booth.showBallot();
  }));
  on("save-ballot", withSession((session) => save("stembus-ballot.bin", session.waitingBallot, "application/octet-stream")));
  on("save-promise", withSession((session) => save("stembus-promise.json", session.promise ?? "", "application/json")));
  on("save-pass", withSession((session) => save("stembus-voting-pass.json", passToJson(session.pass), "application/json")));
  on("show-pass", withSession((session) => drawQr(byId("pass-qr"), `${location.origin}${location.pathname}${encodePass(session.pass)}`, message("qr"))));
  on("revote", () => booth.showBallot());
  on("remove", withSession((session) => {
    session.remove();
    booth.session = null;
    booth.hideChoice();
    showStep("removed");
  }));

  try {
    if (fragment.startsWith("#pass=") && confirm(message("pass-confirm"))) adopt(decodePass(fragment, setup.referendum));
    const voter = current();
    if (letter.code !== undefined) {
      byId<HTMLInputElement>("code").value = letter.code;
      forgetCurrent();
    } else if (booth.session === null && voter !== null) booth.session = Session.resume(setup, voter);
    await booth.enter();
  } catch (error) {
    showError(explain(error));
    booth.showCode();
  }
}

followFragments();
void start();

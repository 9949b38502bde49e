// The voting page on a voter's own device.
//
// Decides what follows a vote there (receipt, another vote, voting pass for another device), and what is shown when a
// cast fails. Leaves the steps of voting to the booth.

import { fromHex, hex } from "../core/bytes.ts";
import { codeFromFragment } from "../core/code.ts";
import { drawQr } from "./qr.ts";
import { ClientError } from "../core/errors.ts";
import { isComplete, passFromJson, passToJson, type VotingPass } from "../core/token.ts";
import { Booth } from "./booth.ts";
import {
  announceStart,
  byId,
  button,
  reloadOnNewFragment,
  message,
  onClick,
  saveFile,
  showError,
  showStep,
  takeFragment,
} from "./dom.ts";
import { batchOf, jittered, LATER_MS, trackBallot } from "./ballot-tracking.ts";
import { handOver, takeOver } from "./hand-over.ts";
import { decodePass, encodePass, formatTrackingCode } from "./link-formats.ts";
import { loadReferendum } from "./load-referendum.ts";
import { lookAfter, type Published } from "./safety-net.ts";
import { publishedLog } from "./services.ts";
import { Session } from "./session.ts";
import {
  DeviceStorage,
  currentVoter,
  clearTab,
  clearCurrentVoter,
  letterReferendum,
  rememberLetter,
  storageWorks,
} from "./storage.ts";
import { errorCode, explain, isTransient, showLastTry, showStopped } from "./messages.ts";

const data = byId("app").dataset;
const published: Published = { readLogFile: publishedLog(data.log ?? "/log/"), signposts: data.signposts ?? "" };

async function start(): Promise<void> {
  const fragment = takeFragment();
  if (!storageWorks()) return showStopped(new ClientError("storage"));
  if (takeOver("removed") !== "" && fragment === "") return showStep("removed");
  const letter = fragment.startsWith("#pass=") ? {} : codeFromFragment(fragment);
  // The referendum id of the letter goes before that of the page, so a page of another referendum is noticed here. A
  // link without a code is no letter's.
  if (letter.referendum !== undefined && letter.code !== undefined) rememberLetter(hex(letter.referendum));
  const setup = await loadReferendum(published.readLogFile, letterReferendum() ?? data.referendum ?? "");
  if (setup === null) return;

  const booth = new Booth(
    setup,
    {
      storageFor: (voter) => new DeviceStorage(hex(setup.referendum), voter),
      voterKnown: async (session) => {
        try {
          if (session.waiting) await session.resend();
        } catch (error) {
          return showUnanswered(session, error);
        }
        if (session.last === null) booth.showBallot();
        else showDone(session);
      },
      beforeCast: () => undefined,
      nothingSent: () => undefined,
      done: showDone,
      unanswered: showUnanswered,
    },
    data,
  );

  /** A ballot without an answer is sent again; or it is in the log, and only the answer was lost. One that was refused can
   * be saved as evidence, or replaced. */
  function showUnanswered(session: Session, error: unknown): void {
    if (errorCode(error) === "cancelled") return showStopped(error);
    if (errorCode(error) === "too-many-casts") {
      // An ordinary limit, which votes on other devices have reached; this ballot is no evidence of anything.
      void session.setAside();
      return showStopped(error);
    }
    if (!session.waiting) {
      booth.showUnsent();
      return showError(explain(error));
    }
    byId("unanswered-reason").textContent = explain(error);
    showLastTry(data.language ?? "nl");
    if (isTransient(error)) return showStep("unanswered", "review");
    byId("refused-reason").textContent = explain(error);
    byId("another-part").hidden = !["ballot-rejected", "out-of-turn"].includes(errorCode(error)) || !session.mayCast;
    byId("another-turn").hidden = errorCode(error) !== "out-of-turn";
    byId("another-refused").hidden = errorCode(error) === "out-of-turn";
    byId("earlier-part").hidden = session.last === null;
    showStep("refused", "review");
    void findUnanswered(session);
  }

  async function findUnanswered(session: Session): Promise<void> {
    try {
      const standing = await lookAfter(session, published, false);
      if (standing?.state === "found" && !session.waiting && !byId("step-refused").hidden) showDone(session);
    } catch {
      // what was said of the ballot stays
    }
  }

  function showDone(session: Session): void {
    const { last } = session;
    if (last === null) return;
    trackBallot(last, session, published, () => booth.session?.last?.cast_hash === last.cast_hash);
    const tracking = formatTrackingCode(last.ballot_id, batchOf(last));
    button("save-promise").hidden = last.promises.length === 0;
    byId<HTMLAnchorElement>("track-link").onclick = () => handOver("tracking", tracking.replace(/ /g, ""));
    const revote = document.getElementById("revote-part");
    if (revote !== null) {
      revote.hidden = !session.mayCast;
      byId("revote-over").hidden = session.mayCast;
    }
    byId("pass-qr").replaceChildren();
    showStep("done", "done");
    byId("pass-part").hidden = !session.mayCast;
  }

  /** Goes on with a pass from another device. */
  async function adopt(pass: VotingPass): Promise<void> {
    if (hex(pass.referendum) !== hex(booth.setup.referendum)) throw new ClientError("pass-other");
    if (isComplete(pass)) booth.session = await Session.adopt(booth.setup, pass);
    else booth.incompletePass = pass; // its token was requested and not answered: the code is needed once more
  }

  async function takePassFile(file: File): Promise<void> {
    showError("");
    try {
      await adopt(passFromJson(await file.text()));
      await booth.proceed();
    } catch (error) {
      showError(explain(error));
    }
  }

  function showPass(session: Session): void {
    const drawn = drawQr(
      byId("pass-qr"),
      `${location.origin}${location.pathname}${encodePass(session.pass)}`,
      message("qr-pass"),
    );
    if (drawn) byId("pass-qr").focus();
    else showError(message("pass-long"));
  }

  /** Somebody else votes on this device. What is stored for the first voter stays stored. */
  function other(): void {
    clearTab();
    location.reload();
  }

  const withSession = (work: (session: Session) => void | Promise<void>) => () =>
    booth.session !== null && work(booth.session);
  byId<HTMLInputElement>("pass-file").addEventListener("change", (event) => {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (file !== undefined) void takePassFile(file);
  });
  onClick("other", other);
  onClick("other-done", other);
  for (const id of ["retry", "retry-refused"]) onClick(id, () => booth.castNow(button(id)));
  for (const id of ["earlier", "keep"]) onClick(id, withSession(showDone));
  onClick(
    "another",
    withSession(async (session) => {
      await session.setAside();
      booth.showBallot();
    }),
  );
  onClick(
    "save-ballot",
    withSession((session) => saveFile("stembus-ballot.bin", session.waitingBallot, "application/octet-stream")),
  );
  onClick(
    "save-promise",
    withSession(({ last }) => saveFile("stembus-promise.json", last?.promises.at(-1) ?? "", "application/json")),
  );
  onClick(
    "save-missing",
    withSession(({ last }) => saveFile("stembus-ballot.bin", fromHex(last?.raw ?? ""), "application/octet-stream")),
  );
  onClick(
    "save-pass",
    withSession((session) => saveFile("stembus-voting-pass.json", passToJson(session.pass), "application/json")),
  );
  onClick("show-pass", withSession(showPass));
  document.getElementById("revote")?.addEventListener("click", () => booth.showBallot());
  onClick(
    "remove",
    withSession((session) => {
      session.remove();
      takeOver("test");
      // A page that was never filled in holds nothing of the voter.
      handOver("removed", "1");
      location.replace(location.pathname);
    }),
  );

  /** Everybody's ballots on this device are looked after, whether or not their voters come back to this page. */
  async function lookAfterAll(): Promise<void> {
    for (const session of Session.unfinished(booth.setup))
      if (session.voter !== booth.session?.voter) await lookAfter(session, published).catch(() => null);
    setTimeout(() => void lookAfterAll(), jittered(LATER_MS));
  }

  try {
    if (fragment.startsWith("#pass=") && confirm(message("pass-confirm")))
      await adopt(decodePass(fragment, setup.referendum));
    const voter = currentVoter();
    if (letter.code !== undefined) {
      byId<HTMLInputElement>("code").value = letter.code;
      clearCurrentVoter();
    } else if (booth.session === null && voter !== null) booth.session = Session.resume(setup, voter);
    await booth.proceed();
  } catch (error) {
    showError(explain(error));
    booth.showCode();
  }
  void lookAfterAll();
}

reloadOnNewFragment();
void start();
announceStart();

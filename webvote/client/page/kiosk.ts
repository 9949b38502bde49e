// The voting page in a library or town hall: nothing of a voter is stored, and nothing stays for the next one. What is
// stored are the signed ballots (`kiosk-shelf`), until they are found in the log.
//
// Decides when the page is wiped: after each voter, and after silence, with a warning before; but never between the
// request for a token and the promise, when the voter has something to lose. Then the screen shows no choice, and
// offers the voting pass. Leaves the steps of voting to the booth.

import { Booth } from "./booth.ts";
import { announceStart, byId, button, message, onClick, showStep, takeFragment } from "./dom.ts";
import { jittered, LATER_MS, trackBallot } from "./ballot-tracking.ts";
import { encodePass } from "./link-formats.ts";
import { loadReferendum } from "./load-referendum.ts";
import { KioskShelf } from "./kiosk-shelf.ts";
import { drawQr } from "./qr.ts";
import type { Published } from "./safety-net.ts";
import { publishedLog } from "./services.ts";
import type { Session } from "./session.ts";
import { PageStorage } from "./storage.ts";
import { errorCode, explain, isTransient, showLastTry, showStopped } from "./messages.ts";

const data = byId("app").dataset;
const published: Published = { readLogFile: publishedLog(data.log ?? "/log/"), signposts: data.signposts ?? "" };
// WCAG 2.2, 2.2.1: a warning at least twenty seconds before, and any key goes on.
const WARNING_SECONDS = 20;
const TEST_SECONDS = 300;

// Between the request for a token and the promise nothing may be wiped.
let guarded = false;

const wipe = (): void => {
  guarded = false;
  location.replace(location.pathname);
};

function watchSilence(): void {
  const seconds = Number(data.silence ?? 60);
  const warning = byId<HTMLDialogElement>("silence");
  let [timer, wiping] = [0, 0];
  const rest = (): void => {
    // Only the warning's own button closes it: a touch that closed it would also press what lies underneath.
    if (warning.open) return;
    clearTimeout(timer);
    // Who tests is busy with another device.
    const asks = !byId("step-review").hidden && byId<HTMLDetailsElement>("test-details").open;
    const tests = asks || !byId("step-test").hidden;
    timer = window.setTimeout(warn, ((tests ? TEST_SECONDS : seconds) - WARNING_SECONDS) * 1000);
  };
  const warn = (): void => {
    if (guarded) return rest();
    warning.showModal();
    timer = wiping = window.setTimeout(wipe, WARNING_SECONDS * 1000);
  };
  const goOn = (): void => {
    warning.close();
    rest();
  };
  onClick("still-here", goOn);
  warning.addEventListener("cancel", goOn);
  // If it was closed in another way, the page is not wiped without a new warning.
  warning.addEventListener("close", () => timer === wiping && rest());
  for (const sign of ["pointerdown", "keydown", "input", "click"]) addEventListener(sign, rest, { passive: true });
  // What opens is open only after the click on it.
  byId("test-details").addEventListener("toggle", rest);
  rest();
}

async function start(): Promise<void> {
  takeFragment();
  const setup = await loadReferendum(published.readLogFile, data.referendum ?? "");
  if (setup === null) return;
  watchSilence();
  const shelf = new KioskShelf(setup, published);
  addEventListener("beforeunload", (event) => guarded && event.preventDefault());
  // A page that the browser kept for its back button is not for the next voter.
  addEventListener("pageshow", (event) => event.persisted && wipe());

  const booth = new Booth(
    setup,
    {
      storageFor: () => new PageStorage((ballots) => shelf.put(ballots)),
      voterKnown: async () => booth.showBallot(),
      beforeCast: () => {
        guarded = true;
        booth.hideChoice();
      },
      nothingSent: () => {
        guarded = false;
      },
      done: (session) => {
        guarded = false;
        const { last } = session;
        if (last !== null) {
          trackBallot(last, session, published, () => booth.session?.last?.cast_hash === last.cast_hash);
          drawQr(byId("promise-qr"), last.promises.at(-1) ?? "", message("qr-promise"));
        }
        showStep("done", "done");
      },
      unanswered: showUnanswered,
    },
    data,
  );

  /** What happened to the vote is not known yet: the voter tries again, or takes the pass home on paper. */
  function showUnanswered(session: Session, error: unknown): void {
    if (errorCode(error) === "cancelled") {
      guarded = false;
      return showStopped(error);
    }
    // A registrar that refused has given no token; after any other failure there may be one.
    guarded = session.waiting || session.hasToken || isTransient(error) || errorCode(error) === "signature-invalid";
    byId("unanswered-reason").textContent = isTransient(error) ? "" : explain(error);
    showLastTry(data.language ?? "nl");
    byId("pass-part").hidden = byId("printed-part").hidden = true;
    showStep("unanswered", "review");
    const { pathname } = new URL(data.vote ?? "/", location.href);
    byId("pass-part").hidden =
      !guarded ||
      !drawQr(byId("pass-qr"), `${location.origin}${pathname}${encodePass(session.pass)}`, message("qr-pass"));
  }

  /** Voters of before are looked after while others vote. What is lost for good is told to the staff. */
  async function lookAfterShelf(): Promise<void> {
    const lost = await shelf.lookAfter().catch(() => 0);
    byId("shelf").textContent = lost > 0 ? message("kiosk-lost", { count: lost }) : "";
    byId("shelf").hidden = lost === 0;
    setTimeout(() => void lookAfterShelf(), jittered(LATER_MS));
  }

  onClick("retry", () => booth.castNow(button("retry")));
  onClick("print", () => window.print());
  onClick("print-pass", () => {
    window.print();
    // Only the voter can say whether paper came out.
    byId("printed-part").hidden = false;
  });
  onClick("printed", wipe);
  onClick("give-up", wipe);
  onClick("stop-now", wipe);
  onClick("remove", wipe);
  booth.showCode();
  void lookAfterShelf();
}

void start();
announceStart();

// The steps of every voter, at home or at a kiosk: code, ballot paper, review, test, cast.
//
// Decides their order and what each one shows: the ballot's number to everybody, before the choice to test or to cast. Leaves to the page (its `VotingPlace`) where a voter's record is kept,
// what follows a vote, and what is shown when a cast fails; and to the session everything about the ballot itself.

import { hex } from "../core/bytes.ts";
import { parseCode } from "../core/code.ts";
import { ClientError } from "../core/errors.ts";
import { normaliseFactor } from "../core/factor.ts";
import type { Choice, PreparedBallot } from "../core/ballot.ts";
import type { Setup } from "../core/setup.ts";
import type { VotingPass } from "../core/token.ts";
import { readChoice, watchChoices } from "./ballot-paper.ts";
import { watchBudgets } from "./budget.ts";
import { showChoice } from "./chosen.ts";
import { handOver } from "./hand-over.ts";
import { encodeTest } from "./link-formats.ts";
import { drawQr } from "./qr.ts";
import { isVotingOver } from "../core/manifest-rules.ts";
import { servedTime } from "./services.ts";
import { Session } from "./session.ts";
import {
  byId,
  button,
  fieldError,
  markTitle,
  message,
  onClick,
  onSubmit,
  showError,
  showNumber,
  showStep,
} from "./dom.ts";
import type { VoterStorage } from "./storage.ts";
import { runOnce, errorCode, explain, showStopped, isBlocking } from "./messages.ts";

// The state of the browser's history while the review is shown.
const REVIEW = "review";
// After these errors the letter gives no ballot paper, or the device has lost what it stored.
const NO_BALLOT_PAPER = [
  "credential-unknown",
  "factor-wrong",
  "factor-locked",
  "token-issued",
  "letter-struck",
  "letter-doubted",
  "gone",
];

// The field to correct after a registrar's refusal.
const WRONG_FIELD = new Map([
  ["factor-wrong", "factor"],
  ["credential-unknown", "code"],
]);

/** What differs between a voter's own device and a kiosk. */
export interface VotingPlace {
  storageFor(voter: string): VoterStorage;
  /** The code was accepted, or the page was loaded again: show where this voter stands. */
  voterKnown(session: Session): Promise<void>;
  /** The token will now be requested, and then the ballot sent. */
  beforeCast(): void;
  /** The promise was received and checked. */
  done(session: Session): void;
  /** The request for the token, or the cast, got no valid answer. */
  unanswered(session: Session, error: unknown): void;
  /** The letter gives no token, and no ballot was sent. */
  nothingSent(): void;
}

export class Booth {
  session: Session | null = null;
  /** A pass from another device, for which no token was received yet. */
  incompletePass: VotingPass | null = null;
  private prepared: PreparedBallot | null = null;
  private choice: Choice = [];
  private fragment = "";

  constructor(
    readonly setup: Setup,
    private readonly place: VotingPlace,
    private readonly data: DOMStringMap,
  ) {
    watchChoices();
    watchBudgets(setup.manifest.questions, this.language);
    onSubmit("form-code", () => this.submitCode());
    onSubmit("form-ballot", () => this.submitBallot());
    addEventListener("popstate", () => this.wentBack());
    onClick("back", () => (history.state === REVIEW ? history.back() : this.leaveReview()));
    onClick("cast", () => this.castNow(button("cast")));
    onClick("test", () => this.testBallot());
    onClick("test-done", () => this.showBallot());
  }

  private get language(): string {
    return this.data.language ?? "nl";
  }

  /** Nobody is asked for a code in vain: whether the voting is over, the site's own clock says. */
  showCode(): void {
    if (isVotingOver(this.setup.manifest, servedTime())) showStopped(new ClientError("closed"));
    else showStep("code", "code");
  }

  showBallot(): void {
    for (const part of document.querySelectorAll<HTMLElement>("[data-earlier]"))
      part.hidden = (this.session?.last ?? null) === null;
    showStep("ballot", "ballot");
  }

  /** The ballot that was made and not sent, or the ballot paper to make another one. */
  showUnsent(): void {
    if (this.prepared === null) this.showBallot();
    else showStep("review", "review");
  }

  /** Takes the choice from the page. */
  hideChoice(): void {
    this.choice = [];
    for (const id of ["chosen", "ballot-id", "ballot-qr"]) byId(id).replaceChildren();
    byId<HTMLFormElement>("form-ballot").reset();
  }

  /** Goes on with the voter whom the page knows, or asks for a code. */
  async proceed(): Promise<void> {
    if (this.session === null) return this.showCode();
    await this.place.voterKnown(this.session);
  }

  // Code and second factor

  private async submitCode(): Promise<void> {
    const [code, factor] = [byId<HTMLInputElement>("code"), byId<HTMLInputElement>("factor")];
    let [symbols, normal] = ["", ""];
    for (const [input, parse] of [
      [factor, () => (normal = normaliseFactor(this.setup.manifest.second_factor.kind, factor.value))],
      [code, () => (symbols = parseCode(code.value))],
    ] as const) {
      try {
        parse();
        fieldError(input, byId(`${input.id}-error`), "");
      } catch (error) {
        const count = [...code.value.replace(/[^\p{L}\p{N}]/gu, "")].length;
        fieldError(
          input,
          byId(`${input.id}-error`),
          message(input === code && count === 0 ? "code-empty" : errorCode(error), { count }),
        );
        input.focus();
      }
    }
    markTitle(symbols === "" || normal === "");
    if (symbols === "" || normal === "") return;
    await runOnce(
      button("submit-code"),
      "busy-letter",
      async () => {
        const session = await Session.begin(this.setup, symbols, normal, this.incompletePass, (voter) =>
          this.place.storageFor(voter),
        );
        await session.checkLetter();
        this.session = session;
        code.value = factor.value = "";
        await this.proceed();
      },
      (error) => this.refusedAtCode(error),
    );
  }

  private refusedAtCode(error: unknown): void {
    if (isBlocking(error)) return showStopped(error);
    const wrong = WRONG_FIELD.get(errorCode(error));
    if (wrong === undefined) return showError(explain(error));
    markTitle(true);
    fieldError(byId(wrong), byId(`${wrong}-error`), explain(error));
    byId(wrong).focus();
  }

  // Ballot paper

  private async submitBallot(): Promise<void> {
    const [found, session] = [readChoice(this.setup.manifest.questions, this.language), this.session];
    if (found === null || session === null) return;
    this.choice = found;
    await runOnce(
      button("submit-ballot"),
      "busy-encrypt",
      async () => {
        if (!session.mayCast) throw new ClientError("too-many-casts");
        // Lets the status be drawn before the device is busy.
        await new Promise((resolve) => setTimeout(resolve, 0));
        this.prepared = session.prepare(found);
        this.showReview(this.prepared);
      },
      (error) => this.showRefusal(error),
    );
  }

  // Review and test

  /** Everybody sees the number of the ballot before anybody can say whether it is tested or cast: from here on the
   * device is bound to this ballot, and has no more to learn from what the voter does. */
  private showReview(prepared: PreparedBallot): void {
    const number = hex(prepared.ballotId);
    showChoice(byId("chosen"), this.setup.manifest.questions, this.choice, this.language);
    showNumber(byId("ballot-id"), number);
    drawQr(byId("ballot-qr"), `${this.data.check ?? ""}#ballot=${number}`, message("qr-ballot"));
    const test = byId<HTMLDetailsElement>("test-details");
    test.open = test.hidden = byId("back").hidden = false;
    if (history.state !== REVIEW) history.pushState(REVIEW, "");
    this.fragment = location.hash;
    showStep("review", "review");
  }

  /** The browser's back button leads from the review to the ballot paper, with the choice still on it. */
  private wentBack(): void {
    // A link to a place on this page moves through the history as well; it changes the fragment.
    const within = history.state === REVIEW || location.hash !== this.fragment;
    this.fragment = location.hash;
    if (!within && !byId("step-review").hidden) this.leaveReview();
  }

  private leaveReview(): void {
    this.prepared = null;
    this.showBallot();
  }

  private testBallot(): void {
    if (this.prepared === null) return;
    const test = { ...this.prepared, choice: this.choice };
    const link = `${this.data.check ?? ""}${encodeTest(test)}`;
    drawQr(byId("test-qr"), link, message("qr-test"));
    const here = document.getElementById("test-link");
    if (here !== null) here.onclick = () => handOver("test", encodeTest(test));
    byId("test-text").textContent = link;
    this.prepared = null; // what was tested is never cast
    showStep("test", "review");
  }

  // Cast

  /** Sends the ballot, or sends once more the one that was not answered. */
  async castNow(from: HTMLButtonElement): Promise<void> {
    const { session, prepared } = this;
    if (session === null || (prepared === null && !session.waiting)) return this.showBallot();
    await runOnce(
      from,
      "busy-cast",
      async () => {
        showStep("sending", "review");
        this.place.beforeCast();
        await session.fetchToken();
        // From here on this ballot may be counted: it is never tested and never changed.
        this.prepared = null;
        if (prepared === null) await session.resend();
        else await session.cast(prepared);
        this.promiseArrived(session);
      },
      (error) => this.castFailed(session, error),
    );
  }

  private promiseArrived(session: Session): void {
    this.hideChoice();
    this.place.done(session);
  }

  private castFailed(session: Session, error: unknown): void {
    if (session.waiting) return this.place.unanswered(session, error);
    if (!NO_BALLOT_PAPER.includes(errorCode(error)) && !isBlocking(error)) return this.place.unanswered(session, error);
    this.place.nothingSent();
    this.showRefusal(error);
  }

  /** No ballot was sent. Asks for the code again, where the letter gives no ballot paper or the device lost its own. */
  private showRefusal(error: unknown): void {
    if (isBlocking(error)) return showStopped(error);
    if (NO_BALLOT_PAPER.includes(errorCode(error))) {
      this.prepared = this.session = null;
      this.showCode();
    }
    showError(explain(error));
  }
}

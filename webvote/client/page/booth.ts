// The steps of every voter, at home or at a kiosk: code, ballot paper, review, test, cast.
//
// Decides their order and what each one shows: the ballot's number to everybody, before the choice to test or to cast;
// and who is invited to test. Leaves to the page (its `VotingPlace`) where a voter's record is kept, what follows a vote,
// and what is shown when a cast fails; and to the session everything about the ballot itself.

import { hex } from "../core/bytes.ts";
import { ClientError } from "../core/errors.ts";
import { prepareBallot, type Choice, type PreparedBallot } from "../core/ballot.ts";
import type { Setup } from "../core/setup.ts";
import type { VotingPass } from "../core/token.ts";
import { readChoice, watchChoices } from "./ballot-paper.ts";
import { watchBudgets } from "./budget.ts";
import { keepOnLanguageChange } from "./change-language.ts";
import { showChoice } from "./chosen.ts";
import { showProblems } from "./problems.ts";
import { handOver } from "./hand-over.ts";
import { encodeTest } from "./link-formats.ts";
import { drawQr } from "./qr.ts";
import { groupCode, submitCode, type TypedLetter } from "./code-step.ts";
import { isOver, watchPhase } from "./phase.ts";
import { Session } from "./session.ts";
import { byId, button, message, onClick, onSubmit, showError, showNumber, showStep } from "./dom.ts";
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

/** One of so many is; none of 0. */
function isDrawn(every: number): boolean {
  return every > 0 && (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) % every === 0;
}

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
  private readonly showBudgets: () => void;
  /** Drawn once for each visit; null before. */
  private invited: boolean | null = null;

  constructor(
    readonly setup: Setup,
    private readonly place: VotingPlace,
    private readonly data: DOMStringMap,
  ) {
    watchChoices();
    this.showBudgets = watchBudgets(setup.manifest.questions, () => this.language);
    keepOnLanguageChange(() => this.speakAnew());
    onSubmit("form-code", () => submitCode(setup.manifest.second_factor.kind, (typed) => this.begin(typed)));
    onSubmit("form-ballot", () => this.submitBallot());
    addEventListener("popstate", () => this.wentBack());
    watchPhase(setup.manifest);
    groupCode(byId("code"));
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
    if (isOver(this.setup.manifest)) showStopped(new ClientError("closed"));
    else showStep("code", "code");
  }

  showBallot(): void {
    const own = (this.session?.last ?? null) !== null;
    for (const part of document.querySelectorAll<HTMLElement>("[data-earlier]")) part.hidden = !own;
    const elsewhere = document.getElementById("earlier-elsewhere");
    if (elsewhere !== null) elsewhere.hidden = own || !this.session?.castElsewhere;
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

  private async begin({ symbols, factor }: TypedLetter): Promise<void> {
    const session = await Session.begin(this.setup, symbols, factor, this.incompletePass, (voter) =>
      this.place.storageFor(voter),
    );
    await session.checkLetter();
    this.session = session;
    for (const id of ["code", "factor"]) byId<HTMLInputElement>(id).value = "";
    await this.proceed();
  }

  /** Writes in the page's language what it does not bring along itself. */
  private speakAnew(): void {
    for (const said of document.querySelectorAll(".field-error")) said.textContent = "";
    for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    showProblems([], 0);
    this.showBudgets();
    if (this.prepared !== null) this.showNumberCode(hex(this.prepared.ballotId));
    if (this.choice.length > 0) showChoice(byId("chosen"), this.setup.manifest.questions, this.choice, this.language);
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
        this.prepared = prepareBallot(this.setup.context, session.pass, found);
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
    this.showNumberCode(number);
    const test = byId<HTMLDetailsElement>("test-details");
    test.hidden = byId("back").hidden = false;
    // Only now: who is invited tests more often than others, and must not be known before the number is.
    this.invited ??= isDrawn(Number(this.data.invite ?? 0));
    test.open = this.invited;
    byId("invited").hidden = !this.invited;
    if (history.state !== REVIEW) history.pushState(REVIEW, "");
    this.fragment = location.hash;
    showStep("review", "review");
  }

  private showNumberCode(number: string): void {
    drawQr(byId("ballot-qr"), `${this.data.check ?? ""}#ballot=${number}`, message("qr-ballot"));
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
    this.invited = false; // nobody is asked twice
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

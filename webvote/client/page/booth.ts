// The way that every voter goes, at home or at a kiosk: code, ballot paper, review, test, cast.
//
// Decides the order of these steps and what each one shows. What is kept, what follows a vote and what a failure while
// casting means is the place's own matter (`Place`); who decides about a vote is the session.
import { hex } from "../core/bytes.ts";
import { parseCode } from "../core/code.ts";
import { ClientError } from "../core/errors.ts";
import { normaliseFactor } from "../core/factor.ts";
import type { Choice, PreparedBallot } from "../core/ballot.ts";
import type { Setup } from "../core/setup.ts";
import type { VotingPass } from "../core/token.ts";
import { byId, button, fieldError, grouped, listChoice, message, on, showError, showStep } from "./dom.ts";
import { encodeTest } from "./handover.ts";
import { drawQr } from "./qr.ts";
import { Session } from "./session.ts";
import type { Shelf } from "./store.ts";
import { attempt, codeOf, explain, isPassing, stop, stops } from "./words.ts";

const NO_PAPER = ["credential-unknown", "factor-wrong", "factor-locked", "token-issued", "letter-struck", "gone"];

/** What differs between a voter's own device and a kiosk. */
export interface Place {
  shelfOf(voter: string): Shelf;
  /** The code was taken, or the page came up again: show where this voter stands. */
  arrived(session: Session): Promise<void>;
  /** The vote is about to be sent. */
  casting(): void;
  /** The promise is there. */
  done(session: Session): void;
  /** A cast failed with the token there, or perhaps on its way. */
  unanswered(session: Session, error: unknown): void;
  /** A cast failed before anything was given or sent. */
  nothingSent(): void;
}

export class Booth {
  session: Session | null = null;
  /** A pass from another device that has no token yet. */
  given: VotingPass | null = null;
  private prepared: PreparedBallot | null = null;
  private choice: Choice = [];

  constructor(
    readonly setup: Setup,
    private readonly place: Place,
    private readonly data: DOMStringMap,
  ) {
    byId("form-code").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submitCode();
    });
    byId("form-ballot").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submitBallot();
    });
    byId("test-details").addEventListener("toggle", () => this.showNumber());
    addEventListener("popstate", () => this.wentBack());
    on("back", () => history.back());
    on("cast", () => this.castNow());
    on("test", () => this.testBallot());
    on("test-done", () => this.showBallot());
  }

  showCode(): void {
    showStep("code", "code");
  }

  showBallot(): void {
    showStep("ballot", "ballot");
  }

  /** Nothing of a choice stays on the page. */
  hideChoice(): void {
    this.choice = [];
    byId("chosen").replaceChildren();
    byId<HTMLFormElement>("form-ballot").reset();
  }

  /** Goes on with the voter whom the page knows, or asks for a code. */
  async enter(): Promise<void> {
    if (this.session === null) return this.showCode();
    await this.place.arrived(this.session);
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
        const count = code.value.replace(/[^0-9a-z]/gi, "").length;
        fieldError(input, byId(`${input.id}-error`), message(codeOf(error), { count }));
        input.focus();
      }
    }
    if (symbols === "" || normal === "") return;
    await attempt(
      button("submit-code"),
      "busy-letter",
      async () => {
        const session = await Session.begin(this.setup, symbols, normal, this.given, (voter) => this.place.shelfOf(voter));
        await session.checkLetter();
        this.session = session;
        code.value = factor.value = "";
        await this.enter();
      },
      (error) => this.refusedAtCode(error),
    );
  }

  private refusedAtCode(error: unknown): void {
    if (stops(error) && !this.session?.waiting) return stop(error);
    showError(explain(error));
    const wrong = codeOf(error) === "factor-wrong" ? "factor" : codeOf(error) === "credential-unknown" ? "code" : null;
    if (wrong !== null) fieldError(byId(wrong), byId(`${wrong}-error`), explain(error));
  }

  // Ballot paper

  private readChoice(): Choice | null {
    let whole = true;
    const found = this.setup.manifest.questions.map((question, number) => {
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

  private async submitBallot(): Promise<void> {
    const [found, session] = [this.readChoice(), this.session];
    if (found === null || session === null) return;
    this.choice = found;
    await attempt(
      button("submit-ballot"),
      "busy-encrypt",
      async () => {
        if (!session.mayCast) throw new ClientError("too-many-casts");
        // Lets the status be drawn before the device is busy.
        await new Promise((resolve) => setTimeout(resolve, 0));
        this.prepared = session.prepare(found);
        this.showReview(this.prepared);
      },
      (error) => this.lost(error),
    );
  }

  // Review and test

  private showReview(prepared: PreparedBallot): void {
    listChoice(byId("chosen"), this.setup.manifest.questions, this.choice, this.data["language"] ?? "nl");
    byId("ballot-id").textContent = grouped(hex(prepared.ballotId));
    byId("ballot-qr").replaceChildren();
    const test = byId<HTMLDetailsElement>("test-details");
    test.open = test.hidden = byId("back").hidden = false;
    history.pushState(null, "");
    showStep("review", "review");
  }

  private showNumber(): void {
    if (this.prepared !== null) drawQr(byId("ballot-qr"), `${this.data["check"] ?? ""}#ballot=${hex(this.prepared.ballotId)}`, message("qr"));
  }

  /** The browser's own way back leads to the ballot paper, the choice still on it. */
  private wentBack(): void {
    if (byId("step-review").hidden || this.session?.waiting) return;
    this.prepared = null;
    this.showBallot();
  }

  private testBallot(): void {
    if (this.prepared === null) return;
    const link = `${this.data["check"] ?? ""}${encodeTest({ ...this.prepared, choice: this.choice })}`;
    drawQr(byId("test-qr"), link, message("qr"));
    byId<HTMLAnchorElement>("test-link").href = link;
    byId("test-text").textContent = link;
    this.prepared = null; // what was tested is never cast
    showStep("test", "review");
  }

  // Cast

  private async castNow(): Promise<void> {
    const { session, prepared } = this;
    if (session === null || prepared === null) return;
    await attempt(
      button("cast"),
      "busy-cast",
      async () => {
        byId("test-details").hidden = true; // what may have been cast is never tested
        this.place.casting();
        await session.fetchToken();
        await session.cast(prepared);
        this.arrive(session);
      },
      (error) => this.failed(session, error),
    );
  }

  /** Sends again what was not answered; for the token's answer, all of the cast. */
  async retry(from: HTMLButtonElement): Promise<void> {
    const { session, prepared } = this;
    if (session === null) return;
    await attempt(
      from,
      "busy-cast",
      async () => {
        await session.fetchToken();
        if (session.waiting) await session.resend();
        else if (prepared !== null) await session.cast(prepared);
        this.arrive(session);
      },
      (error) => this.failed(session, error),
    );
  }

  private arrive(session: Session): void {
    this.prepared = null;
    this.hideChoice();
    this.place.done(session);
  }

  private failed(session: Session, error: unknown): void {
    byId("back").hidden = byId("test-details").hidden = session.waiting;
    // Without a token, and with no token on its way, nothing has happened yet.
    if (!session.waiting && !isPassing(error) && codeOf(error) !== "signature-invalid") return this.lost(error);
    this.place.unanswered(session, error);
  }

  /** Nothing was sent. Where the letter gives no ballot paper, or the device lost its own, the code is asked again. */
  private lost(error: unknown): void {
    this.place.nothingSent();
    if (stops(error)) return stop(error);
    if (NO_PAPER.includes(codeOf(error))) {
      this.prepared = this.session = null;
      this.showCode();
    }
    showError(explain(error));
  }
}

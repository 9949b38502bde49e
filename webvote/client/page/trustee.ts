// The trustees' page: opens a key file, checks the whole log, and takes the one step that is due.
//
// Decides what is asked, shown and kept. A key is in memory only while the page is open. Leaves every judgment of the log to
// `verify`, and every step to `trustee`. One file, which is its own worker as well.

import "./mldsa.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { fromHex, hex, utf8, type Bytes } from "../core/bytes.ts";
import { commit, complain } from "../trustee/ceremony.ts";
import { announcing } from "../trustee/count.ts";
import { TrusteeRefused } from "../trustee/errors.ts";
import { keyBytes, parseTrusteeKey, type TrusteeKey } from "../trustee/key-file.ts";
import { Member } from "../trustee/member.ts";
import { openWithPassphrase, sealWithPassphrase } from "../trustee/sealed.ts";
import { standingOf, type Step } from "../trustee/standing.ts";
import { STEPS, type Make } from "../trustee/steps.ts";
import { AddressPlace } from "../verify/address.ts";
import { verify } from "../verify/engine.ts";
import { byId, button, fieldError, message, onClick, onSubmit, saveFile, showError, showStatus } from "./dom.ts";
import { serveAsWorker, startPool } from "./own-worker.ts";
import { bytesOf, field, make, showOpened, working } from "./trustee-key.ts";
import { showMember } from "./trustee-view.ts";

const AGAIN_MS = 5000;
const TIMEOUT_MS = 90_000; // witnesses are asked meanwhile

/** What is open: nothing of it is stored. `sealed` is the key file as it was chosen. */
interface Seat {
  readonly key: TrusteeKey;
  readonly passphrase: string;
  readonly sealed: Bytes;
  readonly board: string;
  readonly referendum: Bytes;
}

/** What the button on the page does: a step, or a complaint once a faulty share was found. */
type Offer = Step | "complaint" | null;

if (typeof document === "undefined") serveAsWorker();
else openPage();

/** The one that is open; one that could not be opened leaves nothing behind. */
let desk: Desk | null = null;
let running: Promise<void> | null = null;
/** Whether what runs was asked for by nobody: the page looks again by itself. */
let unasked = false;

/** Runs one thing at a time, and tells what was refused. A second click meanwhile does nothing; a click while the page
 * looks again by itself waits for that. */
async function alone(work: () => Promise<void>, byItself = false): Promise<void> {
  while (running !== null && unasked && !byItself) await running;
  if (running !== null) return;
  unasked = byItself;
  running = carryOut(work);
  await running;
}

async function carryOut(work: () => Promise<void>): Promise<void> {
  showError("");
  try {
    await work();
  } catch (error) {
    const code = error instanceof TrusteeRefused ? error.code : "broken";
    const words = message(code, { trustee: error instanceof TrusteeRefused ? error.trustee : 0 });
    showError(code === "not-verified" ? `${words} ${(error as Error).message}` : words);
  } finally {
    running = null;
    showStatus("");
  }
}

function openPage(): void {
  const { board = "", referendum = "" } = byId("main").dataset;
  const given = /^#([0-9a-f]{64})$/.exec(location.hash)?.[1];
  field("identity").value = given ?? (location.protocol === "file:" ? referendum : "");
  if (field("board").value === "") field("board").value = board;
  onSubmit("form-open", () => alone(open));
  onSubmit("form-make", () => alone(make));
  onClick("look", () => alone(async () => desk?.look()));
  onClick("act", () => {
    const offered = desk?.offered ?? null;
    return alone(async () => desk?.act(offered));
  });
  onClick("again", () => alone(async () => desk?.send((member) => commit(member, true))));
  onClick("print", () => window.print());
  onClick("save-copy", () => desk?.saveKey());
  setInterval(() => void desk?.watch(), AGAIN_MS);
}

async function open(): Promise<void> {
  const [identity, passphrase, address] = [field("identity"), field("passphrase"), field("board")];
  const id = identity.value.replace(/\s/g, "").toLowerCase();
  const tries = id === "" && address.value.trim() === "";
  byId("opens").hidden = true;
  fieldError(identity, byId("identity-error"), tries || /^[0-9a-f]{64}$/.test(id) ? "" : message("identity-wrong"));
  const sealed = await bytesOf(field("key"));
  fieldError(field("key"), byId("key-error"), sealed === null ? message("no-file") : "");
  if (sealed === null) return field("key").focus();
  if (!tries && !/^[0-9a-f]{64}$/.test(id)) return identity.focus();
  if (!tries && !/^https?:\/\//i.test(address.value.trim())) return showError(message("no-address"));
  fieldError(passphrase, byId("passphrase-error"), "");
  let content: Uint8Array;
  try {
    content = await openWithPassphrase(sealed, passphrase.value, working("opening"));
  } catch (error) {
    if (!(error instanceof TrusteeRefused)) throw error;
    fieldError(passphrase, byId("passphrase-error"), message(error.code));
    return passphrase.focus();
  }
  if (tries) return showOpened(parseTrusteeKey(content));
  const board = address.value.trim().replace(/\/?$/, "/");
  const seat = { key: parseTrusteeKey(content), passphrase: passphrase.value, sealed, board, referendum: fromHex(id) };
  const opened = new Desk(seat);
  await opened.look();
  if (!opened.isOpen) return;
  desk = opened;
  passphrase.value = "";
}

class Desk {
  private member: Member | null = null;
  private seenHead = "";
  offered: Offer = null;

  constructor(private seat: Seat) {}

  get isOpen(): boolean {
    return this.member !== null;
  }

  saveKey(): void {
    saveFile(`trustee-${this.member?.number ?? ""}.key`, this.seat.sealed, "application/json");
  }

  /** Checks the whole log, and shows where it stands. */
  async look(): Promise<void> {
    this.seenHead = await this.head();
    const pool = startPool();
    try {
      showStatus(message("reading"));
      const began = Date.now();
      const place = new AddressPlace(`${this.seat.board}log/`);
      const report = await verify(place, this.seat.referendum, pool, (done, total) => {
        const left = done === 0 ? 0 : ((Date.now() - began) / 1000) * (total / done - 1);
        showStatus(message("progress", { done, total, left: Math.ceil(left) }));
      });
      if (report.log === null) {
        const told = report.faults.slice(0, 3).map((fault) => `${fault.check} ${fault.where}: ${fault.message}`);
        if (report.faults.some(({ check }) => check === "V2")) throw new TrusteeRefused("other-referendum");
        if (report.has("breach")) throw new TrusteeRefused("not-verified", told.join("; "));
        return showError(`${message("cannot-read")} ${told.join("; ")}`);
      }
      this.member = new Member(report.log, this.seat.key);
      byId("by-hand").hidden = true;
      this.offered = standingOf(this.member, Date.now() / 1000).step;
      showMember(this.member, report.figures.entries);
    } finally {
      pool.end();
    }
  }

  private async head(): Promise<string> {
    try {
      const answer = await fetch(`${this.seat.board}log/checkpoint`, { cache: "no-store", credentials: "omit" });
      return answer.ok ? await answer.text() : "";
    } catch {
      return "";
    }
  }

  /** While others work: looks again when the log has grown. */
  async watch(): Promise<void> {
    if (running !== null || this.member === null || document.hidden || !byId("by-hand").hidden) return;
    const head = await this.head();
    if (head !== "" && head !== this.seenHead) await alone(() => this.look(), true);
  }

  /** `offered` is what the button said when it was pressed: nobody signs what they have not read. */
  async act(offered: Offer): Promise<void> {
    const { member } = this;
    if (member === null || offered !== this.offered) return;
    if (offered === "complaint") return this.send(complain);
    const { step } = standingOf(member, Date.now() / 1000);
    if (step === null || step !== offered) return this.look();
    if (step === "drill" && !(await this.hasCopy())) return;
    if (step === "intent") await this.keepAnnouncement(member);
    try {
      await this.send(STEPS[step]);
    } catch (error) {
      if (!(error instanceof TrusteeRefused) || error.code !== "dealer-faulty") throw error;
      button("act").textContent = message("act-complain", { trustee: error.trustee });
      this.offered = "complaint";
      throw error;
    }
  }

  /** The second copy is the same file, or opens with the same passphrase and holds the same key. */
  private async hasCopy(): Promise<boolean> {
    const copy = await bytesOf(field("copy"));
    const told = copy === null ? message("no-copy") : await this.copyProblem(copy);
    fieldError(field("copy"), byId("copy-error"), told);
    if (told !== "") field("copy").focus();
    return told === "";
  }

  private async copyProblem(copy: Bytes): Promise<string> {
    if (hex(sha256(copy)) === hex(sha256(this.seat.sealed))) return "";
    try {
      const content = await openWithPassphrase(copy, this.seat.passphrase, working("opening"));
      return parseTrusteeKey(content).seed === this.seat.key.seed ? "" : message("copy-differs");
    } catch {
      return message("copy-differs");
    }
  }

  /** The key file that remembers the announced tree is handed out before the announcement leaves. */
  private async keepAnnouncement(member: Member): Promise<void> {
    const key = announcing(member, Date.now() / 1000);
    const sealed = await sealWithPassphrase(keyBytes(key), this.seat.passphrase, working("sealing"));
    this.seat = { ...this.seat, key, sealed };
    this.member = new Member(member.log, key);
    this.saveKey();
  }

  async send(step: Make): Promise<void> {
    if (this.member === null) return;
    const entries = step(this.member, Date.now() / 1000);
    showStatus(message("sending"));
    const body = entries.map((entry) => new TextDecoder().decode(entry)).join("\n");
    const answer = await this.post(body);
    if (answer !== null && answer !== "unseen") return this.byHand(body, answer);
    await this.look();
    if (answer === "unseen") showError(message("unseen"));
  }

  /** What kept the message from the log; null if it stands there, `unseen` if witnesses have not signed it yet. */
  private async post(body: string): Promise<string | null> {
    try {
      const answer = await fetch(`${this.seat.board}entries`, {
        method: "POST",
        body: utf8(body),
        cache: "no-store",
        credentials: "omit",
        referrerPolicy: "no-referrer",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const told = (await answer.json()) as { readonly message?: string; readonly seen?: boolean };
      if (!answer.ok) return String(told.message ?? answer.status);
      return told.seen === false ? "unseen" : null;
    } catch (error) {
      return String(error);
    }
  }

  private byHand(body: string, problem: string): void {
    byId("by-hand").hidden = false;
    byId("why").textContent = problem;
    const name = `trustee-${this.member?.number ?? 0}-message.jsonl`;
    button("save-message").onclick = () => saveFile(name, `${body}\n`, "application/json");
    button("save-message").focus();
  }
}

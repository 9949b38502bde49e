// The log's state machine: which entry may follow which (docs/protocol.md, 8).
//
// Decides types and numbers only: phases, attempts, batch sizes, doubles. Whether contents are true is for the chapters.

import { sha256 } from "@noble/hashes/sha2.js";
import { hex, utf8 } from "../core/bytes.ts";
import { encodeCanonical } from "../core/canonical.ts";
import type { Manifest } from "../core/manifest.ts";
import type { Body, Entry, Kind } from "./entries.ts";

export class OrderInvalid extends Error {}

export type Phase =
  | "empty"
  | "ceremony"
  | "keyed"
  | "rolled"
  | "open"
  | "closed"
  | "tallied"
  | "cancelled"
  | "abandoned";

const AFTER: readonly Kind[] = ["minutes", "purge", "incident"];
const ALLOWED: Readonly<Record<Phase, readonly Kind[]>> = {
  empty: [],
  ceremony: ["commit", "reveal", "share", "confirm", "complaint", "drill", "election-key", "incident", "cancel"],
  keyed: ["roll", "incident", "cancel"],
  rolled: ["client", "open", "replace", "drill", "incident", "cancel"],
  open: ["batch", "client", "replace", "incident", "close", "cancel"],
  closed: [
    "paper-result",
    "paper-ballots",
    "tally-intent",
    "partial-decryption",
    "result",
    "abandon",
    "incident",
    "cancel",
    "sample",
  ],
  tallied: [...AFTER, "sample"],
  cancelled: AFTER,
  abandoned: AFTER,
};
const NEXT: Readonly<Partial<Record<Kind, Phase>>> = {
  "election-key": "keyed",
  roll: "rolled",
  open: "open",
  close: "closed",
  result: "tallied",
  cancel: "cancelled",
  abandon: "abandoned",
};
const TRIES = 4; // intents, and partial decryptions, of one trustee

function need(holds: boolean, problem: string): void {
  if (!holds) throw new OrderInvalid(problem);
}

/** `admit` throws OrderInvalid when an entry may not stand here. */
export class Order {
  phase: Phase = "ceremony";
  attempt = 0;
  batches = 0;
  ballots = 0;
  awaiting = 0;
  private readonly trustees: number;
  private readonly threshold: number;
  private maySample: boolean;
  private readonly voided = new Set<number>();
  private readonly committed = new Set<number>();
  private readonly revealed = new Set<number>();
  private readonly shared = new Set<string>();
  private readonly confirmed = new Set<number>();
  private readonly statements = new Set<string>();
  private readonly drilled = new Set<number>();
  private readonly drilledAgain = new Set<number>();
  private readonly replaced = new Set<string>();
  private incidents = 0;
  private paperDue = false;
  private paperStated = false;
  private readonly intents = new Map<number, Set<string>>();
  private readonly partials = new Map<number, Set<string>>();

  constructor(manifest: Manifest) {
    this.trustees = manifest.trustees.members.length;
    this.threshold = manifest.trustees.threshold;
    this.maySample = manifest.sample_size > 0;
  }

  /** A cast ballot in a batch, or a paper ballot after its header. */
  admitBallot(): void {
    need(this.awaiting > 0, "a ballot outside a batch of the open referendum");
    this.awaiting -= 1;
    if (!this.onPaper) this.ballots += 1;
  }

  /** Whether a ballot that may stand here would be a paper ballot. */
  get onPaper(): boolean {
    return this.phase === "closed";
  }

  admit(entry: Entry): void {
    if (this.awaiting > 0) {
      const lacking = this.onPaper ? "paper ballots" : `ballots of batch ${this.batches}`;
      need(false, `an entry ${entry.type} where ${this.awaiting} more ${lacking} must stand`);
    }
    need(ALLOWED[this.phase].includes(entry.type), `an entry ${entry.type} in the phase ${this.phase}`);
    this.check(entry);
    this.phase = NEXT[entry.type] ?? this.phase;
  }

  private check(entry: Entry): void {
    switch (entry.type) {
      case "commit":
        return this.commit(entry.body);
      case "reveal":
        this.current(entry.body.attempt, entry.body.trustee);
        need(this.committed.size === this.trustees, "a reveal before all trustees have committed");
        return this.takeTurn(this.revealed, entry.body.trustee, "revealed");
      case "share":
        return this.share(entry.body);
      case "confirm":
        this.current(entry.body.attempt, entry.body.trustee);
        need(this.revealed.size === this.trustees && this.allShared, "a confirmation before all shares");
        this.takeTurn(this.confirmed, entry.body.trustee, "confirmed");
        this.statements.add(`${entry.body.joint_key} ${entry.body.transcript}`);
        return;
      case "complaint":
        this.current(entry.body.attempt, entry.body.accuser);
        need(
          this.shared.has(pair(entry.body.accused, entry.body.accuser)),
          "a complaint about a share that was not sent",
        );
        this.voided.add(entry.body.attempt);
        return;
      case "drill":
        this.current(entry.body.attempt, entry.body.trustee);
        need(this.agreed, "a drill before all trustees have confirmed one and the same key");
        return this.takeTurn(this.phase === "rolled" ? this.drilledAgain : this.drilled, entry.body.trustee, "drilled");
      case "election-key":
        return this.electionKey(entry.body);
      case "batch":
        need(
          entry.body.number === this.batches + 1,
          `batch ${entry.body.number} where batch ${this.batches + 1} must stand`,
        );
        this.batches = entry.body.number;
        this.awaiting = entry.body.size;
        return;
      case "replace":
        return this.replace(entry.body);
      case "incident":
        need(
          entry.body.number === this.incidents + 1,
          `incident ${entry.body.number} where ${this.incidents + 1} must stand`,
        );
        this.incidents = entry.body.number;
        return;
      case "close":
        need(
          entry.body.batches === this.batches && entry.body.ballots === this.ballots,
          `the close states ${entry.body.batches} batches and ${entry.body.ballots} ballots; the log has ${this.batches} ` +
            `and ${this.ballots}`,
        );
        this.paperDue = entry.body.issuance.some(({ struck }) => struck > 0);
        return;
      case "paper-result":
      case "paper-ballots":
        need(this.paperDue, "paper votes where nobody was struck for paper");
        need(!this.paperStated, "the paper votes stand in the log already");
        this.paperStated = true;
        if (entry.type === "paper-ballots") this.awaiting = entry.body.ballots;
        return;
      case "tally-intent":
        need(entry.body.trustee <= this.trustees, `trustee ${entry.body.trustee} does not exist`);
        this.demandPaper();
        return this.takeOnce(this.intents, entry.body, "an intent");
      case "partial-decryption":
        need(this.intents.size >= this.threshold, "a decryption before enough trustees stated their intent");
        need(this.intents.has(entry.body.trustee), `trustee ${entry.body.trustee} decrypts without an intent`);
        return this.takeOnce(this.partials, entry.body, "a decryption");
      case "result":
      case "abandon":
        return this.demandPaper();
      case "cancel":
        return need(this.intents.size === 0, "a referendum cannot be cancelled once the tally began");
      case "sample":
        need(this.maySample, "a sample that the manifest does not ask for, or a second one");
        this.maySample = false;
        return;
      default:
    }
  }

  /** Whether all trustees have confirmed one and the same key and transcript. */
  private get agreed(): boolean {
    return this.attempt > 0 && this.confirmed.size === this.trustees && this.statements.size === 1;
  }

  private get allShared(): boolean {
    return this.shared.size === this.trustees * (this.trustees - 1);
  }

  private current(attempt: number, trustee: number): void {
    need(trustee <= this.trustees, `trustee ${trustee} does not exist`);
    need(attempt === this.attempt, `attempt ${attempt} of the ceremony is not the current one`);
    need(!this.voided.has(attempt), `attempt ${attempt} of the ceremony is void`);
  }

  private takeTurn(done: Set<number>, trustee: number, what: string): void {
    need(!done.has(trustee), `trustee ${trustee} ${what} already`);
    done.add(trustee);
  }

  private commit({ attempt, trustee }: Body<"commit">): void {
    if (attempt === this.attempt + 1) {
      need(trustee <= this.trustees, `trustee ${trustee} does not exist`);
      if (this.attempt > 0) this.voided.add(this.attempt);
      this.attempt = attempt;
      for (const done of [this.committed, this.revealed, this.confirmed, this.drilled]) done.clear();
      this.shared.clear();
      this.statements.clear();
    }
    this.current(attempt, trustee);
    this.takeTurn(this.committed, trustee, "committed");
  }

  private share({ attempt, sender, receiver }: Body<"share">): void {
    this.current(attempt, sender);
    need(receiver <= this.trustees && receiver !== sender, "a share for nobody");
    need(this.revealed.size === this.trustees, "a share before all trustees have revealed");
    need(!this.shared.has(pair(sender, receiver)), `trustee ${sender} sent its share to ${receiver} already`);
    this.shared.add(pair(sender, receiver));
  }

  private electionKey({ attempt }: Body<"election-key">): void {
    need(this.attempt > 0 && !this.voided.has(this.attempt), "no valid attempt of the ceremony");
    need(attempt === this.attempt, `an election key of attempt ${attempt}, not of the current one`);
    need(this.confirmed.size === this.trustees, "an election key without the confirmation of all trustees");
    need(this.agreed, "an election key although the trustees confirmed different ones");
    need(this.drilled.size === this.trustees, "an election key before all trustees have drilled");
  }

  private replace({ struck, replacement }: Body<"replace">): void {
    need(!this.replaced.has(struck) && !this.replaced.has(replacement), "replaced twice");
    need(struck !== replacement, "a letter replaced by itself");
    this.replaced.add(struck).add(replacement);
  }

  private demandPaper(): void {
    need(this.paperStated || !this.paperDue, "people were struck for paper, and their votes not logged");
  }

  /** The same again is refused: else whoever repeats an old one uses up its trustee's tries. */
  private takeOnce(
    taken: Map<number, Set<string>>,
    body: Body<"tally-intent"> | Body<"partial-decryption">,
    what: string,
  ): void {
    const said = taken.get(body.trustee) ?? new Set<string>();
    taken.set(body.trustee, said);
    const digest = hex(sha256(utf8(encodeCanonical(body))));
    need(!said.has(digest), `${what} of trustee ${body.trustee} that stands in the log already`);
    need(said.size < TRIES, `${what} of trustee ${body.trustee}, who stated ${TRIES} already`);
    said.add(digest);
  }
}

const pair = (sender: number, receiver: number): string => `${sender}/${receiver}`;

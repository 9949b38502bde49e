// The ballots that were cast at this kiosk, until they are found in the log.
//
// Decides what a kiosk stores: signed ballots and their promises, in the order of ballot ids, and nothing of a person, so
// that neither names nor the order of voting can be read here. Hands in again what is missing, in that order. Leaves
// everything that a voter sees to the page.

import { sha256 } from "@noble/hashes/sha2.js";
import { findFates, type Fate } from "../core/ballot-fate.ts";
import { fromHex, hex } from "../core/bytes.ts";
import { isVotingOver } from "../core/manifest-rules.ts";
import { checkAnswer } from "../core/receipt.ts";
import { promisedBatches, sentBytes, unfound, withPromise, type SentBallot } from "../core/sent-ballots.ts";
import type { Setup } from "../core/setup.ts";
import type { Published } from "./safety-net.ts";
import { castAgain, fetchSignposts, ServiceError } from "./services.ts";
import { PREFIX } from "./storage.ts";

// Some of the five million characters that a browser keeps of a site. What does not fit is not kept.
const SHELF_CHARACTERS = 4_000_000;

/** What is stored of one ballot. */
type Shelved = Pick<SentBallot, "ballot_id" | "raw" | "promises">;

export class KioskShelf {
  private readonly key: string;
  private looking = false;

  constructor(
    private readonly setup: Setup,
    private readonly published: Published,
  ) {
    this.key = `${PREFIX}/${hex(setup.referendum)}/kiosk`;
  }

  /** Takes the ballots that were sent, and their promises as they come in. A kiosk that can store nothing keeps none, and
   * people vote there all the same. */
  put(ballots: readonly SentBallot[]): void {
    try {
      for (const { ballot_id, raw, promises } of unfound(ballots))
        this.change(ballot_id, () => ({ ballot_id, raw, promises }));
    } catch {
      // as above
    }
  }

  /** Looks for all ballots in the log, and hands in again those that are missing. Returns how many were promised and are
   * lost, now that voting is closed: they stay here, as evidence. */
  async lookAfter(): Promise<number> {
    const shelved = this.looking ? [] : this.read();
    if (shelved.length === 0) return 0;
    this.looking = true;
    try {
      const fates = await findFates(
        this.published.readLogFile,
        this.setup,
        shelved.map(asSent).map(sentBytes),
        (batch) => fetchSignposts(this.published.signposts, batch),
      );
      for (const [k, one] of shelved.entries()) await this.settle(one, fates[k]);
      return shelved.filter((one, k) => isLost(one, fates[k])).length;
    } finally {
      this.looking = false;
    }
  }

  private async settle(one: Shelved, fate: Fate | undefined): Promise<void> {
    if (fate === undefined || isLost(one, fate)) return;
    // Once the voting is over, the last batch may be in, with a lower number than the promised one.
    const isDue = fate.state === "missing" || (fate.state === "waiting" && isVotingOver(this.setup.manifest));
    if (fate.state === "waiting" && !isDue) return;
    if (!isDue) return this.change(one.ballot_id, () => null);
    try {
      const text = await this.handIn(one);
      this.change(one.ballot_id, (now) => ({ ...now, promises: withPromise(asSent(now), text).promises }));
    } catch {
      // the next look hands it in again
    }
  }

  /** The text of a new promise. */
  private async handIn(one: Shelved): Promise<string> {
    const { manifest, context } = this.setup;
    const raw = fromHex(one.raw ?? "");
    const answer = await castAgain(manifest, raw, one.promises);
    const promise = await checkAnswer(manifest, context, raw, answer);
    if (promisedBatches(asSent(one)).some((batch) => promise.batch <= batch)) throw new ServiceError("promise-old");
    return new TextDecoder().decode(answer);
  }

  private read(): readonly Shelved[] {
    return JSON.parse(localStorage.getItem(this.key) ?? "[]") as Shelved[];
  }

  /** Reads, changes and writes at once, so nothing that another page put here meanwhile is lost. */
  private change(ballotId: string, change: (now: Shelved) => Shelved | null): void {
    const before = this.read();
    const empty: Shelved = { ballot_id: ballotId, raw: null, promises: [] };
    const made = change(before.find(({ ballot_id }) => ballot_id === ballotId) ?? empty);
    const after = before.filter(({ ballot_id }) => ballot_id !== ballotId);
    if (made !== null && made.raw !== null) after.push(made);
    after.sort((a, b) => (a.ballot_id < b.ballot_id ? -1 : 1));
    const text = JSON.stringify(after);
    if (after.length === 0) localStorage.removeItem(this.key);
    else if (text.length <= SHELF_CHARACTERS || made === null) localStorage.setItem(this.key, text);
  }
}

/** Voting was closed without a ballot that the box had promised. One without a promise is no evidence. */
function isLost({ promises }: Shelved, fate: Fate | undefined): boolean {
  return fate?.state === "broken" && promises.length > 0;
}

function asSent({ ballot_id, raw, promises }: Shelved): SentBallot {
  const cast_hash = hex(sha256(fromHex(raw ?? "")));
  return {
    cast_hash,
    ballot_id,
    seq: 0,
    state: promises.length > 0 ? "promised" : "unanswered",
    raw,
    promises,
    place: null,
  };
}

// The latest attempt of the key ceremony, as the log has it: who has done what, and what it makes.
//
// Decides what each message binds (docs/protocol.md, 13), as `verify/ceremony` does for itself. Leaves what this trustee
// does about it to `ceremony`.

import { fromHex, hex, utf8 } from "../core/bytes.ts";
import { encodeCanonical } from "../core/canonical.ts";
import { IDENTITY, imageAt, pointBytes, pointFrom, sum, type Point } from "../core/group.ts";
import { Transcript } from "../core/transcript.ts";
import type { Body, Entry } from "../verify/entries.ts";

export type ElectionKey = Body<"election-key">;

export class Attempt {
  readonly commits = new Map<number, Body<"commit">>();
  readonly reveals = new Map<number, Body<"reveal">>();
  readonly shares = new Map<string, Body<"share">>();
  readonly confirms = new Map<number, Body<"confirm">>();
  readonly drills = new Set<number>();
  void = false;
  electionKey: ElectionKey | null = null;

  constructor(readonly number: number) {}

  share(sender: number, receiver: number): Body<"share"> | undefined {
    return this.shares.get(`${sender}/${receiver}`);
  }

  take(entry: Entry): void {
    switch (entry.type) {
      case "commit":
        this.commits.set(entry.body.trustee, entry.body);
        return;
      case "reveal":
        this.reveals.set(entry.body.trustee, entry.body);
        return;
      case "share":
        this.shares.set(`${entry.body.sender}/${entry.body.receiver}`, entry.body);
        return;
      case "confirm":
        this.confirms.set(entry.body.trustee, entry.body);
        return;
      case "drill":
        if (this.electionKey === null) this.drills.add(entry.body.trustee);
        return;
      case "complaint":
        this.void = true;
        return;
      case "election-key":
        this.electionKey = entry.body;
        return;
      default:
    }
  }

  /** All dealers' commitments, in the order of trustees. */
  commitments(): readonly (readonly Point[])[] {
    return ascending(this.reveals).map(({ coefficients }) => coefficients.map((point) => pointFrom(fromHex(point))));
  }

  private transcript(referendum: Uint8Array): string {
    const transcript = Transcript.of("ceremony").add("referendum", referendum).addInt("attempt", this.number);
    const shares = [...this.shares.values()].sort((a, b) => a.sender - b.sender || a.receiver - b.receiver);
    const messages = { commit: ascending(this.commits), reveal: ascending(this.reveals), share: shares };
    for (const [label, bodies] of Object.entries(messages))
      for (const body of bodies) transcript.add(label, utf8(encodeCanonical(body)));
    return hex(transcript.digest());
  }

  /** What the confirmed attempt makes: the only valid body of the entry `election-key`. */
  makeKey(referendum: Uint8Array, trustees: number): ElectionKey {
    const dealers = this.commitments();
    const keys = Array.from({ length: trustees }, (_, j) => sum(dealers.map((points) => imageAt(points, j + 1))));
    return {
      attempt: this.number,
      joint_key: hex(pointBytes(sum(dealers.map(([first]) => first ?? IDENTITY)))),
      transcript: this.transcript(referendum),
      verification_keys: keys.map((point) => hex(pointBytes(point))),
    };
  }
}

function ascending<T>(messages: ReadonlyMap<number, T>): readonly T[] {
  return [...messages].sort(([a], [b]) => a - b).map(([, body]) => body);
}

/** Number 0 before the first commit. */
export function latestAttempt(messages: readonly Entry[]): Attempt {
  let attempt = new Attempt(0);
  for (const entry of messages) {
    if (entry.type === "commit" && entry.body.attempt !== attempt.number) attempt = new Attempt(entry.body.attempt);
    attempt.take(entry);
  }
  return attempt;
}

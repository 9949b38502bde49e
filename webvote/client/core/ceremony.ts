// The key ceremony in the log (docs/protocol.md, 8 and 13).
//
// Decides which message may follow which, and whether the election key is what all trustees revealed and confirmed.
// A fault counts only in the attempt that made the key. Leaves to auditors who is to blame for a void attempt.

import { concat, fromHex, hex, utf8 } from "./bytes.ts";
import { encodeCanonical } from "./canonical.ts";
import type { Body, Entry } from "./entries.ts";
import { ClientError } from "./errors.ts";
import { G, IDENTITY, imageAt, mod, parseScalar, pointBytes, pointFrom, sum, times, type Point } from "./group.ts";
import { Transcript } from "./transcript.ts";

function need(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new ClientError("setup-ceremony", problem);
}

/** One attempt; maps by trustee number. */
class Attempt {
  readonly commits = new Map<number, Body<"commit">>();
  readonly reveals = new Map<number, Body<"reveal">>();
  readonly shares = new Map<string, Body<"share">>();
  readonly confirms = new Map<number, Body<"confirm">>();
  readonly drills = new Map<number, Body<"drill">>();
  /** That of the log which ends with the last confirmation. */
  agreedRoot: Uint8Array = new Uint8Array();
  void = false;

  constructor(readonly number: number) {}
}

export class Ceremony {
  private current = new Attempt(0);
  private readonly again = new Set<number>();

  constructor(
    private readonly referendum: Uint8Array,
    private readonly trustees: number,
    private readonly threshold: number,
  ) {}

  /** A drill before the opening, which is not demanded. Throws `setup-ceremony` where it may not stand. */
  takeAgain({ attempt, trustee }: Body<"drill">): void {
    this.demandCurrent(attempt, trustee, !this.again.has(trustee));
    this.again.add(trustee);
  }

  /** Takes the next entry of the ceremony, in log order; `root` gives that of the log which ends with it. Throws
   * `setup-ceremony`. */
  take(entry: Entry, root: () => Uint8Array): void {
    const { current, trustees: n } = this;
    switch (entry.type) {
      case "commit": {
        const { attempt } = entry.body;
        if (attempt === current.number + 1) this.current = new Attempt(attempt);
        return this.file(this.current.commits, entry.body, true);
      }
      case "reveal":
        return this.file(current.reveals, entry.body, current.commits.size === n);
      case "share": {
        const { sender, receiver, attempt } = entry.body;
        need(
          receiver <= n && receiver !== sender && !current.shares.has(`${sender}/${receiver}`),
          "a share for nobody",
        );
        this.demandCurrent(attempt, sender, current.reveals.size === n);
        current.shares.set(`${sender}/${receiver}`, entry.body);
        return;
      }
      case "confirm":
        this.file(current.confirms, entry.body, current.reveals.size === n && current.shares.size === n * (n - 1));
        if (current.confirms.size === n) current.agreedRoot = root();
        return;
      case "drill":
        return this.file(current.drills, entry.body, this.agreed);
      case "complaint": {
        const { accuser, accused, attempt } = entry.body;
        this.demandCurrent(attempt, accuser, current.shares.has(`${accused}/${accuser}`));
        current.void = true;
        return;
      }
      case "election-key":
        return this.conclude(entry.body);
      default:
    }
  }

  /** Whether all trustees have confirmed one and the same key and transcript. */
  private get agreed(): boolean {
    const { confirms } = this.current;
    const statements = new Set([...confirms.values()].map((body) => `${body.joint_key}/${body.transcript}`));
    return confirms.size === this.trustees && statements.size === 1;
  }

  private get isDrilled(): boolean {
    return this.agreed && this.current.drills.size === this.trustees;
  }

  private demandCurrent(attempt: number, trustee: number, ready: boolean): void {
    need(
      trustee <= this.trustees && attempt === this.current.number && !this.current.void && ready,
      "a message out of its turn",
    );
  }

  private file<T extends { attempt: number; trustee: number }>(
    messages: Map<number, T>,
    body: T,
    ready: boolean,
  ): void {
    this.demandCurrent(body.attempt, body.trustee, ready && !messages.has(body.trustee));
    messages.set(body.trustee, body);
  }

  /** That this is the one key which the confirmed attempt makes. */
  private conclude(key: Body<"election-key">): void {
    const { current, trustees: n } = this;
    need(
      !current.void && this.isDrilled && key.attempt === current.number,
      "an election key that not all trustees confirmed alike, or without their drills",
    );
    for (const commit of current.commits.values())
      need(commit.receiving_keys.length === n, `trustee ${commit.trustee} commits without a receiving key for each`);
    const polynomials = [...ascending(current.reveals)].map((reveal) => this.checkReveal(reveal));
    const columns = Array.from({ length: this.threshold }, (_, k) =>
      sum(polynomials.map((points) => points[k] ?? IDENTITY)),
    );
    const joint = columns[0] ?? IDENTITY;
    need(!joint.is0() && hex(pointBytes(joint)) === key.joint_key, "joint key");
    const verification = Array.from({ length: n }, (_, j) => imageAt(columns, j + 1));
    const same = verification.every((point, j) => !point.is0() && hex(pointBytes(point)) === key.verification_keys[j]);
    need(same && key.verification_keys.length === n, "verification key");
    need(hex(this.transcript()) === key.transcript, "another transcript");
    for (const confirm of current.confirms.values()) {
      need(
        confirm.joint_key === key.joint_key && confirm.transcript === key.transcript,
        `trustee ${confirm.trustee} confirmed another key`,
      );
    }
    for (const drill of current.drills.values()) this.checkDrill(drill, verification[drill.trustee - 1] ?? IDENTITY);
  }

  /** That the trustee has the share behind its verification key. */
  private checkDrill(drill: Body<"drill">, key: Point): void {
    const who = `trustee ${drill.trustee}`;
    const { number, agreedRoot } = this.current;
    need(drill.root === hex(agreedRoot), `${who} drilled for another root`);
    const bound = (tag: string): Transcript =>
      Transcript.of(tag).add("referendum", this.referendum).addInt("attempt", number).add("root", agreedRoot);
    const randomness = bound("drill-randomness").scalar();
    const [base, image] = [times(G, randomness), pointFrom(fromHex(drill.point))];
    need(image.equals(times(key, randomness)), `${who} drilled with another share`);
    const [challenge, response] = [drill.challenge, drill.response].map((scalar) => parseScalar(fromHex(scalar)));
    need(challenge !== undefined && response !== undefined, `${who} drilled without proof`);
    const first = times(G, response).subtract(times(key, challenge));
    const second = times(base, response).subtract(times(image, challenge));
    need(!first.is0() && !second.is0(), `${who} drilled without proof`);
    const context = bound("drill").addInt("trustee", drill.trustee);
    for (const [label, point] of Object.entries({ public: key, base, image, first, second }))
      context.add(label, pointBytes(point));
    need(mod(context.scalar() - challenge) === 0n, `${who} drilled without proof`);
  }

  /** The trustee's points: as committed to, t of them, with a proof that it knows the first one's logarithm. */
  private checkReveal(reveal: Body<"reveal">): readonly Point[] {
    const who = `trustee ${reveal.trustee}`;
    need(reveal.coefficients.length === this.threshold, `${who} reveals another number of points than due`);
    const coefficients = concat(...reveal.coefficients.map(fromHex));
    const bound = (tag: string): Transcript =>
      Transcript.of(tag)
        .add("referendum", this.referendum)
        .addInt("attempt", reveal.attempt)
        .addInt("trustee", reveal.trustee)
        .add("coefficients", coefficients);
    const commitment = this.current.commits.get(reveal.trustee)?.commitment;
    need(hex(bound("ceremony-commitment").digest()) === commitment, `${who} reveals what it did not commit to`);
    const points = reveal.coefficients.map((point) => pointFrom(fromHex(point)));
    const [first] = points;
    const [challenge, response] = [reveal.proof_challenge, reveal.proof_response].map((scalar) =>
      parseScalar(fromHex(scalar)),
    );
    need(first !== undefined && challenge !== undefined && response !== undefined, `${who} reveals nothing`);
    const nonce = times(G, response).subtract(times(first, challenge));
    need(!nonce.is0(), `${who} reveals without proof`);
    const expected = bound("possession").add("public", pointBytes(first)).add("commitment", pointBytes(nonce)).scalar();
    need(mod(expected - challenge) === 0n, `${who} reveals without proof`);
    return points;
  }

  private transcript(): Uint8Array {
    const { current } = this;
    const transcript = Transcript.of("ceremony").add("referendum", this.referendum).addInt("attempt", current.number);
    const shares = [...current.shares.values()].sort((a, b) => a.sender - b.sender || a.receiver - b.receiver);
    const messages = { commit: ascending(current.commits), reveal: ascending(current.reveals), share: shares };
    for (const [label, bodies] of Object.entries(messages)) {
      for (const body of bodies) transcript.add(label, utf8(encodeCanonical(body)));
    }
    return transcript.digest();
  }
}

function ascending<T>(messages: ReadonlyMap<number, T>): readonly T[] {
  return [...messages].sort(([a], [b]) => a - b).map(([, body]) => body);
}

// Chapter 2, the key ceremony (V11, V12): who committed to what, and whether the joint key follows.
//
// A fault in the attempt that made the election key is a breach; in any other attempt it is named and passed over. So is
// whose fault a complaint is, since its attempt is void.

import { concat, fromHex, hex, utf8 } from "../core/bytes.ts";
import { encodeCanonical } from "../core/canonical.ts";
import {
  G,
  IDENTITY,
  imageAt,
  parseScalar,
  pointBytes,
  pointFrom,
  sum,
  times,
  timesSecret,
  type Point,
} from "../core/group.ts";
import type { Manifest } from "../core/manifest.ts";
import { boxPublic, openSealed } from "../core/sealed-box.ts";
import { Transcript } from "../core/transcript.ts";
import type { Body, Entry } from "./entries.ts";
import { knowsKey, sameLogs } from "./proofs.ts";
import type { Report } from "./report.ts";

type Key = Body<"election-key">;

class Attempt {
  readonly commits = new Map<number, Body<"commit">>();
  readonly reveals = new Map<number, Body<"reveal">>();
  readonly shares: Body<"share">[] = [];
  confirms = 0;
  /** That of the log which ends with the last confirmation. */
  agreed: Uint8Array = new Uint8Array();
  private made: { readonly key: Key | null } | null = null;

  constructor(readonly number: number) {}

  private transcript(referendum: Uint8Array): string {
    const transcript = Transcript.of("ceremony").add("referendum", referendum).addInt("attempt", this.number);
    const shares = [...this.shares].sort((a, b) => a.sender - b.sender || a.receiver - b.receiver);
    const messages = { commit: ascending(this.commits), reveal: ascending(this.reveals), share: shares };
    for (const [label, bodies] of Object.entries(messages))
      for (const body of bodies) transcript.add(label, utf8(encodeCanonical(body)));
    return hex(transcript.digest());
  }

  /** The one election key that this attempt makes; null while its reveals make none, or are of different lengths. */
  key(referendum: Uint8Array, trustees: number): Key | null {
    this.made ??= { key: this.make(referendum, trustees) };
    return this.made.key;
  }

  private make(referendum: Uint8Array, trustees: number): Key | null {
    const reveals = ascending(this.reveals);
    const [length, ...others] = new Set(reveals.map(({ coefficients }) => coefficients.length));
    if (length === 0 || others.length > 0) return null;
    try {
      const polynomials = reveals.map(({ coefficients }) => coefficients.map((point) => pointFrom(fromHex(point))));
      const columns = Array.from({ length: length ?? 0 }, (_, k) => sum(polynomials.map((row) => row[k] ?? IDENTITY)));
      const at = (x: number): Point => imageAt(columns, x);
      return {
        attempt: this.number,
        joint_key: hex(pointBytes(columns[0] ?? IDENTITY)),
        transcript: this.transcript(referendum),
        verification_keys: Array.from({ length: trustees }, (_, j) => hex(pointBytes(at(j + 1)))),
      };
    } catch {
      return null;
    }
  }
}

function ascending<T>(messages: ReadonlyMap<number, T>): readonly T[] {
  return [...messages].sort(([a], [b]) => a - b).map(([, body]) => body);
}

export class CeremonyCheck {
  drilledAgain = 0;
  private readonly trustees: number;
  private readonly threshold: number;
  private readonly attempts = new Map<number, Attempt>();
  private readonly faults: { readonly attempt: number; readonly where: string; readonly message: string }[] = [];
  private used: number | null = null;
  /** That of the log which ends with the entry `roll`. */
  private roll: Uint8Array | null = null;

  constructor(
    manifest: Manifest,
    private readonly referendum: Uint8Array,
    private readonly report: Report,
  ) {
    this.trustees = manifest.trustees.members.length;
    this.threshold = manifest.trustees.threshold;
  }

  takeRoll(root: Uint8Array): void {
    this.roll = root;
  }

  /** The log's roots after the last confirmation of this attempt, and after the roll; null until then. */
  rootsOf(attempt: number): { readonly agreedRoot: Uint8Array | null; readonly rollRoot: Uint8Array | null } {
    const agreed = this.attempts.get(attempt)?.agreed ?? new Uint8Array();
    return { agreedRoot: agreed.length > 0 ? agreed : null, rollRoot: this.roll };
  }

  /** `root` gives that of the log which ends with this entry. */
  take(where: string, entry: Entry, root: () => Uint8Array): void {
    switch (entry.type) {
      case "commit": {
        const { attempt, trustee } = entry.body;
        if (!this.attempts.has(attempt)) this.attempts.set(attempt, new Attempt(attempt));
        this.of(attempt).commits.set(trustee, entry.body);
        if (entry.body.receiving_keys.length !== this.trustees)
          this.fault(attempt, where, `trustee ${trustee} commits without a receiving key for each trustee`);
        return;
      }
      case "reveal":
        this.of(entry.body.attempt).reveals.set(entry.body.trustee, entry.body);
        for (const problem of this.revealProblems(entry.body))
          this.fault(entry.body.attempt, where, `trustee ${entry.body.trustee} ${problem}`);
        return;
      case "share":
        this.of(entry.body.attempt).shares.push(entry.body);
        return;
      case "confirm":
        return this.confirm(where, entry.body, root);
      case "drill":
        return this.drill(where, entry.body);
      case "complaint":
        return this.complaint(where, entry.body);
      case "election-key":
        return this.conclude(where, entry.body);
      default:
    }
  }

  /** The accuser shows its receiving key for this dealer, so everybody can open the share. */
  private complaint(where: string, { attempt, accuser, accused, receiving_secret }: Body<"complaint">): void {
    const { commits, reveals, shares } = this.of(attempt);
    const secret = fromHex(receiving_secret);
    const tell = (trustee: number, how: string): void =>
      this.report.passedOver("V11", where, `attempt ${attempt} is void: trustee ${trustee} ${how}`);
    if (hex(boxPublic(secret)) !== commits.get(accuser)?.receiving_keys[accused - 1])
      return tell(accuser, "shows a key that is not its receiving key");
    const sealed = shares.find(({ sender, receiver }) => sender === accused && receiver === accuser)?.sealed ?? "";
    tell(
      opensToShare(secret, sealed, reveals.get(accused)?.coefficients ?? [], accuser) ? accuser : accused,
      "is at fault",
    );
  }

  private of(attempt: number): Attempt {
    const found = this.attempts.get(attempt);
    if (found === undefined) throw new Error(`no attempt ${attempt}`);
    return found;
  }

  private fault(attempt: number, where: string, message: string): void {
    this.faults.push({ attempt, where, message });
  }

  private *revealProblems(body: Body<"reveal">): Generator<string> {
    const { attempt, trustee } = body;
    if (body.coefficients.length !== this.threshold)
      return yield `reveals ${body.coefficients.length} commitments where ${this.threshold} are due`;
    const coefficients = concat(...body.coefficients.map(fromHex));
    const bound = (tag: string): Transcript =>
      Transcript.of(tag)
        .add("referendum", this.referendum)
        .addInt("attempt", attempt)
        .addInt("trustee", trustee)
        .add("coefficients", coefficients);
    if (hex(bound("ceremony-commitment").digest()) !== this.of(attempt).commits.get(trustee)?.commitment)
      yield "reveals what it did not commit to";
    try {
      const points = body.coefficients.map((point) => pointFrom(fromHex(point)));
      const [challenge, response] = scalars(body.proof_challenge, body.proof_response);
      if (knowsKey(points[0] ?? IDENTITY, challenge, response, bound("possession"))) return;
      yield "reveals without proof: the proof of possession does not hold";
    } catch (error) {
      yield `reveals without proof: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  private confirm(where: string, body: Body<"confirm">, root: () => Uint8Array): void {
    const attempt = this.of(body.attempt);
    attempt.confirms += 1;
    const expected = attempt.key(this.referendum, this.trustees);
    if (expected?.joint_key !== body.joint_key || expected.transcript !== body.transcript)
      this.fault(body.attempt, where, `trustee ${body.trustee} confirmed another key or transcript`);
    if (attempt.confirms === this.trustees) attempt.agreed = root();
  }

  private drill(where: string, body: Body<"drill">): void {
    const problem = this.drillProblem(body, this.roll ?? this.of(body.attempt).agreed);
    if (problem === null) this.drilledAgain += this.roll === null ? 0 : 1;
    else if (this.roll === null) this.fault(body.attempt, where, problem);
    else this.report.passedOver("V11", where, problem);
  }

  private drillProblem(body: Body<"drill">, root: Uint8Array): string | null {
    const who = `trustee ${body.trustee}`;
    const key = this.of(body.attempt).key(this.referendum, this.trustees)?.verification_keys[body.trustee - 1];
    if (key === undefined || body.root !== hex(root)) return `${who} drilled for another root`;
    try {
      const bound = (tag: string): Transcript =>
        Transcript.of(tag).add("referendum", this.referendum).addInt("attempt", body.attempt).add("root", root);
      const randomness = bound("drill-randomness").scalar();
      const share = pointFrom(fromHex(key));
      const [base, image] = [times(G, randomness), pointFrom(fromHex(body.point))];
      if (!image.equals(times(share, randomness))) return `${who} drilled with another share`;
      const proof = scalars(body.challenge, body.response);
      const context = bound("drill").addInt("trustee", body.trustee);
      return sameLogs(share, base, image, ...proof, context) ? null : `${who} drilled without proof`;
    } catch (error) {
      return `${who} drilled without proof: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  private conclude(where: string, body: Key): void {
    this.used = body.attempt;
    if (this.faults.some(({ attempt }) => attempt === body.attempt)) return;
    const expected = this.of(body.attempt).key(this.referendum, this.trustees);
    if (expected === null || encodeCanonical(expected) !== encodeCanonical(body))
      this.report.breach("V12", where, "the election key is not what the trustees' commitments add up to");
  }

  /** Says what was found: a breach in the attempt that made the key, passed over in any other. */
  settle(): void {
    for (const { attempt, where, message } of this.faults)
      if (attempt === this.used) this.report.breach("V11", where, message);
      else this.report.passedOver("V11", where, `attempt ${attempt}, not used: ${message}`);
  }
}

/** Whether the box opens to a value on the revealed polynomial, at this trustee. */
function opensToShare(secret: Uint8Array, sealed: string, points: readonly string[], index: number): boolean {
  try {
    const share = parseScalar(openSealed(secret, fromHex(sealed)));
    const revealed = points.map((point) => pointFrom(fromHex(point)));
    return timesSecret(G, share).equals(imageAt(revealed, index));
  } catch {
    return false;
  }
}

function scalars(challenge: string, response: string): readonly [bigint, bigint] {
  return [parseScalar(fromHex(challenge)), parseScalar(fromHex(response))];
}
